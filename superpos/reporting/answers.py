"""Answers of a study as the page says them: verdict first, then every set against every control.

What is said comes from the view `answers`; nothing is compared here, and nothing is pooled over controls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from superpos.analysis.against_control import LEVEL
from superpos.analysis.kernel_ranks import BEST_ENERGY, RANDOM_RANKINGS
from superpos.kinds.controls import CONTROLS
from superpos.kinds.optimisers import OPTIMISERS
from superpos.kinds.questions import QUESTIONS
from superpos.kinds.similarities import SIMILARITIES
from superpos.kinds.weights import WEIGHTS
from superpos.records.answers import STRENGTHS
from superpos.reporting.looks import in_order, known, order_of, weights_style
from superpos.reporting.selection import EXACT, optimiser_label
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import records

STRUCTURE = {
    BEST_ENERGY: "Do the sets agree on the energy whose minima end nearest to their targets?",
    "preserved": "Is geometry preserved through the layers?",
}
"""Questions that compare sets with themselves, in words."""
FIRST_CONTROL = "shuffled_labels"
"""Control that is named before others, and before untrained weights: it leaves the least of the features."""
WEIGHTS_SUFFIX = " weights"
"""Behind a scheme of weights where it is a control."""
UNTESTABLE = "not testable here"
NO_ROW = "no row can carry a claim"
"""Why something cannot be tested, if draws are enough."""
MARKS = {"shown": "●", "suggested": "◐", "shown absent": "⊘", "not shown": "○", UNTESTABLE: "·"}


class Cell(NamedTuple):
    """One set against one control."""

    strength: str
    """Empty where they were not compared."""
    text: str
    sentence: str


class Line(NamedTuple):
    """One set, under one similarity and optimiser, against every control."""

    name: str
    under: str
    cells: tuple[Cell, ...]


class Answer(NamedTuple):
    """The answers to one question."""

    question: str
    goal: str
    """The question in words."""
    verdict: str
    """The strongest that is said against the first control: a word of `STRENGTHS`."""
    sentence: str
    unit: str
    controls: tuple[str, ...]
    lines: tuple[Line, ...]


def answers(data: StudyData) -> tuple[Answer, ...]:
    """Return the answers of a study, in the order of the questions."""
    rows = data.answers
    asked = {str(name) for name in rows["question"].unique()}
    ordered = sorted(asked, key=lambda name: order_of(QUESTIONS, name))
    return tuple(_answer(name, rows[rows["question"] == name]) for name in ordered)


def asked_in_words(question: str) -> str:
    """Return a question as people ask it."""
    kind = known(QUESTIONS, question)
    return kind.meaning if kind else STRUCTURE.get(question, question.replace("_", " "))


def _answer(question: str, rows: pd.DataFrame) -> Answer:
    controls = tuple(sorted(rows["control"].unique(), key=control_order))
    verdict, said = _against(controls[0], rows[rows["control"] == controls[0]])
    others: dict[str, list[str]] = {}
    for control in controls[1:]:
        others.setdefault(_in_short(rows[rows["control"] == control]), []).append(in_words(control))
    more = [f"Against {', '.join(names)}: {short}." for short, names in others.items()]
    first = "" if said.startswith(f"{verdict.capitalize()}:") else f"{verdict.capitalize()}."
    sentence = " ".join(filter(None, [first, said, *more]))
    sets = rows[rows["dataset"] != ""]
    lines = _lines(sets if len(sets) else rows, controls)
    return Answer(
        question, asked_in_words(question), verdict, sentence, str(rows["unit"].iloc[0]), controls, lines
    )


def in_words(control: str) -> str:
    """Return the name of a control for people."""
    scheme = control.removesuffix(WEIGHTS_SUFFIX)
    return control.replace("_", " ") if scheme == control else weights_style(scheme).label


def control_order(control: str) -> tuple[int, tuple[int, int, str]]:
    """Return a sort key: controls that leave the least of the features first."""
    if control.endswith(WEIGHTS_SUFFIX):
        return 1, order_of(WEIGHTS, control.removesuffix(WEIGHTS_SUFFIX))
    return 0 if control == FIRST_CONTROL else 2, order_of(CONTROLS, control)


def _against(control: str, rows: pd.DataFrame) -> tuple[str, str]:
    """Return the strongest word that rows against one control say, and how many sets say which."""
    sets = rows[rows["dataset"] != ""]
    if sets.empty:
        return _strongest(rows), " ".join(rows["sentence"])
    main = _main(sets)
    if _strongest(main) == UNTESTABLE:
        alone = f"{_named(control, main)}: {_untestable(main)}"
        together = _together(rows, main)
        if together is None:
            return UNTESTABLE, f"{alone}."
        return str(together["strength"]), f"{alone}, each set alone. {together['sentence']}"
    parts = [f"{word} for {_sets(part)}" for word in STRENGTHS if len(part := main[main["strength"] == word])]
    return _strongest(main), f"{_named(control, main)}: {'; '.join(parts)}."


def _in_short(rows: pd.DataFrame) -> str:
    """Return how many sets say what against a control that is not the first."""
    main = _main(rows[rows["dataset"] != ""] if (rows["dataset"] != "").any() else rows)
    word = _strongest(main)
    if word == UNTESTABLE:
        together = _together(rows, main)
        if together is None:
            return _untestable(main)
        side = "features higher" if together["estimate"] > 0.0 else "features lower"
        return f"{together['strength']} by the sign test over {independent(together)} ({side})"
    return f"{word} for {int((main['strength'] == word).sum())} of {len(main)}"


def _together(rows: pd.DataFrame, main: pd.DataFrame) -> pd.Series | None:
    """Return what the sets of `main` say together, one trial each; None where that is no test either."""
    same = (rows["dataset"] == "") & is_testable(rows)
    for name in ("similarity", "optimiser"):
        same &= rows[name] == main[name].iloc[0]
    found = rows[same]
    return None if found.empty else found.iloc[0]


def _strongest(rows: pd.DataFrame) -> str:
    return next(word for word in STRENGTHS if (rows["strength"] == word).any())


def _named(control: str, rows: pd.DataFrame) -> str:
    where = ", ".join(filter(None, (str(rows["similarity"].iloc[0]), _optimiser(rows))))
    return f"Against {in_words(control)}{f' ({where})' if where else ''}"


def _untestable(rows: pd.DataFrame) -> str:
    why = why_untestable(rows)
    return f"{UNTESTABLE} with {why}" if why[0].isdigit() else f"{UNTESTABLE}, for {why}"


def is_testable(rows: pd.DataFrame) -> pd.Series:
    """Return which rows of `answers` are of tests whose p could be small enough, (rows,)."""
    return rows["strength"] != UNTESTABLE


def why_untestable(rows: pd.DataFrame) -> str:
    """Return why nothing can be tested, and what would help."""
    compared = rows[rows["estimate"].notna()]
    if compared.empty:
        return NO_ROW
    most = compared.sort_values("n_independent", kind="stable").iloc[-1]
    if independent(most).endswith(("set", "sets")):
        return f"{independent(most)}, too few"
    n_tests = int(compared["n_tests"].max())
    needed = math.ceil(n_tests / LEVEL) - 1
    tests = f"{n_tests} tests need" if n_tests > 1 else "1 test needs"
    return f"{independent(most)}; {tests} {needed}"


def independent(row: pd.Series) -> str:
    """Return how many draws an answer rests on; of sets together, how many sets."""
    n = int(row["n_independent"])
    agreement = row["question"] == BEST_ENERGY and row["control"] != RANDOM_RANKINGS
    noun = "draw" if row["dataset"] or agreement else "set"
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _main(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one similarity and optimiser: cosine, and the optimiser that holds norms exactly."""
    rows = rows[rows["similarity"] == in_order(SIMILARITIES, rows["similarity"])[0]]
    there = in_order(OPTIMISERS, rows["optimiser"])
    return rows[rows["optimiser"] == (EXACT if EXACT in there else there[0])]


