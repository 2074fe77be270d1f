"""Shares of status and verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.outcomes import draw_outcomes, outcomes
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


def draw_ends(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the shares of status and verdict."""
    for subject in subjects:
        numbers = outcomes(data, subject)
        if numbers is not None:
            yield Drawn(
                f"outcomes-{subject_name(subject, data)}",
                f"How optimisations ended: {subject.label}",
                "Shares over every target, layer, dimension and σ, for every setting that ran (the other "
                "figures show the main one); the number of cells stands at the bar. Verdicts come from the "
                "certificate on the product of spheres: strict and degenerate are local minima, saddle and "
                "not critical are none, not applicable means fewer than 1.5 effective features. ε is the "
                "softening in units of the start radius. An empty row was not run with that optimiser.",
                draw_outcomes(numbers),
                numbers.table(),
            )


KIND = Chapter(
    name="outcomes",
    version=1,
    title="Status and verdict",
    meaning=("How the optimisations ended, and what kind of point they ended at."),
    missing="no joint fit",
    draw=draw_ends,
    views=("joint_results", "fit_results"),
    rank=50,
)
