"""Powell's ends beside their polished ends and the optimiser that keeps the norms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.optimisers import Optimisers, Proved, draw_optimisers, optimisers
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import EXACT, POWELL, in_name, optimiser_label, optimisers_shown
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject

_NOT_RUN = " The manifold optimiser was not run in this study."


def draw_pairs(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield Powell beside its polished end and the manifold optimiser."""
    for subject in subjects:
        for other in (EXACT, *optimisers_shown(data.of(subject, data.fits))):
            numbers = None if other == POWELL else optimisers(data, subject, other)
            if numbers is None or (other != EXACT and not numbers.has_manifold):
                continue
            yield Drawn(
                f"optimisers-{subject_name(subject, data)}{'' if other == EXACT else in_name(other)}",
                f"Powell, polished Powell and {numbers.other}: {subject.label}",
                caption(numbers),
                draw_optimisers(numbers),
                numbers.table(),
            )


def caption(numbers: Optimisers) -> str:
    """Return how to read the figure of Powell's method and another optimiser."""
    exact = numbers.other == optimiser_label(EXACT)
    whose = "the optimiser that keeps the norms exactly" if exact else numbers.other
    return (
        f"Each point is one fit of a features target (every layer there is, dimension and σ; the "
        f"{numbers.other} where it ran from the same start). On the diagonal, the better optimiser changes "
        "nothing; above it, Powell's low distance is owed to stopping early. Energy: how much of the "
        f"descent of {whose} Powell makes (bar: median). Relative "
        "gradient: below 10⁻⁶ a point counts as critical, above 10⁻³ Powell counts as stalled; "
        "exact zeros are drawn at 10⁻¹⁶."
    ) + (f" {_proved(numbers.proved)}" if numbers.has_manifold else _NOT_RUN)


def _proved(found: Proved | None) -> str:
    """Return what the bounds say of the certified minima."""
    if found is None:
        return "No certified minimum has a bound yet: the next run finds it."
    n, least = found.n_minima, found.n_least
    said = (
        f"{least} of {n} certified minima {'is' if least == 1 else 'are'} the least energy there is: no "
        "configuration of that dimension, importance and norms is lower by more than 10⁻⁶"
    )
    if least == n:
        return f"{said}."
    return (
        f"{said}. The others lie {found.median_gap:.2g} (median; at most {found.largest_gap:.2g}) units of "
        "energy above a bound that may lie below every configuration."
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
    views=("fit_results",),
    rank=45,
)
