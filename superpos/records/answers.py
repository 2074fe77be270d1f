"""Answers: what the rows of a study say to a question, one set of features against one control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Strength = Literal["shown", "suggested", "not shown", "not testable here"]
STRENGTHS: tuple[str, ...] = get_args(Strength)
"""`shown`: p is at most 0.05 after Holm's correction for the other tests of its family. `suggested`: only
without it. `not shown`: neither. `not testable here`: too few draws for such a p, or no row that can carry a
claim."""


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
    high: float | None
    unit: str
    n_cells: int
    """Cells that features and every draw have, and that can carry a claim."""
    n_independent: int
    """Draws of the control; of sets together, sets."""
    p_value: float | None
    p_adjusted: float | None
    """After Holm's correction over `n_tests`."""
    p_smallest: float | None
    """The least p that so many draws, or sets, can give; before the correction."""
    n_tests: int
    """Tests of the family: the same question, similarity, optimiser and control."""
    strength: Strength
    sentence: str
