"""Directions of controls that draw from tokens: rows of the model's own matrix for other tokens.

Rows of all draws of a set are read at once, for to open a model takes longer than to read a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from superpos.activations.inspection import tokenizer_file
from superpos.arrays import Float
from superpos.datasets.duplicates import vector_copies
from superpos.datasets.imported import word_tokens
from superpos.datasets.token_classes import token_classes
from superpos.datasets.tokens import load_tokens
from superpos.errors import InputError
from superpos.kinds.controls import CONTROLS
from superpos.records.work import TargetWork
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec

if TYPE_CHECKING:
    from superpos.activations.embeddings import Matrix

Draw = tuple[str, int]
"""Kind of control and replicate."""


def drawn_rows(
    spec: DatasetSpec, model: ModelSpec, hookpoint: str, draws: Sequence[Draw]
) -> dict[Draw, Float]:
    """Return the rows (n, d) of each draw, in the order of the set's own features.

    Raises
    ------
    InputError
        If the vocabulary is too small, and as reading the set itself does.
    """
    from superpos.activations.embeddings import token_rows

    table = load_tokens(tokenizer_file(model))
    kept, width = kept_words(spec, model, hookpoint)
    matrix, classes = matrix_at(hookpoint), token_classes(table)
    words = []
    for kind, replicate in draws:
        tokens = CONTROLS.get(kind).tokens
        if tokens is None:
            raise InputError(f"target {kind}: draws no tokens")
        words += tokens(kept, classes, replicate, width)
    rows = token_rows(model, words, matrix)
    n = len(kept)
    return {draw: rows[place * n : (place + 1) * n] for place, draw in enumerate(draws)}


def matrix_at(hookpoint: str) -> Matrix:
    """Return the matrix of a model that a hookpoint of rows stands for."""
    return "unembed" if hookpoint == "unembed" else "embed"


def kept_words(spec: DatasetSpec, model: ModelSpec, hookpoint: str) -> tuple[list[tuple[int, ...]], int]:
    """Return the tokens of each word that is no copy, and the width of rows; raises as reading the set."""
    from superpos.activations.embeddings import token_rows

    ids = word_tokens(spec, load_tokens(tokenizer_file(model)))
    own = token_rows(model, ids, matrix_at(hookpoint))
    names = spec.options.words
    copies = vector_copies(names, own) if spec.duplicates == "drop" else ()
    left_out = {copy.feature for copy in copies}
    words = [tuple(word) for name, word in zip(names, ids, strict=True) if name not in left_out]
    return words, own.shape[1]


def wanted(works: Iterable[TargetWork]) -> dict[bytes, list[TargetWork]]:
    """Return by key of their directions the targets that need rows of other tokens."""
    found: dict[bytes, list[TargetWork]] = {}
    for work in works:
        if CONTROLS.get(work.kind).of_tokens and work.drawn is None:
            found.setdefault(work.direction_key, []).append(work)
    return found


def with_rows(
    works: Sequence[TargetWork], spec: DatasetSpec, model: ModelSpec | None, hookpoint: str
) -> Iterator[TargetWork]:
    """Yield targets of one set of directions with their rows, or with why there are none."""
    draws = list(dict.fromkeys((work.kind, work.replicate) for work in works))
    try:
        if model is None or spec.kind.words is None:
            raise InputError("rows of other tokens are a control of rows of a model's matrix alone")
        rows = drawn_rows(spec, model, hookpoint, draws)
    except InputError as error:
        yield from (replace(work, drawn=str(error)) for work in works)
        return
    for work in works:
        yield replace(work, drawn=rows[work.kind, work.replicate])
