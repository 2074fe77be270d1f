"""Missing and finished rows of the stage `ceilings`: noise ceilings of matrices, on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.failures import not_quarantined
from superpos.db.probes import direction_works
from superpos.db.studies import study_target_ids
from superpos.db.tables import direction_sets, probes, psm_entries, psm_measures, psm_resamples, psms, targets
from superpos.kinds.controls import FEATURES
from superpos.kinds.measures import MEASURES
from superpos.records.work import CeilingResult, CeilingWork, PsmToResample
from superpos.specs.probes import CEILING_METHOD


def missing_ceilings(database: Database, study_id: int, n_resamples: int) -> tuple[CeilingWork, ...]:
    """Return a study's probe sets with matrices that are known from fewer than `n_resamples` resamples.

    Intervals that an older version made in another way count as missing, and those whose bootstraps are not
    kept.
    """
    return _ceiling_works(
        database,
        targets.c.target_id.in_(study_target_ids(study_id)),
        _lacks_ceiling(n_resamples),
        not_quarantined("ceilings", direction_sets.c.key),
    )


def without_ceiling(database: Database, work: CeilingWork, n_resamples: int) -> bool:
    """Return whether a matrix of a probe set is still known from fewer than `n_resamples` resamples."""
    ids = [psm.psm_id for psm in work.psms]
    query = sa.select(psms.c.psm_id).where(psms.c.psm_id.in_(ids), _lacks_ceiling(n_resamples))
    with database.read() as connection:
        return connection.scalar(query.limit(1)) is not None


def _lacks_ceiling(n_resamples: int) -> sa.ColumnElement[bool]:
    """Return whether a matrix has no ceiling of so many resamples, or not the bootstraps it was made of."""
    kept = sa.select(psm_resamples.c.psm_id).where(psm_resamples.c.psm_id == psms.c.psm_id)
    return sa.or_(psms.c.n_resamples < n_resamples, psms.c.ceiling_method != CEILING_METHOD, ~sa.exists(kept))


def ceiling_works(database: Database, psm_id: int) -> tuple[CeilingWork, ...]:
    """Return the work of one matrix, whether it has a ceiling or not."""
    return _ceiling_works(database, psms.c.psm_id == psm_id)


def _ceiling_works(database: Database, *conditions: sa.ColumnElement[bool]) -> tuple[CeilingWork, ...]:
    d, t = direction_sets.c, targets.c
    chosen = (
        sa.select(sa.func.max(probes.c.C)).where(probes.c.direction_id == d.direction_id).scalar_subquery()
    )
    query = (
        sa.select(
            d.direction_id, psms.c.psm_id, t.space, t.similarity, psms.c.rbf_scale_resolved, psms.c.matrix,
            chosen.label("C"),
        )
        .join(targets, t.direction_id == d.direction_id)
        .join(psms, psms.c.psm_id == t.psm_id)
        .where(d.activation_id.is_not(None), d.label_replicate == -1, t.kind == FEATURES)
        .where(*conditions)
        .order_by(d.direction_id, psms.c.psm_id)
    )  # fmt: skip
    with database.read() as connection:
        rows = connection.execute(query).all()
    asked: dict[int, dict[int, PsmToResample]] = {}
    penalties: dict[int, float | None] = {}
    for row in rows:  # two targets of a probe set may share a matrix
        asked.setdefault(row.direction_id, {})[row.psm_id] = PsmToResample(
            psm_id=row.psm_id,
            space=row.space,
            similarity=row.similarity,
            rbf_scale_resolved=row.rbf_scale_resolved,
            matrix=row.matrix,
        )
        penalties[row.direction_id] = row.C
    works = direction_works(database, list(asked)) if asked else ()
    return tuple(
        CeilingWork(work, penalties[work.direction_id], tuple(asked[work.direction_id].values()))
        for work in works
    )


def finish_ceilings(database: Database, results: Sequence[CeilingResult]) -> None:
    """Write intervals, reliability and the bootstraps of matrices; measures that read them go."""
    read_them = [kind.name for kind in MEASURES.usable() if kind.reads == "intervals"]
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "psms")
        for result in results:
            m = psm_measures.c
            connection.execute(
                psm_measures.delete().where(m.psm_id == result.psm_id, m.measure.in_(read_them))
            )
            connection.execute(
                psms.update()
                .where(psms.c.psm_id == result.psm_id)
                .values(
                    reliability=result.reliability,
                    n_resamples=result.n_resamples,
                    ceiling_method=CEILING_METHOD,
                    n_unknown=int(np.isnan(result.low[np.triu_indices(len(result.low), 1)]).sum()),
                )
            )
            connection.execute(psm_resamples.delete().where(psm_resamples.c.psm_id == result.psm_id))
            connection.execute(
                psm_resamples.insert().values(
                    psm_id=result.psm_id, n_resamples=len(result.drawn), entries=result.drawn
                )
            )
            connection.execute(psm_measures.update().where(m.psm_id == result.psm_id).values(n_bootstraps=0))
            e = psm_entries.c
            connection.execute(
                psm_entries.update()
                .where(e.psm_id == result.psm_id, e.row_a == sa.bindparam("a"), e.row_b == sa.bindparam("b"))
                .values(
                    value_low=sa.bindparam("low"),
                    value_high=sa.bindparam("high"),
                    standard_error=sa.bindparam("error"),
                ),
                _pairs(result),
            )


def _pairs(result: CeilingResult) -> list[dict[str, Any]]:
    """Return interval and standard error of every pair; the column type makes NaN to NULL."""
    n = len(result.low)
    return [
        {
            "a": i,
            "b": j,
            "low": float(result.low[i, j]),
            "high": float(result.high[i, j]),
            "error": float(result.standard_error[i, j]),
        }
        for i in range(n)
        for j in range(i + 1, n)
    ]
