"""What the stage `analysis` reads and stores: best matches and layer pairs of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import sqlalchemy as sa

from superpos.arrays import Float
from superpos.catalogue import Role, names
from superpos.db.engine import Database, take_turns
from superpos.db.tables import (
    activation_sets,
    analyses,
    best_match,
    direction_sets,
    layer_pairs,
    psms,
    studies,
    study_answers,
    targets,
)
from superpos.kinds.controls import FEATURES
from superpos.records.answers import AnswerRecord

UNFINISHED = -1
"""Count of an analysis that a stopped run, or new numbers, have done again."""
_GROUPED: tuple[Role, ...] = ("compared", "setting")
_JOINT = names("kernel", "joint", roles=(*_GROUPED, "searched"))
_FIT = names("fit", roles=(*_GROUPED, "searched"))
CELL_AXES = (
    "target_key",
    *names("kernel", "joint", roles=_GROUPED),
    "joint_config",
    *names("fit", roles=_GROUPED),
    "fit_config",
)
"""Axes of a group of cells; a target stands for all axes of its inputs."""
CELLS = f"""
SELECT t.target_id, t.key AS target_key, jf.joint_id, fa.fit_axes_id, ja.joint_axes_id,
  {", ".join(f"ja.{name}" for name in _JOINT)}, ja.config_key AS joint_config,
  {", ".join(f"fa.{name}" for name in _FIT)}, fa.config_key AS fit_config,
  jf.fun AS fun_joint, jf.status AS status_joint, f.distance_final, f.status,
  t.key || '.' || jf.key || '.' || fa.key AS fit_key
FROM blocks b
  JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id
  JOIN targets t ON t.target_id = bt.target_id
  JOIN joint_axes ja ON ja.joint_axes_id = bj.joint_axes_id
  JOIN fit_axes fa ON fa.fit_axes_id = bf.fit_axes_id
  JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = bj.joint_axes_id
  JOIN fits f ON f.joint_id = jf.joint_id AND f.fit_axes_id = bf.fit_axes_id
WHERE b.study_id = :study_id
"""  # noqa: S608 (names of the catalogue)


def n_results(database: Database, study_id: int) -> int:
    """Return how many results an analysis of this study would read: targets with a matrix, and fits."""
    query = sa.text(f"SELECT COUNT(*) FROM ({CELLS}) cells")  # noqa: S608 (a constant of this module)
    matrices = sa.text(
        "SELECT COUNT(*) FROM study_targets st JOIN targets t ON t.target_id = st.target_id "
        "WHERE st.study_id = :study_id AND t.psm_id IS NOT NULL"
    )
    with database.read() as connection:
        parts = [connection.scalar(q, {"study_id": study_id}) for q in (query, matrices)]
    return sum(int(part or 0) for part in parts)


def analysed(database: Database, study_id: int) -> int | None:
    """Return how many results the stored analysis read, None if there is none."""
    with database.read() as connection:
        return connection.scalar(sa.select(analyses.c.n_results).where(analyses.c.study_id == study_id))


def read_cells(database: Database, study_id: int) -> pd.DataFrame:
    """Return the axes and outcome of every fit of a study, one row a (target, fit)."""
    with database.read() as connection:
        return pd.read_sql_query(sa.text(CELLS), connection, params={"study_id": study_id})


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
    """Return columns of the rows of a view, of the study whose newest revision this is."""
    name = sa.select(studies.c.name).where(studies.c.study_id == study_id).scalar_subquery()
    table = sa.table(view, sa.column("study"), *(sa.column(column) for column in columns))
    query = sa.select(*(table.c[column] for column in columns)).where(table.c.study == name)
    with database.read() as connection:
        return pd.read_sql_query(query, connection)


def unfinished(database: Database) -> None:
    """Have the analysis of every study done again by its next run: numbers that it may read are new."""
    with database.write() as connection:
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
) -> None:
    """Replace a study's stored analysis."""
    said = [{**asdict(answer), "place": place} for place, answer in enumerate(answers)]
    with database.write() as connection:
        take_turns(connection, "analysis")
        for table in (best_match, layer_pairs, study_answers, analyses):
            connection.execute(table.delete().where(table.c.study_id == study_id))
        for table, rows in ((best_match, best), (layer_pairs, pairs), (study_answers, said)):
            values = [{**row, "study_id": study_id} for row in rows]
            if values:
                connection.execute(table.insert(), values)
        connection.execute(analyses.insert().values(study_id=study_id, n_results=count, run_id=run_id))
