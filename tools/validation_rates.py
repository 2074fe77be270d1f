"""Rates of studies in which a question is answered by yes: what is kept of their p-values, and its tables.

A rate is the share of studies with p at most the level, its interval the exact one of Clopper and Pearson
(1934). "80 % at" is the size of an effect at which the rate is 0.8: linear in the logarithm of the size,
between the first two neighbours on whose rates it lies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from scipy.stats import binomtest

from superpos.analysis.against_control import LEVEL
from tools.validation_families import EFFECTS, is_null

BINS = 20
"""Of p-values: the first one holds those at most the level."""
WANTED = 0.8
ROUNDING = 1e-5
"""Of stored p-values."""


def kept(lines: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what is kept of null studies, by question and control.

    Parameters
    ----------
    lines
        Of `tools.validation_families.nulls`, in order from study 0.

    Returns
    -------
    dict
        `first`, the p of study 0; `bins`, numbers of studies by p in twentieths; `untested`, those without p.
    """
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        for key, p in line["p"].items():
            one = found.setdefault(key, {"first": None if p != p else p, "bins": [0] * BINS, "untested": 0})
            if p != p:
                one["untested"] += 1
            else:
                one["bins"][max(0, math.ceil(p * BINS - ROUNDING * BINS) - 1)] += 1
    return found


def more_than(one: Mapping[str, Any], other: Mapping[str, Any] | None) -> bool:
    """Return whether what is kept of null studies is of more of them than something else."""
    return other is None or sum(one["bins"]) + one["untested"] > sum(other["bins"]) + other["untested"]


def kept_power(name: str, lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return in how many studies each size of an effect was shown, by question, control and samples."""
    sides = EFFECTS[name].sides
    counts: dict[tuple[str, str, int, float], list[int]] = {}
    for line in lines:
        for key, p in line["p"].items():
            question, control = key.split(" | ")
            cell = counts.setdefault((question, control, line["n_samples"], line["size"]), [0, 0])
            cell[0] += 0.0 < sides[question] * p <= LEVEL + ROUNDING
            cell[1] += 1
    names = ("question", "control", "n_samples", "size")
    return [
        {**dict(zip(names, key, strict=True)), "shown": count, "studies": n}
        for key, (count, n) in sorted(counts.items())
    ]


def rejections(kept_: Mapping[str, Any]) -> tuple[int, int, float, float]:
    """Return rejections at the level, studies that could be tested, and the 95 % interval of the rate."""
    return rate(kept_["bins"][0], sum(kept_["bins"]))


def rate(count: int, n: int) -> tuple[int, int, float, float]:
    """Return a count, of how many, and the exact 95 % interval of its share."""
    if n == 0:
        return 0, 0, 0.0, 1.0
    interval = binomtest(count, n).proportion_ci(0.95, "exact")
    return count, n, float(interval.low), float(interval.high)


def size_at(rates: Sequence[tuple[float, float]], wanted: float = WANTED) -> float | None:
    """Return the size at which a rate is reached, from sizes in order with their rates; None if it is not."""
    for (small, below), (large, above) in pairwise(rates):
        if below < wanted <= above:
            share = (wanted - below) / (above - below)
            return math.exp(math.log(small) + share * (math.log(large) - math.log(small)))
    return None


def nulls_table(found: Mapping[str, Mapping[str, Mapping[str, Any]]], questions: Sequence[str] = ()) -> str:
    """Return the table of false positives, of some questions or of all."""
    head = (
        "| null | question | control | false positives | 95 % interval | rate |\n|---|---|---|---:|---|---|\n"
    )
    return head + "".join(_rate_rows(found, questions))


def _rate_rows(
    found: Mapping[str, Mapping[str, Mapping[str, Any]]], questions: Sequence[str]
) -> Iterator[str]:
    for family, answers in found.items():
        for key, values in answers.items():
            question, control = key.split(" | ")
            if not is_null(family, question) or (questions and question not in questions):
                continue
            count, n, low, high = rejections(values)
            said = "above 5 %" if low > LEVEL else "at most 5 %" if high <= LEVEL else "5 % is within"
            said = said if n else "not testable"
            cells = (f"`{family}`", _named(question), f"`{control}`", f"{count} of {n:,}")
            yield f"| {' | '.join(cells)} | {low:.1%} to {high:.1%} | {said} |\n"


def power_table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return in what share of studies an effect is shown, a row for each question, control and samples."""
    tables = []
    for name, cells in found.items():
        sizes = sorted({cell["size"] for cell in cells})
        titles = [f"{EFFECTS[name].varied} {size:g}" for size in sizes]
        head = f"| planted | question | control | samples | {' | '.join(titles)} | 80 % at |\n"
        head += f"|---|---|---|---:|{'---:|' * (len(sizes) + 1)}\n"
        rows = sorted({(cell["question"], cell["control"], cell["n_samples"]) for cell in cells})
        tables.append(head + "".join(_power_row(name, row, cells) for row in rows))
    return "\n".join(tables)


def _power_row(name: str, row: tuple[str, str, int], cells: Sequence[Mapping[str, Any]]) -> str:
    question, control, n_samples = row
    own = sorted(
        (one["size"], one["shown"], one["studies"])
        for one in cells
        if (one["question"], one["control"], one["n_samples"]) == row
    )
    said = []
    for _, shown, studies in own:
        _, _, low, high = rate(shown, studies)
        said.append(f"{shown / studies:.0%} ({low:.0%} to {high:.0%})")
    at = size_at([(size, shown / studies) for size, shown, studies in own])
    first = own[0][1] / own[0][2]
    point = f"at most {own[0][0]:g}" if first >= WANTED else "not reached" if at is None else f"{at:.2g}"
    head = f"| `{name}` | {_named(question)} | `{control}` | {n_samples:,} |"
    return f"{head} {' | '.join(said)} | {point} |\n"


def _named(question: str) -> str:
    name, _, mark = question.partition(", ")
    return f"`{name}`" + (f", {mark}" if mark else "")
