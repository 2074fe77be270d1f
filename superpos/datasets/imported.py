"""Directions and similarity matrices that no probe has made: their rows, identity and copies."""

from __future__ import annotations

from typing import Any

from superpos.datasets.build import kind_identity, options_identity
from superpos.datasets.duplicates import matrix_copies, vector_copies
from superpos.datasets.matrix_files import NamedRows
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.records.data import FeatureCopy
from superpos.specs.datasets import DatasetSpec
from superpos.specs.versions import ALGORITHM_VERSIONS


def imported_identity(spec: DatasetSpec) -> dict[str, Any]:
    """Return what the content of an imported set depends on, as canonical JSON data.

    Raises
    ------
    InputError
        If a file is missing.
    """
    return {
        "builder": {
            "builder": spec.builder,
            "duplicates": spec.duplicates,
            "options": options_identity(spec),
        },
        "algorithm_version": ALGORITHM_VERSIONS["dataset"],
        "corpus_digest": "",
        "tokenizer_digest": "",
        **kind_identity(spec),
    }


def read_imported(spec: DatasetSpec) -> NamedRows:
    """Return the rows of an imported set.

    Raises
    ------
    InputError
        If the builder has none, or as it says of its file.
    """
    if spec.kind.rows is None:
        raise InputError(f"datasets.{spec.name}: builder {spec.builder} imports nothing")
    found: NamedRows = spec.kind.rows(spec)
    return found


def word_tokens(spec: DatasetSpec, table: TokenTable) -> tuple[tuple[int, ...], ...]:
    """Return the token ids of every word of a set whose directions are rows of the model's matrices.

    Raises
    ------
    InputError
        If the builder has no words, or as it says of them.
    """
    if spec.kind.words is None:
        raise InputError(f"datasets.{spec.name}: builder {spec.builder} is no list of tokens")
    found: tuple[tuple[int, ...], ...] = spec.kind.words(spec, table)
    return found


def imported_copies(spec: DatasetSpec, rows: NamedRows) -> tuple[FeatureCopy, ...]:
    """Return the rows of an imported set that are left out because another one is the same."""
    if spec.duplicates == "keep":
        return ()
    find = matrix_copies if spec.matrix_of else vector_copies
    return find(rows.names, rows.values)
