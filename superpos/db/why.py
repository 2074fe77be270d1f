"""Why a row is made, or not: its state, who asks for it, what sets it apart from the nearest finished row.

The nearest row is the finished one of the same kind with the fewest other values: those of its own fields,
then the rows it is made from. Where such an input differs, its own difference is said, up to the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.keys import CELL, FIT, KINDS, Found, failure_of, find_key
from superpos.db.outlines import direction_fields, model_fields, target_fields
from superpos.db.tables import fit_axes, fits, joint_axes, joint_fits, psms
from superpos.db.types import Array
from superpos.records.outlines import flat
from superpos.specs.axes import FitAxes, JointAxes

Values = Mapping[Any, Any] | sa.RowMapping
"""A row by its columns."""
DONE = "done"


class Apart(NamedTuple):
    """One value in which two rows differ."""

    field: str
    """With the kinds of the rows between: `target.probe set.layer`."""
    here: Any
    there: Any


class Why(NamedTuple):
    """What is known of one row."""

    kind: str
    key: str
    state: str
    """`done`, `planned`, `not_applicable`, `failed`, `quarantined`, or `missing` of a cell."""
    reason: str
    """What refused it or how it failed; empty otherwise."""
    waits_for: tuple[Found, ...]
    """Inputs without a result."""
    studies: tuple[str, ...]
    """Studies whose newest revision asks for it: only then a run makes it."""
    nearest: str
    """Key of the nearest finished row; empty if there is no other."""
    apart: tuple[Apart, ...]
    """In what it differs from that one."""


def why(database: Database, text: str) -> Why:
    """Return what is known of the row that a key, or its beginning, names.

    Raises
    ------
    InputError
        If the key names nothing, or begins several.
    """
    with database.read() as connection:
        found = find_key(connection, database.label, text)
        if found.kind in (FIT, CELL):
            return _of_cell(connection, found)
        return _of_row(connection, found)


def _of_row(connection: sa.Connection, found: Found) -> Why:
    table = KINDS[found.kind]
    row = _one(connection, table, table.c.key == found.key)
    state, reason = _state(connection, found.key, str(row.get("status", DONE)), str(row.get("reason", "")))
    if "status" not in table.c or table is joint_fits:
        state = DONE
    waits = tuple(
        Found(kind, parent["key"].hex())
        for kind, parent in _inputs(connection, table, row)
        if state not in (DONE, "not_applicable") and parent.get("status") == "planned"
    )
    nearest, apart = _nearest(connection, found.kind, row)
    return Why(
        kind=found.kind,
        key=found.key,
        state=state,
        reason=reason,
        waits_for=waits,
        studies=_studies(connection, table, row),
        nearest=nearest,
        apart=apart,
    )


def _of_cell(connection: sa.Connection, found: Found) -> Why:
    """Return what is known of a fit, or of a cell by its matrix, joint axes and fit axes."""
    keys = found.key.split(".")
    if found.kind == FIT:
        joint: Values = _one(connection, joint_fits, joint_fits.c.key == keys[0])
    else:
        psm = _one(connection, psms, psms.c.key == keys[0])
        axes = _one(connection, joint_axes, joint_axes.c.key == keys[1])
        joint = {"psm_id": psm["psm_id"], "joint_axes_id": axes["joint_axes_id"], "joint_id": None}
    of_fit = _one(connection, fit_axes, fit_axes.c.key == keys[-1])
    place = {name: joint[name] for name in ("psm_id", "joint_axes_id")}
    stored = _fit_at(connection, place, of_fit["fit_axes_id"])
    state, reason = DONE, ""
    if not stored:
        state, reason = _state(connection, found.key, "missing", "")
    nearest, apart = _nearest_fit(connection, place, of_fit)
    return Why(
        kind=found.kind,
        key=found.key,
        state=state,
        reason=reason,
        waits_for=(),
        studies=tuple(
            connection.scalars(CELL_STUDIES, {**place, "fit_axes_id": of_fit["fit_axes_id"]}).all()
        ),
        nearest=nearest,
        apart=apart,
    )


CELL_STUDIES = sa.text(
    """
    SELECT DISTINCT s.name FROM current_studies s
      JOIN blocks b ON b.study_id = s.study_id
      JOIN block_targets bt ON bt.block_id = b.block_id
      JOIN targets t ON t.target_id = bt.target_id AND t.psm_id = :psm_id
      JOIN block_joint_axes bj ON bj.block_id = b.block_id AND bj.joint_axes_id = :joint_axes_id
      JOIN block_fit_axes bf ON bf.block_id = b.block_id AND bf.fit_axes_id = :fit_axes_id
    ORDER BY s.name
    """
)
_OF_DIRECTIONS = """
    SELECT DISTINCT s.name FROM current_studies s
      JOIN study_directions x ON x.study_id = s.study_id
      JOIN direction_sets d ON d.direction_id = x.direction_id
    WHERE d.{0} = :value ORDER BY s.name
