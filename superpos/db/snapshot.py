"""One state of the database, read in streams: rows of views and arrays by key, a bounded number at a time.

Rows come ordered by every column that is no measured number, text by its bytes and what is missing first, so
that both database systems give one order. Whoever writes meanwhile is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from numpy.typing import NDArray

from superpos.catalogue import Axis, entry
from superpos.db.engine import Database
from superpos.db.results import VIEWS
from superpos.db.tables import (
    datasets,
    direction_rows,
    direction_sets,
    fit_arrays,
    fits,
    joint_fits,
    psms,
    targets,
)
from superpos.db.tables import studies as study_rows

AT_ONCE = 50
"""Rows with arrays that are held at once."""
ARRAYS = {
    "directions": ("direction_key", ("psm_results", "probe_results")),
    "psms": ("psm_key", ("psm_results",)),
    "joint_fits": ("joint_key", ("joint_results",)),
    "fits": ("fit_key", ("fit_results",)),
    "phi": ("dataset_key", ("dataset_features",)),
}
"""Kind of arrays to its key, and the views whose rows say which belong to a study."""
NUMBERS = ("integer", "number")

Rows = list[tuple[Any, ...]]
Named = tuple[str, str, NDArray[Any]]
"""Key, name of the array, array."""


class Snapshot:
    """The rows of some studies as they are at one moment."""

    def __init__(self, connection: sa.Connection, studies: Sequence[str]) -> None:
        self._connection = connection
        self.studies = tuple(studies)
        inspector = sa.inspect(connection)
        self.columns = {view: [column["name"] for column in inspector.get_columns(view)] for view in VIEWS}
        """Of every view."""

    @property
    def connection(self) -> sa.Connection:
        """Sees the moment."""
        return self._connection

    def revisions(self) -> dict[str, int]:
        """Return the number of the newest revision of each study, by its name."""
        c = study_rows.c
        query = sa.select(c.name, c.study_id).where(c.name.in_(self.studies)).order_by(c.revision)
        return {str(name): int(number) for name, number in self._connection.execute(query)}

    def descriptions(self) -> dict[str, str]:
        """Return the studies with what they say of themselves."""
        c = study_rows.c
        query = sa.select(c.name, c.specification).order_by(c.revision)
        found = {name: str(said.get("description", "")) for name, said in self._connection.execute(query)}
        return {name: found[name] for name in self.studies}

    def rows(self, view: str, columns: Sequence[str], at_once: int) -> Iterator[Rows]:
        """Yield the rows of a view in batches, with these columns."""
        table = sa.table(view, *(sa.column(name) for name in columns))
        order = [self._ordered(view, name) for name in columns if _orders(view, name)]
        query = sa.select(table).where(self._condition(columns)).order_by(*order)
        yield from self._stream(query, at_once)

    def arrays(self, kind: str) -> Iterator[Named]:
        """Yield the arrays of one kind of `ARRAYS`, by key."""
        query = _arrays(kind)
        key, *columns = query.selected_columns
        chosen = query.where(key.in_(self._keys(kind))).order_by(key)
        for rows in self._stream(chosen, AT_ONCE):
            for first, *found in rows:
                for column, array in zip(columns, found, strict=True):
                    if array is not None:
                        yield _text(first), str(column.name), array

    def names(self, kind: str, keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the names of the rows of directions and matrices, where all that share one agree on them."""
        if kind not in ("directions", "psms"):
            return {}
        found: dict[str, dict[int, list[str]]] = {}
        for first in range(0, len(keys), 500):
            for key, direction, feature, _ in self._connection.execute(
                _names(kind, keys[first : first + 500])
            ):
                found.setdefault(_text(key), {}).setdefault(direction, []).append(feature)
        agreed = {key: {tuple(names) for names in sets.values()} for key, sets in found.items()}
        return {key: next(iter(sets)) for key, sets in agreed.items() if len(sets) == 1}

    def _stream(self, query: sa.Select[Any], at_once: int) -> Iterator[Rows]:
        with self._connection.execute(query, execution_options={"stream_results": True}) as result:
            for part in result.partitions(at_once):
                yield [tuple(row) for row in part]

    def _condition(self, columns: Sequence[str]) -> sa.ColumnElement[bool]:
        return sa.column("study").in_(self.studies) if "study" in columns else sa.true()

    def _keys(self, kind: str) -> sa.Select[Any]:
        name, views = ARRAYS[kind]
        parts: list[sa.Select[Any]] = [
            sa.select(sa.column(name)).select_from(sa.table(view)).where(self._condition(["study"]))
            for view in views
        ]
        together = sa.union(*parts).subquery()
        return sa.select(together.c[name])

    def _ordered(self, view: str, name: str) -> sa.ColumnElement[Any]:
        column: sa.ColumnElement[Any] = sa.column(name)
        if self._connection.dialect.name == "sqlite":
            return column
        if entry(view, name).type not in NUMBERS:
            column = sa.collate(sa.cast(column, sa.Text), "C")
        return column.asc().nulls_first()


@contextmanager
def snapshot(database: Database, studies: Sequence[str]) -> Iterator[Snapshot]:
    """Yield one state of the database.

    Raises
    ------
    DatabaseError
        If it cannot be reached.
    """
    with database.read() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("BEGIN")
            yield Snapshot(connection, studies)
        else:
            yield Snapshot(connection.execution_options(isolation_level="REPEATABLE READ"), studies)


def _orders(view: str, name: str) -> bool:
    found = entry(view, name)
    return isinstance(found, Axis) or found.type != "number"


def _arrays(kind: str) -> sa.Select[Any]:
    """Return the key and the arrays of every row of a kind."""
    d, p, j, f = direction_sets.c, psms.c, joint_fits.c, fit_arrays.c
    if kind == "directions":
        return sa.select(d.key, d.coef_raw, d.coef_scaled, d.coef_whitened, d.intercept, d.scale)
    if kind == "psms":
        return sa.select(p.key, p.matrix)
    if kind == "joint_fits":
        return sa.select(j.key, j.vectors, j.logits, j.similarities)
    if kind == "phi":
        return sa.select(datasets.c.key, datasets.c.phi)
    of_fit = sa.and_(f.joint_id == fits.c.joint_id, f.fit_axes_id == fits.c.fit_axes_id)
    return sa.select(fits.c.key, f.vectors, f.similarities, f.polished).join(fits, of_fit)


def _names(kind: str, keys: Sequence[str]) -> sa.Select[Any]:
    """Return key, set of directions, feature and place of every row of the arrays with these keys."""
    r = direction_rows.c
    if kind == "directions":
        query = sa.select(direction_sets.c.key, r.direction_id, r.feature, r.row_index)
        query = query.join(direction_rows, r.direction_id == direction_sets.c.direction_id)
        query = query.where(direction_sets.c.key.in_(keys))
    else:
        query = sa.select(psms.c.key, r.direction_id, r.feature, r.row_index)
        query = query.join(targets, targets.c.psm_id == psms.c.psm_id)
        query = query.join(direction_rows, r.direction_id == targets.c.direction_id)
        query = query.where(psms.c.key.in_(keys))
    return query.distinct().order_by(r.direction_id, r.row_index)


def _text(key: Any) -> str:
    return key.hex() if isinstance(key, bytes) else str(key)
