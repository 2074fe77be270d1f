"""Intervals of measures, from the matrices of bootstrapped probes that the stage `ceilings` keeps.

Part of the stages `psms` and `ceilings`: whatever measure of the features lacks its interval gets it, of
kernels and measures that came later, too. No probe is trained again. The rule is that of
`superpos.intervals`; of a measure with a bound the scale begins there. Measures in a dimension have none: a
nearest configuration for every bootstrap costs more than the probes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from superpos.arrays import Bool, Float
from superpos.db.analysis import unfinished
from superpos.db.engine import Database
from superpos.db.insert import parts
from superpos.db.measures import matrices
from superpos.db.resamples import Ends, Resampled, Stored, finish_intervals, resampled, without_interval
from superpos.intervals import FEWEST, bias_t_above
from superpos.kinds.measures import MEASURES, Measure
from superpos.psms.measuring import Answer, Asked, answer
from superpos.threads import one_thread

BATCH = 20
"""Matrices that are read and written together, with all their bootstraps."""


def resampled_measures() -> dict[str, Measure]:
    """Return the measures that have an interval, by name: those of a matrix and, if any, a kernel."""
    return {
        kind.name: kind
        for kind in MEASURES.usable()
        if not kind.per_dimension and kind.reads in ("matrix", "eigenvalues", "entries")
    }


def lacking_intervals(database: Database, study_id: int) -> bool:
    """Return whether a measure of a resampled matrix of the study lacks its interval."""
    return bool(without_interval(database, study_id, list(resampled_measures()), limit=1))


def find_intervals(
    database: Database, study_id: int, writing: Callable[[], AbstractContextManager[Any]]
) -> int:
    """Find the intervals that measures of the study lack; return the number of matrices.

    `writing` opens the transactions in which they are written.
    """
    ids = without_interval(database, study_id, list(resampled_measures()))
    for part in parts(ids, BATCH):
        widths = dict(zip(part, matrices(database, part).widths, strict=True))
        with one_thread():  # of BLAS, so that bits do not depend on the machine's cores
            found = [ends for one in resampled(database, part, widths) for ends in intervals_of(one)]
        with writing():
            finish_intervals(database, found)
            unfinished(database)  # answers read them
    return len(ids)


def intervals_of(one: Resampled) -> list[Ends]:
    """Return the interval of each measure of a matrix."""
    answers = drawn_measures(one)
    kinds = resampled_measures()
    n = len(one.matrices)
    return [
        Ends(one.psm_id, stored.measure, stored.place, *_ends(kinds[stored.measure], stored.value, drawn), n)
        for stored in one.stored
        if stored.measure in kinds
        for drawn in [answers.get(stored)]
    ]


def drawn_measures(one: Resampled) -> dict[Stored, Answer]:
    """Return what measures say of every bootstrap, NaN of one that lost a feature; those that fail not."""
    kinds = resampled_measures()
    asked = {
        stored: Asked(kinds[stored.measure], stored.place.kernel)
        for stored in one.stored
        if stored.measure in kinds and kinds[stored.measure].applies_to(one.similarity)
    }
    whole: Bool = np.asarray(np.isfinite(one.matrices).all(axis=(1, 2)))
    if not whole.any():
        return {}
    found, _ = answer(list(one.matrices[whole]), list(asked.values()), widths=[one.width] * int(whole.sum()))
    return {
        stored: Answer(*(_spread_out(column, whole) for column in (each.value, each.bound, each.scaled)))
        for stored, of in asked.items()
        if (each := found.get(of)) is not None
    }


def _spread_out(values: Float, whole: Bool) -> Float:
    found = np.full(len(whole), np.nan)
    found[whole] = values
    return found


def _ends(kind: Measure, value: float, drawn: Answer | None) -> tuple[float, float]:
    """Return the interval, within what the measure can be at all."""
    if drawn is None or len(drawn.value) < FEWEST:
        return math.nan, math.nan
    if not math.isfinite(value) or not np.isfinite(drawn.value).all():
        return math.nan, math.nan
    low, high = bias_t_above(value, drawn.value, float(drawn.bound[0]))
    # A value may lie beyond its range by a rounding.
    return min(max(low, kind.low), value), max(min(high, kind.high), value)
