"""Answers of a study: every question is asked of its view, once all rows are there; part of `analysis`.

Views with a row a fit or a measure are read set by set, so that what is held at once is one set's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd

from superpos.analysis.answering import MATRIX, SUBJECT, Compared, axes_of, compared, networks
from superpos.analysis.families import within_families
from superpos.analysis.kernel_ranks import Scores, best_energy, kernel_scores
from superpos.analysis.ranks import spearman
from superpos.analysis.relabelled import relabelled
from superpos.analysis.structure import preserved
from superpos.analysis.verdicts import answers
from superpos.db.engine import Database
from superpos.db.psms import with_phi
from superpos.db.view_rows import plain, read_rows, sets_of
from superpos.errors import plain as plain_text
from superpos.kinds.questions import QUESTIONS, Question
from superpos.records.answers import AnswerRecord
from superpos.specs.families import Family
from superpos.stages.bootstrapped import KEY, VIEW, Bootstraps

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
BY_SET = ("fit_results", "joint_results", "geometry_results")
"""Views that are read set by set; of the others a question may need all sets at once, and they are short."""


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
    asked: dict[str, list[Compared]] = {}
    scores: Scores = {}
    tested: dict[str, list[AnswerRecord]] = {}
    stated = bool(families)
    of = networks(read_rows(database, study_id, "psm_results", ("model", "model_weights")))
    sets = sets_of(database, study_id)
    bootstraps = Bootstraps(database, study_id)
    for view in dict.fromkeys(question.view for question in QUESTIONS):
        questions = [question for question in QUESTIONS if question.view == view]
        columns = list(dict.fromkeys(name for question in questions for name in axes_of(question)))
        columns += [KEY] if view == VIEW else []
        found: dict[str, list[list[Compared] | None]] = {question.name: [] for question in questions}
        for only in sets if view in BY_SET else [None]:
            rows = _rows(database, study_id, view, columns, only)
            if rows.empty:
                continue
            drawn = bootstraps.of(rows) if view == VIEW else None
            for question in questions:
                if None in found[question.name]:  # it has failed, and is said to have
                    continue
                own = _own(question, rows)
                again = None if drawn is None else drawn.of(question)
                asked_of = partial(compared, question, own, of, again)
                found[question.name].append(_tried(question, note, asked_of))
                if question.p_value:
                    tested[question.name] = (
                        _tried(question, note, partial(relabelled, question, own, stated=stated)) or []
                    )
                if question.name == RANKED:
                    scores |= kernel_scores(own, of)
        for name, parts in found.items():
            asked[name] = _in_order(parts)
    tests = within_families(asked, families)  # a family may hold several questions
    said: list[AnswerRecord] = []
    for question in QUESTIONS:
        said += tested.get(question.name, [])
        of_sets = partial(answers, question, asked[question.name], tests[question.name], stated=stated)
        said += _tried(question, note, of_sets) or []
        if question.name == RANKED:
            said += best_energy(scores, stated=stated)
    pairs = read_rows(database, study_id, "layer_similarity", PAIR_COLUMNS)
    return [*said, *preserved(pairs, stated=stated)]


def _own(question: Question, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that a question reads; one of another package knows of no categories."""
    own = rows[list(axes_of(question))]
    return own if QUESTIONS.origin(question.name) is None else plain(own)


def _in_order(parts: Sequence[list[Compared] | None]) -> list[Compared]:
    """Return the comparisons of all sets by what they are about; none, where a question failed on one."""
    if any(part is None for part in parts):
        return []
    found = [one for part in parts if part is not None for one in part]
    return sorted(found, key=lambda one: [one.subject.get(name, "") for name in (*SUBJECT, "similarity")])


def _tried(question: Question, note: Callable[[str], None], do: Callable[[], Iterable[T]]) -> list[T] | None:
    """Return what is found; None, and a note, where the question is another package's and fails."""
    try:
        return list(do())
    except Exception as error:  # whatever a stranger's function does on unlucky numbers
        if QUESTIONS.origin(question.name) is None:
            raise
        note(plain_text(f"question {question.name}: {type(error).__name__}: {error}", 300))
        return None


def _rows(
    database: Database, study_id: int, view: str, columns: list[str], only: Mapping[str, str] | None
) -> pd.DataFrame:
    """Return the columns of the rows of a view that its questions read."""
    if LABEL_SPEARMAN not in columns:
        return read_rows(database, study_id, view, columns, only)
    stored = [name for name in columns if name != LABEL_SPEARMAN]
    rows = read_rows(database, study_id, view, [*stored, "target_key"], only)
    found = {
        key: spearman(matrix[upper], phi[upper])
        for key, matrix, phi in with_phi(database, study_id)
        if len(matrix) > 2
        for upper in [np.triu_indices(len(matrix), 1)]
    }
    return rows.assign(**{LABEL_SPEARMAN: rows["target_key"].astype("str").map(found).astype("float64")})
