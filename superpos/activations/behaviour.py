"""What a backbone does with a few tokens, so that nothing about its forward pass is taken on trust.

Two sequences share their first token and differ in the two after it. A causal model gives that token the same
residual stream in both, an encoder does not; only a causal one may be cut after the last probed position.
Doubt counts as "not causal", which costs time and is never wrong.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from superpos.activations.structure import Structure, outer_linears
from superpos.errors import InputError
from superpos.hashing import text_digest

CAUSAL_GAP = 1e-6
"""Largest difference, relative to the largest entry, of a stream that does not depend on later tokens."""


def observe(structure: Structure, device: torch.device) -> bool:
    """Run six tokens through a backbone and return whether it is causal.

    Raises
    ------
    InputError
        If blocks do not return (n_sequences, length, d_model), or the map taken for the down projection is
        not the last linear map outside of attention that a block runs.
    """
    name = type(structure.module).__name__
    streams: list[Any] = []
    called: list[str] = []
    first = structure.blocks[0]
    handles = [structure.blocks[-1].register_forward_hook(lambda *args: streams.append(args[2]))]
    for path, part in outer_linears(first):
        handles.append(part.register_forward_hook(lambda *_, path=path: called.append(path)))
    vocab = structure.embedding.num_embeddings
    ids = torch.tensor([[-1, -2, -3], [-1, -4, -5]], device=device) % vocab
    try:
        with torch.inference_mode():
            structure.module(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    stream = first_tensor(streams[-1]) if streams else torch.empty(0)
    if stream.shape != (2, 3, structure.d_model):
        raise InputError(
            f"{name}: its last block returns {tuple(stream.shape)} for two sequences of three tokens, not "
            f"(2, 3, {structure.d_model}); this architecture is not supported"
        )
    if structure.down_paths and (not called or called[-1] != structure.down_paths[0]):
        raise InputError(
            f"{name}: {structure.down_paths[0]} looks like the down projection, but a block runs "
            f"{', '.join(called) or 'none of its maps'} in this order; this architecture is not supported"
        )
    gap = (stream[0, 0].float() - stream[1, 0].float()).abs().max()
    if vocab < 5:  # the two sequences are not two
        return False
    return bool(gap <= CAUSAL_GAP * stream[:, 0].float().abs().max())


def fingerprint(structure: Structure, device: torch.device) -> str:
    """Return a digest of the residual stream of four tokens after the last block, bit by bit.

    It differs where weights, libraries or processors make other numbers, whatever they call themselves.
    """
    streams: list[Tensor] = []
    handle = structure.blocks[-1].register_forward_hook(lambda *args: streams.append(first_tensor(args[2])))
    ids = torch.tensor([[-1, -2, -3, -4]], device=device) % structure.embedding.num_embeddings
    try:
        with torch.inference_mode():
            structure.module(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    finally:
        handle.remove()
    return text_digest(streams[0].float().cpu().numpy().tobytes())


def first_tensor(value: Any) -> Tensor:
    """Return the tensor a module returned, the first where it returned several."""
    tensor: Tensor = value[0] if isinstance(value, tuple | list) else value
    return tensor
