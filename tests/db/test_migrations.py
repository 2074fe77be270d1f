"""Schema revisions on both database systems: there and back, nothing lost, nothing of others touched."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from superpos.db import migrate
from superpos.db.analysis import write_analysis
from superpos.db.engine import Database
from superpos.db.metadata import metadata
from superpos.db.migrate import (
    check,
    current_revision,
    ensure_current,
    newest_revision,
    require_current,
    upgrade,
)
from superpos.db.results import VIEWS, Results
from superpos.db.runs import start_run
from superpos.db.studies import register_study
from superpos.errors import DatabaseError

NEWEST = newest_revision()
LATER = f'''"""A later revision, for tests."""

import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{NEWEST}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    BODY
'''
ADD_A_COLUMN = 'op.add_column("studies", sa.Column("note", sa.Text, server_default="none"))'
LOSE_ROWS = 'op.execute("DELETE FROM runs")'
LEAVE_A_HOLE = 'op.execute("UPDATE analyses SET run_id = 4711")'
REBUILD_A_PARENT = """views = sa.inspect(op.get_bind()).get_view_names()
    query = sa.text("SELECT sql FROM sqlite_master WHERE name = :view")
    texts = {view: op.get_bind().scalar(query, {"view": view}) for view in views}
    for view in views:
        op.execute(f"DROP VIEW {view}")
    with op.batch_alter_table("runs", recreate="always") as batch:
        batch.alter_column("host", nullable=True)
    for text in texts.values():
        op.execute(text)"""


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    handle = Database(database_url)
    yield handle
    handle.dispose()


def names(database: Database) -> tuple[set[str], set[str]]:
    """Tables and views."""
    with database.read() as connection:
        inspector = sa.inspect(connection)
        return set(inspector.get_table_names()), set(inspector.get_view_names())


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """The package's migrations with one more on top, whose upgrade does what it is given."""

    def make(body: str) -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(migrate._folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "9000_later.py").write_text(LATER.replace("BODY", body), encoding="utf-8")
        monkeypatch.setattr(migrate, "_folder", lambda: folder)

    return make