"""
_OF_TARGETS = """
    SELECT DISTINCT s.name FROM current_studies s
      JOIN study_targets x ON x.study_id = s.study_id
      JOIN targets t ON t.target_id = x.target_id
    WHERE t.{0} = :value ORDER BY s.name
"""
_OF_BLOCKS = """
    SELECT DISTINCT s.name FROM current_studies s
      JOIN blocks b ON b.study_id = s.study_id
      JOIN block_{0} x ON x.block_id = b.block_id
    WHERE x.{0}_id = :value ORDER BY s.name
"""
_OF_STUDY = """
    SELECT DISTINCT s.name FROM current_studies s
      JOIN study_{0}s x ON x.study_id = s.study_id
    WHERE x.{0}_id = :value ORDER BY s.name
"""
STUDIES = {
    "models": ("model_id", _OF_STUDY.format("model")),
    "datasets": ("dataset_id", _OF_STUDY.format("dataset")),
    "activation_sets": ("activation_id", _OF_DIRECTIONS.format("activation_id")),
    "direction_sets": ("direction_id", _OF_DIRECTIONS.format("direction_id")),
    "probes": ("direction_id", _OF_DIRECTIONS.format("direction_id")),
    "targets": ("target_id", _OF_TARGETS.format("target_id")),
    "psms": ("psm_id", _OF_TARGETS.format("psm_id")),
    "joint_fits": ("psm_id", _OF_TARGETS.format("psm_id")),
    "joint_axes": ("joint_axes_id", _OF_BLOCKS.format("joint_axes")),
    "fit_axes": ("fit_axes_id", _OF_BLOCKS.format("fit_axes")),
}
"""Column and query of the studies that ask for a row, by table."""


def _studies(connection: sa.Connection, table: sa.Table, row: Values) -> tuple[str, ...]:
    column, query = STUDIES[table.name]
    return tuple(connection.scalars(sa.text(query), {"value": row[column]}).all())


def _state(connection: sa.Connection, key: str, status: str, reason: str) -> tuple[str, str]:
    """Return the state of a row and why: a failure counts where there is no result."""
    if status in (DONE, "not_applicable"):
        return status, reason
    failure = failure_of(connection, key)
    if failure is None:
        return status, reason
    times = "once" if failure["attempts"] == 1 else f"{failure['attempts']} times"
    state = "quarantined" if failure["quarantined"] else "failed"
    return state, f"{failure['stage']}, {times}: {failure['reason']}: {failure['message']}"


def _plain(table: sa.Table) -> list[sa.Column[Any]]:
    """Return the columns of a table but its arrays."""
    return [column for column in table.c if not isinstance(column.type, Array)]


def _one(connection: sa.Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> sa.RowMapping:
    return connection.execute(sa.select(*_plain(table)).where(where)).mappings().one()


INPUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "probes": (("direction_id", "probe set"),),
    "activation_sets": (("model_id", "model"), ("dataset_id", "data set")),
    "direction_sets": (
        ("activation_id", "activation set"),
        ("model_id", "model"),
        ("dataset_id", "data set"),
    ),
    "targets": (("direction_id", "probe set"),),
    "joint_fits": (("joint_axes_id", "joint axes"), ("psm_id", "similarity matrix")),
}
"""Columns that say what a row is made from, and the kinds of those rows, by table."""


def _inputs(connection: sa.Connection, table: sa.Table, row: Values) -> Iterator[tuple[str, sa.RowMapping]]:
    """Yield the rows that a row is made from; a matrix is made from the first target that has it."""
    if table is psms:
        targets = KINDS["target"]
        query = sa.select(*_plain(targets)).where(targets.c.psm_id == row["psm_id"])
        first = connection.execute(query.order_by(targets.c.target_id).limit(1)).mappings().first()
        if first is not None:
            yield "target", first
        return
    for column, kind in INPUTS.get(table.name, ()):
        if row[column] is None or (column != "activation_id" and row.get("activation_id") is not None):
            continue  # what the activations are made from is theirs
        parent = KINDS[kind]
        yield kind, _one(connection, parent, parent.c[column] == row[column])


def _own(table: sa.Table, row: Values) -> dict[str, Any]:
    """Return what the key of a row is made of beside its inputs."""
    values: Any = row
    if table.name == "models":
        return model_fields(values, row["source"])
    if table.name == "datasets":
        return flat(row["specification"]["identity"])
    if table.name == "direction_sets":
        return direction_fields(values)
    if table.name == "targets":
        return target_fields(values)
    if table.name in ("joint_axes", "fit_axes"):
        axes = JointAxes if table is joint_axes else FitAxes
        return {name: row[name] for name in (*axes.__dataclass_fields__, "algorithm_version")}
    names = {"activation_sets": ("hookpoint", "layer", "pooling", "dtype"), "probes": ("feature",)}
    return {name: row[name] for name in names.get(table.name, ())}


def _nearest(connection: sa.Connection, kind: str, row: Values) -> tuple[str, tuple[Apart, ...]]:
    """Return the key of the finished row with the fewest other values, and in what they differ."""
    table = KINDS[kind]
    number = next(iter(table.primary_key.columns))
    if table is psms:  # a matrix differs as its targets do
        targets = [one for _, one in _inputs(connection, table, row)]
        return _nearest(connection, "target", targets[0]) if targets else ("", ())
    query = sa.select(*_plain(table)).where(table.c.key != row["key"].hex())
    if table is joint_fits:
        query = query.where(table.c.psm_id == row["psm_id"])
    elif "status" in table.c and table.name != "probes":
        query = query.where(table.c.status == DONE)
    own, columns = _own(table, row), [column for column, _ in INPUTS.get(table.name, ())]

    def distance(other: Values) -> int:
        theirs = _own(table, other)
        names = [name for name, value in own.items() if theirs.get(name) != value]
        return len(names) + len([column for column in columns if other[column] != row[column]])

    others = connection.execute(query.order_by(number)).mappings()
    nearest = min(others, key=distance, default=None)
    if nearest is None:
        return "", ()
    return nearest["key"].hex(), tuple(_apart(connection, kind, row, nearest))


def _apart(
    connection: sa.Connection, kind: str, row: Values, other: Values, prefix: str = ""
) -> Iterator[Apart]:
    """Yield the values in which two rows of one kind differ, their own first."""
    table = KINDS[kind]
    here, there = _own(table, row), _own(table, other)
    for name in dict.fromkeys((*here, *there)):
        if here.get(name) != there.get(name):
            yield Apart(f"{prefix}{name}", here.get(name), there.get(name))
    theirs = dict(_inputs(connection, table, other))
    for above, parent in _inputs(connection, table, row):
        if above in theirs and parent["key"] != theirs[above]["key"]:
            yield from _apart(connection, above, parent, theirs[above], f"{prefix}{above}.")


def _fit_at(connection: sa.Connection, place: Mapping[str, int], fit_axes_id: int) -> bool:
    """Return whether a cell has a fit."""
    query = (
        sa.select(fits.c.joint_id)
        .join(joint_fits, joint_fits.c.joint_id == fits.c.joint_id)
        .where(*(joint_fits.c[name] == value for name, value in place.items()))
        .where(fits.c.fit_axes_id == fit_axes_id)
    )
    return connection.scalar(query) is not None


def _nearest_fit(
    connection: sa.Connection, place: Mapping[str, int], of_fit: sa.RowMapping
) -> tuple[str, tuple[Apart, ...]]:
    """Return the nearest fit: of the same joint fit, else of another joint fit of the same matrix."""
    j, mine = joint_fits.c, _own(fit_axes, of_fit)
    base = (
        sa.select(j.key.label("joint_key"), j.joint_axes_id, *_plain(fit_axes))
        .join(fits, fits.c.joint_id == j.joint_id)
        .join(fit_axes, fit_axes.c.fit_axes_id == fits.c.fit_axes_id)
        .where(j.psm_id == place["psm_id"])
        .order_by(j.joint_id, fit_axes.c.fit_axes_id)
    )
    same = j.joint_axes_id == place["joint_axes_id"]
    within = base.where(same, fit_axes.c.fit_axes_id != of_fit["fit_axes_id"])
    beside = base.where(~same, fit_axes.c.fit_axes_id == of_fit["fit_axes_id"])
    joint = _one(connection, joint_axes, joint_axes.c.joint_axes_id == place["joint_axes_id"])
    for query in (within, beside):
        best: tuple[int, str, tuple[Apart, ...]] | None = None
        for row in connection.execute(query).mappings():
            apart = list(_different("fit axes.", mine, _own(fit_axes, row)))
            if row["joint_axes_id"] != joint["joint_axes_id"]:
                other = _one(connection, joint_axes, joint_axes.c.joint_axes_id == row["joint_axes_id"])
                apart += _different("joint axes.", _own(joint_axes, joint), _own(joint_axes, other))
            if best is None or len(apart) < best[0]:
                best = (len(apart), f"{row['joint_key'].hex()}.{row['key'].hex()}", tuple(apart))
        if best is not None:
            return best[1:]
    return "", ()


def _different(prefix: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Apart]:
    for name, value in here.items():
        if there.get(name) != value:
            yield Apart(f"{prefix}{name}", value, there.get(name))
