"""What of a plan a database holds already, by keys alone; nothing is registered."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.insert import ids_by_key, parts
from superpos.db.migrate import current_revision, ensure_current, newest_revision
from superpos.db.tables import (
    activation_sets,
    datasets,
    direction_sets,
    features,
    fit_axes,
    fits,
    joint_axes,
    joint_fits,
    psm_resamples,
    psms,
    targets,
)
from superpos.kinds.controls import FEATURES
from superpos.records.data import FeatureCopy, FeatureStatus
from superpos.records.plan import StudyPlan
from superpos.specs.probes import CEILING_METHOD
from superpos.stage_names import STAGES

REFUSED = "not_applicable"

AXES_BATCH = 10_000
"""Axes in one IN list: two of them and one of targets stay below the 32,766 variables of SQLite."""


def count_done(database: Database, plan: StudyPlan) -> dict[str, int]:
    """Return by stage how many of the plan's rows have a result.

    Raises
    ------
    DatabaseError
        If the database is at another revision; one that does not exist yet holds nothing.
    """
    nothing = dict.fromkeys(STAGES[:-1], 0)  # an analysis is planned once a study
    if database.is_sqlite and not Path(database.url.database or "").exists():
        return nothing
    if current_revision(database) is None:
        return nothing
    ensure_current(database)
    with database.read() as connection:
        return {
            "datasets": _done(connection, datasets, (d.key for d in plan.datasets)),
            "activations": _done(connection, activation_sets, (a.key for a in plan.activations)),
            "probes": _done(connection, direction_sets, (d.key for d in plan.directions)),
            "whitening": _count(
                connection,
                sa.select(sa.func.count()).where(
                    sa.or_(direction_sets.c.coef_whitened.is_not(None), direction_sets.c.status == REFUSED)
                ),
                direction_sets,
                whitened_keys(plan),
            ),
            "psms": _done(connection, targets, (t.key for t in plan.targets)),
            "ceilings": _count(
                connection,
                sa.select(sa.func.count())
                .select_from(targets.outerjoin(psms, psms.c.psm_id == targets.c.psm_id))
                .where(
                    sa.or_(
                        targets.c.status == REFUSED,
                        sa.and_(
                            psms.c.n_resamples >= plan.study.noise_ceiling,
                            psms.c.ceiling_method == CEILING_METHOD,
                            sa.exists(
                                sa.select(psm_resamples.c.psm_id).where(
                                    psm_resamples.c.psm_id == psms.c.psm_id
                                )
                            ),
                        ),
                    )
                ),
                targets,
                ceiling_keys(plan),
            ),
            "fits": _fits(connection, plan),
        }


def whitened_keys(plan: StudyPlan) -> set[bytes]:
    """Return the probe sets that the plan wants whitened."""
    return {target.direction_key for target in plan.targets if target.space == "whitened"}


def ceiling_keys(plan: StudyPlan) -> set[bytes]:
    """Return the targets whose noise ceiling the plan asks for: those of the features themselves."""
    if plan.study.noise_ceiling == 0:
        return set()
    probed = {d.key for d in plan.directions if d.activation_key is not None and d.label_replicate == -1}
    return {t.key for t in plan.targets if t.kind == FEATURES and t.direction_key in probed}


def seconds_per_fit(database: Database) -> dict[tuple[str, str], float]:
    """Return the mean seconds of stored fits by (optimiser, back end); `joint` stands for joint fits."""
    if not _readable(database):
        return {}
    queries: tuple[sa.Select[Any], ...] = (
        sa.select(fit_axes.c.optimiser, fit_axes.c.backend, sa.func.avg(fits.c.seconds))
        .join(fits, fits.c.fit_axes_id == fit_axes.c.fit_axes_id)
        .group_by(fit_axes.c.optimiser, fit_axes.c.backend),
        sa.select(sa.literal("joint"), joint_axes.c.backend, sa.func.avg(joint_fits.c.seconds))
        .join(joint_fits, joint_fits.c.joint_axes_id == joint_axes.c.joint_axes_id)
        .group_by(joint_axes.c.backend),
    )
    with database.read() as connection:
        return {(row[0], row[1]): float(row[2]) for query in queries for row in connection.execute(query)}


def known_copies(database: Database, plan: StudyPlan) -> dict[bytes, tuple[FeatureCopy, ...]]:
    """Return the features that the plan's built data sets leave out as copies, by key."""
    if not _readable(database):
        return {}
    d, f = datasets.c, features.c
    query = (
        sa.select(d.key, f.feature, f.duplicate_of, f.status)
        .join(features, f.dataset_id == d.dataset_id)
        .where(f.duplicate_of != "", d.key.in_([planned.key for planned in plan.datasets]))
        .order_by(d.dataset_id, f.feature_index)
    )
    found: dict[bytes, tuple[FeatureCopy, ...]] = {}
    with database.read() as connection:
        for key, feature, of, status in connection.execute(query):
            found[key] = (*found.get(key, ()), FeatureCopy(feature, of, FeatureStatus(status)))
    return found


def _readable(database: Database) -> bool:
    """Whether there is a database at the newest revision."""
    if database.is_sqlite and not Path(database.url.database or "").exists():
        return False
    return current_revision(database) == newest_revision()


def _done(connection: sa.Connection, table: sa.Table, keys: Iterable[bytes]) -> int:
    return _count(connection, sa.select(sa.func.count()).where(table.c.status != "planned"), table, keys)


def _count(connection: sa.Connection, query: sa.Select[Any], table: sa.Table, keys: Iterable[bytes]) -> int:
    """Return what a counting query finds among the rows of a table with these keys."""
    return sum(int(connection.scalar(query.where(table.c.key.in_(part))) or 0) for part in parts(keys))


def _fits(connection: sa.Connection, plan: StudyPlan) -> int:
    target_ids = ids_by_key(connection, targets, "target_id", (t.key for t in plan.targets))
    joint_ids = ids_by_key(connection, joint_axes, "joint_axes_id", plan.joint_axes)
    fit_ids = ids_by_key(connection, fit_axes, "fit_axes_id", plan.fit_axes)
    count = 0
    for block in plan.blocks:
        a, b, c = (
            [ids[key] for key in keys if key in ids]
            for ids, keys in zip((target_ids, joint_ids, fit_ids), block.parts, strict=True)
        )
        for of_a, of_b, of_c in product(parts(a), parts(b, AXES_BATCH), parts(c, AXES_BATCH)):
            query = (
                sa.select(sa.func.count())
                .select_from(targets)
                .join(joint_fits, joint_fits.c.psm_id == targets.c.psm_id)
                .join(fits, fits.c.joint_id == joint_fits.c.joint_id)
                .where(
                    targets.c.target_id.in_(of_a),
                    joint_fits.c.joint_axes_id.in_(of_b),
                    fits.c.fit_axes_id.in_(of_c),
                )
            )
            count += int(connection.scalar(query) or 0)
    return count
