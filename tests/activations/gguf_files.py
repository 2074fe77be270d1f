"""Tiny models written as GGUF the way llama.cpp's converter does it, beside the same weights as a folder.

What the converter does to names and layouts is written here from its description, with indices: the weights
of the folder are what the blocks of the file say, put back where the model has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from transformers import AutoConfig, AutoModelForCausalLM

COMMON = {
    "vocab_size": 96,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 40,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
GROUPED = {"num_key_value_heads": 2, "head_dim": 16}
GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 40, "n_inner": 256}
Layout = Callable[[str, Any, Any], Any]
"""(name, row or column indices of a weight of the model, configuration) -> in the order of the file."""


def same(_name: str, index: Any, _config: Any) -> Any:
    return index


def llama_layout(name: str, index: Any, config: Any) -> Any:
    """Rows of queries and keys alternate between the two halves of a head."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    part = next((part for part in heads if part in name), None)
    if part is None:
        return index
    rows = np.arange(index.shape[0]).reshape(heads[part], 2, -1).transpose(0, 2, 1).ravel()
    return index[rows]


def transposed(name: str, index: Any, _config: Any) -> Any:
    return index.T if ".c_" in name and name.endswith("weight") else index


def bloom_layout(name: str, index: Any, config: Any) -> Any:
    """Queries of all heads, then keys, then values; the model has the three of a head together."""
    if "query_key_value" not in name:
        return index
    rows = np.arange(index.shape[0]).reshape(config.n_head, 3, -1).transpose(1, 0, 2).ravel()
    return index[rows]


ROTARY: dict[str, Any] = {
    "attention.head_count_kv": lambda c: c.num_key_value_heads,
    "rope.freq_base": lambda c: float(_rope(c)["rope_theta"]),
}
WIDTHS: dict[str, Any] = {
    "attention.key_length": lambda c: c.head_dim,
    "attention.value_length": lambda c: c.head_dim,
}
RMS: dict[str, Any] = {"attention.layer_norm_rms_epsilon": lambda c: c.rms_norm_eps}


def _rope(config: Any) -> dict[str, Any]:
    found = config.rope_parameters
    return dict(found.get("full_attention", found))


