"""Tiny models of both families in folders, tokens for them, and their forward pass in NumPy."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy.special import erf, expit

from superpos.records.data import LabelledTokens

VOCAB = 61
N_LAYERS = 3


def _config(family: str) -> Any:
    from transformers import GPTNeoXConfig, LlamaConfig

    shape = {
        "vocab_size": VOCAB,
        "hidden_size": 16,
        "num_hidden_layers": N_LAYERS,
        "num_attention_heads": 2,
        "max_position_embeddings": 40,
        "initializer_range": 0.4,
    }
    if family == "llama":
        return LlamaConfig(**shape, intermediate_size=24, num_key_value_heads=1, head_dim=8, mlp_bias=True)
    return GPTNeoXConfig(**shape, intermediate_size=40, use_parallel_residual=family == "gpt_neox")


def _tokenizer(n_tokens: int) -> str:
    vocabulary = {f"t{index}": index for index in range(n_tokens)}
    return json.dumps(
        {"version": "1.0", "added_tokens": [], "model": {"type": "WordLevel", "vocab": vocabulary}}
    )


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders by architecture: gpt_neox, gpt_neox_serial (no parallel residual), llama."""
    import torch
    from transformers import AutoModelForCausalLM

    root = tmp_path_factory.mktemp("models")
    folders = {}
    for number, family in enumerate(("gpt_neox", "gpt_neox_serial", "llama")):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            model = AutoModelForCausalLM.from_config(_config(family))
            with torch.no_grad():  # biases start at 0 and norms at 1, which would hide mistakes
                for parameter in model.parameters():
                    if parameter.ndim == 1:
                        parameter.add_(0.3 * torch.randn_like(parameter))
        folders[family] = root / family
        model.save_pretrained(folders[family])
        (folders[family] / "tokenizer.json").write_text(_tokenizer(VOCAB - 1), encoding="utf-8")
    return folders


@pytest.fixture(scope="session")
def tokens() -> LabelledTokens:
    """24 sequences of 3 to 30 tokens, up to 4 samples in each but the third, which has none."""
    generator = np.random.default_rng(5)
    lengths = generator.integers(3, 31, size=24)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    sequences, positions = [], []
    for sequence, length in enumerate(lengths.tolist()):
        chosen = np.sort(generator.choice(length, size=min(4, length), replace=False))
        if sequence != 2:
            sequences += [sequence] * chosen.size
            positions += chosen.tolist()
    return LabelledTokens(
        feature_names=("feature",),
        token_ids=generator.integers(0, VOCAB, size=int(starts[-1])).astype(np.int32),
        sequence_starts=starts,
        sequence_documents=np.arange(24),
        sequence_groups=np.arange(24),
        documents=tuple(f"document {number}" for number in range(24)),
        sample_sequences=np.array(sequences),
        sample_positions=np.array(positions),
        sample_lengths=np.ones(len(sequences), dtype=np.int64),
        labels=np.zeros((len(sequences), 1), dtype=bool),
        members=np.ones((len(sequences), 1), dtype=bool),
        examples=(None,),
        corpus_digest="",
        tokenizer_digest="",
    )


@pytest.fixture(scope="session")
def span_tokens(tokens: LabelledTokens) -> LabelledTokens:
    """The same samples as spans of 1 to 6 tokens, some of them from the start of their sequence."""
    generator = np.random.default_rng(6)
    lengths = np.minimum(
        generator.integers(1, 7, size=tokens.sample_positions.size), tokens.sample_positions + 1
    )
    return dataclasses.replace(tokens, sample_lengths=lengths)


@pytest.fixture(scope="session")
def numpy_forward() -> Callable[[Path, Any], dict[tuple[str, int], Any]]:
    """(folder, token ids) -> activations (length, d) of every site, float64, from the weight file alone."""
    return _forward


