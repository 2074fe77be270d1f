"""From what a study says of an autoencoder to one matrix with its rows: everything known, nothing guessed.

What comes out is complete in itself. It names the file of weights, the matrix, its side, the latents and
their names, hookpoint and layer: the vectors are read by it without any configuration, and the key of the set
depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from superpos.datasets.sae.choice import Wanted, chosen_latents
from superpos.datasets.sae.configs import Said
from superpos.datasets.sae.hooks import place_of
from superpos.datasets.sae.layouts import find_autoencoder
from superpos.datasets.sae.orientation import (
    MATRICES,
    Length,
    Part,
    Side,
    lengths_beside,
    proved_side,
)
from superpos.errors import InputError, shown
from superpos.kinds.builders import Sites
from superpos.reading.array_parts import ArrayHead, array_heads
from superpos.reading.distributions import is_package, named_path
from superpos.reading.refusals import listed


class Asked(Wanted, Protocol):
    """What a set says of an autoencoder."""

    @property
    def file(self) -> str:
        """Folder or file of weights."""

    @property
    def part(self) -> Part:
        """Whose vectors."""

    @property
    def tensor(self) -> str:
        """The matrix, where its name is none of the known ones."""

    @property
    def orientation(self) -> str:
        """`rows`, `columns`, or `auto`."""

    @property
    def d_model(self) -> int:
        """Width of the vectors; 0 if not said."""

    @property
    def hookpoint(self) -> str:
        """Where they live; empty if not said."""

    @property
    def layer(self) -> int:
        """Likewise; -1 if not said."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors of an autoencoder, found and proved."""

    layout: str
    model: str
    """As the configuration calls it; empty if it does not."""
    weights: Path
    tensor: str
    side: Side
    width: int
    n_latents: int
    hookpoint: str
    layer: int


def find_vectors(asked: Asked, sites: Sites) -> Vectors:
    """Return which vectors a set means.

    Parameters
    ----------
    asked
        What it says.
    sites
        From a hookpoint to the study's models there; asked where no `d_model` is said.

    Raises
    ------
    InputError
        If no autoencoder is there, it lacks the matrix, its orientation is not decided or is contradicted,
        it lives elsewhere than the set says, or its width is that of none of the study's models.
    """
    found = find_autoencoder(named_path(asked.file))
    said, weights = found.said, found.weights
    heads = array_heads(weights)
    name = _matrix(weights, heads, asked)
    shape = _shape(weights, name, heads[name])
    hook = said.reads if asked.part == "encoder" else said.writes
    hookpoint, layer = place_of(hook, said.source, asked.hookpoint, asked.layer)
    models = () if asked.d_model or not hookpoint else sites(hookpoint)
    known = [*_stated(said, asked), *lengths_beside(heads, asked.part)]
    side = _side(weights, name, shape, known, asked, {one.width: one.model for one in models})
    n_latents, width = shape if side == "rows" else shape[::-1]
    fitting = [one for one in models if one.width == width]
    what = f"{weights}: {name}: vectors of width {width} at layer {layer}{_of_model(said)}"
    if models and not fitting:
        others = listed(f"{one.model} {one.width}" for one in models)
        raise InputError(
            f"{what}; the study's models at {hookpoint} are as wide as {others}; d_model = {width} in the "
            "set means another model"
        )
    if fitting and all(layer >= one.n_layers for one in fitting):
        others = listed(f"{one.model} {one.n_layers}" for one in fitting)
        raise InputError(f"{what}; the study's models of that width have as many layers as {others}")
    return Vectors(found.layout, said.model, weights, name, side, width, n_latents, hookpoint, layer)


def resolved_options(asked: Asked, sites: Sites) -> tuple[Vectors, dict[str, Any]]:
    """Return the vectors that a set means, and the values of its options with all that is known.

    Raises
    ------
    InputError
        As `find_vectors` and `chosen_latents`.
    """
    vectors = find_vectors(asked, sites)
    rows, names = chosen_latents(asked, str(vectors.weights), vectors.n_latents)
    return vectors, {
        "file": asked.file if is_package(asked.file) else str(vectors.weights),
        "tensor": vectors.tensor,
        "orientation": vectors.side,
        "d_model": vectors.width,
        "rows": rows,
        "names": names,
        "hookpoint": vectors.hookpoint,
        "layer": vectors.layer,
        "features": (),
        "rows_file": "",
        "coactive": "",
        "labels_file": "",
        "most": 0,
        "near": -1,
    }


def _of_model(said: Said) -> str:
    return f" (of {said.model}, {said.source})" if said.model else ""


def _matrix(path: Path, heads: Mapping[str, ArrayHead], asked: Asked) -> str:
    """Return the name of the matrix that is asked for."""
    there = [asked.tensor] if asked.tensor else [name for name in MATRICES[asked.part] if name in heads]
    if len(there) == 1 and there[0] in heads:
        return there[0]
    holds = f"it holds {listed(sorted(heads))}"
    if asked.tensor:
        raise InputError(f"{path}: has no array {shown(asked.tensor)}; {holds}")
    if there:
        raise InputError(f"{path}: has {' and '.join(there)}; name one with `tensor`")
    wanted = ", ".join(MATRICES[asked.part])
    raise InputError(f"{path}: has no {asked.part} ({wanted}); {holds}; `tensor` names another")


def _shape(path: Path, name: str, head: ArrayHead) -> tuple[int, int]:
    if len(head.shape) != 2:
        more = ": one decoder for each of several layers is not read" if len(head.shape) == 3 else ""
        raise InputError(f"{path}: {name} has the shape {head.shape}; a matrix is needed{more}")
    if not head.real:
        raise InputError(f"{path}: {name} holds {head.kind}; floating-point numbers are needed")
    return head.shape[0], head.shape[1]


def _stated(said: Said, asked: Asked) -> list[Length]:
    """Return the lengths that the configuration and the set state."""
    width = said.d_in if asked.part == "encoder" else said.d_out
    stated = [
        Length(asked.d_model, "d_model of the set", is_width=True),
        Length(width, said.source, is_width=True),
        Length(said.n_latents, said.source, is_width=False),
    ]
    return [one for one in stated if one.value]


def _side(
    path: Path,
    name: str,
    shape: tuple[int, int],
    known: list[Length],
    asked: Asked,
    models: Mapping[int, str],
) -> Side:
    """Return whether rows or columns are the vectors."""
    side, contradiction = proved_side(shape, known)
    if contradiction:
        raise InputError(f"{path}: {name}: {contradiction}")
    if side is None and shape[0] != shape[1] and (shape[0] in models) != (shape[1] in models):
        side = "rows" if shape[1] in models else "columns"
    if asked.orientation == "auto" and side is None:
        what = (
            'nothing says which side is the width; say d_model = N, or orientation = "rows" or "columns"'
            if shape[0] != shape[1]
            else 'both sides are equal; say orientation = "rows" (a latent is a row) or "columns"'
        )
        raise InputError(f"{path}: {name} has the shape {shape}: {what}")
    told: Side | None = None if asked.orientation == "auto" else asked.orientation  # type: ignore[assignment]
    if told and side and told != side:
        why = (
            "; ".join(f"{one.said_by} {one.value}" for one in known)
            or f"model {models.get(shape[side == 'rows'])}"
        )
        raise InputError(f"{path}: {name} has the shape {shape}: orientation = {told!r} contradicts {why}")
    return told or side or "rows"
