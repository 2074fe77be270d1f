"""Families of planted studies: those in which there is nothing to find, and those that say what is found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from superpos.at_hand.labels import follows_labels
from superpos.datasets.builders.planted import PlantedOptions
from superpos.errors import ArgumentError
from tools.validation_numbers import HELD_OUT, RELABELLED
from tools.validation_studies import LABELS, Design, recovered, study

SMALL: dict[str, Any] = {"shape": "random", "n_features": 5, "width": 24, "strength": 0.0}
READ = {**SMALL, "strength": 4.0}
NULLS = {
    "unread": Design(planted=PlantedOptions(**SMALL)),
    "random": Design(planted=PlantedOptions(**READ)),
    "wide": Design(planted=PlantedOptions(**{**READ, "rank": 5, "width": 256})),
    "classes": Design(planted=PlantedOptions(**SMALL, labels="classes")),
    "together": Design(planted=PlantedOptions(**READ, labels="together", correlation=0.5)),
    "in_pairs": Design(
        planted=PlantedOptions(**{**READ, "n_features": 6}, labels="in_pairs", correlation=0.8)
    ),
    "groups": Design(planted=PlantedOptions(**SMALL, group_size=10, group_noise=1.0)),
    "uneven": Design(planted=PlantedOptions(**SMALL, decay=1.0)),
}
"""Families in which there is nothing to find, by name."""
DEEP = ("unread", "random", "in_pairs", "groups")
"""Those of which fits are asked, too."""
AT_HAND = "superpos.follows_labels"
"""What a test of activations at hand is called beside the questions."""
_OF_LABELS = ("follows_labels", "labels_explain")
_ON_LABELS = (AT_HAND, *_OF_LABELS, *(question + HELD_OUT for question in _OF_LABELS))
ASKED = {"wide": _ON_LABELS}
"""Questions to which a family is a null, where these are not all: random directions of few dimensions have a
geometry of their own."""
FOUND = ("random", "wide", "together", "in_pairs")
"""Families whose features probes do read."""
JOINT = {
    **{name: NULLS[name].planted for name in NULLS if name != "classes"},
    "in_pairs, strength 1": replace(NULLS["in_pairs"].planted, strength=1.0),
    "in_pairs, unread": replace(NULLS["in_pairs"].planted, strength=0.0),
    "groups, strength 4": replace(NULLS["groups"].planted, strength=4.0),
}
"""Sets whose directions do not follow labels; classes are linearly dependent."""
JOINT_SPLITS = 5
SHAPES = {"simplex": 6, "orthoplex": 8, "circle": 7, "hierarchy": 9, "pairs": 8}
METHODS = ("mean_difference", "logistic", "lda")
STRENGTHS, SAMPLES, SEEDS = (1.0, 4.0), (500, 4000), 4
LOWER, HIGHER = -1, 1


def is_null(family: str, question: str) -> bool:
    """Return whether a family has nothing that a question could find."""
    if question == "read_by_probes":
        return family not in FOUND
    return question in ASKED.get(family, (question,))


def nulls(name: str, numbers: range, *, deep: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the p-values of null studies, by question and control."""
    design = replace(NULLS[name], deep=deep)
    for number in numbers:
        found = study(design, number)
        yield {"number": number, "p": {f"{q} | {c}": round(p, 6) for (q, c), p in found.p_values.items()}}


def joint(name: str, numbers: range) -> Iterator[dict[str, Any]]:
    """Yield the p-values of `superpos.follows_labels` in studies where directions do not follow labels."""
    planted, n_samples = JOINT[name], Design(planted=JOINT[name]).n_samples
    for number in numbers:
        yield {"number": number, "p": {f"{AT_HAND} | {RELABELLED}": _p_joint(planted, n_samples, number)}}


