"""`superpos status --watch`: progress again and again, with rate and time left, from the database alone.

Rates are those of the stretch that was watched: rows that came in between the first look and this one, over
the time between them, so that they are right however many runs work on the study and wherever they do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from rich.console import Console

from superpos.db.engine import Database
from superpos.db.failures import failures_by_reason
from superpos.db.progress import StageProgress, study_progress

OUT = Console(highlight=False, soft_wrap=True)


class Look(NamedTuple):
    """How far a study is at one moment, and how fast it goes."""

    study: str
    stages: tuple[StageProgress, ...]
    rates: Mapping[str, float]
    """Rows a second of each stage since the first look; none at the first."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left that a run would do."""
        return all(row.undone <= row.quarantined for row in self.stages)

    def left(self, row: StageProgress) -> float | None:
        """Return the seconds that a stage needs at its rate; None where it is not known."""
        rate = self.rates.get(row.stage, 0.0)
        return (row.undone - row.quarantined) / rate if rate > 0.0 else None


def watch(
    database: Database,
    names: tuple[str, ...],
    seconds: float,
    *,
    as_json: bool,
    check: Callable[[], None],
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Print how far studies are, again and again until nothing is left; return the exit status."""
    firsts: dict[str, tuple[float, tuple[StageProgress, ...]]] = {}
    while True:
        looks = [look(database, name, firsts, clock()) for name in names]
        failures = failures_by_reason(database, names)
        if as_json:
            OUT.print(json.dumps({"studies": list(map(_plain, looks)), "failures": failures}), markup=False)
        else:
            for line in lines(looks, failures):
                OUT.print(line, markup=False)
        if all(one.finished for one in looks):
            return 1 if any(row.undone for one in looks for row in one.stages) else 0
        check()
        pause(seconds)


def look(
    database: Database, name: str, firsts: dict[str, tuple[float, tuple[StageProgress, ...]]], now: float
) -> Look:
    """Return how far a study is, and its rates since the first look, which is kept."""
    rows = study_progress(database, name)
    began, first = firsts.setdefault(name, (now, rows))
    before = {row.stage: row.done for row in first}
    elapsed = now - began
    rates = {row.stage: (row.done - before.get(row.stage, 0)) / elapsed for row in rows if elapsed > 0.0}
    return Look(name, rows, rates)


def lines(looks: list[Look], failures: Mapping[str, int]) -> Iterator[str]:
    """Yield what is said of looks: a line for each stage that is not finished and each reason of failures."""
    for one in looks:
        if one.finished:
            yield f"{one.study}: nothing left to do"
        for row in one.stages:
            if row.undone:
                rate, left = one.rates.get(row.stage, 0.0), one.left(row)
                speed = f", {rate:.3g} a second" if rate > 0.0 else ""
                speed += f", about {duration(left)} left" if left is not None else ""
                failed = row.failed + row.quarantined
                speed += f", {failed:,} failed" if failed else ""
                yield f"{one.study}: {row.stage} {row.done:,} of {row.planned - row.not_applicable:,}{speed}"
    for reason, count in failures.items():
        yield f"{count} x {reason}"


def duration(seconds: float) -> str:
    """Return a time for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _plain(one: Look) -> dict[str, Any]:
    return {
        "study": one.study,
        "stages": [
            {**asdict(row), "a_second": one.rates.get(row.stage), "seconds_left": one.left(row)}
            for row in one.stages
        ],
    }
