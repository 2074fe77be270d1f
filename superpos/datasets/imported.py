"""Directions and similarity matrices from files: safetensors, npz or CSV, without pickle.

A CSV file has one line a direction (or a row of the matrix): numbers only, or a name first. Its first line is
a header if a field after the first is no number, or if its first field is empty or `name`, `feature` or
`index`; the header of a matrix may repeat the names. In a safetensors or npz file the matrix is the one that
`tensor` names, or the only one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Float
from superpos.datasets.build import options_identity
from superpos.datasets.duplicates import matrix_copies, vector_copies
from superpos.errors import InputError, shown
from superpos.names import unfit_name
from superpos.reading.matrices import read_array
from superpos.reading.places import is_file, user_path
from superpos.reading.texts import BYTE_ORDER_MARK, csv_rows, read_text
from superpos.records.data import FeatureCopy
from superpos.specs.datasets import DatasetSpec
from superpos.specs.imports import DirectionFileOptions, PsmFileOptions
from superpos.specs.versions import ALGORITHM_VERSIONS

SUFFIXES = (".safetensors", ".npz", ".csv")
HEADINGS = ("", "name", "feature", "index")
"""What stands above the column of names."""
TOLERANCE = 1e-6
"""How far an imported matrix may be from symmetric and from a unit diagonal: files of single precision."""
SMALLEST_ENTRY, LARGEST_ENTRY = 1e-140, 1e140
"""Between which the largest entry of a row lies in size: its length is then computed without overflow."""


class NamedRows(NamedTuple):
    """Rows of an imported file with their names."""

    names: tuple[str, ...]
    values: Float
    """(k, d) directions, or (k, k) similarities, exactly symmetric with a unit diagonal."""


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
    }


def read_imported(spec: DatasetSpec) -> NamedRows:
    """Return the rows of an imported set.

    Raises
    ------
    InputError
        Naming file, row and column of what is wrong: an unknown kind of file, no such tensor, no matrix, NaN,
        a row that is zero or whose length cannot be computed, fewer than two rows, names that are empty,
        repeated, no names or of another number than the rows; for a similarity matrix also a matrix that is
        not square or symmetric, lacks a unit diagonal or has entries beyond -1 and 1.
    """
    options = spec.options
    if not isinstance(options, DirectionFileOptions | PsmFileOptions):
        raise InputError(f"datasets.{spec.name}: builder {spec.builder} imports nothing")
    path = user_path(options.file)
    names, stored = _read(path, options.tensor)
    if stored.ndim != 2:
        raise InputError(
            f"{path}: holds an array of shape {stored.shape}; a matrix is needed, one row a feature"
        )
    if isinstance(options, DirectionFileOptions) and options.rows:
        names, stored = _chosen(path, options.rows, names, stored)
    with np.errstate(over="ignore"):  # of more than double precision: infinite, and refused as such
        values = np.asarray(stored, dtype=np.float64)
    found = _names(path, options, names, len(values))
    if len(values) < 2:
        raise InputError(f"{path}: holds {len(values)} row; geometry needs at least 2")
    if not np.all(np.isfinite(values)):
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise InputError(
            f"{path}: row {row} ({found[row]}), column {column}: {values[row, column]} is not a finite number"
        )
    if isinstance(options, PsmFileOptions):
        return NamedRows(found, _as_similarities(path, found, values))
    zero = np.flatnonzero(~values.any(axis=1))
    if zero.size:
        raise InputError(f"{path}: row {zero[0]} ({found[zero[0]]}) is all zero and has no direction")
    largest = np.abs(values).max(axis=1)
    extreme = np.flatnonzero((largest < SMALLEST_ENTRY) | (largest > LARGEST_ENTRY))
    if extreme.size:
        row = extreme[0]
        raise InputError(
            f"{path}: row {row} ({found[row]}): its largest entry is {largest[row]:g} in size; lengths are "
            f"computed where it lies between {SMALLEST_ENTRY:g} and {LARGEST_ENTRY:g}: rescale the rows"
        )
    return NamedRows(found, values)


def imported_copies(spec: DatasetSpec, rows: NamedRows) -> tuple[FeatureCopy, ...]:
    """Return the rows of an imported set that are left out because another one is the same."""
    if spec.duplicates == "keep":
        return ()
    find = matrix_copies if isinstance(spec.options, PsmFileOptions) else vector_copies
    return find(rows.names, rows.values)


def _read(path: Path, tensor: str) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Return names (maybe none) and the matrix in the type it is stored in."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: cannot be imported; allowed: files that end in {', '.join(SUFFIXES)}")
    if path.suffix != ".csv":
        return (), read_array(path, tensor)
    if tensor:
        raise InputError(f"{path}: tensor {tensor!r} does not apply to a CSV file; leave it out")
    return _read_csv(path)


def _read_csv(path: Path) -> tuple[tuple[str, ...], Float]:
    lines = [(number, row) for number, row in csv_rows(path) if row]
    if lines and _is_header(lines[0][1]):
        lines = lines[1:]
    if not lines:
        raise InputError(f"{path}: holds no rows of numbers")
    named = not _is_number(lines[0][1][0])
    width = len(lines[0][1])
    values = []
    for number, row in lines:
        if len(row) != width:
            raise InputError(f"{path}: line {number}: {len(row)} fields where the first row has {width}")
        for column, field in enumerate(row[named:], start=1 + named):
            if not _is_number(field):
                raise InputError(f"{path}: line {number}, column {column}: {shown(field)} is not a number")
        values.append([float(field) for field in row[named:]])
    return tuple(row[0].strip() for _, row in lines) if named else (), np.array(values, dtype=np.float64)


def _is_header(fields: list[str]) -> bool:
    """Whether the first line of a CSV file names the columns."""
    first = fields[0].strip().lower()
    return first in HEADINGS or any(not _is_number(field) for field in fields[1:])


def _is_number(text: str) -> bool:
    if "_" in text:  # Python's own way to write long numbers, a typing mistake anywhere else
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def _chosen(
    path: Path, rows: tuple[int, ...], names: tuple[str, ...], values: NDArray[Any]
) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Return the rows asked for; without names they are called by their numbers in the file."""
    outside = [row for row in rows if row >= len(values)]
    if outside:
        raise InputError(f"{path}: row {outside[0]} is not there; rows are 0 to {len(values) - 1}")
    if len(set(rows)) < len(rows):
        raise InputError(f"{path}: a row is asked for twice in rows")
    return tuple(names[row] if names else f"row_{row}" for row in rows), values[list(rows)]


