"""Directions from an embedding matrix: a word is the mean of the rows of its tokens.

    P_w = (1 / |w|) sum_{t in w} E_t,   E the input embedding (`embed`) or the output embedding (`unembed`)

Rows of E are read one by one from the safetensors files, nothing else is loaded; they are rows of the tensor
that transformers would load (`superpos.activations.parameters`). A tied output embedding is the input
embedding, unless the files hold one of its own; the bias that a few heads add is left out, and so is the
constant factor by which some models scale their embeddings. With random weights `embed` is the matrix of the
model that `load_model` builds from the seed, and an output embedding of its own is drawn N(0,
initializer_range^2) from a draw of its own, as these classes initialise it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch

from superpos.activations.building import in_one_line, quiet, read_architecture
from superpos.activations.hub import download
from superpos.activations.inspection import check_token_ids, locate
from superpos.activations.parameters import Stored, matrix_name, model_on_meta, stored_parameter
from superpos.activations.weight_files import weight_files
from superpos.arrays import Float
from superpos.errors import ArgumentError, InputError
from superpos.seeding import draw_entropy
from superpos.specs.axes import check_choice
from superpos.specs.models import ModelSpec

Matrix = Literal["embed", "unembed"]
MATRICES: tuple[str, ...] = get_args(Matrix)
INITIALIZER_RANGE = 0.02
"""Standard deviation of fresh weights where a configuration states none."""


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
        For no words, a word without tokens, and an unknown matrix.
    InputError
        For a model that cannot be located or has no such matrix, token ids without a row, and rows that are
        not finite.
    """
    check_choice("matrix", matrix, MATRICES)
    if not words or not all(len(word) for word in words):
        raise ArgumentError("words", "must be one or more, each of one or more token ids")
    folder, commit = locate(spec)
    config = read_architecture(folder)
    with in_one_line(folder), quiet():
        module = model_on_meta(config)
        name = matrix_name(module, matrix, folder)
    weight = module.get_parameter(name)
    shape = (int(weight.shape[0]), int(weight.shape[1]))
    used = sorted({int(token) for word in words for token in word})
    check_token_ids(spec, shape[0], used, "a word")
    if spec.weights == "pretrained":
        source = download(spec.name, commit) if commit else folder
        files = weight_files(source)
        with in_one_line(source):
            stored = stored_parameter(module, name, files, source)
        rows = _read_rows(stored, used)
    elif weight is module.get_input_embeddings().get_parameter("weight"):
        rows = _built_rows(spec, used)
    else:
        rows = _drawn_rows(config, shape, spec.seed, used)
    if not np.all(np.isfinite(rows)):
        raise InputError(f"model {spec.name}: rows of the {matrix} matrix are NaN or infinite")
    place = {token: index for index, token in enumerate(used)}
    return np.stack([rows[[place[int(token)] for token in word]].mean(axis=0) for word in words])


def _read_rows(matrix: Stored, tokens: list[int]) -> Float:
    """Return rows of a stored matrix of any dtype, (n, d)."""
    from safetensors import safe_open

    with safe_open(matrix.path, framework="pt") as opened:
        rows = opened.get_slice(matrix.tensor)
        return np.stack([rows[token].double().numpy() for token in tokens])


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
