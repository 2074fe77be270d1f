"""The configuration of a GGUF model, as transformers reads it, with what transformers leaves out put in.

transformers takes some keys of the metadata and drops the others without a word: head widths, partial
rotations, scaled positions, windows, soft caps. Weights would load and activations would be wrong. So every
key of the architecture is read, or compared with what the configuration says and put right, or fixed by the
shapes of the weights (which loading compares), or without effect; a file with any other key is refused.

- Scaled positions: linear and yarn by their keys. llama3 has no key, but a tensor of factors, `rope_freqs`:
  f_i = factor where the wave length 2 pi theta^(2i/d) > original / low, 1 where it is
  < original / high, and between them 1 / ((1 - s) / factor + s), s = (original / wave length - low) / (high -
  low). The factor is its largest entry; the entries must be those that transformers computes from it.
- Gemma 2 and 3: scores are divided by sqrt(q), q the head width, in the 27b models d_model / heads; the file
  does not say so, llama.cpp has it in its code (src/models/gemma2.cpp, gemma3.cpp).

Numbers are single precision in the file; they are written as the shortest decimal that rounds to them, as the
author of the model did (1e-05, not 9.999999747378752e-06).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from superpos.activations.building import in_one_line, quiet
from superpos.activations.gguf_header import GgufHeader, Length
from superpos.arrays import Float
from superpos.errors import InputError, shown

COMPARED: dict[str, tuple[str, ...]] = {
    "context_length": ("max_position_embeddings", "n_positions"),
    "attention.head_count": ("num_attention_heads",),
    "attention.head_count_kv": ("num_key_value_heads", "num_kv_heads", "num_attention_heads"),
    "attention.key_length": ("head_dim",),
    "attention.value_length": ("head_dim",),
    "attention.layer_norm_rms_epsilon": ("rms_norm_eps", "layer_norm_epsilon", "norm_eps"),
    "attention.layer_norm_epsilon": ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps"),
    "attention.sliding_window": ("sliding_window",),
    "attn_logit_softcapping": ("attn_logit_softcapping",),
    "final_logit_softcapping": ("final_logit_softcapping",),
    "expert_count": ("num_experts", "num_local_experts"),
    "expert_feed_forward_length": ("moe_intermediate_size", "intermediate_size"),
    "expert_shared_feed_forward_length": ("shared_expert_intermediate_size",),
    "expert_used_count": ("num_experts_per_tok",),
    "use_parallel_residual": ("use_parallel_residual",),
}
"""Keys of an architecture that decide what is computed, with the names that configurations have for them."""
OF_SHAPES = ("block_count", "embedding_length", "feed_forward_length", "vocab_size")
"""Keys that the shapes of the weights repeat."""
WITHOUT_EFFECT = ("tensor_data_layout", "rope.scaling.finetuned")
POSITIONS = ("rope.freq_base", "rope.dimension_count")
SCALING = "rope.scaling."
SCALINGS: dict[str, dict[str, str]] = {
    "none": {},
    "linear": {"factor": "factor"},
    "yarn": {"factor": "factor", "original_context_length": "original_max_position_embeddings"},
}
"""Scalings of positions that are carried over: their keys and how transformers calls them."""
EMBEDDING = "token_embd.weight"
FACTORS = "rope_freqs.weight"
LLAMA3 = {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}
ORIGINAL_CONTEXTS = (8192,)
"""Contexts that models with llama3 positions were first trained with; the file does not say which."""
QUERY_SCALES = {"gemma2": 46, "gemma3": 62}
"""Architectures whose scores are scaled by a number of their own, and the layers of their 27b models."""
NO_TEXT_DECODER = ("t5", "umt5", "t5encoder", "mamba", "clip")
"""Architectures that no study reads: encoder-decoders, state-space models, parts that read images."""


def gguf_config(header: GgufHeader, factors: Float | None) -> dict[str, Any]:
    """Return the content of `config.json` for a GGUF file.

    Parameters
    ----------
    header
        Its front.
    factors
        Entries of the tensor `rope_freqs.weight`, None without one.

    Raises
    ------
    InputError
        For an architecture that transformers does not read from GGUF, naming those that it does, and for a
        key of the architecture that says something that cannot be carried over.
    """
    from transformers.configuration_utils import PreTrainedConfig

    path, architecture = header.path, header.architecture
    names = supported_architectures()
    if _alike(architecture) not in map(_alike, names):
        raise InputError(
            f"{path}: architecture {shown(architecture)} is not one that the installed transformers reads "
            f"from GGUF; allowed: {', '.join(names)}"
        )
    with in_one_line(path), quiet():
        raw, _ = PreTrainedConfig.get_config_dict(
            str(path.parent), gguf_file=path.name, local_files_only=True
        )
    raw = {key: _shortest(value) for key, value in raw.items() if key != "_model_name_or_path"}
    raw.setdefault("pad_token_id", None)  # else one of another vocabulary, by the defaults of the class
    if architecture in _read_whole():
        return raw
    rows = next((tensor.shape[0] for tensor in header.tensors if tensor.name == EMBEDDING), None)
    if rows is not None:
        raw["vocab_size"] = rows  # else the length of the vocabulary, which may differ or not be there
    said = {
        key.removeprefix(f"{architecture}."): _shortest(value)
        for key, value in header.metadata.items()
        if key.startswith(f"{architecture}.")
    }
    _set_query_scale(raw, architecture, said)
    _set_positions(raw, header, said, factors)
    for key, value in said.items():
        _put_right(raw, header, key, value)
    return raw


def supported_architectures() -> tuple[str, ...]:
    """Return the architectures that the installed transformers reads from GGUF and that can be read here."""
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    # The mapping of metadata has two entries that are no architectures.
    names = {*GGUF_SUPPORTED_ARCHITECTURES, *_read_whole()} - {"general", "tokenizer", *NO_TEXT_DECODER}
    return tuple(sorted(names))


def _read_whole() -> tuple[str, ...]:
    """Return the architectures whose metadata transformers reads by a function of their own, key by key."""
    try:
        from transformers.integrations.gguf import GGUF_CONFIG_ARCHS
    except ImportError:  # before there were such functions
        return ()
    return tuple(GGUF_CONFIG_ARCHS)


def _alike(architecture: str) -> str:
    """Return a name as llama.cpp and transformers both spell it: qwen2moe is qwen2_moe."""
    return architecture.replace("_", "").replace("-", "")


def built(raw: Mapping[str, Any], path: Path) -> Any:
    """Return the configuration that transformers makes of a `config.json`."""
    from transformers import CONFIG_MAPPING

    if raw.get("model_type") not in CONFIG_MAPPING:
        raise InputError(
            f"{path}: {raw.get('model_type')} is not an architecture of the installed transformers"
        )
    with in_one_line(path), quiet():
        return CONFIG_MAPPING[raw["model_type"]].from_dict(dict(raw))


def _put_right(raw: dict[str, Any], header: GgufHeader, key: str, value: Any) -> None:
    """Make a configuration say what a key of the metadata says; raises `InputError` if it cannot."""
    if key in (*OF_SHAPES, *WITHOUT_EFFECT, *POSITIONS) or key.startswith(SCALING):
        return
    if key == "attention.causal" and value:
        return
    config = built(raw, header.path)
    names = [name for name in COMPARED.get(key, ()) if hasattr(config, name)]
    if key == "context_length" and not names:
        raw["seq_length"] = value  # of models without a table of positions, BLOOM among them
        return
    if names and getattr(config, names[0]) == value:
        return
    if names and not isinstance(value, (list, Length)):
        raw[names[0]] = value
        if getattr(built(raw, header.path), names[0]) == value:
            return
    raise _not_carried_over(header, key, value)


def _set_query_scale(raw: dict[str, Any], architecture: str, said: Mapping[str, Any]) -> None:
    """Set what Gemma's scores are divided by the root of."""
    if architecture in QUERY_SCALES:
        largest = said.get("block_count") == QUERY_SCALES[architecture]
        per_head = said["embedding_length"] // said["attention.head_count"]
        raw["query_pre_attn_scalar"] = per_head if largest else said.get("attention.key_length", per_head)


