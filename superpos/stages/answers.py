"""Answers of a study: every question is asked of its view, once all rows are there; part of `analysis`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd

from superpos.analysis.answering import MATRIX, Compared, axes_of, compared
from superpos.analysis.families import within_families
from superpos.analysis.ranks import spearman
from superpos.analysis.relabelled import relabelled
from superpos.analysis.structure import best_energy, preserved
from superpos.analysis.verdicts import answers
from superpos.db.analysis import read_rows
from superpos.db.engine import Database
from superpos.db.psms import with_phi
from superpos.errors import plain
from superpos.kinds.questions import QUESTIONS, Question
from superpos.records.answers import AnswerRecord
from superpos.specs.families import Family

T = TypeVar("T")

LABEL_SPEARMAN = "label_spearman"
PAIR_COLUMNS = (
    *(name for name in MATRIX if name != "layer"),
    "layer_a",
    "layer_b",
    "spearman",
    "p_value",
    "n_permutations",
)
"""What is read of the view `layer_similarity`."""
RANKED = "keeps_low"
"""The question by whose numbers the kernels are ranked."""


def ask(
    database: Database,
    study_id: int,
    note: Callable[[str], None],
    families: Sequence[Family] = (),
) -> list[AnswerRecord]:
    """Return what the rows of a study say to every question, in the order of the questions.

    Parameters
    ----------
    database
        Where.
    study_id
        The newest revision of the study; its pairs of layers are stored.
    note
        Is told of a question of another package that fails; it has no answer then.
    families
        Families of tests that the study declares.

    Raises
    ------
    InputError
        If the package of a question cannot be imported.
    """
    columns: dict[str, dict[str, None]] = {}
    for question in QUESTIONS:
        columns.setdefault(question.view, {}).update(dict.fromkeys(axes_of(question)))
    views: dict[str, pd.DataFrame] = {}
    asked: dict[str, list[Compared]] = {}
    for question in QUESTIONS:
        if question.view not in views:  # reading is most of the time, and questions share views
            views[question.view] = _rows(database, study_id, question.view, list(columns[question.view]))
        rows = views[question.view]
        asked[question.name] = _tried(question, note, partial(compared, question, rows))
    tests = within_families(asked, families)  # a family may hold several questions
    found: list[AnswerRecord] = []
    for question in QUESTIONS:
        rows, comparisons = views[question.view], asked[question.name]
        if question.p_value:
            found += _tried(question, note, partial(relabelled, question, rows))
        found += _tried(question, note, partial(answers, question, comparisons, tests[question.name]))
        if question.name == RANKED:
            found += best_energy(rows)
    return [*found, *preserved(read_rows(database, study_id, "layer_similarity", PAIR_COLUMNS))]


def _tried(question: Question, note: Callable[[str], None], do: Callable[[], Iterable[T]]) -> list[T]:
    """Return what is found; nothing, and a note, where the question is another package's and fails."""
    try:
        return list(do())
    except Exception as error:  # whatever a stranger's function does on unlucky numbers
        if QUESTIONS.origin(question.name) is None:
            raise
        note(plain(f"question {question.name}: {type(error).__name__}: {error}", 300))
        return []


def _rows(database: Database, study_id: int, view: str, columns: list[str]) -> pd.DataFrame:
    """Return the columns of the rows of a view that its questions read."""
    if LABEL_SPEARMAN not in columns:
        return read_rows(database, study_id, view, columns)
    stored = [name for name in columns if name != LABEL_SPEARMAN]
    rows = read_rows(database, study_id, view, [*stored, "target_key"])
    found = {
        key: spearman(matrix[upper], phi[upper])
        for key, matrix, phi in with_phi(database, study_id)
        if len(matrix) > 2
        for upper in [np.triu_indices(len(matrix), 1)]
    }
    return rows.assign(**{LABEL_SPEARMAN: rows["target_key"].map(found).astype("float64")})
