"""Rows of files with their names: safetensors, npz or CSV, without pickle.

A CSV file has one line a direction (or a row of the matrix): numbers only, or a name first. Its first line is
a header if a field after the first is no number, or if its first field is empty or `name`, `feature` or
`index`; the header of a matrix may repeat the names. In a safetensors or npz file the matrix is the one that
`tensor` names, or the only one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Float
from superpos.errors import ArgumentError, InputError, shown
from superpos.names import unfit_name
from superpos.reading.matrices import read_array
from superpos.reading.places import is_file, user_path
from superpos.reading.texts import BYTE_ORDER_MARK, csv_rows, read_text
from superpos.specs.axes import check_count
from superpos.specs.hook_names import UNKNOWN_LAYER, read_place
from superpos.specs.names import check_names

SUFFIXES = (".safetensors", ".npz", ".csv")
SMALLEST_ENTRY, LARGEST_ENTRY = 1e-140, 1e140
"""Between which the largest entry of a row lies in size: its length is then computed without overflow."""
HEADINGS = ("", "name", "feature", "index")
"""What stands above the column of names."""


class NamedRows(NamedTuple):
    """Rows of an imported file with their names."""

    names: tuple[str, ...]
    values: Float
    """(k, d) directions, or (k, k) similarities, exactly symmetric with a unit diagonal."""


class NameOptions(Protocol):
    """What says how rows are called."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the rows."""

    @property
    def names_file(self) -> str:
        """Text file with one name a line."""


class FileOptions(NameOptions, Protocol):
    """What every builder is told that reads a file of rows."""

    @property
    def file(self) -> str:
        """A .safetensors, .npz or .csv file."""

    @property
    def tensor(self) -> str:
        """Name of the matrix in it; empty if it holds one only."""

    @property
    def hookpoint(self) -> str:
        """Where the vectors live; empty if unknown."""

    @property
    def layer(self) -> int:
        """Their layer; -1 if unknown."""


def check_file_options(options: FileOptions) -> None:
    """Check what all records of a file have in common, and name its hookpoint as we do.

    Raises
    ------
    ArgumentError
        For what is wrong, naming the field.
    """
    if not options.file:
        raise ArgumentError("file", "is empty; name a .safetensors, .npz or .csv file")
    if why := unfit_name(options.hookpoint):  # the views hold it; any other text may say where vectors live
        raise ArgumentError("hookpoint", f"{shown(options.hookpoint)} is no name: {why}")
    check_names("names", options.names)
    hookpoint, layer = read_place(options.hookpoint, check_count("layer", options.layer, UNKNOWN_LAYER))
    object.__setattr__(options, "hookpoint", hookpoint)
    object.__setattr__(options, "layer", layer)


def read_rows(options: FileOptions, rows: tuple[int, ...] = ()) -> NamedRows:
    """Return the rows of a file with their names.

    Parameters
    ----------
    options
        The file, the tensor in it, the names.
    rows
        Rows to take, counted from 0; empty = all.

    Raises
    ------
    InputError
        Naming file, row and column of what is wrong: an unknown kind of file, no such tensor, no matrix, NaN,
        fewer than two rows, names that are empty, repeated, no names or of another number than the rows.
    """
    path = user_path(options.file)
    names, stored = _read(path, options.tensor)
    if stored.ndim != 2:
        raise InputError(
            f"{path}: holds an array of shape {stored.shape}; a matrix is needed, one row a feature"
        )
    if rows:
        names, stored = _chosen(path, rows, names, stored)
    with np.errstate(over="ignore"):  # of more than double precision: infinite, and refused as such
        values = np.asarray(stored, dtype=np.float64)
    found = row_names(path, options, rows, names, len(values))
    if len(values) < 2:
        raise InputError(f"{path}: holds {len(values)} row; geometry needs at least 2")
    check_finite(path, NamedRows(found, values))
    return NamedRows(found, values)


def check_finite(path: Path, rows: NamedRows, numbers: Sequence[int] = (), what: str = "row") -> None:
    """Raise `InputError` for the first row with NaN or an infinity; parameters as in `checked_directions`."""
    if np.all(np.isfinite(rows.values)):
        return
    row, column = np.argwhere(~np.isfinite(rows.values))[0]
    raise InputError(
        f"{path}: {what} {numbers[row] if numbers else row} ({rows.names[row]}), column {column}: "
        f"{rows.values[row, column]} is not a finite number"
    )


def checked_directions(
    path: Path, rows: NamedRows, numbers: Sequence[int] = (), what: str = "row"
) -> NamedRows:
    """Return rows that all have a direction.

    Parameters
    ----------
    path
        Their file, for messages.
    rows
        The rows.
    numbers
        What each is called in the file, for messages; its place among the rows if not given.
    what
        What a row is.

    Raises
    ------
    InputError
        For NaN, and for a row that is zero or whose length cannot be computed.
    """
    check_finite(path, rows, numbers, what)
    largest = np.abs(rows.values).max(axis=1)
    extreme = np.flatnonzero((largest < SMALLEST_ENTRY) | (largest > LARGEST_ENTRY))
    if not extreme.size:
        return rows
    zero = np.flatnonzero(largest == 0.0)
    row = zero[0] if zero.size else extreme[0]
    which = f"{path}: {what} {numbers[row] if numbers else row} ({rows.names[row]})"
    if zero.size:
        raise InputError(f"{which} is all zero and has no direction")
    raise InputError(
        f"{which}: its largest entry is {largest[row]:g} in size; lengths are computed where it lies between "
        f"{SMALLEST_ENTRY:g} and {LARGEST_ENTRY:g}: rescale the rows"
    )


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


def row_names(
    path: Path,
    options: NameOptions,
    rows: tuple[int, ...],
    own: tuple[str, ...],
    n_rows: int,
    what: str = "rows",
) -> tuple[str, ...]:
    """Return one name a row: as given, from the names file, from the file itself, or row numbers."""
    found, source = own or tuple(f"row_{row}" for row in range(n_rows)), str(path)
    if options.names_file:
        file = user_path(options.names_file)
        if not is_file(file):
            raise InputError(f"{file}: no such file of names")
        found, source = tuple(read_text(file).removeprefix(BYTE_ORDER_MARK).split("\n")), str(file)
        found = tuple(name.strip() for name in (found[:-1] if found[-1] == "" else found))
        if rows and len(found) > max(rows):
            found = tuple(found[row] for row in rows)
    found = options.names or found
    if len(found) != n_rows:
        raise InputError(f"{source}: {len(found)} names for {n_rows} {what}")
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
