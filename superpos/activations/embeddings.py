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
from typing import Literal, get_args

import numpy as np
import torch

from superpos.activations.building import in_one_line, quiet, read_architecture
from superpos.activations.hub import download
from superpos.activations.inspection import check_token_ids
from superpos.activations.locating import locate
from superpos.activations.parameters import matrix_name, model_on_meta
from superpos.arrays import Float
from superpos.errors import ArgumentError, InputError, shown
from superpos.kinds.weights import WEIGHTS, MatrixRows
from superpos.specs.axes import check_choice
from superpos.specs.models import ModelSpec

Matrix = Literal["embed", "unembed"]
MATRICES: tuple[str, ...] = get_args(Matrix)


def token_rows(spec: ModelSpec, words: Sequence[Sequence[int]], matrix: Matrix) -> Float:
    """Return one row a word, (n, d), the mean of the embedding rows of the word's token ids.

    Parameters
    ----------
    spec
        Which model, and the scheme of its weights.
    words
        Token ids of each word.
    matrix
        `embed` or `unembed`.

    Raises
    ------
    ArgumentError
        For no words, a word without tokens, and an unknown matrix.
    InputError
        For a model that cannot be located or has no such matrix, a scheme of weights that gives none, token
        ids without a row, and rows that are not finite.
    """
    check_choice("matrix", matrix, MATRICES)
    if not words or not all(len(word) for word in words):
        raise ArgumentError("words", "must be one or more, each of one or more token ids")
    scheme = WEIGHTS.get(spec.weights, "weights")
    folder, commit = locate(spec)
    config = read_architecture(folder)
    with in_one_line(folder), quiet():
        module = model_on_meta(config)
        name = matrix_name(module, matrix, folder)
    weight = module.get_parameter(name)
    shape = (int(weight.shape[0]), int(weight.shape[1]))
    used = sorted({int(token) for word in words for token in word})
    check_token_ids(spec, shape[0], used, "a word")
    asked = MatrixRows(
        folder=download(spec.name, commit) if commit and scheme.reads_files else folder,
        seed=spec.seed,
        config=config,
        module=module,
        parameter=name,
        shape=shape,
        tokens=used,
        is_input=weight is module.get_input_embeddings().get_parameter("weight"),
        built=lambda: _built_rows(spec, used),
    )
    if scheme.rows is None and not asked.is_input:
        raise InputError(
            f"model {spec.name}: weights {shown(spec.weights)} give no rows of an output embedding of its "
            "own; use matrix embed"
        )
    rows = asked.built() if scheme.rows is None else scheme.rows(asked)
    if not np.all(np.isfinite(rows)):
        raise InputError(f"model {spec.name}: rows of the {matrix} matrix are NaN or infinite")
    place = {token: index for index, token in enumerate(used)}
    return np.stack([rows[[place[int(token)] for token in word]].mean(axis=0) for word in words])


def _built_rows(spec: ModelSpec, tokens: list[int]) -> Float:
    from superpos.activations.model import load_model

    weight = load_model(spec).structure.embedding.get_parameter("weight")
    rows: Float = weight[torch.tensor(tokens)].double().numpy()
    return rows
