"""Joint fits of a study whose ends lack a bound on their energy, and the bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import sqlalchemy as sa

from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.fits import WorkReader
from superpos.db.insert import parts
from superpos.db.tables import (
    block_joint_axes,
    block_targets,
    blocks,
    fits,
    joint_fits,
    targets,
)
from superpos.records.bounds import BoundResult, BoundWork

AT_ONCE = 200
"""Joint fits that are read together."""


def unbounded_joints(
    database: Database, study_id: int, version: int, among: Sequence[int] | None = None
) -> list[int]:
    """Return the ids of joint fits that lack a bound of this version, or have a fit that lacks one.

    With `among` those of a list alone. Those of one kernel and dimension follow each other, for they share
    polynomials.
    """
    j, f = joint_fits.c, fits.c
    lacks = sa.and_(f.energy_bound.is_(None), f.norm_error.is_not(None), j.bound_method != "none")
    query = (
        sa.select(j.joint_axes_id, j.joint_id)
        .distinct()
        .select_from(blocks)
        .join(block_targets, block_targets.c.block_id == blocks.c.block_id)
        .join(block_joint_axes, block_joint_axes.c.block_id == blocks.c.block_id)
        .join(targets, targets.c.target_id == block_targets.c.target_id)
        .join(
            joint_fits,
            sa.and_(j.psm_id == targets.c.psm_id, j.joint_axes_id == block_joint_axes.c.joint_axes_id),
        )
        .outerjoin(fits, f.joint_id == j.joint_id)
        .where(blocks.c.study_id == study_id, sa.or_(j.bound_version != version, lacks))
        .order_by(j.joint_axes_id, j.joint_id)
    )
    if among is not None:
        query = query.where(j.joint_id.in_(among))
    with database.read() as connection:
        return [row[1] for row in connection.execute(query)]


def bound_version(database: Database, joint_id: int) -> int | None:
    """Return the version of the bounds of a joint fit, 0 if it has none yet; None for no such fit."""
    query = sa.select(joint_fits.c.bound_version).where(joint_fits.c.joint_id == joint_id)
    with database.read() as connection:
        return connection.scalar(query)


def bound_works(database: Database, joint_ids: Sequence[int]) -> Iterator[BoundWork]:
    """Yield what the bounds of joint fits and of all their fits are found from, in this order."""
    j, f = joint_fits.c, fits.c
    axes = WorkReader(database, keep_vectors=False).joint_axes()
    for ids in parts(joint_ids, AT_ONCE):
        with database.read() as connection:
            query = sa.select(j.joint_id, j.joint_axes_id, j.vectors, j.logits, j.start_radius)
            rows = {row.joint_id: row for row in connection.execute(query.where(j.joint_id.in_(ids)))}
            errors = connection.execute(
                sa.select(f.joint_id, f.fit_axes_id, f.norm_error)
                .where(f.joint_id.in_(ids), f.norm_error.is_not(None))
                .order_by(f.joint_id, f.fit_axes_id)
            ).all()
        ends = {
            joint_id: tuple((row.fit_axes_id, row.norm_error) for row in found)
            for joint_id, found in groupby(errors, key=lambda row: row.joint_id)
        }
        for joint_id in ids:
            row = rows[joint_id]
            yield BoundWork(
                joint_id=joint_id,
                vectors=row.vectors,
                logits=row.logits,
                start_radius=row.start_radius,
                axes=axes[row.joint_axes_id],
                ends=ends.get(joint_id, ()),
            )


def finish_bounds(database: Database, results: Sequence[BoundResult], version: int) -> None:
    """Write the bounds of joint fits and of their fits, of which some may be there already."""
    joint = (
        sa.update(joint_fits)
        .where(joint_fits.c.joint_id == sa.bindparam("of_joint"))
        .values(
            energy_bound=sa.bindparam("bound"),
            bound_method=sa.bindparam("method"),
            bound_version=version,
        )
    )
    fit = (
        sa.update(fits)
        .where(fits.c.joint_id == sa.bindparam("of_joint"), fits.c.fit_axes_id == sa.bindparam("of_axes"))
        .values(energy_bound=sa.bindparam("bound"))
    )
    joints = [{"of_joint": one.joint_id, "bound": one.bound, "method": one.method} for one in results]
    ends = [
        {"of_joint": one.joint_id, "of_axes": axes, "bound": bound}
        for one in results
        for axes, bound in one.ends
    ]
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "bounds")  # two runs would update the same rows in two orders
        if joints:
            connection.execute(joint, joints)
        if ends:
            connection.execute(fit, ends)