def _sets(rows: pd.DataFrame) -> str:
    several = rows.groupby("dataset")["hookpoint"].nunique() > 1
    names = []
    for dataset, hookpoint, estimate in records(rows, "dataset", "hookpoint", "estimate"):
        place = f" at {hookpoint}" if several[dataset] else ""
        names.append(f"{dataset}{place}{f' ({estimate:+.2g})' if _is_number(estimate) else ''}")
    return ", ".join(names)


def _optimiser(rows: pd.DataFrame) -> str:
    name = str(rows["optimiser"].iloc[0])
    return optimiser_label(name) if name else ""


def _lines(rows: pd.DataFrame, controls: Sequence[str]) -> tuple[Line, ...]:
    by = ["dataset", "model", "revision", "hookpoint", "pooling", "method", "similarity", "optimiser"]
    lines = []
    for _, part in rows.groupby(by, sort=True):
        own = {
            control: Cell(strength, _text(strength, *numbers), sentence)
            for control, strength, sentence, *numbers in records(
                part, "control", "strength", "sentence", "estimate", "estimate_low", "estimate_high"
            )
        }
        first = part.iloc[0]
        under = ", ".join(filter(None, (str(first["similarity"]), _optimiser(part))))
        place = f" at {first['hookpoint']}" if first["hookpoint"] in ("embed", "unembed") else ""
        cells = tuple(own.get(control, Cell("", "", "")) for control in controls)
        lines.append(Line(f"{first['dataset'] or 'all sets'}{place}", under, cells))
    return tuple(lines)


def _text(strength: str, estimate: float | None, low: float | None, high: float | None) -> str:
    text = f"{estimate:+.2g}" if _is_number(estimate) else ""
    interval = f" [{low:+.2g}, {high:+.2g}]" if _is_number(low) else ""
    return f"{MARKS[strength]} {text}{interval}".strip()


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)
