"""Traps of the thesis' method, and the share of a study's cells that lie in each, by SQL over the views.

    rms = distance over the root of n (n - 1)

A share is of the cells that the trap can catch: ends of Powell's method, joint fits of controls, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from superpos.reporting.study_data import StudyData


class Trap(NamedTuple):
    """What a reader of the numbers falls into."""

    name: str
    view: str
    among: str
    """Condition on the rows that it can catch."""
    caught: str
    """Condition on those that it catches."""


TRAPS = (
    Trap(
        "Powell's method stops where the gradient has not vanished",
        "fit_results", "optimiser = 'powell' AND verdict <> 'not_applicable'", "verdict = 'not_critical'",
    ),
    Trap(
        "Powell's end lies farther from its own minimum than it has come",
        "fit_results", "optimiser = 'powell' AND rms_polish IS NOT NULL", "rms_polish > rms_moved",
    ),
    Trap(
        "Powell's end lies farther from the target than the perturbed start",
        "fit_results", "optimiser = 'powell' AND sigma > 0", "distance_final > distance_start",
    ),
    Trap(
        "A certified end is the regular simplex, whatever the target was (rms below 0.01)",
        "fit_results",
        "optimiser = 'manifold' AND verdict IN ('strict', 'degenerate') AND similarity = 'cosine'",
        "rms_simplex < 0.01",
    ),
    Trap(
        "A joint fit matches a control to an rms of 0.01: it would match anything",
        "joint_results", "target <> 'features' AND n_features > 1 AND status <> 'unbounded'",
        "distance * distance < 0.0001 * n_features * (n_features - 1)",
    ),
    Trap(
        "The importance of a joint fit rests on few features (entropy below 0.1 log n)",
        "joint_results", "importance_mode = 'learned' AND status <> 'unbounded'", "importance_entropy < 0.1",
    ),
    Trap("A joint fit has no minimum: unbounded", "joint_results", "1 = 1", "status = 'unbounded'"),
)  # fmt: skip


def traps(studies: Sequence[StudyData]) -> Iterator[str]:
    """Yield lines of Markdown: a row a trap, a column a study."""
    yield f"| trap | {' | '.join(f'`{data.study}`' for data in studies)} |"
    yield "|---|" + "---|" * len(studies)
    for trap in TRAPS:
        yield f"| {trap.name} | {' | '.join(share(data, trap) for data in studies)} |"
    yield ""


def share(data: StudyData, trap: Trap) -> str:
    """Return the share of cells in a trap and how many could have been; a dash where none could."""
    caught = sa.func.coalesce(sa.func.sum(sa.case((sa.text(trap.caught), 1), else_=0)), 0)
    view = sa.table(trap.view, sa.column("study"))
    query = sa.select(sa.func.count(), caught).select_from(view)
    query = query.where(view.c.study == data.study, sa.text(trap.among))
    with data.results.database.read() as connection:
        n, found = connection.execute(query).one()
    if not n:
        return "–"
    percent = 100 * int(found) / int(n)
    if percent in (0, 100) or 1 <= percent <= 99:
        return f"{percent:.0f} % of {n:,}"
    if percent < 1:
        return f"{percent:.2g} % of {n:,}"
    return f"{min(percent, 99.9):.1f} % of {n:,}"
