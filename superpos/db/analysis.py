"""What the stage `analysis` reads and stores: best matches and layer pairs of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.tables import (
    activation_sets,
    analyses,
    best_match,
    direction_sets,
    layer_pairs,
    measure_tests,
    psms,
    studies,
    study_answers,
    targets,
)
from superpos.kinds.controls import FEATURES
from superpos.records.answers import AnswerRecord

AT_ONCE = 20_000
"""Rows that are fetched together."""
UNFINISHED = -1
"""Count of an analysis that a stopped run, or new numbers, have done again."""


def analysed(database: Database, study_id: int) -> int | None:
    """Return how many results the stored analysis read, None if there is none."""
    with database.read() as connection:
        return connection.scalar(sa.select(analyses.c.n_results).where(analyses.c.study_id == study_id))


def feature_targets(database: Database, study_id: int) -> list[tuple[tuple[Any, ...], int, int, Float]]:
    """Return group, layer, target_id and matrix of a study's `features` targets of layers 0 and up.

    Targets of one group differ in their layer alone.
    """
    t, d = targets.c, direction_sets.c
    query = (
        sa.select(
            sa.func.coalesce(d.model_id, 0),
            d.dataset_id,
            d.hookpoint,
            d.pooling,
            sa.func.coalesce(activation_sets.c.dtype, ""),
            sa.cast(d.settings, sa.Text),
            t.space,
            t.similarity,
            t.rbf_scale,
            d.layer,
            t.target_id,
            psms.c.matrix,
        )
        .join(direction_sets, d.direction_id == t.direction_id)
        .outerjoin(activation_sets, activation_sets.c.activation_id == d.activation_id)
        .join(psms, psms.c.psm_id == t.psm_id)
        .where(t.kind == FEATURES, d.layer >= 0)
        .where(t.target_id.in_(sa.text("SELECT target_id FROM study_targets WHERE study_id = :study_id")))
        .order_by(t.target_id)
    )
    with database.read() as connection:
        rows = connection.execute(query, {"study_id": study_id})
        return [(tuple(row[:9]), row[9], row[10], row[11]) for row in rows]


def read_rows(database: Database, study_id: int, view: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of the rows of a view, of the study whose newest revision this is.

    Rows are read a few at a time, and equal words of a column are one object: a view of 10^6 fits has twenty
    columns of words, of which most hold a handful.
    """
    name = sa.select(studies.c.name).where(studies.c.study_id == study_id).scalar_subquery()
    table = sa.table(view, sa.column("study"), *(sa.column(column) for column in columns))
    query = sa.select(*(table.c[column] for column in columns)).where(table.c.study == name)
    pieces: dict[str, list[Any]] = {column: [] for column in columns}
    words: dict[str, str] = {}
    with database.read() as connection:
        rows = connection.execution_options(yield_per=AT_ONCE).execute(query)
        for part in rows.partitions(AT_ONCE):
            for column, values in zip(columns, zip(*part, strict=True), strict=True):
                pieces[column].append(_values(values, words))
    empty = np.empty(0, dtype=object)
    return pd.DataFrame(
        {column: np.concatenate(found) if found else empty for column, found in pieces.items()}, copy=False
    )


def _values(values: Sequence[Any], words: dict[str, str]) -> np.ndarray[Any, np.dtype[Any]]:
    """Return a column as integers, doubles (NULL is NaN) or words, each word one object."""
    kinds = set(map(type, values))
    if str in kinds:
        shared = np.empty(len(values), dtype=object)
        shared[:] = [words.setdefault(value, value) for value in values]
        return shared
    return np.array(values, dtype=np.int64 if kinds == {int} else np.float64)


def unfinished(database: Database) -> None:
    """Have the analysis of every study done again by its next run: numbers that it may read are new."""
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "analysis")
        connection.execute(analyses.update().values(n_results=UNFINISHED))


def write_analysis(
    database: Database,
    study_id: int,
    run_id: int,
    count: int,
    best: Iterable[Mapping[str, Any]],
    pairs: Iterable[Mapping[str, Any]],
    answers: Iterable[AnswerRecord] = (),
    tests: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Replace a study's stored analysis."""
    said = [{**asdict(answer), "place": place} for place, answer in enumerate(answers)]
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "analysis")
        for table in (best_match, layer_pairs, study_answers, measure_tests, analyses):
            connection.execute(table.delete().where(table.c.study_id == study_id))
        for table, rows in (
            (best_match, best),
            (layer_pairs, pairs),
            (study_answers, said),
            (measure_tests, tests),
        ):
            values = [{**row, "study_id": study_id} for row in rows]
            if values:
                connection.execute(table.insert(), values)
        connection.execute(analyses.insert().values(study_id=study_id, n_results=count, run_id=run_id))