def _set_positions(
    raw: dict[str, Any], header: GgufHeader, said: Mapping[str, Any], factors: Float | None
) -> None:
    """Set the base, the width and the scaling of rotations."""
    if "rope.freq_base" in said:
        raw["rope_theta"] = said["rope.freq_base"]
    _set_scaling(raw, header, said)
    config = built(raw, header.path)
    if "rope.dimension_count" in said and hasattr(config, "rope_parameters"):
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        n_rotated = said["rope.dimension_count"]
        if n_rotated != width * _rotated_part(config):
            raw["partial_rotary_factor"] = n_rotated / width
            if n_rotated != width * _rotated_part(built(raw, header.path)):
                raise _not_carried_over(header, "rope.dimension_count", n_rotated)
    if factors is not None:
        raw["rope_scaling"] = llama3_scaling(header.path, config, factors)


def _set_scaling(raw: dict[str, Any], header: GgufHeader, said: Mapping[str, Any]) -> None:
    """Set the scaling of positions that keys state."""
    scaling = {key.removeprefix(SCALING): value for key, value in said.items() if key.startswith(SCALING)}
    kind = scaling.get("type", "none")
    if any(tensor.name.startswith("rope_factors") for tensor in header.tensors):
        kind = "longrope"  # whose factors are tensors, which transformers does not read
    if kind not in SCALINGS:
        raise _not_carried_over(header, f"{SCALING}type", kind)
    known = {"type", "finetuned", *SCALINGS[kind]} | (
        {"original_context_length"} if kind == "none" else set()
    )
    if other := next((key for key in sorted(scaling) if key not in known), ""):
        raise _not_carried_over(header, f"{SCALING}{other}", scaling[other])
    if kind != "none":
        stated = {name: scaling[key] for key, name in SCALINGS[kind].items() if key in scaling}
        raw["rope_scaling"] = {"rope_type": kind, **stated}


