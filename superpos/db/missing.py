"""Cells of a study without a fit, counted and drawn as needed: memory does not grow with the grid."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.tables import (
    block_fit_axes,
    block_joint_axes,
    block_targets,
    blocks,
    fits,
    joint_fits,
    targets,
)

Cell = tuple[int, int, int]
"""(psm_id, joint_axes_id, fit_axes_id)."""

AT_ONCE = 10_000
"""Cells that are fetched together."""


class MissingCells:
    """A study's cells without a fit, each once, ordered by joint fit; quarantined ones included.

    They are read matrix by matrix, each in a transaction of its own, so a cell that is stored meanwhile is
    left out if its matrix has not come yet. The length is counted when it is asked for.
    """

    def __init__(self, database: Database, study_id: int) -> None:
        self._database = database
        self._study_id = study_id

    def __len__(self) -> int:
        """Return how many there are now."""
        query = sa.select(sa.func.count()).select_from(_missing(self._study_id).subquery())
        with self._database.read() as connection:
            return int(connection.scalar(query) or 0)

    def __iter__(self) -> Iterator[Cell]:
        """Yield them."""
        for psm_id in self._matrices():
            yield from self._of_matrix(psm_id)

    def _matrices(self) -> list[int]:
        query = (
            sa.select(targets.c.psm_id)
            .distinct()
            .join(block_targets, block_targets.c.target_id == targets.c.target_id)
            .join(blocks, blocks.c.block_id == block_targets.c.block_id)
            .where(blocks.c.study_id == self._study_id, targets.c.psm_id.is_not(None))
            .order_by(targets.c.psm_id)
        )
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def _of_matrix(self, psm_id: int) -> Iterator[Cell]:
        """Yield the cells of one matrix, page by page behind the last one that was seen."""
        first, later = _pages(self._study_id)
        place: dict[str, int] = {"matrix": psm_id}
        found = self._page(first, place)
        while found:
            yield from found
            if len(found) < AT_ONCE:
                return
            _, place["joint"], place["fit"] = found[-1]
            found = self._page(later, place)

    def _page(self, query: sa.Select[Any], place: dict[str, int]) -> list[Cell]:
        with self._database.read() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query, place)]


@lru_cache(maxsize=8)
def _pages(study_id: int) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Return the queries for the first page of `:matrix`, and for one behind the cell `:joint`, `:fit`.

    Made once: to make them anew for each matrix takes longer than to run them.
    """
    cells = _missing(study_id).where(targets.c.psm_id == sa.bindparam("matrix", type_=sa.Integer)).subquery()
    place = sa.tuple_(cells.c.joint_axes_id, cells.c.fit_axes_id)
    seen = sa.tuple_(*(sa.bindparam(name, type_=sa.Integer) for name in ("joint", "fit")))
    first = sa.select(cells).order_by(cells.c.joint_axes_id, cells.c.fit_axes_id).limit(AT_ONCE)
    return first, first.where(place > seen)


def _missing(study_id: int) -> sa.Select[Any]:
    bt, bj, bf = block_targets.c, block_joint_axes.c, block_fit_axes.c
    return (
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
    )
