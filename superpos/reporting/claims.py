"""The claims of the thesis beside what this study says of each: verdict first, then the number that says it.

Every word comes from rows of the view `answers`. A claim is judged against one control: exchanged labels
where the study has them, for other controls lack what labels alone make of a matrix (`docs/validation.md`);
else the first that can be tested. Ends of Powell's method and certified minima are judged apart. A claim
holds where the features differ from the control on the side that it names. Where no set has draws enough to
be tested by itself, sets may be enough: the sign test over them speaks then, a set being one trial.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from superpos.analysis.verdicts import NO_SIDE
from superpos.kinds.questions import QUESTIONS
from superpos.kinds.similarities import SIMILARITIES
from superpos.records.answers import STRENGTHS
from superpos.reporting.answers import (
    UNTESTABLE,
    control_order,
    in_words,
    independent,
    is_testable,
    why_untestable,
)
from superpos.reporting.looks import in_order
from superpos.reporting.selection import POWELL, optimiser_label
from superpos.reporting.study_data import StudyData

LOWER, HIGHER = -1, 1
LABELS = "shuffled_labels"
"""The control that keeps what labels make of a matrix by themselves."""
OTHER_WEIGHTS = " weights"
"""How the controls end that are the same network with other weights, a scheme each."""


class Claim(NamedTuple):
    """A claim of the thesis, or what it left open."""

    question: str
    """Name of the question whose answers judge it."""
    claim: str
    said: str
    """What the thesis said of it."""
    side: int
    """`LOWER` or `HIGHER`: what the features' number is, beside a control's, where the claim holds."""
    of_training: bool = False
    """Whether it is a claim on training, which other weights of the same network judge."""


CLAIMS = (
    Claim("own_energy", "Features sit where an energy is low", "its question; never asked directly", LOWER),
    Claim("balance", "Their forces balance", "not asked", LOWER),
    Claim("keeps_low", "Re-optimisation keeps the distance to the target low", "yes", LOWER),
    Claim("taken_away", "Re-optimisation takes random targets away", "yes, but only under cosine", LOWER),
    Claim("moved", "Re-optimisation moves features little", "yes", LOWER),
    Claim("returns", "Features lie in local minima", "they appear to", HIGHER),
    Claim("best_energy", "The best energy does not depend on the feature set", "no", HIGHER),
    Claim("simplex", "Abstract features form simplexes", "they seem to", HIGHER),
    Claim("even_importance", "Importance plays no part", "its weights come out equal", HIGHER),
    Claim("preserved", "Geometry is preserved through the layers", "yes, with caveats", HIGHER),
    Claim("read_by_probes", "Probes read the features", "assumed", HIGHER),
    Claim("read_by_probes", "Training makes features readable", "not compared", HIGHER, of_training=True),
    Claim("follows_labels", "Geometry follows the labels' correlations", "left for later", HIGHER),
    Claim("energy_explains", "Energy explains what the labels do not", "not asked", HIGHER),
    Claim("follows_order", "Words of a list lie in its order", "not asked", HIGHER),
    Claim("closes", "Words of a cyclic list lie on a circle", "not asked", HIGHER),
)


class Judged(NamedTuple):
    """What rows of one kind of end say of a claim."""

    word: str
    """`Yes`, `No`, `Mixed`, `Suggested`, `Not shown`, `Not testable`; empty where nothing was asked."""
    text: str
    """Of how many sets, against which control."""
    title: str
    """The rows' own sentences."""


class Verdict(NamedTuple):
    """A row of the table."""

    question: str
    claim: str
    said: str
    powell: Judged
    here: Judged
    """Of certified minima, or of the directions themselves where no fit plays a part."""
    what: str
    """Which of the two."""
    strongest: str
    strength: str


def verdicts(data: StudyData) -> tuple[Verdict, ...]:
    """Return the claims that the study's answers speak of."""
    rows = data.answers
    found = []
    for claim in CLAIMS:
        own = rows_of(claim, rows)
        if own.empty:
            continue
        powell = _judged(own[own["optimiser"] == POWELL], claim)
        others = own[own["optimiser"] != POWELL]
        here = _judged(others, claim)
        kinds = sorted(set(others["optimiser"]) - {""})
        what = optimiser_label(kinds[0]) if kinds else "no fit"
        best = strongest(judged_rows(others if len(others) else own)[1])
        best = strongest(own) if best is None else best
        found.append(
            Verdict(
                claim.question, claim.claim, claim.said, powell, here, what,
                "" if best is None else _number(best),
                UNTESTABLE if best is None else str(best["strength"]),
            )
        )  # fmt: skip
    return tuple(found)


