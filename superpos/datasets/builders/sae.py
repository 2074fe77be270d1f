"""Decoder or encoder vectors of a sparse autoencoder; `superpos.datasets.sae` finds and proves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args

from superpos.datasets.matrix_files import NamedRows, checked_directions
from superpos.datasets.sae.resolve import find_vectors, resolved_options
from superpos.errors import ArgumentError, InputError, shown
from superpos.kinds.builders import Builder, Sites
from superpos.names import unfit_name
from superpos.reading.array_parts import read_vectors
from superpos.reading.distributions import named_path
from superpos.reading.places import is_file
from superpos.specs.axes import check_choice, check_count
from superpos.specs.datasets import DatasetSpec
from superpos.specs.hook_names import read_place
from superpos.specs.names import check_texts

Part = Literal["decoder", "encoder"]
Orientation = Literal["auto", "rows", "columns"]
CHOICES = ("rows", "features", "rows_file", "coactive")
"""Options that say which latents are wanted, one of them at most."""


@dataclass(frozen=True, slots=True)
class SaeOptions:
    """A sparse autoencoder in the layout of one of the known libraries, or a file of its matrices."""

    FILES: ClassVar[tuple[str, ...]] = ("file", "rows_file", "coactive", "labels_file")

    file: str
    """Its folder, or its file of weights (.safetensors, .npz, .pt)."""
    part: Part = "decoder"
    """Whose vectors: those of the `decoder` live among activations, those of the `encoder` read them, as
    probes do."""
    rows: tuple[int, ...] = ()
    """Latents to take, counted from 0; empty = by one of the next three, or all."""
    features: tuple[str, ...] = ()
    """Latents to take, by their names in `labels_file`."""
    rows_file: str = ""
    """Latents to take: a list of their numbers, .txt, .csv or .jsonl; with `most` its first ones."""
    coactive: str = ""
    """Latents to take: those that are active together `most`. A .csv of pairs `latent,latent,count`, or their
    matrix in a .npz or .safetensors file."""
    near: int = -1
    """With `coactive`: the latent with which they are active; -1 for any."""
    most: int = 0
    """How many latents of `rows_file` or `coactive`."""
    names: tuple[str, ...] = ()
    """Names of the latents taken; empty = from `labels_file`, or their numbers."""
    labels_file: str = ""
    """Names of latents: .jsonl or .csv with `index` and `description`, as Neuronpedia exports them."""
    tensor: str = ""
    """Name of the matrix, where it is none of the libraries'."""
    orientation: Orientation = "auto"
    """Whether a latent is a row or a column of the matrix, where nothing proves it."""
    d_model: int = 0
    """Width of the vectors, where nothing else says it, or where they are of none of the study's models."""
    hookpoint: str = ""
    """Where the vectors live; empty = as the configuration says."""
    layer: int = -1
    """Likewise; -1 = as the configuration says."""

    def __post_init__(self) -> None:
        """Coerce and check; raises `ArgumentError`."""
        if not self.file:
            raise ArgumentError("file", "is empty; name the folder of an autoencoder or its file of weights")
        check_choice("part", self.part, get_args(Part))
        check_choice("orientation", self.orientation, get_args(Orientation))
        for name, minimum in (("near", -1), ("most", 0), ("d_model", 0), ("layer", -1)):
            object.__setattr__(self, name, check_count(name, getattr(self, name), minimum))
        self._check_choice_of_latents()
        check_texts("features", self.features)
        check_texts("names", self.names)
        for argument, texts in (("hookpoint", (self.hookpoint,)), ("names", self.names)):
            for text in texts:
                if why := unfit_name(text):
                    raise ArgumentError(argument, f"{shown(text)} is no name: {why}")
        hookpoint, layer = read_place(self.hookpoint, self.layer)
        object.__setattr__(self, "hookpoint", hookpoint)
        object.__setattr__(self, "layer", layer)

    def _check_choice_of_latents(self) -> None:
        for row in self.rows:
            check_count("rows", row, 0)
        if len(set(self.rows)) < len(self.rows):
            twice = next(row for row in self.rows if self.rows.count(row) > 1)
            raise ArgumentError("rows", f"{twice} occurs twice")
        given = [name for name in CHOICES if getattr(self, name)]
        if len(given) > 1:
            raise ArgumentError(given[1], f"does not apply beside {given[0]}; choose latents in one way")
        if self.features and not self.labels_file:
            raise ArgumentError("features", "are names of latents, which labels_file gives; name that file")
        if self.most and not (self.rows_file or self.coactive):
            raise ArgumentError("most", f"{self.most} applies to rows_file and coactive only")
        if self.coactive and self.most < 2:
            raise ArgumentError("most", f"{self.most} is how many latents coactive takes; at least 2")
        if self.near >= 0 and not self.coactive:
            raise ArgumentError("near", f"{self.near} applies to coactive only")

    @property
    def variance(self) -> Literal["vector", "covector"]:
        """What the vectors are: `vector` among activations, `covector` that reads them."""
        return "covector" if self.part == "encoder" else "vector"

    @property
    def is_resolved(self) -> bool:
        """Whether the vectors can be read by it alone."""
        return bool(
            self.tensor and self.names and self.rows and self.orientation != "auto" and self.d_model
        ) and not (self.labels_file or self.features)


def resolve(spec: DatasetSpec, sites: Sites) -> DatasetSpec:
    """Return the set with all that the autoencoder's files say; raises as `resolved_options`."""
    options = spec.told(SaeOptions, "sae")
    return replace(spec, options=replace(options, **resolved_options(options, sites)[1]))


def read_latents(spec: DatasetSpec) -> NamedRows:
    """Return the vectors of a set.

    Raises
    ------
    InputError
        As `resolve`, for a vector with NaN, of a latent that is all zero (dead in the decoder), or whose
        length cannot be computed.
    """
    options = spec.told(SaeOptions, "sae")
    if not (options.is_resolved and is_file(named_path(options.file))):
        options = resolve(spec, _nowhere).told(SaeOptions)
    path = named_path(options.file)
    values = read_vectors(path, options.tensor, options.rows, columns=options.orientation == "columns")
    if values.shape[1] != options.d_model:
        raise InputError(
            f"{path}: {options.tensor}: vectors of width {values.shape[1]}, and d_model is {options.d_model}"
        )
    return checked_directions(path, NamedRows(options.names, values), options.rows, "latent")


def describe(spec: DatasetSpec, _corpus: Any) -> Mapping[str, Any]:
    """Return what is known of a resolved set's autoencoder, for the provenance and the notes."""
    options = spec.told(SaeOptions, "sae")
    vectors = find_vectors(options, _nowhere)
    return {
        "autoencoder": {
            "layout": vectors.layout,
            "model": vectors.model,
            "hookpoint": vectors.hookpoint,
            "layer": vectors.layer,
            "part": options.part,
            "tensor": vectors.tensor,
            "orientation": vectors.side,
            "n_latents": vectors.n_latents,
            "width": vectors.width,
        }
    }


def _nowhere(_hookpoint: str) -> tuple[()]:
    """Return the models of no study."""
    return ()


KIND = Builder(
    name="sae",
    version=1,
    rank=13,
    meaning="Latents of a sparse autoencoder, one decoder or encoder vector each.",
    feature="a latent of a sparse autoencoder",
    samples="none",
    options=SaeOptions,
    rows=read_latents,
    resolve=resolve,
    foreseen=describe,
)
