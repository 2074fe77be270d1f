"""Which comparisons are tested together, and what is left of their p after Holm's correction.

    declared    the comparisons that a family of the study names (`superpos.specs.families`)
    others      the sets of one question, similarity and optimiser against one control

Every test has one hypothesis that nothing differs and, with a margin, one that something differs by as much.
One of the two is false, so that the level covers both lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from superpos.analysis.against_control import LEVEL, p_absent
from superpos.analysis.answering import Compared
from superpos.analysis.permutation import holm
from superpos.specs.families import Family


class Tested(NamedTuple):
    """A comparison within its family."""

    family: str
    """Name of the declared family; empty without one."""
    level: float
    n_tests: int
    """Comparisons of the family that could be made."""
    p_adjusted: float | None
    """None where nothing could be compared."""
    margin: float | None
    p_absent: float | None
    """After the correction; None without a margin."""
    exploratory: bool
    """Whether the study declares families, and this comparison is in none."""


def within_families(
    found: Mapping[str, Sequence[Compared]], families: Sequence[Family] = ()
) -> dict[str, list[Tested]]:
    """Return every comparison within its family, in the order of the comparisons.

    Parameters
    ----------
    found
        Comparisons by question.
    families
        Those that the study declares; no two have a test in common.
    """
    groups: dict[tuple[object, ...], list[tuple[str, int]]] = {}
    for question, comparisons in found.items():
        for index, one in enumerate(comparisons):
            groups.setdefault(_group(question, one, families), []).append((question, index))
    made: dict[tuple[str, int], Tested] = {}
    for group, members in groups.items():
        declared = group[0] if isinstance(group[0], Family) else None
        made.update(_corrected(members, found, declared, exploratory=bool(families) and declared is None))
    return {
        question: [made[question, index] for index in range(len(comparisons))]
        for question, comparisons in found.items()
    }


def _group(question: str, one: Compared, families: Sequence[Family]) -> tuple[object, ...]:
    similarity, optimiser = one.subject.get("similarity", ""), one.subject["optimiser"]
    for family in families:
        if family.holds(
            question=question,
            control=one.control,
            dataset=one.subject["dataset"],
            similarity=similarity,
            optimiser=optimiser,
        ):
            return (family,)
    return question, one.control, similarity, optimiser


def _corrected(
    members: Sequence[tuple[str, int]],
    found: Mapping[str, Sequence[Compared]],
    family: Family | None,
    *,
    exploratory: bool,
) -> dict[tuple[str, int], Tested]:
    comparisons = {key: found[key[0]][key[1]].found for key in members}
    there = {key: one for key, one in comparisons.items() if one is not None}
    margin = family.margin or None if family else None
    adjusted = dict(zip(there, holm([one.p_value for one in there.values()]), strict=True)) if there else {}
    absent = {}
    if margin and there:
        corrected = holm([p_absent(one.means, margin) for one in there.values()])
        absent = dict(zip(there, corrected, strict=True))
    return {
        key: Tested(
            family=family.name if family else "",
            level=family.level if family else LEVEL,
            n_tests=len(there),
            p_adjusted=float(adjusted[key]) if key in there else None,
            margin=margin,
            p_absent=float(absent[key]) if key in absent else None,
            exploratory=exploratory,
        )
        for key in members
    }
