"""Questions of the analysis: a number of a view, of the features and of each control.

A question says which view it reads, which number of a row is compared, and which rows can carry a claim at
all. What is done with the numbers is the same for all of them: `superpos.analysis.against_control`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.register import Kind, Register

VIEWS = (
    "geometry_results",
    "explained_results",
    "psm_results",
    "fit_results",
    "joint_results",
    "probe_results",
)
"""Views whose rows are of the features or of a draw of a control. Rows of `psm_results` have one number more,
`label_spearman`: the rank correlation of the matrix with the phi coefficients of the labels."""

_TAKEN = {
    "value": ("rows",),
    "prepare": ("rows",),
    "rows": ("rows",),
    "sound": ("rows",),
    "note": ("features", "draws"),
}
"""What the functions of a question take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Kind):
    """A question that a study can be asked; `meaning` is the question as people ask it."""

    view: str
    """One of `VIEWS`; axes of its rows are known."""
    columns: tuple[str, ...]
    """Columns that the functions below read beside the axes."""
    value: Callable[[Any], Any]
    """From rows (a data frame) to the number that is compared (a series)."""
    quantity: str
    """What the number is, for a sentence: `distance of the end to the target`."""
    unit: str
    lower: str
    """The verb of a sentence where the features have less: `ends closer to its target than`."""
    higher: str
    prepare: Callable[[Any], Any] | None = None
    """From rows, of which `rows` are left, to the rows that are compared, where a number takes several: a
    quotient of two measures, a choice made on other layers. None: the rows as they are."""
    note: Callable[[Any, Any], str] | None = None
    """From the compared rows of the features and those of the draws to words that end a sentence."""
    rows: Callable[[Any], Any] | None = None
    """From rows to which of them are asked about (booleans); None for all."""
    sound: Callable[[Any], Any] | None = None
    """From rows to which of them can carry a claim; None for all."""
    unsound: str = ""
    """What the others are, for a sentence: `ends that are no minima`."""
    p_value: str = ""
    """Column with the p of a row by itself, its features relabelled; empty where rows have none. The set is
    then compared with itself, too, and a row without this p has a `reason`."""
    p_smallest: str = ""
    """Column with the least that this p could have been."""
    n_permutations: str = ""
    """Column with the number of relabellings."""
    signed: str = ""
    """Column with the correlation that says to which side such a row departs; empty where there is none."""

    def check(self) -> None:
        """Try the words; raises `ArgumentError`."""
        if self.view not in VIEWS:
            raise ArgumentError("view", f"{shown(self.view)}; {allowed(self.view, VIEWS)}")
        if self.sound is not None and not self.unsound:
            raise ArgumentError("unsound", "is empty; say what the rows are that carry no claim")
        tested = (self.p_value, self.p_smallest, self.n_permutations)
        if any(tested) and not all(tested):
            raise ArgumentError("p_value", "goes with p_smallest and n_permutations; give all or none")
        read = {*filter(None, (*tested, self.signed)), *(("reason",) if self.p_value else ())}
        if missing := read - set(self.columns):
            raise ArgumentError("columns", f"lack {', '.join(sorted(missing))}, by which rows are tested")
        for name, taken in _TAKEN.items():
            function = getattr(self, name)
            if function is not None:
                try:
                    inspect.signature(function).bind(*taken)
                except TypeError as error:
                    said = f"takes data frames of rows: {name}({', '.join(taken)})"
                    raise ArgumentError(name, said) from error


QUESTIONS: Register[Question] = Register(
    "question",
    Question,
    package="superpos.analysis.questions",
    group="superpos.questions",
)
"""Questions by name."""
