"""Read one row together with what it was computed from, for `trace --recompute`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.fits import WorkReader
from superpos.db.measures import Place, intervals, matrices
from superpos.db.psms import target_works
from superpos.db.tables import (
    activation_sets,
    datasets,
    direction_sets,
    features,
    fit_arrays,
    fit_axes,
    fits,
    importance,
    joint_axes,
    joint_fits,
    models,
    probes,
    psm_entries,
    psm_measures,
    psm_resamples,
    psms,
    targets,
)
from superpos.kinds.potentials import Potential
from superpos.records.work import JointWork, TargetWork
from superpos.specs.models import ModelSpec


def fit_row(database: Database, joint_key: str, axes_key: str) -> tuple[JointWork, Mapping[str, Any]] | None:
    """Return the work that makes one fit (its joint fit given), and its stored columns and arrays."""
    a = fit_arrays.c
    query = (
        sa.select(
            fits, joint_fits.c.psm_id, joint_fits.c.joint_axes_id, a.vectors, a.similarities, a.polished
        )
        .outerjoin(fit_arrays, sa.and_(a.joint_id == fits.c.joint_id, a.fit_axes_id == fits.c.fit_axes_id))
        .join(joint_fits, joint_fits.c.joint_id == fits.c.joint_id)
        .join(fit_axes, fit_axes.c.fit_axes_id == fits.c.fit_axes_id)
        .where(joint_fits.c.key == joint_key, fit_axes.c.key == axes_key)
    )
    with database.read() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        return None
    cell = (row["psm_id"], row["joint_axes_id"], row["fit_axes_id"])
    return next(WorkReader(database, keep_vectors=True).works([cell])), dict(row)


def joint_row(database: Database, key: str) -> tuple[JointWork, Mapping[str, Any]] | None:
    """Return the work that makes one joint fit, and the stored columns and importance."""
    with database.read() as connection:
        row = connection.execute(sa.select(joint_fits).where(joint_fits.c.key == key)).mappings().first()
        if row is None:
            return None
        axes_id = connection.scalar(sa.select(sa.func.min(fit_axes.c.fit_axes_id)))
        weights = (
            sa.select(importance.c.weight)
            .where(importance.c.joint_id == row["joint_id"])
            .order_by(importance.c.row_index)
        )
        stored = {**row, "importance": np.array(list(connection.scalars(weights)), dtype=np.float64)}
    cell = (row["psm_id"], row["joint_axes_id"], int(axes_id or 0))
    work = next(WorkReader(database, keep_vectors=True).works([cell]))
    return replace(work, done=None, fits=(), unperturbed={}), stored


def psm_row(database: Database, key: str) -> tuple[TargetWork, Mapping[str, Any]] | None:
    """Return the work that makes one similarity matrix and its stored columns; by its key or a target's.

    `entries` are the stored values of pairs, in order, `low`, `high` and `standard_error` their noise ceiling
    (NaN where there is none), `drawn` those of the bootstraps, (B, pairs), None where they are not kept;
    there are some for `features` only. `measures` gives version, value and bound
    by each measure of the matrix and its place, `width` the dimensions of the features' space (NaN where it
    is not known).
    """
    query = (
        sa.select(psms, targets.c.target_id)
        .join(psms, psms.c.psm_id == targets.c.psm_id)
        .where(sa.or_(psms.c.key == key, targets.c.key == key))
        .order_by(targets.c.target_id)
        .limit(1)
    )
    with database.read() as connection:
        row = connection.execute(query).mappings().first()
        if row is None:
            return None
        e = psm_entries.c
        query = sa.select(e.value, e.value_low, e.value_high, e.standard_error).where(
            e.psm_id == row["psm_id"]
        )
        pairs = connection.execute(query.order_by(e.row_a, e.row_b)).all()
        columns = np.array([tuple(pair) for pair in pairs], dtype=np.float64).reshape(-1, 4).T
        m = psm_measures.c
        query = sa.select(m.measure, m.energy, m.s, m.softening, m.n_dims, m.version, m.value, m.bound).where(
            m.psm_id == row["psm_id"]
        )
        measures = {
            (name, Place(Potential(energy, s, softening) if energy else None, n_dims)): tuple(numbers)
            for name, energy, s, softening, n_dims, *numbers in connection.execute(query)
        }
        arrays = dict(zip(("entries", "low", "high", "standard_error"), columns, strict=True))
        r = psm_resamples.c
        drawn = connection.scalar(sa.select(r.entries).where(r.psm_id == row["psm_id"]))
        stored = {**row, "measures": measures, "drawn": drawn, **arrays}
    stored["width"] = matrices(database, [row["psm_id"]]).widths[0]
    n_pairs = row["n_features"] * (row["n_features"] - 1) // 2
    known = intervals(database, [row["psm_id"]])[0]  # there are none of controls
    stored["intervals"] = known if len(known) else np.full((n_pairs, 2), np.nan)
    return target_works(database, [row["target_id"]])[0], stored


def direction_row(database: Database, key: str) -> tuple[int, Mapping[str, Any], bytes] | None:
    """Return id and columns of a set of directions and the key of its data set; by its key or a probe's."""
    query = (
        sa.select(direction_sets, datasets.c.key.label("dataset_key"))
        .join(datasets, datasets.c.dataset_id == direction_sets.c.dataset_id)
        .where(
            sa.or_(
                direction_sets.c.key == key,
                direction_sets.c.direction_id.in_(
                    sa.select(probes.c.direction_id).where(probes.c.key == key)
                ),
            )
        )
    )
    with database.read() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else (row["direction_id"], dict(row), row["dataset_key"])


