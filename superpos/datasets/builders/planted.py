"""Planted geometry: features whose directions are known, to see what a study finds of them.

`superpos.datasets.planted` has the formulas. Draws are those of the seed and of nothing else: sets that
differ in a shape, a strength or the number of samples share labels, rotations and noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Int, as_number
from superpos.datasets.planted import Dictionary, dictionary, draw_activations, draw_labels, expand_groups
from superpos.datasets.recorded import labelled_samples
from superpos.errors import ArgumentError
from superpos.kinds.builders import Builder
from superpos.records.data import LabelledTokens
from superpos.records.recorded import Place, Recorded
from superpos.seeding import generator
from superpos.specs.axes import check_choice, check_count
from superpos.specs.datasets import DatasetSpec

HOOKPOINT = "resid"
MODEL = "planted"
LARGEST = 1 << 27
"""Numbers of the activations of a layer: 1 GiB while they are drawn."""
Shape = Literal["simplex", "orthoplex", "circle", "hierarchy", "pairs", "random"]
Labels = Literal["independent", "together", "in_pairs", "classes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedOptions:
    """Known directions, and labels and noise of the samples."""

    shape: Shape
    """Geometry of the directions."""
    n_features: int = 6
    """Features."""
    width: int = 64
    """Dimensions of the activations."""
    rank: int = 0
    """Dimensions in which directions of the shape `random` lie; 0 = all of `width`."""
    children: int = 2
    """Children of each parent of a hierarchy; a family has one feature more."""
    cosine: float = 0.5
    """Of the two features of a pair."""
    strength: float = 4.0
    """What a present feature adds, in the length of an activation; 0 = activations know nothing of the
    labels."""
    noise: float = 1.0
    """Standard deviation of every coordinate, root mean square where they differ."""
    decay: float = 0.0
    """The variance of the noise along its j-th axis goes with j to the minus this power; 0 = alike."""
    labels: Labels = "independent"
    """Which features a sample has. Those of a hierarchy are of its own: each parent that is there has one
    child."""
    frequency: float = 0.3
    """Share of the samples that have a feature; a parent, of a hierarchy. Classes share them evenly."""
    correlation: float = 0.0
    """Of the normal variables behind the labels `together` and `in_pairs`."""
    group_size: int = 1
    """Samples in a row that share their labels, and stay on one side of a split."""
    group_noise: float = 0.0
    """Standard deviation of noise that the samples of a group share."""
    layers: int = 1
    """Layers: the same directions and labels under rotations and noise of their own."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_choice("shape", self.shape, get_args(Shape))
        check_choice("labels", self.labels, get_args(Labels))
        for name, least in (
            ("n_features", 2),
            ("width", 1),
            ("rank", 0),
            ("children", 2),
            ("group_size", 1),
            ("layers", 1),
        ):
            object.__setattr__(self, name, check_count(name, getattr(self, name), least))
        for name in ("strength", "noise", "decay", "group_noise"):
            object.__setattr__(self, name, as_number(name, getattr(self, name), minimum=0.0))
        for name in ("cosine", "correlation"):
            value = as_number(name, getattr(self, name), minimum=-1.0)
            if value > 1.0:
                raise ArgumentError(name, f"{value:g} must be at most 1")
            object.__setattr__(self, name, value)
        frequency = as_number("frequency", self.frequency, minimum=0.0, exclusive=True)
        if frequency >= 1.0:
            raise ArgumentError("frequency", f"{frequency:g} must be below 1")
        object.__setattr__(self, "frequency", frequency)
        if self.shape == "hierarchy" and self.labels != "independent":
            raise ArgumentError("labels", f"{self.labels!r} does not apply to a hierarchy; leave it out")
        rank = self.known(0).added.shape[1]
        if rank > self.width:
            raise ArgumentError("width", f"{self.width} is too narrow: the directions need {rank} dimensions")
        self.drawn_labels(1, 0)  # refuses a correlation, or a number of features, that there are no labels of

    def known(self, seed: int) -> Dictionary:
        """Return the dictionary; random directions are those of the seed."""
        return dictionary(
            self.shape,
            self.n_features,
            children=self.children,
            cosine=self.cosine,
            rank=self.rank or self.width,
            draw=generator("planted", part="directions", layer=-1, seed=seed),
        )

    def drawn_labels(self, n_samples: int, seed: int) -> tuple[Bool, Int]:
        """Return labels (n_samples, n) and the group of each sample."""
        groups = expand_groups(n_samples, self.group_size)
        units = draw_labels(
            "families" if self.shape == "hierarchy" else self.labels,
            math.ceil(n_samples / self.group_size),
            self.n_features,
            generator("planted", part="labels", layer=-1, seed=seed),
            frequency=self.frequency,
            correlation=self.correlation,
            children=self.children,
        )
        return units[groups], groups

    def drawn_activations(self, labels: Bool, groups: Int, layer: int, seed: int) -> NDArray[np.float32]:
        """Return the activations of a layer, (n_samples, width)."""
        return draw_activations(
            self.known(seed),
            labels,
            groups,
            self.width,
            strength=self.strength,
            noise=self.noise,
            group_noise=self.group_noise,
            decay=self.decay,
            rotation=generator("planted", part="rotation", layer=layer, seed=seed),
            samples=generator("planted", part="noise", layer=layer, seed=seed),
        )


def recorded(spec: DatasetSpec) -> Recorded:
    """Return the samples of a planted set.

    Raises
    ------
    ArgumentError
        If there are more numbers than are drawn at a time.
    """
    options = spec.told(PlantedOptions, "planted")
    if spec.n_samples * options.width > LARGEST:
        product = f"{spec.n_samples:,} samples of {options.width:,} numbers"
        raise ArgumentError("n_samples", f"{product}; at most {LARGEST:,} numbers are drawn a layer")

    def labelled() -> LabelledTokens:
        labels, groups = options.drawn_labels(spec.n_samples, spec.seed)
        names = options.known(spec.seed).names
        own = groups if options.group_size > 1 else None
        return labelled_samples(spec, names, labels, source=MODEL, groups=own)

    def activations(place: Place) -> NDArray[Any]:
        labels, groups = options.drawn_labels(spec.n_samples, spec.seed)
        return options.drawn_activations(labels, groups, place[1], spec.seed)

    return Recorded(
        model=MODEL,
        places={(HOOKPOINT, layer): options.width for layer in range(options.layers)},
        n_samples=spec.n_samples,
        dtype="float32",
        labelled=labelled,
        activations=activations,
    )


KIND = Builder(
    name="planted",
    version=1,
    rank=16,
    meaning="Synthetic activations of features whose directions are known.",
    feature="a planted direction",
    samples="synthetic activations",
    options=PlantedOptions,
    recorded=recorded,
    features=lambda options: options.known(0).names,
    source=lambda _options, _corpus: MODEL,
    without_corpus="labels and activations are drawn; leave it out",
)
