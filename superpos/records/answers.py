"""Answers: what the rows of a study say to a question, one set of features against one control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Strength = Literal["shown", "suggested", "shown absent", "not shown", "not testable here"]
STRENGTHS: tuple[str, ...] = get_args(Strength)
"""`shown`: p is at most the level after Holm's correction for the other tests of its family. `suggested`:
only without it, or in no family that the study declares. `shown absent`: a difference of the margin that the
family states, or more, is excluded at that level. `not shown`: none of these. `not testable here`: too few
draws for such a p, or no row that can carry a claim."""


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """One answer."""

    question: str
    model: str
    revision: str
    dataset: str
    """Empty for the sets of features together, each of which is one trial."""
    hookpoint: str
    pooling: str
    method: str
    similarity: str
    """Empty where the question is not of matrices."""
    optimiser: str
    """Empty where the question is not of re-optimised ends."""
    control: str
    """Kind of target, or scheme of weights and `weights`."""
    estimate: float | None
    """Features minus the median draw of the control; of sets together, the median over them."""
    low: float | None
    """The features' value minus the 97.5 % quantile of the draws: how far single draws lie from it."""
    high: float | None
    estimate_low: float | None
    """Lower end of the 95 % interval of the estimate, the samples drawn again; None without bootstraps."""
    estimate_high: float | None
    n_bootstraps: int
    unit: str
    n_cells: int
    """Cells that features and every draw have, and that can carry a claim."""
    n_independent: int
    """Draws of the control; of sets together, sets; of their agreement beside a control, draws."""
    p_value: float | None
    p_adjusted: float | None
    """After Holm's correction over `n_tests`."""
    p_smallest: float | None
    """The least p that so many draws, or sets, can give; before the correction."""
    n_tests: int
    """Tests of the family: those that the study declares, or else of the same question, similarity, optimiser
    and control."""
    family: str
    """Name of the declared family; empty without one."""
    level: float
    """Of the family."""
    margin: float | None
    """Difference that counts as none; None where none is stated."""
    p_absent: float | None
    """That the difference is the margin or more, after Holm's correction; None without a margin."""
    strength: Strength
    sentence: str