CASES: dict[str, tuple[str, dict[str, Any], Mapping[str, Any], Layout]] = {
    "llama": (
        "llama",
        GROUPED | {"rope_theta": 5e5, "rms_norm_eps": 1e-5, "tie_word_embeddings": True},
        ROTARY | WIDTHS | RMS
        | {"rope.dimension_count": lambda c: c.head_dim, "vocab_size": lambda c: c.vocab_size},
        llama_layout,
    ),
    "llama-own-head": (
        "llama",
        GROUPED | {"tie_word_embeddings": False},
        ROTARY | RMS | {"rope.dimension_count": lambda c: c.head_dim},
        llama_layout,
    ),
    "qwen2": ("qwen2", GROUPED | {"rope_theta": 1e6, "tie_word_embeddings": True}, ROTARY | RMS, same),
    "qwen3": (
        "qwen3",
        GROUPED | {"head_dim": 32, "tie_word_embeddings": True, "rms_norm_eps": 1e-6},
        ROTARY | WIDTHS | RMS,
        same,
    ),
    "gemma2": (
        "gemma2",
        GROUPED | {"head_dim": 32, "sliding_window": 6, "query_pre_attn_scalar": 32,
                   "tie_word_embeddings": True,
                   "attn_logit_softcapping": 7.0, "final_logit_softcapping": 20.0},
        ROTARY | WIDTHS | RMS | {
            "attention.sliding_window": lambda c: c.sliding_window,
            "attn_logit_softcapping": lambda c: c.attn_logit_softcapping,
            "final_logit_softcapping": lambda c: c.final_logit_softcapping,
        },
        same,
    ),
    "gemma3": (
        "gemma3_text",
        GROUPED | {"head_dim": 32, "sliding_window": 6, "query_pre_attn_scalar": 32,
                   "tie_word_embeddings": True,
                   "num_hidden_layers": 6, "rope_theta": 1e6,
                   "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
        ROTARY | WIDTHS | RMS | {
            "attention.sliding_window": lambda c: c.sliding_window,
            "rope.scaling.type": "linear",
            "rope.scaling.factor": 8.0,
        },
        same,
    ),
    "qwen3moe": (
        "qwen3_moe",
        GROUPED | {"head_dim": 32, "moe_intermediate_size": 64, "num_experts": 4, "num_experts_per_tok": 2,
                   "norm_topk_prob": True, "tie_word_embeddings": False},
        ROTARY | WIDTHS | RMS | {
            "expert_count": 4,
            "expert_used_count": 2,
            "expert_feed_forward_length": 64,
        },
        same,
    ),
    "gpt2": (
        "gpt2",
        GPT2 | {"layer_norm_epsilon": 1e-6},
        {"attention.layer_norm_epsilon": lambda c: c.layer_norm_epsilon},
        transposed,
    ),
    "phi3": (
        "phi3",
        GROUPED | {"sliding_window": 6, "tie_word_embeddings": False},
        ROTARY | RMS | {
            "rope.dimension_count": 16,
            "attention.sliding_window": lambda c: c.sliding_window,
            "rope.scaling.original_context_length": 40,
        },
        same,
    ),
    "stablelm": (
        "stablelm",
        GROUPED | {"partial_rotary_factor": 0.5, "use_qkv_bias": True, "tie_word_embeddings": False},
        ROTARY | {
            "rope.dimension_count": 8,
            "use_parallel_residual": lambda c: c.use_parallel_residual,
            "attention.layer_norm_epsilon": lambda c: c.layer_norm_eps,
        },
        same,
    ),
    "starcoder2": (
        "starcoder2",
        GROUPED | {"tie_word_embeddings": True},
        ROTARY | {"attention.layer_norm_epsilon": lambda c: c.norm_epsilon},
        same,
    ),
    "falcon": (
        "falcon",
        {"ffn_hidden_size": 256, "multi_query": True, "tie_word_embeddings": True},
        {
            "attention.head_count_kv": 1,
            "attention.layer_norm_epsilon": lambda c: c.layer_norm_epsilon,
        },
        same,
    ),
    "bloom": (
        "bloom",
        {"n_layer": 2, "n_head": 4},
        {"attention.layer_norm_epsilon": lambda c: c.layer_norm_epsilon},
        bloom_layout,
    ),
}  # fmt: skip
"""Architecture of GGUF: model_type, configuration, keys of the metadata, layout of the file."""
NORMS_PLUS_ONE = ("gemma2", "gemma3")
ENDS = (".weight", ".bias")
QUANTIZED = {"q8_0": Type.Q8_0, "q4_1": Type.Q4_1, "f16": Type.F16, "bf16": Type.BF16, "f32": Type.F32}


def build(case: str, **settings: Any) -> Any:
    """Return a tiny model of a case with weights that hide nothing: no bias is 0, no norm 1."""
    model_type, own, *_ = CASES[case]
    config = AutoConfig.for_model(model_type, **(COMMON | own | settings))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = AutoModelForCausalLM.from_config(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 1:
                    parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def write_pair(
    case: str,
    file: Path,
    folder: Path,
    quantized: str = "q8_0",
    metadata: Mapping[str, Any] | None = None,
    tokenizer: Path | None = None,
    **settings: Any,
) -> None:
    """Write a model as a GGUF file, and as a folder with the weights that its blocks stand for.

    Parameters
    ----------
    case
        A key of `CASES`.
    file, folder
        Where they are written.
    quantized
        Type of matrices; vectors are single precision, as in the files of llama.cpp.
    metadata
        Keys beside those of the case, or in their place; None leaves one out.
    tokenizer
        A byte-level `tokenizer.json` whose vocabulary the file holds; without one it holds none.
    settings
        Of the configuration of the model.
    """
    model = build(case, **settings)
    _, _, keys, layout = CASES[case]
    config = model.config
    writer = gguf.GGUFWriter(str(file), case.partition("-")[0])
    said: dict[str, Any] = {
        "context_length": 40,
        "embedding_length": config.hidden_size,
        "block_count": config.num_hidden_layers,
        "feed_forward_length": getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        "attention.head_count": config.num_attention_heads,
        **{key: value(config) if callable(value) else value for key, value in keys.items()},
    }
    said = {f"{writer.arch}.{key}": value for key, value in said.items()} | dict(metadata or {})
    for key, value in said.items():
        _add(writer, key, value)
    if tokenizer is not None:
        _add_tokenizer(writer, tokenizer)
    names = gguf.get_tensor_name_map(
        next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == writer.arch),
        config.num_hidden_layers,
    )
    state = model.state_dict()
    for name, parameter in dict(model.named_parameters()).items():
        values = parameter.detach().numpy()
        index = layout(name, np.arange(values.size).reshape(values.shape), config)
        of_norm = case in NORMS_PLUS_ONE and "norm" in name
        stored = np.ascontiguousarray(values.ravel()[index] + np.float32(of_norm), dtype=np.float32)
        kind = QUANTIZED[quantized] if values.ndim > 1 else Type.F32
        blocks = gguf.quantize(stored, kind)
        if name.endswith("experts.gate_up_proj"):  # stacked experts, gate and up apart in the file
            for part, half in zip(("gate", "up"), np.split(blocks, 2, axis=1), strict=True):
                stem = f"blk.{name.split('.')[2]}.ffn_{part}_exps.weight"
                writer.add_tensor(stem, np.ascontiguousarray(half), raw_dtype=kind)
        else:
            bare = name.removeprefix("transformer.")  # BLOOM is converted without its head
            known = names.get_name(name, ENDS) or names.get_name(bare, ENDS)
            known += (
                "" if known.endswith(ENDS) else ".weight"
            )  # of experts, whose parameters have no such end
            writer.add_tensor(known, blocks, raw_dtype=kind)
        meant = np.empty(values.size, dtype=np.float32)
        meant[index.ravel()] = gguf.dequantize(blocks, kind).ravel() - np.float32(of_norm)
        state[name].copy_(torch.from_numpy(meant.reshape(values.shape)))
    if case == "llama" and (config.rope_parameters or {}).get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model.load_state_dict(state)
    model.save_pretrained(folder)


def llama3_factors(config: Any) -> Any:
    """Return what transformers divides the frequencies of a model by, float32."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    width = config.head_dim
    plain = config.rope_parameters["rope_theta"] ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return (plain / scaled.double()).to(torch.float32).numpy()


def _add(writer: Any, key: str, value: Any) -> None:
    if value is None:
        return
    kinds = {bool: "add_bool", int: "add_uint32", float: "add_float32", str: "add_string", list: "add_array"}
    getattr(writer, kinds[type(value)])(key, value)


def _add_tokenizer(writer: Any, file: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    special = {token["content"] for token in content["added_tokens"] if token["special"]}
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    merges = content["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
