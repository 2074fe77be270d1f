"""Follow a key up to the text: every row that went into a row, with versions, seeds and runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from superpos.catalogue.axes import AXES
from superpos.db.engine import Database
from superpos.db.keys import CELL, FIT, KINDS, PROBE_SET, failure_of, find_key
from superpos.db.tables import (
    activation_sets,
    block_targets,
    blocks,
    datasets,
    direction_sets,
    fit_axes,
    fits,
    joint_axes,
    joint_fits,
    models,
    probes,
    psms,
    runs,
    shards,
    studies,
    targets,
)
from superpos.errors import InputError
from superpos.kinds.builders import BUILDERS
from superpos.kinds.register import Register


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One row on the way: its kind, key and columns; arrays appear by type and shape."""

    kind: str
    key: str
    columns: Mapping[str, Any]


WITHOUT_PROBES = "directions"
"""What a set of directions is called that has no probes: rows of a matrix of a model, or imported."""

TABLES = {"model": models, "target": targets, "kernel": joint_axes, "joint": joint_axes, "fit": fit_axes}
"""Tables of axes by level, where one of them names a kind."""
NAMES: tuple[tuple[sa.Table, str, Register[Any]], ...] = (
    *((TABLES[axis.level], axis.column, axis.register) for axis in AXES if axis.register is not None),
    (datasets, "builder", BUILDERS),
)
"""Columns that name a kind."""


def trace(database: Database, key: str) -> list[TraceRow]:
    """Return the row that a key, or its beginning, names, then every row it was made of, nearest first.

    Each row comes once, however many others it went into.

    Raises
    ------
    InputError
        If the key names nothing, or begins several.
    """
    with database.read() as connection:
        found = find_key(connection, database.label, key)
        if found.kind == FIT:
            rows = _fit(connection, found.key)
        elif found.kind == CELL:
            rows = _cell(connection, found.key)
        else:
            table = KINDS[found.kind]
            row = connection.execute(sa.select(table).where(table.c.key == found.key)).mappings().one()
            rows = _rows(connection, found.kind, table, dict(row))
    once: dict[tuple[str, str], TraceRow] = {}
    for one in rows:
        once.setdefault((one.kind, one.key), one)
    return list(once.values())


def _fit(connection: sa.Connection, key: str) -> list[TraceRow]:
    row = connection.execute(sa.select(fits).where(fits.c.key == key)).mappings().one()
    found = [TraceRow(FIT, key, _shown(row))]
    found.extend(_run(connection, row["run_id"]))
    found.extend(_by_id(connection, "fit axes", fit_axes, "fit_axes_id", row["fit_axes_id"]))
    found.extend(_by_id(connection, "joint fit", joint_fits, "joint_id", row["joint_id"]))
    return found


def _cell(connection: sa.Connection, key: str) -> list[TraceRow]:
    """Return a cell without a fit: how it failed, if it did, and what it is made from."""
    failure = failure_of(connection, key)
    found = [TraceRow(CELL, key, {} if failure is None else _shown(failure))]
    kinds = ("similarity matrix", "joint axes", "fit axes")
    for kind, part in zip(kinds, key.split("."), strict=True):
        table = KINDS[kind]
        row = connection.execute(sa.select(table).where(table.c.key == part)).mappings().one()
        found.extend(_rows(connection, kind, table, dict(row)))
    return found


def _by_id(connection: sa.Connection, kind: str, table: sa.Table, column: str, value: int) -> list[TraceRow]:
    row = connection.execute(sa.select(table).where(table.c[column] == value)).mappings().one()
    return _rows(connection, kind, table, dict(row))


def _rows(connection: sa.Connection, kind: str, table: sa.Table, row: Mapping[str, Any]) -> list[TraceRow]:
    """Return a row and all its ancestors."""
    if table is direction_sets and row["activation_id"] is None:
        kind = WITHOUT_PROBES
    found = [TraceRow(kind, row["key"].hex(), {**_shown(row), **_origins(table, row)})]
    if row.get("run_id") is not None:
        found.extend(_run(connection, row["run_id"]))
    if table is joint_fits:
        found.extend(_by_id(connection, "joint axes", joint_axes, "joint_axes_id", row["joint_axes_id"]))
        found.extend(_by_id(connection, "similarity matrix", psms, "psm_id", row["psm_id"]))
    elif table is psms:
        found.extend(_target_of(connection, row["psm_id"]))
    elif table in (targets, probes):
        found.extend(_by_id(connection, PROBE_SET, direction_sets, "direction_id", row["direction_id"]))
    elif table is direction_sets and row["activation_id"] is not None:
        found.extend(
            _by_id(connection, "activation set", activation_sets, "activation_id", row["activation_id"])
        )
    elif table in (activation_sets, direction_sets):
        if table is activation_sets:
            found.extend(_files(connection, row["activation_id"]))
        if row["model_id"] is not None:
            found.extend(_by_id(connection, "model", models, "model_id", row["model_id"]))
        found.extend(_by_id(connection, "data set", datasets, "dataset_id", row["dataset_id"]))
    return found


def _target_of(connection: sa.Connection, psm_id: int) -> list[TraceRow]:
    """Return the first target that uses a matrix; targets that share one differ in nothing it depends on."""
    query = sa.select(targets).where(targets.c.psm_id == psm_id).order_by(targets.c.target_id)
    rows = connection.execute(query).mappings().all()
    if not rows:
        return []
    found = _rows(connection, "target", targets, dict(rows[0]))
    names = (
        sa.select(studies.c.name, studies.c.revision)
        .join(blocks, blocks.c.study_id == studies.c.study_id)
        .join(block_targets, block_targets.c.block_id == blocks.c.block_id)
        .where(block_targets.c.target_id.in_([row["target_id"] for row in rows]))
        .distinct()
    )
    used = ", ".join(sorted(f"{name} (revision {revision})" for name, revision in connection.execute(names)))
    shared = {"targets_sharing_it": len(rows), "studies": used}
    return [TraceRow(found[0].kind, found[0].key, {**found[0].columns, **shared}), *found[1:]]


def _files(connection: sa.Connection, activation_id: int) -> list[TraceRow]:
    query = sa.select(shards).where(shards.c.activation_id == activation_id).order_by(shards.c.shard_index)
    return [TraceRow("file", row["path"], _shown(row)) for row in connection.execute(query).mappings()]


def _run(connection: sa.Connection, run_id: int) -> list[TraceRow]:
    row = connection.execute(sa.select(runs).where(runs.c.run_id == run_id)).mappings().one()
    return [TraceRow("run", str(run_id), _shown(row))]


def _shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return columns as a person reads them."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if hasattr(value, "dtype"):
            shown[str(name)] = f"{value.dtype} array {value.shape}"
        elif isinstance(value, bytes):
            shown[str(name)] = value.hex()
        elif value is not None and not str(name).endswith("_id"):
            shown[str(name)] = value
    return shown


def _origins(table: sa.Table, row: Mapping[str, Any]) -> dict[str, str]:
    """Return where the kinds that a row names are from here and now, unless they are the project's own."""
    found: dict[str, str] = {}
    for named, column, register in NAMES:
        name = row[column] if named is table else ""
        if not name:
            continue
        try:
            origin = register.origin(name)
        except InputError as error:  # the package was there when the row was planned
            found[f"{column}_from"] = f"not found here: {error}"
        else:
            found |= {} if origin is None else {f"{column}_from": origin.label}
    return found
