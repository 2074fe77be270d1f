"""Hookpoints of a backbone, captured at the spans of a batch.

| hookpoint   | taken from                                                              |
|-------------|-------------------------------------------------------------------------|
| `embed`     | output of the token embedding                                           |
| `resid`     | output of a block (for BERT after its normalisation, as it is built)    |
| `resid.mid` | what the MLP, or the norm before it, takes (for BERT what the norm      |
|             | behind attention gives)                                                 |
| `attn.z`    | input of attention's output projection                                  |
| `attn.out`  | output of attention's output projection                                 |
| `attn.add`  | the same, or output of the norm behind it; times a number in Granite    |
| `mlp.act`   | input of the MLP's down projection                                      |
| `mlp.out`   | output of the MLP's down projection                                     |
| `mlp.add`   | the same, or output of the norm behind it; times a number in Granite    |

The last entry of transformers' `output_hidden_states` is after the final normalisation and so no residual
stream; a hook on the block is. Where the parts are: `superpos.activations.structure`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from superpos.activations.behaviour import first_tensor
from superpos.activations.pooling import Spans, gather
from superpos.activations.structure import Site, Structure
from superpos.errors import InputError
from superpos.specs.hook_names import EMBED_LAYER


class ForwardStopped(Exception):  # noqa: N818 -- it ends a forward pass on purpose and is no error
    """Raised by the hook behind the last site that is needed; caught by `run_until`."""


@contextmanager
def captured(
    structure: Structure, sites: Sequence[Site], where: Spans, pooling: str = "token"
) -> Iterator[dict[Site, Tensor]]:
    """Capture one row a span at every site, of every batch that runs inside the context.

    Only the rows, (m, d), outlive a hook; they stay on the model's device. The hooks are removed whatever
    happens.

    Raises
    ------
    ArgumentError, InputError
        As `Structure.check_site`; further if the forward pass went by a site without running its module.
    """
    taken: dict[Site, Tensor] = {}
    handles: list[Any] = []
    try:
        wanted = [structure.check_site(site) for site in sites]
        handles.extend(_attach(structure, site, _Taker(site, taken, where, pooling)) for site in wanted)
        yield taken
    finally:
        for handle in handles:
            handle.remove()
    missed = [site for site in wanted if site not in taken]
    if missed:
        raise InputError(
            f"{type(structure.module).__name__}: {missed[0][0]} of layer {missed[0][1]} is never run by the "
            "forward pass; this architecture is not supported there"
        )


def run_until(
    structure: Structure, sites: Sequence[Site], token_ids: Tensor, attention_mask: Tensor | None
) -> None:
    """Run a batch forward until every one of `sites` has been passed, and no further.

    Parameters
    ----------
    structure
        Backbone with its parts.
    sites
        Hookpoints and layers that are captured; where the last layer's down projection needs no output, it
        does not run.
    token_ids
        (n_sequences, length), right-padded.
    attention_mask
        1 for tokens and 0 for padding, the same shape; None without padding.
    """
    # Hooks of one module run in the order they were added: this one, added last, ends the pass after the
    # module's own site was taken.
    handle = _attach_stop(structure, sites)
    try:
        with torch.inference_mode():
            structure.module(input_ids=token_ids, attention_mask=attention_mask, use_cache=False)
    except ForwardStopped:
        pass
    finally:
        handle.remove()


def _attach_stop(structure: Structure, sites: Sequence[Site]) -> Any:
    sites = [structure.check_site(site) for site in sites]
    last = max(layer for _, layer in sites)
    if last == EMBED_LAYER:
        return structure.embedding.register_forward_hook(_stop)
    taps = structure.taps(last, (hookpoint for hookpoint, layer in sites if layer == last))
    tap = max(taps.values(), key=lambda tap: tap.rank)
    module = structure.blocks[last].get_submodule(tap.path)
    if tap.argument is None:
        return module.register_forward_hook(_stop)
    return module.register_forward_pre_hook(_stop)


def _stop(*_: Any) -> None:
    raise ForwardStopped


class _Taker:
    """A hook that keeps the rows of one site: from the output of a module, or from what goes into it."""

    def __init__(self, site: Site, taken: dict[Site, Tensor], where: Spans, pooling: str) -> None:
        self.site, self.taken, self.where, self.pooling = site, taken, where, pooling
        self.argument: int | str | None = None
        self.scale = 1.0

    def output(self, _module: nn.Module, _inputs: Any, value: Any) -> None:
        self._keep(first_tensor(value))

    def inputs(self, _module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._keep(named[self.argument] if isinstance(self.argument, str) else inputs[self.argument or 0])

    def _keep(self, values: Tensor) -> None:
        values = values if self.scale == 1.0 else values * self.scale
        self.taken[self.site] = gather(values, self.where, self.pooling)


def _attach(structure: Structure, site: Site, taker: _Taker) -> Any:
    hookpoint, layer = site
    if hookpoint == "embed":
        return structure.embedding.register_forward_hook(taker.output)
    tap = structure.taps(layer, (hookpoint,))[hookpoint]
    taker.argument, taker.scale = tap.argument, tap.scale
    module = structure.blocks[layer].get_submodule(tap.path)
    if tap.argument is None:
        return module.register_forward_hook(taker.output)
    return module.register_forward_pre_hook(taker.inputs, with_kwargs=True)
