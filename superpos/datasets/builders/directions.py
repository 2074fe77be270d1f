"""Direction vectors from a file, one row each; `superpos.datasets.matrix_files` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from superpos.datasets.matrix_files import NamedRows, check_file_options, read_rows
from superpos.errors import InputError
from superpos.kinds.builders import Builder
from superpos.reading.places import user_path
from superpos.specs.axes import check_choice, check_count
from superpos.specs.datasets import DatasetSpec

Variance = Literal["covector", "vector"]
SMALLEST_ENTRY, LARGEST_ENTRY = 1e-140, 1e140
"""Between which the largest entry of a row lies in size: its length is then computed without overflow."""


@dataclass(frozen=True, slots=True)
class DirectionFileOptions:
    """A safetensors, npz or CSV file of direction vectors, one row each."""

    FILES: ClassVar[tuple[str, ...]] = ("file", "names_file")

    file: str
    """A .safetensors, .npz or .csv file, one vector a row."""
    tensor: str = ""
    """Name of the matrix in a safetensors or npz file; empty if it holds one only."""
    names: tuple[str, ...] = ()
    """Names of the rows; empty = from `names_file`, from the file itself, or row numbers."""
    names_file: str = ""
    """Text file with one name a line."""
    rows: tuple[int, ...] = ()
    """Rows to take, counted from 0; empty = all."""
    hookpoint: str = ""
    """Where the vectors live, for the views: a hookpoint by any of its names, or any text; empty if
    unknown."""
    layer: int = -1
    """Likewise; -1 for the layer that the name of the hookpoint holds, or if unknown."""
    variance: Variance = "vector"
    """`vector` for what lives among activations (decoder rows), `covector` for what reads them (probes)."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_file_options(self)
        check_choice("variance", self.variance, get_args(Variance))
        for row in self.rows:
            check_count("rows", row, 0)


def read_directions(spec: DatasetSpec) -> NamedRows:
    """Return the vectors of a set.

    Raises
    ------
    InputError
        As `read_rows`, and for a row that is zero or whose length cannot be computed.
    """
    options = spec.told(DirectionFileOptions, "directions")
    path = user_path(options.file)
    found, values = read_rows(options, options.rows)
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


KIND = Builder(
    name="directions",
    version=1,
    rank=11,
    meaning="Vectors of a file, one direction a row.",
    feature="a row of a file of vectors",
    samples="none",
    options=DirectionFileOptions,
    rows=read_directions,
)
