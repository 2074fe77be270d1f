"""Directions without probes: rows of a model's matrices, imported vectors, imported similarity matrices."""

from __future__ import annotations

from dataclasses import dataclass

from superpos.activations.inspection import tokenizer_file
from superpos.datasets.imported import read_imported
from superpos.datasets.token_lists import list_tokens
from superpos.datasets.tokens import load_tokens
from superpos.errors import InputError
from superpos.records.work import SourceResult, SourceWork
from superpos.specs.datasets import DatasetSpec
from superpos.specs.imports import MatrixName, PsmFileOptions, TokenListOptions
from superpos.specs.models import ModelSpec


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
        return SourceResult(task.work.direction_id, (), None, None, "", str(error))


def _imported(task: SourceTask) -> SourceResult:
    names, values = read_imported(task.spec)
    options = task.spec.options
    if isinstance(options, PsmFileOptions):
        return SourceResult(task.work.direction_id, names, None, values, options.similarity)
    return SourceResult(task.work.direction_id, names, values, None, "")


def _matrix_rows(task: SourceTask, model: ModelSpec) -> SourceResult:
    from superpos.activations.embeddings import token_rows

    options = task.spec.options
    words = options.words if isinstance(options, TokenListOptions) else ()
    ids = list_tokens(task.spec, load_tokens(tokenizer_file(model)))
    matrix: MatrixName = "unembed" if task.work.hookpoint == "unembed" else "embed"
    return SourceResult(task.work.direction_id, words, token_rows(model, ids, matrix), None, "")
