"""Matrices of a study that lack a measure, kernels and dimensions of a study, and the values of measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.insert import insert_missing
from superpos.db.studies import study_target_ids
from superpos.db.tables import (
    block_joint_axes,
    blocks,
    direction_sets,
    joint_axes,
    psm_entries,
    psm_measures,
    psms,
    targets,
)
from superpos.kinds.potentials import Potential


class Place(NamedTuple):
    """Where a measure stands: of the matrix alone, or under a kernel, or in a dimension."""

    kernel: Potential | None = None
    n_dims: int = 0

    @property
    def columns(self) -> dict[str, Any]:
        """Its columns of `psm_measures`."""
        kernel = self.kernel or Potential("")
        return {
            "energy": kernel.energy, "s": kernel.s, "softening": kernel.softening, "n_dims": self.n_dims,
        }  # fmt: skip

    @property
    def said(self) -> tuple[str, ...]:
        """What messages say of it."""
        kernel = (self.kernel.label,) if self.kernel else ()
        return (*kernel, f"f={self.n_dims}") if self.n_dims else kernel


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Values of one measure at one place, an entry a matrix each; NaN is written as NULL."""

    measure: str
    place: Place
    version: int
    value: Float
    bound: Float
    scaled: Float


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """Matrices (n, n) in the order of their ids, with the widths of their features' space; NaN if unknown."""

    matrices: list[Float]
    widths: list[float]


def of_study(study_id: int, n_dims: int = 0) -> sa.ColumnElement[bool]:
    """Return the condition that a target of a study (in a block of a dimension, if any) has this matrix."""
    ids = study_target_ids(study_id)
    if n_dims:
        in_dimension = (
            sa.select(block_joint_axes.c.block_id)
            .join(joint_axes, joint_axes.c.joint_axes_id == block_joint_axes.c.joint_axes_id)
            .where(joint_axes.c.n_dims == n_dims)
        )
        ids = ids.where(blocks.c.block_id.in_(in_dimension))
    of_targets = targets.c.target_id.in_(ids)
    return psms.c.psm_id.in_(sa.select(targets.c.psm_id).where(of_targets, targets.c.psm_id.is_not(None)))


def similarities(database: Database, study_id: int) -> tuple[str, ...]:
    """Return the similarities that a study has matrices of."""
    query = sa.select(psms.c.similarity).where(of_study(study_id)).distinct().order_by(psms.c.similarity)
    with database.read() as connection:
        return tuple(connection.scalars(query))


def kernels(database: Database, study_id: int) -> tuple[Potential, ...]:
    """Return the kernels of a study's fits, each once whatever its diagonal, in order."""
    j = joint_axes.c
    return tuple(Potential(*row) for row in _axes(database, study_id, j.energy, j.s, j.softening))


def dimensions(database: Database, study_id: int) -> tuple[int, ...]:
    """Return the dimensions of a study's fits, ascending."""
    return tuple(row[0] for row in _axes(database, study_id, joint_axes.c.n_dims))


