"""The claims of the thesis over several studies: a verdict each, its number, and what repeats it.

All of it is rows of the view `answers`; only what would change a conclusion is written here, by claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from superpos.records.answers import STRENGTHS
from superpos.reporting.answers import NO_ROW, in_words, is_testable
from superpos.reporting.claims import (
    CLAIMS,
    LABELS,
    Claim,
    Judged,
    judged_rows,
    rows_of,
    strongest,
    verdicts,
)
from superpos.reporting.selection import POWELL
from superpos.reporting.study_data import StudyData
from tools.findings_short import UNTESTED, in_short
from tools.findings_text import listed, number, wrapped

WOULD_CHANGE = {
    "Features sit where an energy is low": (
        "sets of another model with less energy than their exchanged labels"
    ),
    "Their forces balance": "net forces smaller than those of exchanged labels at the same dimension",
    "Re-optimisation keeps the distance to the target low": (
        "certified ends nearer to the features than to exchanged labels"
    ),
    "Re-optimisation takes random targets away": (
        "certified ends that leave exchanged labels farther behind than features"
    ),
    "Re-optimisation moves features little": "certified ends that move features less than exchanged labels",
    "Features lie in local minima": (
        "a share of returns above that of exchanged labels, at equal angle and dimension"
    ),
    "The best energy does not depend on the feature set": (
        "sets that agree more than their exchanged labels do"
    ),
    "Abstract features form simplexes": "a distance to the regular simplex below that of exchanged labels",
    "Importance plays no part": "importance that follows the features where the diagonal is left out",
    "Geometry is preserved through the layers": "more features: few of them have few relabellings",
    "Probes read the features": "test scores within those of exchanged labels",
    "Training makes features readable": "networks at random weights that are read as well, of enough seeds",
    "Geometry follows the labels' correlations": (
        "a test whose false positives are held, from matrices alone"
    ),
    "Energy explains what the labels do not": (
        "variance that the energy's optimum explains beyond labels, in more sets"
    ),
    "Words of a list lie in its order": "lists whose words are read by the model as wholes",
    "Words of a cyclic list lie on a circle": "cyclic lists whose words are read by the model as wholes",
}
"""What would change the conclusion on a claim."""


def claims(studies: Sequence[StudyData]) -> Iterator[str]:
    """Yield lines of Markdown: all claims in short, verdicts, a paragraph for each that can be tested."""
    found = {data.study: {one.claim: one for one in verdicts(data)} for data in studies}
    asked = [claim for claim in CLAIMS if any(claim.claim in of for of in found.values())]
    yield from in_short(
        {one.claim: [of[one.claim].here for of in found.values() if one.claim in of] for one in asked}
    )
    yield f"| claim | the thesis | {' | '.join(f'`{data.study}`' for data in studies)} |"
    yield "|---|---|" + "---|" * len(studies)
    for claim in asked:
        cells = []
        for data in studies:
            one = found[data.study].get(claim.claim)
            cells.append("not asked" if one is None else _cell(one.powell, one.here))
        yield f"| {claim.claim} | {claim.said} | {' | '.join(cells)} |"
    yield ""
    for claim in asked:
        text = _paragraph(claim, studies)
        if text:
            yield wrapped(text, "- ")
    yield ""


def _cell(powell: Judged, here: Judged) -> str:
    parts = [_verdict(here)] if here.word else []
    if powell.word and (not parts or powell.word not in (here.word, UNTESTED)):
        parts.append(f"(Powell's ends: {_verdict(powell)})")
    return " ".join(parts).replace("|", "/")


def _verdict(one: Judged) -> str:
    """Return a verdict without what the page says once: exchanged labels as control, no row to test."""
    text = one.text.removesuffix(f"against {in_words(LABELS)}").strip()
    return f"**{one.word}**" if text in ("", NO_ROW) else f"**{one.word}** {text}"


def _paragraph(claim: Claim, studies: Sequence[StudyData]) -> str:
    """Return the number of a claim that weighs most, what controls repeat it, and what would change it."""
    best: tuple[tuple[int, float, float], str, pd.DataFrame] | None = None
    for data in studies:
        rows = rows_of(claim, data.answers)
        own = rows[rows["optimiser"] != POWELL]
        own = own if len(own) else rows
        if own.empty:
            continue
        row = strongest(judged_rows(own)[1])
        if row is not None and (best is None or _weight(row) < best[0]):
            best = (_weight(row), f"`{data.study}`, {number(row)}", own)
    if best is None:
        return ""
    _, said, own = best
    change = f"Would change it: {WOULD_CHANGE[claim.claim]}."
    return " ".join(filter(None, [f"**{claim.claim}.** {said}.", _repeated(own), change]))


def _weight(row: pd.Series) -> tuple[int, float, float]:
    """Return what strongest rows of several studies are compared by: the least weighs most."""
    p = float(row["p_adjusted"]) if pd.notna(row["p_adjusted"]) else 1.0
    return STRENGTHS.index(row["strength"]), p, -abs(float(row["estimate"]))


def _repeated(rows: pd.DataFrame) -> str:
    """Return which controls give what the features give, and which do not; empty with one control."""
    judges = judged_rows(rows)[1]
    together = bool((judges["dataset"] == "").all())
    sets = rows[((rows["dataset"] == "") == together) & is_testable(rows)]
    sets = sets[sets["similarity"].isin(judges["similarity"].unique())]
    counts = {
        str(control): (int(part["strength"].isin(STRENGTHS[:2]).sum()), len(part))
        for control, part in sets.groupby("control", sort=True)
    }
    if len(counts) < 2:
        return ""
    if together:
        differ = [control for control, (n, _) in counts.items() if n]
        alike = [control for control, (n, _) in counts.items() if not n]
        said = f"The sets together differ from {listed(differ)}" if differ else ""
        none = f"from {listed(alike)} no difference is shown" if alike else ""
        both = "; ".join(filter(None, (said, none)))
        return f"{both[0].upper()}{both[1:]}."
    said = ", ".join(f"{listed([control])} {differ} of {n}" for control, (differ, n) in counts.items())
    return f"Sets that differ from each control: {said}."
