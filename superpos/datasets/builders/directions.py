"""Direction vectors from a file, one row each; `superpos.datasets.matrix_files` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from superpos.datasets.matrix_files import (
    NamedRows,
    check_file_options,
    checked_directions,
    read_rows,
)
from superpos.datasets.sae.orientation import USE_SAE, refuse_columns
from superpos.errors import InputError
from superpos.kinds.builders import Builder, Sites
from superpos.reading.array_parts import array_heads
from superpos.reading.places import is_file, user_path
from superpos.specs.axes import check_choice, check_count
from superpos.specs.datasets import DatasetSpec

Variance = Literal["covector", "vector"]
ARRAY_SUFFIXES = (".safetensors", ".npz")
"""Files whose arrays have names."""


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
        As `read_rows` and `checked_directions`, and for a decoder whose columns are known to be its vectors.
    """
    options = spec.told(DirectionFileOptions, "directions")
    path = user_path(options.file)
    _check_side(options, path)
    return checked_directions(path, read_rows(options, options.rows))


def _check_side(options: DirectionFileOptions, path: Path) -> None:
    """Refuse a matrix of an autoencoder whose columns are its vectors."""
    if path.suffix in ARRAY_SUFFIXES and is_file(path):
        heads = array_heads(path)
        name = options.tensor or (next(iter(heads)) if len(heads) == 1 else "")
        refuse_columns(path, name, heads)


def check_models(spec: DatasetSpec, sites: Sites) -> DatasetSpec:
    """Return the set as it is.

    Raises
    ------
    InputError
        If the file has one row for each number of an activation at the hookpoint that the set names, and rows
        of another width: the matrix lies on its side.
    """
    options = spec.told(DirectionFileOptions, "directions")
    path = user_path(options.file)
    if not options.hookpoint or path.suffix not in ARRAY_SUFFIXES or not is_file(path):
        return spec
    models = sites(options.hookpoint)
    heads = array_heads(path)
    name = options.tensor or next(iter(heads), "")
    shape = heads[name].shape if name in heads else ()
    widths = {one.width: one.model for one in models}
    if len(shape) == 2 and shape[0] in widths and shape[1] not in widths:
        raise InputError(
            f"{path}: {name} has {shape[0]} rows of {shape[1]} numbers, and {options.hookpoint} of model "
            f"{widths[shape[0]]} is {shape[0]} wide: its columns would be the vectors; {USE_SAE}, or leave "
            "hookpoint out"
        )
    return spec


KIND = Builder(
    name="directions",
    version=1,
    rank=11,
    meaning="Vectors of a file, one direction a row.",
    feature="a row of a file of vectors",
    samples="none",
    options=DirectionFileOptions,
    rows=read_directions,
    resolve=check_models,
)