def _axes(database: Database, study_id: int, *columns: sa.ColumnElement[Any]) -> list[tuple[Any, ...]]:
    query = (
        sa.select(*columns)
        .join(block_joint_axes, block_joint_axes.c.joint_axes_id == joint_axes.c.joint_axes_id)
        .join(blocks, blocks.c.block_id == block_joint_axes.c.block_id)
        .where(blocks.c.study_id == study_id)
        .distinct()
        .order_by(*columns)
    )
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def unmeasured(
    database: Database,
    study_id: int,
    similarity: str,
    versions: Mapping[str, int],
    limit: int | None = None,
    place: Place = Place(),  # noqa: B008 (frozen)
    with_ceiling: bool = False,
) -> list[int]:
    """Return the ids of matrices of one similarity that have neither a value nor NULL of some measure.

    Parameters
    ----------
    database
        Where.
    study_id
        The study.
    similarity
        Of the matrices.
    versions
        Version of each measure that is wanted; a value of another version does not count.
    limit
        Most ids; all by default.
    place
        Kernel and dimension; only matrices of more features than that are asked for, and of blocks with that
        dimension.
    with_ceiling
        Whether only matrices with a noise ceiling are asked for.
    """
    m = psm_measures.c
    wanted = [sa.and_(m.measure == name, m.version == version) for name, version in versions.items()]
    if not wanted:
        return []
    n_known = (
        sa.select(sa.func.count())
        .select_from(psm_measures)
        .where(m.psm_id == psms.c.psm_id, sa.or_(*wanted), *_at(place))
        .scalar_subquery()
    )
    query = (
        sa.select(psms.c.psm_id)
        .where(of_study(study_id, place.n_dims))
        .where(psms.c.similarity == similarity, psms.c.n_features > place.n_dims)
        .where(n_known < len(wanted), psms.c.n_resamples > (0 if with_ceiling else -1))
        .order_by(psms.c.psm_id)
        .limit(limit)
    )
    with database.read() as connection:
        return list(connection.scalars(query))


def _at(place: Place) -> Iterable[sa.ColumnElement[bool]]:
    return [psm_measures.c[name] == value for name, value in place.columns.items()]


def matrices(database: Database, psm_ids: Sequence[int]) -> Matrices:
    """Return similarity matrices by their ids; a width of 0 belongs to imported matrices."""
    query = (
        sa.select(psms.c.psm_id, psms.c.matrix, sa.func.max(direction_sets.c.d_hook))
        .join(targets, targets.c.psm_id == psms.c.psm_id)
        .join(direction_sets, direction_sets.c.direction_id == targets.c.direction_id)
        .where(psms.c.psm_id.in_(psm_ids))
        .group_by(psms.c.psm_id)
    )
    with database.read() as connection:
        found = {row[0]: (row[1], float(row[2] or "nan")) for row in connection.execute(query)}
    return Matrices([found[psm_id][0] for psm_id in psm_ids], [found[psm_id][1] for psm_id in psm_ids])


def intervals(database: Database, psm_ids: Sequence[int]) -> list[Float]:
    """Return the noise ceilings of the entries i < j of matrices, (n (n - 1) / 2, 2) each, by their ids."""
    e = psm_entries.c
    query = sa.select(e.psm_id, e.value_low, e.value_high).where(e.psm_id.in_(psm_ids))
    found: dict[int, list[tuple[float, float]]] = {psm_id: [] for psm_id in psm_ids}
    with database.read() as connection:
        for psm_id, low, high in connection.execute(query.order_by(e.psm_id, e.row_a, e.row_b)):
            known = low is not None and high is not None
            found[psm_id].append((low, high) if known else (np.nan, np.nan))
    return [np.array(found[psm_id], dtype=np.float64).reshape(-1, 2) for psm_id in psm_ids]


def finish_measures(database: Database, psm_ids: Sequence[int], found: Sequence[Measured]) -> None:
    """Write measures of matrices, ids in the order of the values; those of another version give way."""
    m = psm_measures.c
    rows: list[dict[str, Any]] = []
    for one in found:
        shared = {"measure": one.measure, "version": one.version, **one.place.columns}
        shared["kernel"] = one.place.kernel.label if one.place.kernel else ""
        rows += [
            {
                **shared,
                "psm_id": psm_id,
                "value": float(value),
                "bound": float(low),
                "value_scaled": float(scale),
            }
            for psm_id, value, low, scale in zip(psm_ids, one.value, one.bound, one.scaled, strict=True)
        ]
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "psms")
        for one in found:
            connection.execute(
                psm_measures.delete().where(
                    m.psm_id.in_(psm_ids), m.measure == one.measure, m.version != one.version, *_at(one.place)
                )
            )
        insert_missing(connection, psm_measures, rows)
