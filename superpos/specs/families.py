"""Families of tests that a study states before it runs: what is asked of which sets, against which control.

With R draws no p is below 1 / (R + 1), and Holm's correction multiplies the least one by the number of tests,
so that a family is small and stated beforehand, or it shows nothing. A test belongs to one family at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from superpos.arrays import as_number
from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.controls import CONTROLS, FEATURES
from superpos.kinds.optimisers import OPTIMISERS
from superpos.kinds.questions import QUESTIONS
from superpos.kinds.similarities import SIMILARITIES
from superpos.kinds.weights import WEIGHTS
from superpos.specs.names import check_name

TRAINED = "pretrained"
"""The scheme of weights that is no control."""
DRAWN_WEIGHTS = " weights"
"""After the name of a scheme of weights: the control that is the same set of a network with such weights."""


@dataclass(frozen=True, slots=True)
class Family:
    """Tests that are corrected together: of every question, set and control that are named."""

    name: str
    """For answers and messages."""
    questions: Annotated[tuple[str, ...], QUESTIONS]
    """What is asked."""
    controls: tuple[str, ...]
    """Kinds of target that the features are held against, or a scheme of weights: `random weights`."""
    datasets: tuple[str, ...] = ()
    """Sets that are asked about, names of `[datasets]`; empty = all of the study."""
    similarities: Annotated[tuple[str, ...], SIMILARITIES] = ("cosine",)
    """Similarities of the matrices; questions that are not of matrices have none."""
    optimisers: Annotated[tuple[str, ...], OPTIMISERS] = ()
    """Optimisers, for questions on re-optimised ends; empty = all of the study."""
    level: float = 0.05
    """Chance of one wrong claim or more in the family, above 0 and below 1."""
    margin: float = 0.0
    """Difference, in the unit of the one question, that counts as none: a set that lies nearer to the control
    than this in every layer and under every kernel is `shown absent`. 0 = nothing is shown absent."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_name("name", self.name)
        for key in ("questions", "controls"):
            if not getattr(self, key):
                raise ArgumentError(key, "is empty; name at least one")
        for question in self.questions:
            QUESTIONS.get(question, "questions")
        for control in self.controls:
            _check_control(control)
        for similarity in self.similarities:
            SIMILARITIES.get(similarity, "similarities")
        for optimiser in self.optimisers:
            OPTIMISERS.get(optimiser, "optimisers")
        level = as_number("level", self.level, minimum=0.0, exclusive=True)
        if level >= 1.0:
            raise ArgumentError("level", f"{level:g} must be below 1")
        margin = as_number("margin", self.margin, minimum=0.0)
        if margin > 0.0 and len(self.questions) > 1:
            units = ", ".join(self.questions)
            raise ArgumentError(
                "margin",
                f"{margin:g} has the unit of one question, and there are {units}; make a family each",
            )
        object.__setattr__(self, "level", level)
        object.__setattr__(self, "margin", margin)

    def holds(
        self, *, question: str, control: str, dataset: str, similarity: str = "", optimiser: str = ""
    ) -> bool:
        """Return whether a test is one of the family; the empty text stands for what a question lacks."""
        return (
            question in self.questions
            and control in self.controls
            and (not self.datasets or dataset in self.datasets)
            and (not similarity or similarity in self.similarities)
            and (not optimiser or not self.optimisers or optimiser in self.optimisers)
        )


def _check_control(control: str) -> None:
    schemes = [f"{kind}{DRAWN_WEIGHTS}" for kind in WEIGHTS.names() if kind != TRAINED]
    if control.endswith(DRAWN_WEIGHTS):
        if control not in schemes:
            raise ArgumentError("controls", f"{shown(control)}; {allowed(control, schemes)}")
        return
    names = [name for name in CONTROLS.names() if name != FEATURES]
    if control == FEATURES or (":" not in control and control not in names):
        raise ArgumentError("controls", f"{shown(control)}; {allowed(control, [*names, *schemes])}")


def check_apart(families: Sequence[Family], datasets: Sequence[str]) -> None:
    """Refuse data sets that there are not, and families that have a test in common.

    Raises
    ------
    ArgumentError
        Naming the family, the key and the value.
    """
    for index, family in enumerate(families):
        for dataset in family.datasets:
            if dataset not in datasets:
                said = f"{shown(dataset)}; {allowed(dataset, datasets)}"
                raise ArgumentError(f"tests.{family.name}.datasets", said)
        for other in families[:index]:
            common = _common(family, other, datasets)
            if common:
                raise ArgumentError(
                    f"tests.{family.name}",
                    f"asks {common}, as tests.{other.name} does; a test belongs to one family",
                )


def _common(one: Family, other: Family, datasets: Sequence[str]) -> str:
    """Return a test of both families in words, empty if there is none."""
    questions = [name for name in one.questions if name in other.questions]
    controls = [name for name in one.controls if name in other.controls]
    sets = [
        name for name in (one.datasets or tuple(datasets)) if not other.datasets or name in other.datasets
    ]
    alike = [name for name in one.similarities if name in other.similarities]
    apart = one.optimisers and other.optimisers and not set(one.optimisers) & set(other.optimisers)
    if not (questions and controls and sets and alike) or apart:
        return ""
    return f"{questions[0]} of {sets[0]} against {controls[0]} ({alike[0]})"
