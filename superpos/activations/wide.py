"""The oracle for any architecture: one whole sequence, float32, no padding, no cut, no hooks.

A copy of the backbone in float32 stands beside the model; its blocks are widened one at a time while it runs,
so that a large bfloat16 model needs room for its embeddings and one block more. The down projection's method
is wrapped to see its input h, and m = h W^T + b is computed here from the weights:

    embed = rows of the embedding (times its own scale, if it has one);  mlp.act = h;  mlp.out = m;
    resid = what a block returns

For GPT-NeoX and Llama-like models `superpos.activations.oracle` recomputes the blocks themselves.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from superpos.activations.structure import Structure

Keep = Callable[[str, int, Tensor], None]


def wide_forward(structure: Structure, ids: Tensor, last: int, keep: Keep) -> None:
    """Run one sequence, (length,), and hand (hookpoint, layer, values (length, d)) to `keep` up to `last`."""
    scale = getattr(structure.embedding, "embed_scale", 1.0)
    keep("embed", -1, structure.embedding.weight[ids].float() * float(scale))
    if last < 0:
        return
    stand_ins = nn.ModuleList(
        _WideBlock(structure, layer, keep, stop=layer == last) for layer in range(len(structure.blocks))
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

    def __init__(self, structure: Structure, layer: int, keep: Keep, *, stop: bool) -> None:
        super().__init__()
        self.layer, self.keep, self.stop = layer, keep, stop
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
        seen: list[Tensor] = []
        if self.path:
            down = block.get_submodule(self.path)
            run = down.forward

            def watched(h: Tensor) -> Tensor:
                seen.append(h)
                output: Tensor = run(h)
                return output

            down.forward = watched  # of a copy that lives for this call
        output = block(*inputs, **named)
        if self.path:
            h = seen[-1].reshape(-1, self.d_mlp)
            self.keep("mlp.act", self.layer, h)
            self.keep("mlp.out", self.layer, _affine(down, h))
        stream = output[0] if isinstance(output, tuple) else output
        self.keep("resid", self.layer, stream[0])
        if self.stop:
            raise _LastBlockDone
        return output


def _affine(linear: nn.Module, h: Tensor) -> Tensor:
    weight = linear.get_parameter("weight")
    matrix = weight.T if isinstance(linear, nn.Linear) else weight  # Conv1D stores it transposed
    bias = getattr(linear, "bias", None)
    product = h @ matrix
    return product if bias is None else product + bias
