"""Directions and similarity matrices that no probe has made: their rows, identity and copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from superpos.arrays import as_matrix, as_psm
from superpos.datasets.build import kind_identity, options_identity
from superpos.datasets.duplicates import matrix_copies, vector_copies
from superpos.datasets.matrix_files import NamedRows
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError
from superpos.kinds.builders import BUILDERS, Sites
from superpos.records.data import FeatureCopy
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_names
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
            **spec.own_order,
        },
        "algorithm_version": ALGORITHM_VERSIONS["dataset"],
        "corpus_digest": "",
        "tokenizer_digest": "",
        **kind_identity(spec),
    }


def resolved_import(spec: DatasetSpec, sites: Sites) -> DatasetSpec:
    """Return an imported set with all that its files say of it.

    Parameters
    ----------
    spec
        The set.
    sites
        From a hookpoint to the study's models there.

    Raises
    ------
    InputError
        As the builder says of files that contradict the set or the models.
    """
    if spec.kind.resolve is None:
        return spec
    found: DatasetSpec = spec.kind.resolve(spec, sites)
    return found


def known_provenance(spec: DatasetSpec) -> Mapping[str, Any]:
    """Return what is known of a resolved set beside its rows; raises as its builder does."""
    return {} if spec.kind.foreseen is None else spec.kind.foreseen(spec, None)


def read_imported(spec: DatasetSpec) -> NamedRows:
    """Return the rows of an imported set.

    Raises
    ------
    InputError
        If the builder has none, or as it says of its file.
    """
    if spec.kind.rows is None:
        raise InputError(f"datasets.{spec.name}: builder {spec.builder} imports nothing")
    found: Any = spec.kind.rows(spec)
    if BUILDERS.origin(spec.builder) is None:  # those of ours say themselves what is wrong, and where
        return NamedRows(*found)
    try:
        return _checked_rows(found, matrix=bool(spec.matrix_of))
    except (TypeError, ValueError) as error:
        raise InputError(f"datasets.{spec.name}: builder {spec.builder}: {error}") from error


def _checked_rows(given: Any, *, matrix: bool) -> NamedRows:
    """Return rows of a builder from elsewhere; raises `ArgumentError` for what are none."""
    if not isinstance(given, tuple) or len(given) != 2:
        raise ArgumentError("rows", f"returns {type(given).__name__}; names and rows are needed")
    names, values = given
    rows = as_psm("rows", values) if matrix else as_matrix("rows", values, min_rows=2)
    found = tuple(names)
    check_names("names", found, minimum=2)
    if len(found) != len(rows):
        raise ArgumentError("names", f"{len(found)} names for {len(rows)} rows")
    if matrix and not np.all(np.diag(rows) == 1.0):
        raise ArgumentError("rows", "are no similarity matrix; its diagonal is 1")
    if not rows.any(axis=1).all():
        raise ArgumentError(
            "rows", f"row {int(np.argmin(rows.any(axis=1)))} is all zero and has no direction"
        )
    return NamedRows(found, rows)


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