def test_the_tables_of_the_package_are_those_of_the_migrations(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    tables, views = names(database)
    assert tables == {*metadata.tables, "alembic_version"}
    assert views >= {*VIEWS} - {"runs"}


def test_checks_and_indexes_are_those_of_the_package(database: Database) -> None:
    with database.read() as connection:
        inspector = sa.inspect(connection)
        for name, table in metadata.tables.items():
            wanted = {str(c.name) for c in table.constraints if isinstance(c, sa.CheckConstraint)}
            assert {c["name"] for c in inspector.get_check_constraints(name)} == wanted
            indexes = {i["name"] for i in inspector.get_indexes(name) if not i.get("duplicates_constraint")}
            assert indexes == {index.name for index in table.indexes}
            key = inspector.get_pk_constraint(name)["constrained_columns"]
            assert key == [column.name for column in table.primary_key.columns]


def test_an_empty_database_is_made_at_the_newest_revision_and_again_is_nothing(empty: Database) -> None:
    assert current_revision(empty) is None
    with pytest.raises(DatabaseError, match=r"no such file|is empty; run a study first"):
        require_current(empty)
    ensure_current(empty)
    assert current_revision(empty) == newest_revision()
    before = names(empty)
    ensure_current(empty)
    assert upgrade(empty) == (newest_revision(), newest_revision())
    assert names(empty) == before
    assert check(empty) == []


def test_downgrading_to_the_base_leaves_nothing_and_the_way_up_is_open(empty: Database) -> None:
    ensure_current(empty)
    with empty.write() as connection:
        command.downgrade(migrate._config(connection), "base")
    assert names(empty) == ({"alembic_version"}, set())
    assert current_revision(empty) is None
    assert upgrade(empty) == (None, newest_revision())
    assert check(empty) == []


def test_going_back_and_forth_keeps_results_of_probes(open_store: Any) -> None:
    store = open_store().everything()
    before = {name: store.count(name) for name in metadata.tables}
    frame = Results(store.database).frame("psm_pairs")
    backward(store.database)
    assert current_revision(store.database) == "0001"
    assert store.count("direction_sets") == before["direction_sets"]
    assert upgrade(store.database) == ("0001", NEWEST)
    store.measures()  # which revision 0003 cannot hold
    assert {name: store.count(name) for name in metadata.tables} == before
    again = Results(store.database).frame("psm_pairs")
    keys = ["psm_key", "feature_a", "feature_b"]
    pd.testing.assert_frame_equal(
        frame.sort_values(keys, ignore_index=True), again.sort_values(keys, ignore_index=True)
    )
    assert check(store.database) == []


def test_going_back_is_refused_by_directions_without_probes(open_store: Any) -> None:
    store = open_store(sources=("vectors",)).inputs()
    with pytest.raises(sa.exc.IntegrityError, match="activation_id"):
        backward(store.database)
    assert current_revision(store.database) == NEWEST
    assert store.count("direction_rows") == 6 + 4


def test_going_back_is_refused_by_features_that_are_copies(open_store: Any) -> None:
    store = open_store().everything()
    before = store.count("features")
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE features SET status = 'duplicate' WHERE feature = 'space'")
    with pytest.raises(sa.exc.IntegrityError, match="ck_features_status"):
        backward(store.database)
    assert current_revision(store.database) == NEWEST
    assert store.count("features") == before
    assert check(store.database) == []


def backward(database: Database) -> None:
    """Go back to revision 0001, as `db upgrade` goes forward: foreign keys off, all or nothing."""
    try:
        with database.read() as connection:
            if database.is_sqlite:
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                connection.rollback()
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            command.downgrade(migrate._config(connection), "0001")
            connection.commit()
    finally:
        database.dispose()  # with the connection that has its foreign keys off


def test_tables_of_something_else_are_left_alone(empty: Database) -> None:
    with empty.write() as connection:
        connection.exec_driver_sql("CREATE TABLE customers (id INTEGER)")
    for use in (ensure_current, upgrade, require_current):
        with pytest.raises(DatabaseError, match=r"holds tables of something else \(customers\)$"):
            use(empty)
    assert names(empty) == ({"customers"}, set())


@pytest.mark.parametrize("use", [ensure_current, require_current])
def test_an_older_database_is_refused_until_it_is_upgraded(
    database: Database, later: Callable[[str], None], use: Callable[[Database], None]
) -> None:
    later(ADD_A_COLUMN)
    with pytest.raises(DatabaseError) as caught:
        use(database)
    assert caught.value.exit_status == 3
    assert str(caught.value) == (
        f"database {database.label}: is at schema revision {NEWEST}, this version needs 9000; "
        "run `superpos db upgrade`"
    )
    assert check(database) == [f"schema revision {NEWEST}, needed 9000: run `superpos db upgrade`"]


def test_a_database_of_a_later_version_is_refused(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for use in (ensure_current, require_current, upgrade):
        with pytest.raises(DatabaseError, match=r"9999, which this version does not know .*install a later"):
            use(database)


def test_an_upgrade_keeps_every_row(open_store: Any, later: Callable[[str], None]) -> None:
    store = open_store().everything()
    store.analyse()
    before = {name: store.count(name) for name in metadata.tables}
    later(ADD_A_COLUMN)
    assert upgrade(store.database) == (NEWEST, "9000")
    assert current_revision(store.database) == "9000"
    assert {name: store.count(name) for name in metadata.tables} == before
    with store.database.read() as connection:
        assert connection.exec_driver_sql("SELECT note FROM studies").scalars().all() == ["none"]


def test_an_upgrade_that_loses_rows_is_undone(open_store: Any, later: Callable[[str], None]) -> None:
    store = open_store()
    later(LOSE_ROWS)
    with pytest.raises(DatabaseError, match="upgrade would lose rows of runs"):
        upgrade(store.database)
    assert store.count("runs") == 1
    assert current_revision(store.database) == NEWEST


def test_a_sqlite_file_is_copied_beside_itself_before_an_upgrade(
    sqlite: Database, later: Callable[[str], None]
) -> None:
    with sqlite.write() as connection:  # what lies in the write-ahead log alone must be in the copy too
        connection.exec_driver_sql(
            "INSERT INTO studies (name, revision, digest, specification, algorithm_versions, store_vectors, "
            "created_at) VALUES ('s', 1, '', '{}', '{}', 'all', '2026-01-01T00:00:00.000+00:00')"
        )
    later(ADD_A_COLUMN)
    upgrade(sqlite)
    path = Path(str(sqlite.url.database))
    with closing(sqlite3.connect(path.with_name(f"{path.name}.{NEWEST}.backup"))) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]
        assert copy.execute("SELECT name FROM studies").fetchall() == [("s",)]
        assert "note" not in {row[1] for row in copy.execute("PRAGMA table_info(studies)")}


def test_rebuilding_a_parent_table_keeps_its_children(
    make_plan: Any, sqlite: Database, later: Callable[[str], None]
) -> None:
    register_study(sqlite, make_plan())
    run = start_run(sqlite, study="small", host="here", git_commit="", versions={}, address="")
    with sqlite.write() as connection:
        connection.execute(metadata.tables["datasets"].update().values(run_id=run))
    later(REBUILD_A_PARENT)
    assert upgrade(sqlite) == (NEWEST, "9000")
    with sqlite.read() as connection:
        assert connection.exec_driver_sql("SELECT run_id FROM datasets").scalars().all() == [run]
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_an_upgrade_that_leaves_dangling_references_is_undone(
    sqlite: Database, make_plan: Any, later: Callable[[str], None]
) -> None:
    study = register_study(sqlite, make_plan())
    run = start_run(sqlite, study="small", host="here", git_commit="", versions={}, address="")
    write_analysis(sqlite, study, run, 1, [], [])
    later(LEAVE_A_HOLE)
    with pytest.raises(DatabaseError, match=r"upgrade would lose rows of .*analyses"):
        upgrade(sqlite)
    with sqlite.write() as connection:  # foreign keys are on again, though the upgrade had them off
        assert connection.exec_driver_sql("SELECT run_id FROM analyses").scalar() == run
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_two_first_users_at_once_make_one_schema(empty: Database) -> None:
    barrier = threading.Barrier(2)
    wrong: list[BaseException] = []

    def use() -> None:
        handle = Database(empty.url.render_as_string(hide_password=False))
        try:
            barrier.wait()
            ensure_current(handle)
        except BaseException as error:
            wrong.append(error)
        finally:
            handle.dispose()

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert check(empty) == []


def test_damage_is_found(sqlite: Database) -> None:
    with sqlite.read() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("INSERT INTO blocks (block_id, study_id, name) VALUES (1, 4711, 'b')")
    sqlite.dispose()
    assert check(sqlite) == ["table blocks: row 1 refers to nothing in studies"]


def test_a_kill_while_the_file_is_copied_leaves_no_broken_copy(
    sqlite: Database, later: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    later(ADD_A_COLUMN)
    path = Path(str(sqlite.url.database))
    copy = path.with_name(f"{path.name}.{NEWEST}.backup")

    def killed(*_: Any) -> None:  # when all is written, before the copy has its name
        assert not copy.exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(migrate.os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            upgrade(sqlite)
    assert not copy.exists()
    assert current_revision(sqlite) == NEWEST
    assert upgrade(sqlite) == (NEWEST, "9000")
    assert copy.stat().st_size > 0
    assert not copy.with_name(f"{copy.name}.part").exists()


def test_a_file_that_cannot_be_copied_is_not_upgraded(
    sqlite: Database, later: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    later(ADD_A_COLUMN)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(migrate.os, "fsync", full)
    with pytest.raises(DatabaseError, match=r"before its upgrade \(No space left on device\); nothing was"):
        upgrade(sqlite)
    assert current_revision(sqlite) == NEWEST


def test_two_upgrades_at_once_make_one_and_copy_what_was_before(
    sqlite: Database, later: Callable[[str], None]
) -> None:
    later(ADD_A_COLUMN)
    path = Path(str(sqlite.url.database))
    barrier = threading.Barrier(3)
    wrong: list[BaseException] = []

    def use() -> None:
        handle = Database(f"sqlite:///{path}")
        try:
            barrier.wait()
            upgrade(handle)
        except BaseException as error:
            wrong.append(error)
        finally:
            handle.dispose()

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    with closing(sqlite3.connect(path.with_name(f"{path.name}.{NEWEST}.backup"))) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]


def test_rows_are_counted_before_and_after(open_store: Any, later: Callable[[str], None]) -> None:
    store = open_store().everything()
    told: list[Any] = []
    later(ADD_A_COLUMN)
    upgrade(store.database, lambda *counts: told.append(counts))
    ((before, after),) = told
    assert before == after == {name: store.count(name) for name in before}
    assert before["fits"] == 6


DRIFTS = [
    ("DROP VIEW near_copies", "view near_copies: is missing"),
    ("CREATE VIEW own AS SELECT 1 AS a", "view own: is not one of ours"),
    (
        "DROP VIEW near_copies; CREATE VIEW near_copies AS SELECT study_id FROM studies",
        "view near_copies: its text is not ours",
    ),
    ("DROP INDEX ix_blocks_study_id", "table blocks: index ix_blocks_study_id: is missing"),
    ("CREATE TABLE own (a INTEGER)", "table own: is not one of ours"),
    ("ALTER TABLE studies ADD COLUMN own INTEGER", "table studies: column own: is not one of ours"),
]


@pytest.mark.parametrize(("statements", "said"), DRIFTS)
def test_what_is_not_as_the_revision_makes_it_is_found(
    database: Database, statements: str, said: str
) -> None:
    assert check(database) == []
    with database.write() as connection:
        for statement in statements.split("; "):
            connection.exec_driver_sql(statement)
    assert check(database) == [said]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            (
                "ALTER TABLE runs DROP CONSTRAINT ck_runs_outcome; "
                "ALTER TABLE runs ADD CONSTRAINT ck_runs_outcome CHECK (outcome IN ('running', 'done'))"
            ),
            (
                "table runs: check ck_runs_outcome: allows done, running, ours done, failed, incomplete, "
                "interrupted, running"
            ),
        ),
        (
            (
                "ALTER TABLE layer_pairs DROP CONSTRAINT pk_layer_pairs; "
                "ALTER TABLE layer_pairs ADD PRIMARY KEY (study_id, target_b, target_a)"
            ),
            (
                "table layer_pairs: primary key is (study_id, target_b, target_a), ours is (study_id, "
                "target_a, target_b)"
            ),
        ),
        (
            "ALTER TABLE studies ALTER COLUMN name DROP NOT NULL",
            "table studies: column name: must not be NULL in our schema",
        ),
    ],
)
def test_checks_keys_and_columns_that_were_changed_are_found(
    database: Database, make: str, said: str
) -> None:
    if database.is_sqlite:  # which changes none of these: the schema itself is written
        swaps = {
            "runs": (", 'incomplete', 'failed', 'interrupted')", ")"),
            "layer_pairs": ("(study_id, target_a, target_b)", "(study_id, target_b, target_a)"),
            "studies": ("name TEXT NOT NULL", "name TEXT"),
        }
        table = said.split()[1].rstrip(":")
        with database.read() as connection:
            connection.exec_driver_sql("PRAGMA writable_schema = ON")
            changed = connection.exec_driver_sql(
                "UPDATE sqlite_master SET sql = REPLACE(sql, ?, ?) WHERE name = ? AND sql LIKE ?",
                (*swaps[table], table, f"%{swaps[table][0]}%"),
            )
            assert changed.rowcount == 1
        database.dispose()
    else:
        with database.write() as connection:
            for statement in make.split("; "):
                connection.exec_driver_sql(statement)
    assert said in check(database)


def test_names_of_kinds_are_as_long_as_a_reference(open_store: Any) -> None:
    store = open_store().everything()
    name = f"package.module:{'a' * 185}"
    columns = (("models", "weights"), ("psms", "similarity"), ("targets", "kind"), ("targets", "similarity"),
               ("joint_axes", "energy"), ("joint_axes", "kernel"), ("fit_axes", "optimiser"))  # fmt: skip
    for table, column in columns:
        with store.database.write() as connection:
            connection.execute(metadata.tables[table].update().values({column: name}))
        with store.database.read() as connection:
            assert set(connection.scalars(sa.select(metadata.tables[table].c[column]))) == {name}
    with pytest.raises((sa.exc.IntegrityError, sa.exc.DataError)):  # revision 0003 knows no such kind
        backward(store.database)
    assert current_revision(store.database) == NEWEST
