"""Answers that compare a set with itself, its features relabelled: what its matrix follows from.

The tests of a set are its layers and kernels, a row of `explained_results` each, with a p of its own. That of
the set is the least of them times their number (Bonferroni, whatever their dependence); Holm's correction is
over the sets of a question and similarity. A row without a number has a reason, which is said where no row of
the set has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis.answering import SUBJECT, trained_rows
from superpos.analysis.permutation import holm
from superpos.analysis.settings import main_targets
from superpos.analysis.verdicts import SAID, count_of, record, strength, under
from superpos.kinds.controls import FEATURES
from superpos.kinds.questions import Question
from superpos.records.answers import AnswerRecord

RELABELLED = "relabelled features"


def relabelled(question: Question, rows: pd.DataFrame, *, stated: bool = False) -> Iterator[AnswerRecord]:
    """Yield for every set and similarity what its features say against their relabellings.

    Parameters
    ----------
    question
        One whose rows have p-values of their own (`Question.p_value`).
    rows
        Of `explained_results`, with its axes and the question's columns.
    stated
        Whether the study states its tests: these are none of them, so that they suggest at most.
    """
    rows = rows if question.rows is None else rows[question.rows(rows)]
    rows = trained_rows(rows[rows["target"] == FEATURES])
    sound = pd.Series(True, index=rows.index) if question.sound is None else question.sound(rows)
    rows = rows.assign(value_=question.value(rows).astype("float64").where(sound))
    unsound = "" if sound.any() else f"its rows are {question.unsound}"
    by = [*SUBJECT, "similarity"]
    sets = {tuple(map(str, name)): main_targets(part) for name, part in rows.groupby(by, sort=True)}
    for similarity in sorted({name[-1] for name in sets}):
        family = {name: part for name, part in sets.items() if name[-1] == similarity}
        tested = {name: _least(question, part) for name, part in family.items() if _has(question, part).any()}
        adjusted = dict(
            zip(tested, holm([found.p_value for found in tested.values()]) if tested else (), strict=True)
        )
        several = pd.Series([name[2] for name in family]).value_counts() > 1
        for name, part in family.items():
            subject = {**dict(zip(by, name, strict=True)), "optimiser": ""}
            where = subject["dataset"]
            where += f" at {subject['hookpoint']}" if several[where] else ""
            if name not in tested:
                why = next(filter(None, part["reason"]), unsound or "no similarity is to be explained")
                sentence = f"Not testable here: {where}{under(subject)}: {why}."
                yield record(question.name, question.unit, subject, RELABELLED, sentence=sentence)
            else:
                how = tested[name], float(adjusted[name]), len(tested), stated
                yield _answer(question, subject, where, part, *how)


class _Least(NamedTuple):
    p_value: float
    p_smallest: float
    n_rows: int
    row: pd.Series


def _has(question: Question, part: pd.DataFrame) -> pd.Series:
    return part[question.p_value].notna() & part["value_"].notna()


def _least(question: Question, part: pd.DataFrame) -> _Least:
    there = part[_has(question, part)].sort_values(["layer", "kernel"], kind="stable")
    row = there.iloc[int(there[question.p_value].to_numpy(np.float64).argmin())]
    n = len(there)
    least = float(there[question.p_smallest].min())
    return _Least(min(1.0, n * float(row[question.p_value])), min(1.0, n * least), n, row)


def _answer(
    question: Question,
    subject: dict[str, str],
    where: str,
    part: pd.DataFrame,
    found: _Least,
    p_adjusted: float,
    n_tests: int,
    stated: bool,
) -> AnswerRecord:
    how = strength(found.p_value, p_adjusted, found.p_smallest, n_tests, exploratory=stated)
    values = part.loc[_has(question, part), "value_"]
    n_orders = int(found.row[question.n_permutations])
    said = f"{question.quantity} {values.median():.3g}"
    if found.n_rows > 1:
        said += f", median of {found.n_rows} layers and kernels, {values.min():.3g} to {values.max():.3g}"
    if question.signed:
        signed = part.loc[_has(question, part), question.signed].astype("float64")
        said += f"; partial correlation {signed.median():+.2f}"
    said += f"; {count_of(n_orders, 'relabelling')}"
    if how == "not testable here":
        least = min(1.0, found.p_smallest * n_tests)
        said += f"; in a family of {n_tests} no p could be below {least:.2g}"
    else:
        said += f"; p = {p_adjusted:.2g} in a family of {n_tests}"
    return record(
        question.name,
        question.unit,
        subject,
        RELABELLED,
        estimate=float(values.median()),
        n_cells=found.n_rows,
        n_independent=n_orders,
        p_value=found.p_value,
        p_adjusted=p_adjusted,
        p_smallest=found.p_smallest,
        n_tests=n_tests,
        strength=how,
        sentence=f"{SAID[how]}: {where}{under(subject)}: {said}.",
    )