def probe_rows(database: Database, direction_id: int) -> list[Mapping[str, Any]]:
    """Return the stored probes of a probe set, in the order of its features."""
    query = sa.select(probes).where(probes.c.direction_id == direction_id).order_by(probes.c.feature_index)
    with database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def feature_rows(database: Database, dataset_id: int) -> list[Mapping[str, Any]]:
    """Return the stored features of a data set, in order."""
    query = sa.select(features).where(features.c.dataset_id == dataset_id).order_by(features.c.feature_index)
    with database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def model_row(database: Database, key: str) -> tuple[Mapping[str, Any], ModelSpec] | None:
    """Return the columns of a model, and the model itself."""
    with database.read() as connection:
        row = connection.execute(sa.select(models).where(models.c.key == key)).mappings().first()
    if row is None:
        return None
    return dict(row), ModelSpec(
        name=row["source"], revision=row["revision"], weights=row["weights"], seed=row["seed"]
    )


def activation_row(database: Database, key: str) -> tuple[Mapping[str, Any], ModelSpec, bytes] | None:
    """Return the columns of an activation set, its model and the key of its data set."""
    query = (
        sa.select(
            activation_sets,
            models.c.source,
            models.c.revision,
            models.c.weights,
            models.c.seed,
            datasets.c.key.label("dataset_key"),
        )
        .join(models, models.c.model_id == activation_sets.c.model_id)
        .join(datasets, datasets.c.dataset_id == activation_sets.c.dataset_id)
        .where(activation_sets.c.key == key)
    )
    with database.read() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        return None
    spec = ModelSpec(name=row["source"], revision=row["revision"], weights=row["weights"], seed=row["seed"])
    return dict(row), spec, row["dataset_key"]


def dataset_row(database: Database, key: str) -> tuple[Mapping[str, Any], ModelSpec | None] | None:
    """Return the columns of a data set and a model that carries its tokenizer; None for imported ones."""
    with database.read() as connection:
        row = connection.execute(sa.select(datasets).where(datasets.c.key == key)).mappings().first()
        if row is None:
            return None
        users = sa.union(
            *(
                sa.select(table.c.model_id).where(table.c.dataset_id == row["dataset_id"])
                for table in (activation_sets, direction_sets)
            )
        )
        query = (
            sa.select(models.c.source, models.c.revision, models.c.weights, models.c.seed)
            .where(models.c.model_id.in_(users))
            .order_by(models.c.model_id)
        )
        model = connection.execute(query).first()
    return dict(row), None if model is None else ModelSpec(*model)


def axes_exist(database: Database, key: str) -> bool:
    """Whether a key names axes, which are specifications and hold nothing to recompute."""
    with database.read() as connection:
        queries = [sa.select(t.c.key).where(t.c.key == key) for t in (joint_axes, fit_axes)]
        return any(connection.scalar(query) is not None for query in queries)
