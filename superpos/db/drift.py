"""What of a database is not as its revision makes it: tables, columns, keys, checks, indexes, views.

Alembic's comparison sees neither CHECK constraints nor primary keys nor views, so all are read from the
catalogue of the database. Checks hold lists of words, and are compared as such: PostgreSQL writes them in its
own way. Views are compared with their text; PostgreSQL, which keeps none, is asked how it would write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

import superpos.db.tables  # noqa: F401 (what it defines enters the metadata)
from superpos.db.metadata import VERSIONS, metadata
from superpos.db.views import View, views


def drifted(connection: sa.Connection) -> list[str]:
    """Return a line for each difference between a database at the newest revision and that revision."""
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names()) - {VERSIONS}
    found = [f"table {name}: is missing" for name in sorted(set(metadata.tables) - there)]
    found += [f"table {name}: is not one of ours" for name in sorted(there - set(metadata.tables))]
    for name in sorted(there & set(metadata.tables)):
        found += [f"table {name}: {line}" for line in _of_table(inspector, metadata.tables[name])]
    return found + list(_of_views(connection, inspector))


def _of_table(inspector: Any, table: sa.Table) -> Iterator[str]:
    columns = {column["name"]: column for column in inspector.get_columns(table.name)}
    yield from _names("column", set(columns), {column.name for column in table.columns})
    for column in table.columns:
        if (
            column.name in columns
            and not column.primary_key
            and bool(columns[column.name]["nullable"]) != bool(column.nullable)
        ):
            yield f"column {column.name}: {'may' if column.nullable else 'must not'} be NULL in our schema"
    key = inspector.get_pk_constraint(table.name)["constrained_columns"]
    wanted = [column.name for column in table.primary_key.columns]
    if key != wanted:
        yield f"primary key is ({', '.join(key)}), ours is ({', '.join(wanted)})"
    checks = {one["name"]: _words(one["sqltext"]) for one in inspector.get_check_constraints(table.name)}
    ours = {
        str(one.name): _words(str(one.sqltext))
        for one in table.constraints
        if isinstance(one, sa.CheckConstraint)
    }
    yield from _names("check", set(checks), set(ours))
    for name in sorted(checks.keys() & ours.keys()):
        if checks[name] != ours[name]:
            yield f"check {name}: allows {_list(checks[name])}, ours {_list(ours[name])}"
    unique = {tuple(one["column_names"]) for one in inspector.get_unique_constraints(table.name)}
    ours_unique = {
        tuple(column.name for column in one.columns)
        for one in table.constraints
        if isinstance(one, sa.UniqueConstraint)
    }
    yield from _names("unique", *({", ".join(one) for one in each} for each in (unique, ours_unique)))
    indexes = {
        one["name"] for one in inspector.get_indexes(table.name) if not one.get("duplicates_constraint")
    }
    yield from _names("index", indexes, {str(index.name) for index in table.indexes})
    references = {
        (tuple(one["constrained_columns"]), one["referred_table"])
        for one in inspector.get_foreign_keys(table.name)
    }
    ours_references = {
        (tuple(element.parent.name for element in one.elements), one.referred_table.name)
        for one in table.foreign_key_constraints
    }
    yield from _names(
        "reference",
        *({f"{', '.join(a)} to {b}" for a, b in each} for each in (references, ours_references)),
    )


def _names(what: str, there: set[str], ours: set[str]) -> Iterator[str]:
    yield from (f"{what} {name}: is missing" for name in sorted(ours - there))
    yield from (f"{what} {name}: is not one of ours" for name in sorted(there - ours))


def _words(text: str) -> list[str]:
    """Return the words of a list in SQL, whichever way it is written."""
    return sorted(re.findall(r"'([^']*)'", text))


def _list(words: Iterable[str]) -> str:
    return ", ".join(words) or "nothing"


def _of_views(connection: sa.Connection, inspector: Any) -> Iterator[str]:
    there, ours = set(inspector.get_view_names()), {view.name: view for view in views()}
    yield from _names("view", there, set(ours))
    kept = [view for view in ours.values() if view.name in there]
    texts = _of_sqlite if connection.dialect.name == "sqlite" else _of_postgresql
    for name, stored, wanted in texts(connection, kept):
        if stored != wanted:
            yield f"view {name}: its text is not ours"


def _of_sqlite(connection: sa.Connection, kept: list[View]) -> Iterator[tuple[str, str, str]]:
    query = sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'view'")
    stored = {row[0]: row[1] for row in connection.execute(query)}
    for view in kept:
        _, _, select = stored[view.name].partition(" AS")
        yield view.name, " ".join(select.split()), " ".join(view.select.split())


def _of_postgresql(connection: sa.Connection, kept: list[View]) -> Iterator[tuple[str, str, str]]:
    """Yield views as the server writes them, and as it would write ours: made for a moment, then undone."""
    definition = sa.text("SELECT pg_get_viewdef(CAST(:name AS regclass))")
    with connection.begin_nested() as made:
        for view in kept:
            stored = connection.scalar(definition, {"name": view.name})
            trial = f"drift_of_{view.name}"[:60]
            select = view.select.replace("%", "%%")
            try:
                with connection.begin_nested():
                    connection.exec_driver_sql(f"CREATE TEMPORARY VIEW {trial} AS {select}")
                    wanted = connection.scalar(definition, {"name": trial})
            except sa.exc.ProgrammingError:  # what it reads is missing or has other columns
                wanted = ""
            yield view.name, str(stored), str(wanted)
        made.rollback()