def _p_joint(planted: PlantedOptions, n_samples: int, number: int) -> float:
    labels, groups = planted.drawn_labels(n_samples, number)
    activations = planted.drawn_activations(labels, groups, 0, number)
    try:
        found = follows_labels(activations, labels, groups, n_splits=JOINT_SPLITS, n_draws=99)
    except ArgumentError:  # labels that are linearly dependent in every half: a study that is refused
        return math.nan
    return math.nan if found.p_value is None else round(found.p_value, 6)


def recovery() -> Iterator[dict[str, Any]]:
    """Yield how far recovered matrices lie from planted ones."""
    for shape, strength, n_samples, method in product(SHAPES, STRENGTHS, SAMPLES, METHODS):
        options = PlantedOptions(shape=shape, n_features=SHAPES[shape], strength=strength)  # type: ignore[arg-type]
        yield {
            "shape": shape,
            "strength": strength,
            "n_samples": n_samples,
            "method": method,
            **recovered(options, n_samples, method, range(SEEDS)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What is planted at several sizes, and which questions should say so."""

    design: Design
    varied: str
    """The option of the planted set that says how large the effect is."""
    sizes: tuple[float, ...]
    n_samples: tuple[int, ...]
    sides: dict[str, int]
    """To which side features depart, by question."""

    def designs(self) -> Iterator[tuple[float, int, Design]]:
        """Yield size, number of samples and design of every cell."""
        for n_samples in self.n_samples:
            for size in self.sizes:
                changed: dict[str, Any] = {self.varied: size}
                planted = replace(self.design.planted, **changed)
                yield size, n_samples, replace(self.design, planted=planted, n_samples=n_samples)


_PAIRS: dict[str, Any] = {"shape": "pairs", "n_features": 8, "width": 24, "labels": "in_pairs"}
EFFECTS = {
    "simplex": Effect(
        design=Design(planted=PlantedOptions(shape="simplex", n_features=5, width=24), controls=(LABELS,)),
        varied="strength",
        sizes=(0.25, 0.5, 1.0, 2.0, 4.0),
        n_samples=(100, 300, 1000),
        sides={"own_energy": LOWER, "simplex": HIGHER, "read_by_probes": HIGHER},
    ),
    "orthoplex": Effect(
        design=Design(
            planted=PlantedOptions(shape="orthoplex", n_features=6, width=24),
            controls=(LABELS,),
            balanced=True,
        ),
        varied="strength",
        sizes=(0.5, 1.0, 2.0, 4.0),
        n_samples=(300, 1000),
        sides={"balance": LOWER},
    ),
    "pairs": Effect(
        design=Design(
            planted=PlantedOptions(**_PAIRS),
            method="mean_difference",
            controls=("gaussian", LABELS),
        ),
        varied="correlation",
        sizes=(0.2, 0.4, 0.6, 0.8),
        n_samples=(300, 1000, 3000),
        sides={"follows_labels": HIGHER, "follows_labels" + HELD_OUT: HIGHER, AT_HAND: HIGHER},
    ),
    "pairs, correlation 0.4": Effect(
        design=Design(
            planted=PlantedOptions(**_PAIRS, correlation=0.4),
            method="mean_difference",
            controls=(LABELS,),
        ),
        varied="strength",
        sizes=(0.25, 0.5, 1.0, 2.0),
        n_samples=(100, 300, 1000),
        sides={AT_HAND: HIGHER},
    ),
}
"""What is planted, by its shape."""


def power(name: str, numbers: range) -> Iterator[dict[str, Any]]:
    """Yield size, samples, and by question and control the p-values of studies, signed by the estimate."""
    effect = EFFECTS[name]
    for size, n_samples, design in effect.designs():
        for number in numbers:
            found = study(design, number)
            p = {
                f"{question} | {control}": round(math.copysign(value, found.estimates[question, control]), 6)
                for (question, control), value in found.p_values.items()
                if question in effect.sides
            }
            if AT_HAND in effect.sides:
                p[f"{AT_HAND} | {RELABELLED}"] = _p_joint(design.planted, n_samples, number)
            yield {"size": size, "n_samples": n_samples, "number": number, "p": p}
