"""Directions from an embedding matrix: a word is the mean of the rows of its tokens.

    P_w = (1 / |w|) sum_{t in w} E_t,   E the input embedding (`embed`) or the output embedding (`unembed`)

Rows of E are read one by one from the safetensors files, nothing else is loaded. A tied output embedding is
the input embedding; the bias that a few heads add is left out, and so is the constant factor by which some
models scale their embeddings. With random weights `embed` is the matrix of the model that `load_model` builds
from the seed, and an output embedding of its own is drawn N(0, initializer_range^2) from a draw of its own,
as these classes initialise it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import nn

from superpos.activations.building import in_one_line, quiet, read_architecture
from superpos.activations.folders import read_header, weight_files
from superpos.activations.hub import download
from superpos.activations.inspection import locate
from superpos.arrays import Float
from superpos.errors import ArgumentError, InputError
from superpos.seeding import draw_entropy
from superpos.specs.axes import check_choice
from superpos.specs.models import ModelSpec

Matrix = Literal["embed", "unembed"]
MATRICES: tuple[str, ...] = get_args(Matrix)
INITIALIZER_RANGE = 0.02
"""Standard deviation of fresh weights where a configuration states none."""

OLD_NAMES = {"lm_head.weight": ("embed_out.weight",)}
"""What files call a parameter that transformers has renamed since (GPT-NeoX)."""


def token_rows(spec: ModelSpec, words: Sequence[Sequence[int]], matrix: Matrix) -> Float:
    """Return one row a word, (n, d), the mean of the embedding rows of the word's token ids.

    Parameters
    ----------
    spec
        Which model, and whether its own weights or random ones.
    words
        Token ids of each word.
    matrix
        `embed` or `unembed`.

    Raises
    ------
    ArgumentError
        For no words, a word without tokens, token ids outside of the vocabulary, and an unknown matrix.
    InputError
        For a model that cannot be located or has no such matrix, and rows that are not finite.
    """
    check_choice("matrix", matrix, MATRICES)
    if not words or not all(len(word) for word in words):
        raise ArgumentError("words", "must be one or more, each of one or more token ids")
    folder, commit = locate(spec)
    config = read_architecture(folder)
    with in_one_line(folder), quiet():
        name, shape, tied = _parameter(config, folder, matrix)
    used = sorted({int(token) for word in words for token in word})
    if used[0] < 0 or used[-1] >= shape[0]:
        raise ArgumentError(
            "words",
            f"token ids {used[0]} to {used[-1]} reach outside the vocabulary of model {spec.name} "
            f"(0 to {shape[0] - 1})",
        )
    if spec.weights == "pretrained":
        source = download(spec.name, commit) if commit else folder
        rows = _read_rows(weight_files(source), name, used, source)
    elif matrix == "embed" or tied:
        rows = _built_rows(spec, used)
    else:
        rows = _drawn_rows(config, shape, spec.seed, used)
    if not np.all(np.isfinite(rows)):
        raise InputError(f"model {spec.name}: rows of the {matrix} matrix are NaN or infinite")
    place = {token: index for index, token in enumerate(used)}
    return np.stack([rows[[place[int(token)] for token in word]].mean(axis=0) for word in words])


def _parameter(config: Any, folder: Path, matrix: Matrix) -> tuple[str, tuple[int, int], bool]:
    """Return name and shape of a matrix in the model with its head, and whether it is the input embedding."""
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_MASKED_LM_MAPPING,
        AutoModel,
        AutoModelForCausalLM,
        AutoModelForMaskedLM,
    )

    kind = AutoModel
    if matrix == "unembed":
        masked = type(config) in MODEL_FOR_MASKED_LM_MAPPING
        if not masked and type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise InputError(
                f"{folder}: {config.model_type} has no language-model head, so no unembed matrix"
            )
        kind = AutoModelForMaskedLM if masked else AutoModelForCausalLM
    with torch.device("meta"):
        module = kind.from_config(config, trust_remote_code=False)
    embedding = module.get_input_embeddings()
    found = embedding
    if matrix == "unembed":
        found = module.get_output_embeddings()
        if not isinstance(found, nn.Module):
            raise InputError(f"{folder}: {type(module).__name__} has no output embedding")
    weight = found.get_parameter("weight")
    tied = weight is embedding.get_parameter("weight")
    name = next(name for name, value in module.named_parameters() if value is weight)
    rows, columns = weight.shape
    return name, (int(rows), int(columns)), tied


def _read_rows(files: tuple[Path, ...], name: str, tokens: list[int], folder: Path) -> Float:
    """Return rows of a stored matrix, (n, d); its name may be with or without the prefix of the backbone."""
    from safetensors import safe_open

    for path in files:
        for tensor in read_header(path):
            if _same_parameter(tensor.name, name) or tensor.name in OLD_NAMES.get(name, ()):
                with safe_open(path, framework="pt") as opened:
                    rows = opened.get_slice(tensor.name)
                    return np.stack([rows[token].double().numpy() for token in tokens])
    raise InputError(f"{folder}: no tensor {name} in the weight files ({files[0].name} first)")


def _same_parameter(stored: str, wanted: str) -> bool:
    """Whether two names are one but for the backbone's prefix, which files have or lack."""
    return stored == wanted or stored.partition(".")[2] == wanted or stored == wanted.partition(".")[2]


def _built_rows(spec: ModelSpec, tokens: list[int]) -> Float:
    from superpos.activations.model import load_model

    weight = load_model(spec).structure.embedding.get_parameter("weight")
    rows: Float = weight[torch.tensor(tokens)].double().numpy()
    return rows


def _drawn_rows(config: Any, shape: tuple[int, int], seed: int, tokens: list[int]) -> Float:
    generator = torch.Generator().manual_seed(
        draw_entropy("sample", name="output embedding", seed=seed) % 2**63
    )
    spread = float(getattr(config, "initializer_range", INITIALIZER_RANGE))
    weight = torch.empty(shape).normal_(0.0, spread, generator=generator)
    rows: Float = weight[torch.tensor(tokens)].double().numpy()
    return rows
