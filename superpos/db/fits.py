"""Missing and finished rows of the stage `fits`.

Missing are the cells of a study's blocks: their products without the fits that exist. Finished are joint
fits, importance, fits and their arrays, in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Literal

import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.bulk import insert_values
from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.first_draws import FIRST_DRAWS
from superpos.db.fit_rows import ARRAY_NAMES, FIT_NAMES, JOINT_NAMES, JointRows, Values, rows_of
from superpos.db.insert import BATCH, parts
from superpos.db.missing import Cell, MissingCells
from superpos.db.tables import (
    best_match,
    fit_arrays,
    fit_axes,
    fits,
    importance,
    joint_axes,
    joint_fits,
    psms,
    targets,
)
from superpos.records.work import JointDone, JointResult, JointWork
from superpos.specs.axes import FitAxes, JointAxes

_JOINT_FIELDS = tuple(JointAxes.__dataclass_fields__)
_FIT_FIELDS = tuple(FitAxes.__dataclass_fields__)


def missing_cells(database: Database, study_id: int) -> MissingCells:
    """Return a study's cells without a fit, each once, ordered by joint fit; quarantined ones included."""
    return MissingCells(database, study_id)


def best_without_arrays(database: Database, study_id: int) -> list[Cell]:
    """Return the best matches whose final vectors are to be stored and are not.

    They are those of the features and of the first draws of each control: nothing shows vectors of all 199,
    and to make them again took longer than their fits.
    """
    b, a = best_match.c, fit_arrays.c
    query = (
        sa.select(joint_fits.c.psm_id, joint_fits.c.joint_axes_id, b.fit_axes_id)
        .distinct()
        .join(joint_fits, joint_fits.c.joint_id == b.joint_id)
        .join(targets, targets.c.target_id == b.target_id)
        .outerjoin(fit_arrays, sa.and_(a.joint_id == b.joint_id, a.fit_axes_id == b.fit_axes_id))
        .where(b.study_id == study_id, a.joint_id.is_(None), targets.c.replicate < FIRST_DRAWS)
        .order_by(joint_fits.c.psm_id, joint_fits.c.joint_axes_id, b.fit_axes_id)
    )
    with database.read() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


class WorkReader:
    """Turns cells into work: axes are read once, matrices when they are needed."""

    def __init__(
        self, database: Database, keep_vectors: bool, made: Literal["fits", "fit_arrays"] | None = None
    ) -> None:
        """Leave out cells that have a row in the table `made`, read when work is asked for."""
        self._database = database
        self._keep = keep_vectors
        self._made = {"fits": fits, "fit_arrays": fit_arrays}[made] if made else None
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

    def joint_axes(self) -> dict[int, JointAxes]:
        """Return the joint axes by their ids."""
        return {joint_axes_id: axes for joint_axes_id, (_, axes) in self._joint.items()}

    def key_text(self, psm_key: bytes, joint_axes_key: bytes, fit_axes_key: bytes) -> str:
        """Return the key of a cell among failures."""
        return f"{psm_key.hex()}.{joint_axes_key.hex()}.{fit_axes_key.hex()}"

    def works(self, cells: Iterable[Cell]) -> Iterator[JointWork]:
        """Yield the joint work of cells, which must be ordered by joint fit."""
        groups = ((pair, [c[2] for c in part]) for pair, part in groupby(cells, key=lambda cell: cell[:2]))
        while some := list(islice(groups, BATCH)):
            yield from self._batch(some)

    def _batch(self, groups: Sequence[tuple[tuple[int, ...], list[int]]]) -> Iterator[JointWork]:
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
            made = self._those_made(connection, [row.joint_id for row in joints.values()])
        for pair, asked in groups:
            psm_id, joint_axes_id = pair
            psm, joint = matrices[psm_id], joints.get((psm_id, joint_axes_id))
            fit_ids = [fit_id for fit_id in asked if joint is None or (joint.joint_id, fit_id) not in made]
            if not fit_ids:
                continue
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

    def _those_made(self, connection: sa.Connection, joint_ids: list[int]) -> set[tuple[int, int]]:
        """Return (joint_id, fit_axes_id) of cells of joint fits that are not wanted, for they are there."""
        if self._made is None or not joint_ids:
            return set()
        c = self._made.c
        query = sa.select(c.joint_id, c.fit_axes_id).where(c.joint_id.in_(joint_ids))
        return {(row[0], row[1]) for row in connection.execute(query)}

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


def insert_results(database: Database, results: Sequence[JointResult | JointRows], run_id: int) -> int:
    """Write the results of a chunk; return the number of re-optimised fits among them.

    A row that another run has written meanwhile is left as it is: equal keys mean equal results.
    """
    given = [one if isinstance(one, JointRows) else rows_of(one) for one in results]
    # In one order, for two transactions that insert the same rows crosswise would wait for each other.
    given.sort(key=lambda rows: (rows.psm_id, rows.joint_axes_id))
    with database.write(Commit.STORE) as connection:
        new = [(*rows.joint, run_id) for rows in given if rows.joint is not None]
        insert_values(connection, joint_fits, (*JOINT_NAMES, "run_id"), new)
        joints = _joints(connection, given)
        axes_keys = _axes_keys(connection, {fit_axes_id for rows in given for fit_axes_id, _ in rows.fits})
        weights: list[Values] = []
        fit_rows: list[Values] = []
        arrays: list[Values] = []
        for rows in given:
            if (found := joints.get((rows.psm_id, rows.joint_axes_id))) is None:
                continue
            joint_id, joint_key = found
            weights += [(joint_id, place, *values) for place, values in enumerate(rows.weights)]
            fit_rows += [
                (joint_id, fit_axes_id, fit_key(joint_key, axes_keys[fit_axes_id]), *values, run_id)
                for fit_axes_id, values in sorted(rows.fits, key=itemgetter(0))
            ]
            arrays += [
                (joint_id, fit_axes_id, *values)
                for fit_axes_id, values in sorted(rows.arrays, key=itemgetter(0))
            ]
        insert_values(connection, importance, ("joint_id", "row_index", "logit", "weight"), weights)
        insert_values(connection, fits, ("joint_id", "fit_axes_id", "key", *FIT_NAMES, "run_id"), fit_rows)
        insert_values(connection, fit_arrays, ("joint_id", "fit_axes_id", *ARRAY_NAMES), arrays)
        return len(fit_rows)


def fit_key(joint_key: str, fit_axes_key: str) -> str:
    """Return the key of a fit."""
    return f"{joint_key}.{fit_axes_key}"


def _joints(
    connection: sa.Connection, results: Sequence[JointRows]
) -> dict[tuple[int, int], tuple[int, str]]:
    """Return id and key of joint fits by their matrix and axes."""
    c = joint_fits.c
    query = sa.select(c.psm_id, c.joint_axes_id, c.joint_id, c.key).where(
        c.psm_id.in_({result.psm_id for result in results}),
        c.joint_axes_id.in_({result.joint_axes_id for result in results}),
    )
    return {(row[0], row[1]): (row[2], row[3].hex()) for row in connection.execute(query)}


def _axes_keys(connection: sa.Connection, ids: Iterable[int]) -> dict[int, str]:
    c = fit_axes.c
    return {
        row[0]: row[1].hex()
        for some in parts(sorted(ids))
        for row in connection.execute(sa.select(c.fit_axes_id, c.key).where(c.fit_axes_id.in_(some)))
    }
