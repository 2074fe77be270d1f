"""Directions without probes: rows of a model's matrices, imported vectors, imported similarity matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superpos.activations.inspection import tokenizer_file
from superpos.datasets.duplicates import vector_copies
from superpos.datasets.imported import imported_copies, read_imported, word_tokens
from superpos.datasets.tokens import load_tokens
from superpos.errors import InputError
from superpos.records.data import FeatureCopy
from superpos.records.work import SourceResult, SourceWork
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec

MIN_FEATURES = 2
"""Fewer directions have no geometry."""


@dataclass(frozen=True, slots=True)
class SourceTask:
    """One set of directions to read."""

    work: SourceWork
    spec: DatasetSpec
    model: ModelSpec | None


def read_source(task: SourceTask) -> SourceResult:
    """Return the directions or the matrix of one set; what cannot be used has a reason instead."""
    try:
        if task.model is None:
            return _imported(task)
        return _matrix_rows(task, task.model)
    except InputError as error:
        return SourceResult(
            direction_id=task.work.direction_id,
            feature_names=(),
            vectors=None,
            matrix=None,
            similarity="",
            reason=str(error),
        )


def _imported(task: SourceTask) -> SourceResult:
    rows = read_imported(task.spec)
    names, kept, copies = _kept(rows.names, imported_copies(task.spec, rows))
    if similarity := task.spec.matrix_of:
        matrix = rows.values[np.ix_(kept, kept)]
        return SourceResult(
            direction_id=task.work.direction_id,
            feature_names=names,
            vectors=None,
            matrix=matrix,
            similarity=similarity,
            copies=copies,
        )
    return SourceResult(
        direction_id=task.work.direction_id,
        feature_names=names,
        vectors=rows.values[kept],
        matrix=None,
        similarity="",
        copies=copies,
    )


def _matrix_rows(task: SourceTask, model: ModelSpec) -> SourceResult:
    from superpos.activations.embeddings import Matrix, token_rows

    words = task.spec.options.words
    ids = word_tokens(task.spec, load_tokens(tokenizer_file(model)))
    matrix: Matrix = "unembed" if task.work.hookpoint == "unembed" else "embed"
    rows = token_rows(model, ids, matrix)
    names, kept, copies = _kept(words, vector_copies(words, rows) if task.spec.duplicates == "drop" else ())
    return SourceResult(
        direction_id=task.work.direction_id,
        feature_names=names,
        vectors=rows[kept],
        matrix=None,
        similarity="",
        copies=copies,
    )


def _kept(
    names: tuple[str, ...], copies: tuple[FeatureCopy, ...]
) -> tuple[tuple[str, ...], list[int], tuple[FeatureCopy, ...]]:
    """Return names and rows of the features that stay, and the others.

    Raises
    ------
    InputError
        If one is left.
    """
    left_out = {copy.feature for copy in copies}
    kept = [row for row, name in enumerate(names) if name not in left_out]
    if len(kept) < MIN_FEATURES:
        raise InputError(
            f"all {len(names)} rows are the same, so one direction is left ({names[kept[0]]}); geometry "
            f"needs {MIN_FEATURES}"
        )
    return tuple(names[row] for row in kept), kept, copies
