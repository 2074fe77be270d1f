"""Powell's ends beside their polished ends and the optimiser that keeps the norms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.optimisers import draw_optimisers, optimisers
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


def draw_pairs(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield Powell beside its polished end and the manifold optimiser."""
    for subject in subjects:
        numbers = optimisers(data, subject)
        if numbers is not None:
            yield Drawn(
                f"optimisers-{subject_name(subject, data)}",
                f"Powell, polished Powell and manifold: {subject.label}",
                "Each point is one fit of a features target (every layer there is, dimension and σ; the "
                "manifold where it ran from the same start). On the diagonal, the better optimiser changes "
                "nothing; above it, Powell's low distance is owed to stopping early. Energy: how much of the "
                "descent of the optimiser that keeps the norms exactly Powell makes (bar: median). Relative "
                "gradient: below 10⁻⁶ a point counts as critical, above 10⁻³ Powell counts as stalled; "
                "exact zeros are drawn at 10⁻¹⁶."
                + ("" if numbers.has_manifold else " The manifold optimiser was not run in this study."),
                draw_optimisers(numbers),
                numbers.table(),
            )


KIND = Chapter(
    name="optimisers",
    version=1,
    title="Powell against exact norms",
    meaning=(
        "Powell's method stalls on the penalty of the norms; beside it stand its end polished on the "
        "spheres and an optimiser that keeps the norms exactly."
    ),
    missing="no re-optimisation by Powell's method",
    draw=draw_pairs,
    rank=45,
)