def rows_of(claim: Claim, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `answers` that speak of a claim: against other weights, of one on training."""
    own = rows[rows["question"] == claim.question]
    if not claim.of_training:
        return own
    return own[own["control"].astype("str").str.endswith(OTHER_WEIGHTS)]


def judged_rows(rows: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return the control that judges a claim, and its rows, of one similarity.

    They are those of sets; of the sets together, where no set can be tested by itself and together they can.

    Parameters
    ----------
    rows
        Rows of `answers` of one question and one kind of end; not empty.
    """
    rows = one_similarity(rows)
    control = _judge(rows)
    rows = rows[rows["control"] == control]
    sets, together = rows[rows["dataset"] != ""], rows[rows["dataset"] == ""]
    if sets.empty or (is_testable(together).any() and not is_testable(sets).any()):
        return control, together
    return control, sets


def _judged(rows: pd.DataFrame, claim: Claim) -> Judged:
    if rows.empty:
        return Judged("", "", "")
    all_controls = one_similarity(rows)
    control, rows = judged_rows(rows)
    of_sets = bool((rows["dataset"] != "").any())
    title = " ".join(rows["sentence"])
    testable = rows[is_testable(rows)]
    against = f"against {in_words(control)}"
    if not of_sets and claim.question in QUESTIONS.names():
        against = f"by the sign test over {independent(rows.iloc[0])} {against}"
    if testable.empty:
        return Judged("Not testable", why_untestable(rows if control == LABELS else all_controls), title)
    n = len(testable)
    signs = testable["estimate"].fillna(0.0)
    differs = testable["strength"] == STRENGTHS[0]
    shown = differs & ~testable["sentence"].str.contains(NO_SIDE, regex=False)
    holds, fails = (
        int((shown & (signs * claim.side > 0)).sum()),
        int((shown & (signs * claim.side < 0)).sum()),
    )
    of = f"of {_counted(testable)} {against}" if of_sets else against
    if holds and fails:
        return Judged("Mixed", f"holds for {holds}, the opposite for {fails} {of}", title)
    if holds:
        return Judged("Yes" if holds == n else "In part", f"for {holds} {of}" if n > 1 else against, title)
    if fails:
        return Judged("No", f"the opposite for {fails} {of}" if n > 1 else f"the opposite {against}", title)
    if differs.any():
        both = f"{int(differs.sum())} {of} differ" if n > 1 else f"differs from {in_words(control)}"
        return Judged("Mixed", f"{both}, to no one side", title)
    hints = testable["strength"] == STRENGTHS[1]
    if hints.any():
        side = (signs * claim.side).mask(testable["sentence"].str.contains(NO_SIDE, regex=False), 0.0)[hints]
        counts = {
            "for": int((side > 0).sum()),
            "the opposite for": int((side < 0).sum()),
            "a difference to no one side for": int((side == 0).sum()),
        }
        said = ", ".join(f"{words} {count}" for words, count in counts.items() if count)
        if n == 1:
            said = next(words for words, count in counts.items() if count).removesuffix("for").strip()
        return Judged("Suggested", f"{said} {of if n > 1 else against}".strip(), title)
    return Judged("Not shown", f"for any {of}" if n > 1 else against, title)


def _counted(rows: pd.DataFrame) -> str:
    """Return how many sets there are; those at several hookpoints or by several methods are no more sets."""
    n, n_sets = len(rows), rows["dataset"].nunique()
    sets = f"{n_sets} {'set' if n_sets == 1 else 'sets'}"
    return sets if n == n_sets else f"{n} tests of {sets}"


def one_similarity(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first similarity; of all, where the question is not of matrices."""
    named = [name for name in rows["similarity"].unique() if name]
    return rows if not named else rows[rows["similarity"] == in_order(SIMILARITIES, named)[0]]


def _judge(rows: pd.DataFrame) -> str:
    """Return the control that judges: exchanged labels, else the first that can be tested against."""
    controls = sorted(rows["control"].unique(), key=control_order)
    if controls[0] == LABELS:
        return LABELS
    testable = set(rows.loc[is_testable(rows), "control"])
    return str(next((control for control in controls if control in testable), controls[0]))


def strongest(rows: pd.DataFrame) -> pd.Series | None:
    """Return the row of the least corrected p among those of sets; of equal ones the largest difference."""
    rows = rows[is_testable(rows) & rows["estimate"].notna()]
    if rows.empty:
        return None
    ranks = {strength: index for index, strength in enumerate(STRENGTHS)}
    order = rows.assign(
        rank_=rows["strength"].map(ranks), size_=-rows["estimate"].abs(), p_=rows["p_adjusted"].fillna(1.0)
    )
    best: pd.Series = order.sort_values(["rank_", "p_", "size_"], kind="stable").iloc[0]
    return best


def _number(row: pd.Series) -> str:
    """Return a row's number with its set, its control and its p."""
    who = str(row["dataset"]) or "all sets"
    end = optimiser_label(str(row["optimiser"])) if row["optimiser"] else ""
    under = ", ".join(filter(None, (str(row["similarity"]), end)))
    parts = [f"{who}: {row['estimate']:+.2g} ({row['unit']})", f"against {in_words(str(row['control']))}"]
    parts += [f"({under})"] if under else []
    p = f"p = {row['p_adjusted']:.2g}, {independent(row)}" if pd.notna(row["p_adjusted"]) else ""
    return " ".join(parts) + (f"; {p}" if p else "")