def _forward(folder: Path, ids: Any) -> dict[tuple[str, int], Any]:
    prefix = "model." if folder.name == "llama" else "gpt_neox."
    weights = {
        name.removeprefix(prefix): value.astype(np.float64)
        for name, value in load_file(folder / "model.safetensors").items()
    }
    llama = folder.name == "llama"
    x = weights["embed_tokens.weight" if llama else "embed_in.weight"][ids]
    found = {("embed", -1): x}
    for layer in range(N_LAYERS):
        own = {
            name.removeprefix(f"layers.{layer}."): value
            for name, value in weights.items()
            if name.startswith(f"layers.{layer}.")
        }
        values = _llama(own, x) if llama else _gpt_neox(own, x, parallel=folder.name == "gpt_neox")
        found |= {(hookpoint, layer): value for hookpoint, value in values.items()}
        x = values["resid"]
    return found


def _linear(own: dict[str, Any], name: str, x: Any) -> Any:
    return x @ own[f"{name}.weight"].T + own.get(f"{name}.bias", 0.0)


def _gpt_neox(own: dict[str, Any], x: Any, *, parallel: bool) -> dict[str, Any]:
    def norm(name: str, value: Any) -> Any:
        spread = np.sqrt(value.var(axis=-1, keepdims=True) + 1e-5)
        return (value - value.mean(axis=-1, keepdims=True)) / spread * own[f"{name}.weight"] + own[
            f"{name}.bias"
        ]

    mixed = _linear(own, "attention.query_key_value", norm("input_layernorm", x)).reshape(len(x), 2, 24)
    heads = [(mixed[:, h, :8], mixed[:, h, 8:16], mixed[:, h, 16:]) for h in range(2)]
    z = _attend(heads, rotary_width=2)
    attended = _linear(own, "attention.dense", z)
    y = x if parallel else x + attended
    pre = _linear(own, "mlp.dense_h_to_4h", norm("post_attention_layernorm", y))
    act = 0.5 * pre * (1.0 + erf(pre / np.sqrt(2.0)))
    out = _linear(own, "mlp.dense_4h_to_h", act)
    middle = {} if parallel else {"resid.mid": y}
    return _values(z, attended, act, out, x + attended + out) | middle


def _values(z: Any, attended: Any, act: Any, out: Any, resid: Any) -> dict[str, Any]:
    attention = {"attn.z": z, "attn.out": attended, "attn.add": attended}
    return {**attention, "mlp.act": act, "mlp.out": out, "mlp.add": out, "resid": resid}


def _llama(own: dict[str, Any], x: Any) -> dict[str, Any]:
    def norm(name: str, value: Any) -> Any:
        return value / np.sqrt((value**2).mean(axis=-1, keepdims=True) + 1e-6) * own[f"{name}.weight"]

    normed = norm("input_layernorm", x)
    query, key, value = (_linear(own, f"self_attn.{name}_proj", normed) for name in "qkv")
    heads = [(query[:, 8 * h : 8 * h + 8], key, value) for h in range(2)]
    z = _attend(heads, rotary_width=8)
    attended = _linear(own, "self_attn.o_proj", z)
    y = x + attended
    normed = norm("post_attention_layernorm", y)
    gate = _linear(own, "mlp.gate_proj", normed)
    act = gate * expit(gate) * _linear(own, "mlp.up_proj", normed)
    out = _linear(own, "mlp.down_proj", act)
    return _values(z, attended, act, out, y + out) | {"resid.mid": y}


def _attend(heads: list[tuple[Any, Any, Any]], rotary_width: int) -> Any:
    """Causal attention of each head with rotary positions in its first `rotary_width` coordinates."""
    length = len(heads[0][0])
    angles = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, rotary_width, 2) / rotary_width)
    outputs = []
    for query, key, value in heads:
        scores = _rotate(query, angles) @ _rotate(key, angles).T / np.sqrt(query.shape[1])
        scores[np.triu_indices(length, 1)] = -np.inf
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        outputs.append(shares / shares.sum(axis=1, keepdims=True) @ value)
    return np.concatenate(outputs, axis=1)


def _rotate(x: Any, angles: Any) -> Any:
    half = angles.shape[1]
    first, second, rest = x[:, :half], x[:, half : 2 * half], x[:, 2 * half :]
    turned = [
        first * np.cos(angles) - second * np.sin(angles),
        second * np.cos(angles) + first * np.sin(angles),
    ]
    return np.concatenate([*turned, rest], axis=1)
