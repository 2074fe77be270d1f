"""The oracle for any architecture: one whole sequence, float32, no padding, no cut, no hooks.

A copy of the backbone in float32 stands beside the model; its blocks are widened one at a time while it runs,
so that a large bfloat16 model needs room for its embeddings and one block more. The methods of the two
projections back to the stream are wrapped to see their inputs z and h, and all else is computed here from the
weights, with x the block's input, N a norm behind attention or MLP and c the number in front, if there are
such, and L the norm behind the sum, if there is one:

    embed = rows of the embedding (times its own scale, if it has one);  resid = what a block returns
    attn.z = z;   attn.out = z W^T + b;  attn.add = c N(attn.out);  resid.mid = L(x + attn.add)
    mlp.act = h;  mlp.out = h W^T + b;   mlp.add = c N(mlp.out), of experts the block's output less the rest

For GPT-NeoX and Llama-like models `superpos.activations.oracle` recomputes the blocks themselves.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any

from torch import Tensor, nn

from superpos.activations.behaviour import first_tensor
from superpos.activations.structure import BUILT, Structure

Keep = Callable[[str, int, Tensor], None]


def wide_forward(
    structure: Structure, ids: Tensor, last: int, keep: Keep, hookpoints: Collection[str] = BUILT
) -> None:
    """Run one sequence, (length,), and hand (hookpoint, layer, values (length, d)) to `keep` up to `last`.

    Of the hookpoints that are not `BUILT` those are computed that the model has, if any is asked for.
    """
    followed = not set(hookpoints) <= set(BUILT)
    scale = getattr(structure.embedding, "embed_scale", 1.0)
    keep("embed", -1, structure.embedding.weight[ids].float() * float(scale))
    if last < 0:
        return
    stand_ins = nn.ModuleList(
        _WideBlock(structure, layer, keep, stop=layer == last, followed=followed)
        for layer in range(len(structure.blocks))
    )
    twin = copy.deepcopy(structure.module, {id(structure.blocks): stand_ins}).float()
    try:
        twin(input_ids=ids[None], use_cache=False)
    except _LastBlockDone:
        return


class _LastBlockDone(Exception):  # noqa: N818 -- it ends a forward pass on purpose and is no error
    pass


class _WideBlock(nn.Module):
    """Stands where a block stood; widens a copy of it for the time of one call."""

    def __init__(self, structure: Structure, layer: int, keep: Keep, *, stop: bool, followed: bool) -> None:
        super().__init__()
        self.layer, self.keep, self.stop = layer, keep, stop
        self.flow = structure.flows[layer] if followed else None
        # Within a tuple it is no part of this module, so that `float` passes it by.
        self.original = (structure.blocks[layer],)
        self.path = structure.down_paths[layer] if structure.down_paths else ""
        self.d_mlp = structure.d_mlp

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["original"][0], name)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        block = copy.deepcopy(self.original[0]).float()
        taps = self.flow.taps if self.flow else {}
        attention = taps["attn.z"].path if "attn.z" in taps else ""
        hidden = watched(block, self.path) if self.path else []
        heads = watched(block, attention) if attention else []
        output = block(*inputs, **named)
        x = next(one for one in (*inputs, *named.values()) if isinstance(one, Tensor))
        stream = first_tensor(output)
        found = {"resid": stream}
        if self.path:
            found["mlp.act"] = hidden[-1].reshape(*stream.shape[:-1], self.d_mlp)
            found["mlp.out"] = affine(block.get_submodule(self.path), found["mlp.act"])
        if attention:
            found["attn.z"] = heads[-1].reshape(*stream.shape[:-1], -1)
            found["attn.out"] = affine(block.get_submodule(attention), found["attn.z"])
        for add, out, path in (("attn.add", "attn.out", attention), ("mlp.add", "mlp.out", self.path)):
            if add in taps and out in found:
                behind = nn.Identity() if taps[add].path == path else block.get_submodule(taps[add].path)
                found[add] = behind(found[out]) * taps[add].scale
        if self.flow and "resid.mid" in taps and "attn.add" in found:
            norm = block.get_submodule(self.flow.norm_behind) if self.flow.norm_behind else nn.Identity()
            found["resid.mid"] = norm(x + found["attn.add"])
        if "mlp.add" in taps and "mlp.add" not in found:
            found["mlp.add"] = stream - found.get("resid.mid", x + found.get("attn.add", 0.0))
        for hookpoint, values in found.items():
            self.keep(hookpoint, self.layer, values[0])
        if self.stop:
            raise _LastBlockDone
        return output


def watched(block: nn.Module, path: str) -> list[Tensor]:
    """Return a list that will hold the inputs of a linear map of a block that is used once."""
    seen: list[Tensor] = []
    linear = block.get_submodule(path)
    run = linear.forward

    def forward(values: Tensor) -> Tensor:
        seen.append(values)
        output: Tensor = run(values)
        return output

    linear.forward = forward  # of a copy that lives for this call
    return seen


def affine(linear: nn.Module, values: Tensor) -> Tensor:
    """Return the output of a linear map, (..., d), computed from its weights."""
    weight = linear.get_parameter("weight")
    matrix = weight.T if isinstance(linear, nn.Linear) else weight  # Conv1D stores it transposed
    bias = getattr(linear, "bias", None)
    product = values @ matrix
    return product if bias is None else product + bias
