"""What comes first: every set beside its controls, and which ends are minima."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from superpos.reporting.charts.differences import beyond_all, differences, draw_differences
from superpos.reporting.charts.gradients import draw_gradients, gradients
from superpos.reporting.charts.optimisers import CRITICAL
from superpos.reporting.charts.own_energies import (
    OwnEnergies,
    beyond_controls,
    draw_own_energies,
    own_energies,
)
from superpos.reporting.sections import Chapter, Drawn
from superpos.reporting.selection import POWELL
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject

MAX_ROWS = 40
"""Sets that have a row."""


def draw_lead(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield own energies, differences to controls, and gradients at the ends, each over all sets."""
    shown = tuple(subjects[:MAX_ROWS])
    energies = own_energies(data, shown)
    if energies is not None:
        below, above = beyond_controls(energies)
        yield Drawn(
            "own-energy",
            f"Own energy of {_rows(energies)}: {below} below all controls, {above} above all"
            if len(energies.groups) > 1
            else f"Own energy of {_rows(energies)}, without a control",
            "Each row is a set, by one way of finding its directions where it has several, under "
            f"the {energies.kernel} kernel and {energies.similarity} similarity. "
            "Large dots: the features, median over layers. Bars: the central 90 % of the draws of a control, "
            "a tick at their median; each draw is a median over layers too. Left of its bars a set has less "
            "energy than its controls. Nothing is fitted. The scale is a square root.",
            draw_own_energies(energies),
            energies.values,
            ("geometry_results",),
        )
    found = differences(data, shown)
    if found is not None:
        nearer, farther = beyond_all(found)
        claim = (
            f"Certified minima of {_sets(len(found.subjects))}: {nearer} nearer to the target than all "
            f"controls, {farther} farther than all"
        )
        yield Drawn(
            "differences",
            claim if found.certified else "Where re-optimisation ends: features minus each control",
            f"Root mean square per entry of a {found.similarity} matrix, at equal layer, kernel, dimension "
            "and λ_d. Marks are medians over such cells, bars their quartiles: the cells of a set are no "
            "replicates, so a bar is no interval; the table of verdicts says what can be told from chance. "
            "Shuffled labels, drawn bold, leave the most of a set as it is.",
            draw_differences(found),
            found.values,
        )
    ends = gradients(data)
    if ends is not None:
        shares = {
            name: (int(np.sum(values <= CRITICAL)), values.size)
            for name, values in zip(ends.optimisers, ends.values, strict=True)
        }
        critical, n = shares.get(POWELL, (0, 0))
        title = (
            f"{critical:,} of {n:,} ends of Powell's method are critical points" if n else "Gradients at ends"
        )
        yield Drawn(
            "gradients",
            title,
            "Relative gradient at the ends of re-optimised features targets of all sets. Left of “critical” "
            "an end can be a minimum, and its certificate says whether it is one; right of “stalled” the "
            "optimiser stopped on a slope. What such ends say of a set is a matter of where they stopped.",
            draw_gradients(ends),
            ends.table(),
        )


def _rows(energies: OwnEnergies) -> str:
    """Return how many sets there are, and how many rows where these are more."""
    n = len(energies.subjects)
    return _sets(n) if n == energies.n_sets else f"{_sets(energies.n_sets)} in {n} rows"


def _sets(count: int) -> str:
    return f"{count} set{'' if count == 1 else 's'}"


KIND = Chapter(
    name="lead",
    version=1,
    title="Features beside their controls",
    meaning=(
        "What the directions say before and after the energy moves them, set by set and control by control."
    ),
    missing="nothing was measured or re-optimised",
    draw=draw_lead,
    by_subject=False,
    rank=1,
    views=("fit_results",),
    in_view=3,
)
