"""What the stage `analysis` reads and stores: best matches and layer pairs of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

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
    study_answers,
    targets,
)
from superpos.kinds.controls import FEATURES
from superpos.records.answers import AnswerRecord

UNFINISHED = -1
"""Count of an analysis that a stopped run, or new numbers, have done again."""


def analysed(database: Database, study_id: int) -> tuple[int, str] | None:
    """Return how many results the stored analysis read, and a digest of what was asked; None without one."""
    query = sa.select(analyses.c.n_results, analyses.c.asked).where(analyses.c.study_id == study_id)
    with database.read() as connection:
        row = connection.execute(query).first()
    return None if row is None else (row.n_results, row.asked)


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
    *,
    asked: str = "",
) -> None:
    """Replace a study's stored analysis; `asked` is a digest of the questions behind it."""
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
        connection.execute(
            analyses.insert().values(study_id=study_id, n_results=count, asked=asked, run_id=run_id)
        )
