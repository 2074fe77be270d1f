"""Missing cells of a study's blocks: their products without the fits that exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.engine import Database
from superpos.db.insert import BATCH
from superpos.db.tables_fits import (
    best_match,
    block_fit_axes,
    block_joint_axes,
    block_targets,
    blocks,
    fit_arrays,
    fit_axes,
    fits,
    joint_axes,
    joint_fits,
    psms,
    targets,
)
from superpos.records.work import JointDone, JointWork
from superpos.specs.axes import FitAxes, JointAxes

Cell = tuple[int, int, int]
"""(psm_id, joint_axes_id, fit_axes_id)."""

_JOINT_FIELDS = tuple(JointAxes.__dataclass_fields__)
_FIT_FIELDS = tuple(FitAxes.__dataclass_fields__)


def missing_cells(database: Database, study_id: int) -> list[Cell]:
    """Return a study's cells without a fit, each once, ordered by joint fit; quarantined ones included."""
    bt, bj, bf = block_targets.c, block_joint_axes.c, block_fit_axes.c
    query = (
        sa.select(targets.c.psm_id, bj.joint_axes_id, bf.fit_axes_id)
        .distinct()
        .select_from(blocks)
        .join(block_targets, bt.block_id == blocks.c.block_id)
        .join(block_joint_axes, bj.block_id == blocks.c.block_id)
        .join(block_fit_axes, bf.block_id == blocks.c.block_id)
        .join(targets, targets.c.target_id == bt.target_id)
        .outerjoin(
            joint_fits,
            sa.and_(joint_fits.c.psm_id == targets.c.psm_id, joint_fits.c.joint_axes_id == bj.joint_axes_id),
        )
        .outerjoin(
            fits, sa.and_(fits.c.joint_id == joint_fits.c.joint_id, fits.c.fit_axes_id == bf.fit_axes_id)
        )
        .where(blocks.c.study_id == study_id, targets.c.psm_id.is_not(None), fits.c.joint_id.is_(None))
        .order_by(targets.c.psm_id, bj.joint_axes_id, bf.fit_axes_id)
    )
    with database.read() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def best_without_arrays(database: Database, study_id: int) -> list[Cell]:
    """Return the best matches whose final vectors are not stored."""
    b, a = best_match.c, fit_arrays.c
    query = (
        sa.select(joint_fits.c.psm_id, joint_fits.c.joint_axes_id, b.fit_axes_id)
        .distinct()
        .join(joint_fits, joint_fits.c.joint_id == b.joint_id)
        .outerjoin(fit_arrays, sa.and_(a.joint_id == b.joint_id, a.fit_axes_id == b.fit_axes_id))
        .where(b.study_id == study_id, a.joint_id.is_(None))
        .order_by(joint_fits.c.psm_id, joint_fits.c.joint_axes_id, b.fit_axes_id)
    )
    with database.read() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


class WorkReader:
    """Turns cells into work: axes are read once, matrices when they are needed."""

    def __init__(self, database: Database, keep_vectors: bool) -> None:
        self._database = database
        self._keep = keep_vectors
        with database.read() as connection:
            self._joint = {
                row.joint_axes_id: (
                    row.key,
                    JointAxes(**{name: getattr(row, name) for name in _JOINT_FIELDS}),
                )
                for row in connection.execute(sa.select(joint_axes))
            }
            self._fit = {
                row.fit_axes_id: (row.key, FitAxes(**{name: getattr(row, name) for name in _FIT_FIELDS}))
                for row in connection.execute(sa.select(fit_axes))
            }

    def key_text(self, psm_key: bytes, joint_axes_key: bytes, fit_axes_key: bytes) -> str:
        """Return the key of a cell among failures."""
        return f"{psm_key.hex()}.{joint_axes_key.hex()}.{fit_axes_key.hex()}"

    def works(self, cells: Sequence[Cell]) -> Iterator[JointWork]:
        """Yield the joint work of cells, which must be ordered by joint fit."""
        groups = [(pair, [c[2] for c in part]) for pair, part in groupby(cells, key=lambda cell: cell[:2])]
        for first in range(0, len(groups), BATCH):
            yield from self._batch(groups[first : first + BATCH])

    def _batch(self, groups: list[tuple[tuple[int, ...], list[int]]]) -> Iterator[JointWork]:
        with self._database.read() as connection:
            wanted = sorted({pair[0] for pair, _ in groups})
            c = psms.c
            query = sa.select(c.psm_id, c.key, c.matrix, c.similarity, c.rbf_scale_resolved)
            matrices = {row.psm_id: row for row in connection.execute(query.where(c.psm_id.in_(wanted)))}
            j = joint_fits.c
            joints = {
                (row.psm_id, row.joint_axes_id): row
                for row in connection.execute(
                    sa.select(
                        j.joint_id, j.psm_id, j.joint_axes_id, j.vectors, j.logits, j.start_radius
                    ).where(sa.tuple_(j.psm_id, j.joint_axes_id).in_([pair for pair, _ in groups]))
                )
            }
            unperturbed = self._unperturbed(connection, [row.joint_id for row in joints.values()])
        for pair, fit_ids in groups:
            psm_id, joint_axes_id = pair
            psm, joint = matrices[psm_id], joints.get((psm_id, joint_axes_id))
            axes_key, axes = self._joint[joint_axes_id]
            wanted_fits = sorted(
                ((fit_id, *self._fit[fit_id]) for fit_id in fit_ids), key=lambda f: (f[2].sigma, f[0])
            )
            yield JointWork(
                psm_id=psm_id,
                joint_axes_id=joint_axes_id,
                psm_key=psm.key,
                axes_key=axes_key,
                target=psm.matrix,
                similarity=psm.similarity,
                rbf_scale=psm.rbf_scale_resolved,
                axes=axes,
                done=None if joint is None else JointDone(joint.vectors, joint.logits, joint.start_radius),
                fits=tuple(wanted_fits),
                unperturbed={} if joint is None else unperturbed.get(joint.joint_id, {}),
                keep_vectors=self._keep,
            )

    def _unperturbed(
        self, connection: sa.Connection, joint_ids: list[int]
    ) -> dict[int, dict[FitAxes, Float]]:
        """Return the stored final similarities at sigma 0 of joint fits."""
        found: dict[int, dict[FitAxes, Float]] = {}
        at_zero = [fit_id for fit_id, (_, axes) in self._fit.items() if axes.sigma == 0.0]
        if not joint_ids or not at_zero:
            return found
        c = fit_arrays.c
        query: sa.Select[Any] = sa.select(c.joint_id, c.fit_axes_id, c.similarities).where(
            c.joint_id.in_(joint_ids), c.fit_axes_id.in_(at_zero)
        )
        for row in connection.execute(query):
            found.setdefault(row.joint_id, {})[self._fit[row.fit_axes_id][1]] = row.similarities
        return found
