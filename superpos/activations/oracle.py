"""What activations must be: one sequence at a time, float32, no padding, blocks recomputed from weights.

Nothing here uses a hook or the model's own forward pass; other architectures than these two families go to
`superpos.activations.wide`. With x the input of a block, N its normalisations,
A its attention (the one part that is called, on a float32 copy), phi the activation function:

    both       a = z W_o^T, z what A gives before its output projection
    GPT-NeoX   h = phi(N2(y) W_in^T + b_in);  m = h W_out^T + b_out;  block output = m + a + x,
               y = x with the parallel residual (all of Pythia) and x + a without
               N(x) = (x - mean x) / sqrt(var x + eps) * g + b
    Llama      y = x + a;  h = phi(N2(y) W_gate^T) * (N2(y) W_up^T);  m = h W_down^T;  output = y + m
               N(x) = x / sqrt(mean x^2 + eps) * g                     (projections add their bias, if any)

`embed` is a row of the embedding, `attn.z` = z, `attn.out` = `attn.add` = a, `resid.mid` = y where it is not
x, `mlp.act` = h, `mlp.out` = `mlp.add` = m, `resid` = the block's output. Sources: Black et al. 2022
(GPT-NeoX-20B), section 2; Touvron et al. 2023 (LLaMA), section 2.2.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from superpos.activations.model import LoadedModel
from superpos.activations.structure import Site
from superpos.activations.wide import Keep, affine, watched, wide_forward
from superpos.arrays import Int


def oracle(
    model: LoadedModel,
    token_ids: NDArray[Any],
    positions: Int,
    sites: Sequence[Site],
    lengths: Int | None = None,
    pooling: str = "token",
) -> dict[Site, NDArray[np.float32]]:
    """Return the activations (m, d) of one sequence, pooled over the spans that end at `positions`.

    Parameters
    ----------
    model
        Loaded backbone; its weights are widened to float32 one block at a time.
    token_ids
        (length,).
    positions
        (m,).
    sites
        Hookpoints and layers that the model has.
    lengths
        Tokens of each span, (m,); None for single tokens.
    pooling
        `token`, `last`, `max` or `mean`.
    """
    lengths = np.ones_like(positions) if lengths is None else lengths
    last = max(layer for _, layer in sites)
    found: dict[Site, NDArray[np.float32]] = {}
    ids = torch.as_tensor(np.asarray(token_ids, dtype=np.int64), device=model.device)

    def keep(hookpoint: str, layer: int, value: Tensor) -> None:
        if (hookpoint, layer) in sites:
            found[hookpoint, layer] = pooled(value.cpu().numpy(), positions, lengths, pooling)

    with torch.inference_mode():
        if model.info.family in STEPS:
            _recompute(model, ids, last, keep)
        else:
            wide_forward(model.structure, ids, last, keep, {hookpoint for hookpoint, _ in sites})
    return found


def _recompute(model: LoadedModel, ids: Tensor, last: int, keep: Keep) -> None:
    """Hand every site up to block `last` to `keep`, blocks computed by the formulas above."""
    structure, config = model.structure, model.module.config
    x = structure.embedding.weight[ids].float()[None]
    keep("embed", -1, x[0])
    steps = torch.arange(ids.shape[0], device=model.device)[None]
    rotary = model.module.get_submodule("rotary_emb")(x, position_ids=steps)
    for layer in range(last + 1):
        block = copy.deepcopy(structure.blocks[layer]).float()
        mask = _causal_mask(config, layer, ids.shape[0], model.device)
        found = STEPS[model.info.family](block, x, mask, rotary)
        for hookpoint, values in found.items():
            keep(hookpoint, layer, values[0])
        x = found["resid"]


def pooled(values: NDArray[np.float32], positions: Int, lengths: Int, pooling: str) -> NDArray[np.float32]:
    """Return one row a span, (m, d), from the activations (length, d) of a sequence, span by span."""
    rows = []
    for position, length in zip(positions.tolist(), lengths.tolist(), strict=True):
        span = values[position - length + 1 : position + 1]
        if pooling == "max":
            rows.append(span.max(axis=0))
        elif pooling == "mean":
            rows.append(span.mean(axis=0, dtype=np.float64).astype(np.float32))
        else:
            rows.append(span[-1])
    return np.stack(rows)


def deviation(values: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return max |values - expected| over the root mean square of `expected`, in float64."""
    exact = np.asarray(expected, dtype=np.float64)
    rms = float(np.sqrt(np.mean(exact**2)))
    gap = float(np.max(np.abs(np.asarray(values, dtype=np.float64) - exact)))
    return gap / rms if rms > 0.0 else gap


def _gpt_neox_block(block: Any, x: Tensor, mask: Tensor, rotary: Any) -> dict[str, Tensor]:
    normed = _layer_norm(block.input_layernorm, x)
    heads, attended = _attention(block.attention, "dense", normed, mask, rotary)
    parallel = block.use_parallel_residual
    y = x if parallel else x + attended
    activation = block.mlp.act(
        affine(block.mlp.dense_h_to_4h, _layer_norm(block.post_attention_layernorm, y))
    )
    out = affine(block.mlp.dense_4h_to_h, activation)
    middle = {} if parallel else {"resid.mid": y}
    return _named(heads, attended, activation, out, out + attended + x) | middle


def _llama_block(block: Any, x: Tensor, mask: Tensor, rotary: Any) -> dict[str, Tensor]:
    heads, attended = _attention(block.self_attn, "o_proj", _rms_norm(block.input_layernorm, x), mask, rotary)
    y = x + attended
    normed = _rms_norm(block.post_attention_layernorm, y)
    gate = block.mlp.act_fn(affine(block.mlp.gate_proj, normed))
    activation = gate * affine(block.mlp.up_proj, normed)
    out = affine(block.mlp.down_proj, activation)
    return _named(heads, attended, activation, out, y + out) | {"resid.mid": y}


STEPS = {"gpt_neox": _gpt_neox_block, "llama": _llama_block}
"""Families whose blocks are recomputed here."""


def _named(
    heads: Tensor, attended: Tensor, activation: Tensor, out: Tensor, stream: Tensor
) -> dict[str, Tensor]:
    attention = {"attn.z": heads, "attn.out": attended, "attn.add": attended}
    return {**attention, "mlp.act": activation, "mlp.out": out, "mlp.add": out, "resid": stream}


def _attention(
    attention: Any, projection: str, x: Tensor, mask: Tensor, rotary: Any
) -> tuple[Tensor, Tensor]:
    """Return what goes into the output projection, and what comes out of it by its weights."""
    seen = watched(attention, projection)
    attention(hidden_states=x, attention_mask=mask, position_embeddings=rotary)
    return seen[-1], affine(attention.get_submodule(projection), seen[-1])


def _layer_norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + norm.eps) * norm.weight + norm.bias


def _rms_norm(norm: Any, x: Tensor) -> Tensor:
    scaled: Tensor = x / torch.sqrt((x**2).mean(-1, keepdim=True) + norm.variance_epsilon) * norm.weight
    return scaled


def _causal_mask(config: Any, layer: int, length: int, device: torch.device) -> Tensor:
    """Return what is added to attention scores, (1, 1, length, length): 0 if seen, else the lowest float."""
    behind = torch.arange(length, device=device)[:, None] - torch.arange(length, device=device)[None]
    seen = behind >= 0
    kinds = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    if window is not None and (kinds is None or kinds[layer] == "sliding_attention"):
        seen &= behind < window
    lowest = torch.finfo(torch.float32).min
    return torch.zeros(length, length, device=device).masked_fill(~seen, lowest)[None, None]