def _names(
    path: Path, options: DirectionFileOptions | PsmFileOptions, own: tuple[str, ...], n_rows: int
) -> tuple[str, ...]:
    """Return one name a row: as given, from the names file, from the file itself, or row numbers."""
    found, source = own or tuple(f"row_{row}" for row in range(n_rows)), str(path)
    if options.names_file:
        file = user_path(options.names_file)
        if not is_file(file):
            raise InputError(f"{file}: no such file of names")
        found, source = tuple(read_text(file).removeprefix(BYTE_ORDER_MARK).split("\n")), str(file)
        found = tuple(name.strip() for name in (found[:-1] if found[-1] == "" else found))
        if isinstance(options, DirectionFileOptions) and options.rows and len(found) > max(options.rows):
            found = tuple(found[row] for row in options.rows)
    found = options.names or found
    if len(found) != n_rows:
        raise InputError(f"{source}: {len(found)} names for {n_rows} rows")
    if "" in found:
        raise InputError(f"{source}: row {found.index('')} has an empty name")
    seen: set[str] = set()
    for row, name in enumerate(found):
        if why := unfit_name(name):
            raise InputError(f"{source}: row {row}: {shown(name)} is no name: {why}")
        if name in seen:
            raise InputError(f"{source}: the name {name!r} occurs twice")
        seen.add(name)
    return found


def _as_similarities(path: Path, names: tuple[str, ...], values: Float) -> Float:
    """Return a similarity matrix made exactly symmetric with a unit diagonal, if it nearly is."""
    if values.shape[0] != values.shape[1]:
        raise InputError(f"{path}: shape {values.shape} is not square, as a similarity matrix is")
    skew = np.abs(values - values.T)
    if skew.max() > TOLERANCE:
        row, column = np.unravel_index(int(np.argmax(skew)), skew.shape)
        raise InputError(
            f"{path}: not symmetric: row {row} ({names[row]}), column {column} ({names[column]}) holds "
            f"{values[row, column]:g}, the other way round {values[column, row]:g}"
        )
    off = np.abs(np.diag(values) - 1.0)
    if off.max() > TOLERANCE:
        place = int(np.argmax(off))
        raise InputError(f"{path}: row {place} ({names[place]}): diagonal {values[place, place]:g} is not 1")
    if (size := np.abs(values)).max() > 1.0 + TOLERANCE:
        row, column = np.unravel_index(int(np.argmax(size)), size.shape)
        raise InputError(
            f"{path}: row {row} ({names[row]}), column {column} ({names[column]}): {values[row, column]:g} "
            "is no similarity; they lie between -1 and 1"
        )
    matrix = 0.5 * (values + values.T)
    np.fill_diagonal(matrix, 1.0)
    return matrix