def _not_carried_over(header: GgufHeader, key: str, value: object) -> InputError:
    return InputError(
        f"{header.path}: {header.architecture}.{key} = {shown(value)} is not carried over to the "
        "configuration of transformers, and activations would not be the model's; use its own safetensors"
    )


def _rotated_part(config: Any) -> float:
    """Return the share of a head that is rotated."""
    positions = getattr(config, "rope_parameters", None) or {}
    nested = [one for one in positions.values() if isinstance(one, dict)]
    for one in (positions, *nested):
        if "partial_rotary_factor" in one:
            return float(one["partial_rotary_factor"])
    return float(getattr(config, "partial_rotary_factor", None) or 1.0)


def llama3_scaling(path: Path, config: Any, factors: Float) -> dict[str, Any]:
    """Return the scaling of positions that gives the factors of a file, (d / 2,).

    Raises
    ------
    InputError
        If none does.
    """
    theta = float(config.rope_parameters["rope_theta"])
    factor = _shortest(float(np.max(factors)))
    for original in ORIGINAL_CONTEXTS:
        scaling = {**LLAMA3, "factor": factor, "original_max_position_embeddings": original}
        if np.allclose(_llama3_factors(theta, len(factors), scaling), factors, rtol=1e-5, atol=0.0):
            return scaling
    raise InputError(
        f"{path}: {FACTORS} are not the factors of llama3 positions (largest {factor}), and no other are "
        "carried over to transformers"
    )


def _llama3_factors(theta: float, n: int, scaling: Mapping[str, Any]) -> Float:
    """Return what frequencies are divided by, (n,)."""
    lengths = 2.0 * math.pi * theta ** (np.arange(n) / n)
    turns = scaling["original_max_position_embeddings"] / lengths
    low, high, factor = scaling["low_freq_factor"], scaling["high_freq_factor"], scaling["factor"]
    part = np.clip((turns - low) / (high - low), 0.0, 1.0)
    found: Float = 1.0 / ((1.0 - part) / factor + part)
    return found


def _shortest(value: Any) -> Any:
    """Return a number of single precision as the shortest decimal that rounds to it."""
    if isinstance(value, float) and math.isfinite(value) and float(np.float32(value)) == value:
        return float(str(np.float32(value)))
    return value
