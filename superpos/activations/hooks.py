"""Hookpoints of GPT-NeoX and Llama-like models, captured at chosen spans of a batch.

| hookpoint | GPT-NeoX                       | Llama-like                |
|-----------|--------------------------------|---------------------------|
| `embed`   | output of the input embedding  | the same                  |
| `resid`   | output of block `layers[l]`    | the same                  |
| `mlp.act` | input of `mlp.dense_4h_to_h`   | input of `mlp.down_proj`  |
| `mlp.out` | output of `mlp`                | the same                  |

The last entry of transformers' `output_hidden_states` is after the final normalisation and so no residual
stream; a hook on the block is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from superpos.activations.pooling import Spans, gather
from superpos.errors import ArgumentError, InputError
from superpos.specs.models import EMBED_LAYER, check_hookpoint

Site = tuple[str, int]
"""A hookpoint and its layer; layer -1 for `embed`."""

DOWN_PROJECTIONS = {"gpt_neox": "dense_4h_to_h", "llama": "down_proj"}
"""Name of the MLP's down projection in each family."""


class ForwardStopped(Exception):  # noqa: N818 -- it ends a forward pass on purpose and is no error
    """Raised by the hook behind the last site that is needed; caught by `run_until`."""


def blocks(module: nn.Module) -> nn.ModuleList:
    """Return the blocks of a backbone; raises `InputError` if it has none under the known name."""
    layers = getattr(module, "layers", None)
    if not isinstance(layers, nn.ModuleList):
        raise InputError(
            f"{type(module).__name__}: has no list of blocks `layers`; allowed: GPT-NeoX, Llama-like"
        )
    return layers


def embedding(module: nn.Module) -> nn.Module:
    """Return the token embedding of a backbone."""
    found = module.get_input_embeddings()  # type: ignore[operator]  # a method of every transformers model
    if not isinstance(found, nn.Module):
        raise InputError(f"{type(module).__name__}: has no input embedding")
    return found


def down_projection(block: nn.Module, family: str) -> nn.Module:
    """Return the down projection of a block's MLP; raises `InputError` if the block is built otherwise."""
    projection = getattr(getattr(block, "mlp", None), DOWN_PROJECTIONS[family], None)
    if not isinstance(projection, nn.Module):
        raise InputError(
            f"{type(block).__name__}: has no mlp.{DOWN_PROJECTIONS[family]}, the input of which is hookpoint "
            "mlp.act"
        )
    return projection


def check_site(module: nn.Module, site: Site) -> Site:
    """Return `site` if the model has it.

    Raises
    ------
    ArgumentError
        For an unknown hookpoint (those known are listed) or a layer that the model lacks.
    """
    hookpoint, layer = site
    check_hookpoint(hookpoint)
    n_layers = len(blocks(module))
    if hookpoint == "embed" and layer != EMBED_LAYER:
        raise ArgumentError("layer", f"{layer} has no hookpoint embed; its layer is {EMBED_LAYER}")
    if hookpoint != "embed" and not 0 <= layer < n_layers:
        raise ArgumentError("layer", f"{layer} is not a layer of this model; allowed: 0 to {n_layers - 1}")
    return site


@contextmanager
def captured(
    module: nn.Module, family: str, sites: Sequence[Site], where: Spans, pooling: str = "token"
) -> Iterator[dict[Site, Tensor]]:
    """Capture one row a span at every site, of every batch that runs inside the context.

    Only the rows, (m, d), outlive a hook; they stay on the model's device. The hooks are removed
    whatever happens.

    Raises
    ------
    ArgumentError
        As `check_site`.
    """
    taken: dict[Site, Tensor] = {}
    handles = []
    try:
        for site in sites:
            check_site(module, site)
            handles.append(_attach(module, family, site, _Taker(site, taken, where, pooling)))
        yield taken
    finally:
        for handle in handles:
            handle.remove()


def run_until(module: nn.Module, last_layer: int, token_ids: Tensor, attention_mask: Tensor | None) -> None:
    """Run a batch forward through block `last_layer` and no further (-1: the embedding alone).

    Parameters
    ----------
    module
        Backbone.
    last_layer
        Last block that is needed.
    token_ids
        (n_sequences, length), right-padded.
    attention_mask
        1 for tokens and 0 for padding, the same shape; None without padding.
    """
    # The stop must sit outside of the captured modules: hooks of one module run in the order they were added,
    # so this one, added last, ends the pass after the block's own site was taken.
    last = embedding(module) if last_layer == EMBED_LAYER else blocks(module)[last_layer]
    handle = last.register_forward_hook(_stop)
    try:
        with torch.inference_mode():
            module(input_ids=token_ids, attention_mask=attention_mask, use_cache=False)
    except ForwardStopped:
        pass
    finally:
        handle.remove()


def _stop(*_: Any) -> None:
    raise ForwardStopped


class _Taker:
    """A hook that keeps the rows of one site: from the output of a module, or from what goes into it."""

    def __init__(self, site: Site, taken: dict[Site, Tensor], where: Spans, pooling: str) -> None:
        self.site, self.taken, self.where, self.pooling = site, taken, where, pooling

    def output(self, _module: nn.Module, _inputs: Any, value: Any) -> None:
        self.taken[self.site] = gather(_first(value), self.where, self.pooling)

    def inputs(self, _module: nn.Module, value: Any) -> None:
        self.taken[self.site] = gather(_first(value), self.where, self.pooling)


def _first(value: Any) -> Tensor:
    tensor: Tensor = value[0] if isinstance(value, tuple) else value
    return tensor


def _attach(module: nn.Module, family: str, site: Site, taker: _Taker) -> Any:
    hookpoint, layer = site
    if hookpoint == "mlp.act":
        return down_projection(blocks(module)[layer], family).register_forward_pre_hook(taker.inputs)
    if hookpoint == "embed":
        target = embedding(module)
    elif hookpoint == "resid":
        target = blocks(module)[layer]
    else:
        target = blocks(module)[layer].get_submodule("mlp")
    return target.register_forward_hook(taker.output)
