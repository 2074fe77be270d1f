"""A finished pairwise similarity matrix from a file; `superpos.datasets.matrix_files` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np

from superpos.arrays import Float
from superpos.datasets.matrix_files import NamedRows, check_file_options, read_rows
from superpos.errors import InputError
from superpos.kinds.builders import Builder
from superpos.kinds.similarities import SIMILARITIES
from superpos.reading.places import user_path
from superpos.specs.axes import check_choice
from superpos.specs.datasets import DatasetSpec

TOLERANCE = 1e-6
"""How far an imported matrix may be from symmetric and from a unit diagonal: files of single precision."""


@dataclass(frozen=True, slots=True)
class PsmFileOptions:
    """A safetensors, npz or CSV file with a finished pairwise similarity matrix."""

    FILES: ClassVar[tuple[str, ...]] = ("file", "names_file")

    file: str
    """A .safetensors, .npz or .csv file."""
    similarity: Annotated[str, SIMILARITIES]
    """The similarity that the matrix is of."""
    tensor: str = ""
    """Name of the matrix in a safetensors or npz file; empty if it holds one only."""
    names: tuple[str, ...] = ()
    """Names of the rows; empty = from `names_file`, from the file itself, or row numbers."""
    names_file: str = ""
    """Text file with one name a line."""
    hookpoint: str = ""
    """Where its vectors live, for the views: a hookpoint by any of its names, or any text; empty if
    unknown."""
    layer: int = -1
    """Likewise; -1 for the layer that the name of the hookpoint holds, or if unknown."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_file_options(self)
        check_choice("similarity", self.similarity, SIMILARITIES)


def read_matrix(spec: DatasetSpec) -> NamedRows:
    """Return the matrix of a set, exactly symmetric with a unit diagonal.

    Raises
    ------
    InputError
        As `read_rows`, and for a matrix that is not square or symmetric, lacks a unit diagonal or has entries
        beyond -1 and 1.
    """
    options = spec.told(PsmFileOptions, "psm")
    names, values = read_rows(options)
    return NamedRows(names, _as_similarities(user_path(options.file), names, values))


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


KIND = Builder(
    name="psm",
    version=1,
    rank=12,
    meaning="A finished pairwise similarity matrix of a file.",
    feature="a row of a file with a finished similarity matrix",
    samples="none",
    options=PsmFileOptions,
    rows=read_matrix,
    similarity=lambda options: str(options.similarity),
)
