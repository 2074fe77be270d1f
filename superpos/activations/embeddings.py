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
from numpy.typing import NDArray

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
BLOCK = 8192
"""Rows that are read at a time where a whole matrix is."""


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
    used = sorted({int(token) for word in words for token in word})
    rows = _Reader(spec, matrix).rows(used)
    place = {token: index for index, token in enumerate(used)}
    return np.stack([rows[[place[int(token)] for token in word]].mean(axis=0) for word in words])


def matrix_rows(spec: ModelSpec, tokens: Sequence[int], matrix: Matrix) -> NDArray[Any]:
    """Return the rows of many tokens, (m, d), in single precision if that is what they are.

    Rows are read `BLOCK` at a time, so that no more than the result is held in memory.

    Parameters
    ----------
    spec, matrix
        As in `token_rows`.
    tokens
        Ids, ascending; those that the matrix has no row for are passed over.

    Raises
    ------
    ArgumentError, InputError
        As `token_rows`; if none is left.
    """
    check_choice("matrix", matrix, MATRICES)
    reader = _Reader(spec, matrix)
    there = [int(token) for token in tokens if 0 <= token < reader.shape[0]]
    if not there:
        raise ArgumentError("tokens", f"none of {len(tokens)} has a row in the {matrix} matrix")
    found: NDArray[Any] = np.empty((len(there), reader.shape[1]), dtype=np.float32)
    for start in range(0, len(there), BLOCK):
        rows = reader.rows(there[start : start + BLOCK])
        here = slice(start, start + len(rows))
        if found.dtype == np.float32 and not np.array_equal(rows.astype(np.float32), rows):
            found = found.astype(np.float64)
        found[here] = rows
    return found


class _Reader:
    """Reads rows of one matrix; what is opened for that is opened once."""

    def __init__(self, spec: ModelSpec, matrix: Matrix) -> None:
        self._spec, self._matrix = spec, matrix
        self._scheme = WEIGHTS.get(spec.weights, "weights")
        folder, commit = locate(spec)
        self._config = read_architecture(folder)
        with in_one_line(folder), quiet():
            self._module = model_on_meta(self._config)
            self._name = matrix_name(self._module, matrix, folder)
        weight = self._module.get_parameter(self._name)
        self.shape = (int(weight.shape[0]), int(weight.shape[1]))
        self._is_input = weight is self._module.get_input_embeddings().get_parameter("weight")
        if self._scheme.rows is None and not self._is_input:
            raise InputError(
                f"model {spec.name}: weights {shown(spec.weights)} give no rows of an output embedding of "
                "its own; use matrix embed"
            )
        self._folder = download(spec.name, commit) if commit and self._scheme.reads_files else folder
        self._loaded: torch.Tensor | None = None

    def rows(self, tokens: list[int]) -> Float:
        """Return the rows of ascending ids, (m, d); raises `InputError` as `token_rows`."""
        check_token_ids(self._spec, self.shape[0], tokens, "a word")
        asked = MatrixRows(
            folder=self._folder,
            seed=self._spec.seed,
            config=self._config,
            module=self._module,
            parameter=self._name,
            shape=self.shape,
            tokens=tokens,
            is_input=self._is_input,
            built=lambda: self._built(tokens),
        )
        rows = self._scheme.rows(asked) if self._scheme.rows is not None else asked.built()
        if not np.all(np.isfinite(rows)):
            raise InputError(
                f"model {self._spec.name}: rows of the {self._matrix} matrix are NaN or infinite"
            )
        return rows

    def _built(self, tokens: list[int]) -> Float:
        """Return rows of the input embedding of the loaded model."""
        if self._loaded is None:
            from superpos.activations.model import load_model

            self._loaded = load_model(self._spec).structure.embedding.get_parameter("weight").detach()
        rows: Float = self._loaded[torch.tensor(tokens)].double().numpy()
        return rows
