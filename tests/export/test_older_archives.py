"""Archives of every schema that wrote some: this version makes the database that an upgrade would make."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import superpos
from superpos.__main__ import main
from superpos.db import migrate
from superpos.db.engine import Database
from superpos.db.migrate import check, current_revision, newest_revision, upgrade
from superpos.db.results import VIEWS
from superpos.export import restore

ASSETS = Path(__file__).resolve().parents[1] / "assets"
FROZEN = sorted((ASSETS / "archives").iterdir())
FIRST = "0007"
"""Schema of the first archives."""
LATER = f'''"""A later revision, for tests."""

import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{newest_revision()}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("studies", sa.Column("note", sa.Text, server_default="none"))
    op.execute("UPDATE studies SET note = 'was ' || name")
    op.add_column("fits", sa.Column("twice", sa.Double))
    op.execute("UPDATE fits SET twice = 2 * energy_start")
'''  # noqa: S608 (no query of a user)
OLDER = FROZEN[0]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The package's migrations with one more on top, as after the next change of the schema."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate._folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9000_later.py").write_text(LATER, encoding="utf-8")
    monkeypatch.setattr(migrate, "_folder", lambda: folder)


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def upgraded(revision: str, folder: Path) -> Database:
    """The frozen database of a revision, at the newest."""
    file = folder / "frozen.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((ASSETS / "db" / f"{revision}.sql").read_text(encoding="utf-8"))
    database = Database(f"sqlite:///{file}")
    upgrade(database)
    return database


def views(url: str) -> dict[str, pd.DataFrame]:
    """Return every view, without what names machines, and weights of the features' own fits alone."""
    found = {}
    with superpos.connect(url) as results:
        for view in VIEWS:
            frame = results.frame(view).drop(columns=["host", "address"], errors="ignore")
            if view == "fit_weights":
                frame = frame[frame["target"] == "features"]
            by = list(frame.columns)
            found[view] = frame.sort_values(by, ignore_index=True, key=lambda column: column.astype(str))
    return found


def test_every_revision_since_the_first_archive_has_a_frozen_one() -> None:
    assert {path.name for path in FROZEN} == {one for one in migrate.revisions() if one >= FIRST}
    for path in FROZEN:
        assert json.loads((path / "archive.json").read_text(encoding="utf-8"))["schema"] == path.name


@pytest.mark.parametrize("folder", FROZEN, ids=lambda folder: folder.name)
def test_an_older_archive_gives_what_an_upgrade_of_its_database_gives(
    folder: Path, database_url: str, tmp_path: Path, scratch: Path
) -> None:
    known = upgraded(folder.name, tmp_path)
    expected = views(f"sqlite:///{tmp_path / 'frozen.db'}")
    with Database(database_url) as database:
        studies, rows = restore(database, folder)
        assert studies == ("frozen",)
        assert current_revision(database) == newest_revision()
        assert check(database) == []
        with known.read() as before, database.read() as after:
            for table, count in rows.items():
                query = f"SELECT COUNT(*) FROM {table}"  # noqa: S608 (names of the package)
                assert after.exec_driver_sql(query).scalar() == count
                if table not in ("importance", "fit_arrays", "target_features"):  # of the best fits alone
                    assert before.exec_driver_sql(query).scalar() == count
    found = views(database_url)
    for view, frame in expected.items():
        same = found[view].astype(frame.dtypes.to_dict())
        pd.testing.assert_frame_equal(frame, same, check_exact=True, obj=view)
    assert list(scratch.iterdir()) == []


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("folder", FROZEN, ids=lambda folder: folder.name)
def test_archives_of_today_are_read_after_the_next_change_of_the_schema(folder: Path, tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path / 'new.db'}") as database:
        studies, rows = restore(database, folder)
        assert studies == ("frozen",)
        assert current_revision(database) == "9000"
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT note FROM studies").scalars().all() == ["was frozen"]
            query = "SELECT COUNT(*) FROM fits WHERE twice = 2 * energy_start"
            assert connection.exec_driver_sql(query).scalar() == rows["fits"] > 0


def test_the_report_of_an_older_archive_is_that_of_its_upgraded_database(tmp_path: Path) -> None:
    upgraded(OLDER.name, tmp_path).dispose()
    for name in ("frozen", "again"):
        url = f"sqlite:///{tmp_path / name}.db"
        if name == "again":
            assert main(["import", str(OLDER), "--db", url]) == 0
        assert main(["report", "--db", url, "--out", str(tmp_path / name)]) == 0
    pages = [(tmp_path / name / "index.html").read_text(encoding="utf-8") for name in ("frozen", "again")]
    assert pages[0].replace("frozen.db", "again.db").replace("example", "") == pages[1].replace("example", "")


def edited(folder: Path, **said: Any) -> None:
    file = folder / "archive.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **said}), encoding="utf-8")


def of_a_later_schema(folder: Path) -> None:
    edited(folder, schema="9999", superpos="9.9")


def of_a_later_format(folder: Path) -> None:
    edited(folder, format=99, superpos="9.9")


def another_table(folder: Path) -> None:
    tables = json.loads((folder / "archive.json").read_text(encoding="utf-8"))["tables"]
    tables["passwords"] = tables.pop("fits")
    edited(folder, tables=tables)


def without_targets(folder: Path) -> None:
    tables = json.loads((folder / "archive.json").read_text(encoding="utf-8"))["tables"]
    del tables["targets"]
    edited(folder, tables=tables)


def without_a_parent(folder: Path) -> None:
    tables = json.loads((folder / "archive.json").read_text(encoding="utf-8"))["tables"]
    del tables["psms"]
    edited(folder, tables=tables)


def of_another_schema(folder: Path) -> None:
    edited(folder, schema="0004")


def changed(folder: Path) -> None:
    with (folder / "tables" / "fits.parquet").open("ab") as stream:
        stream.write(b"more")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (of_a_later_schema, "schema: 9999; this version reads up to 0008; install superpos 9.9, which wrote"),
        (of_a_later_format, "format: 99; this version reads up to 2; install superpos 9.9, which wrote it"),
        (another_table, "tables: passwords: not those of an archive with schema 0007"),
        (without_targets, "archive.json: tables: some are missing"),
        (without_a_parent, "the archive does not fit together: FOREIGN KEY constraint failed"),
        (of_another_schema, "not those of an archive with schema 0004"),
        (changed, "fits.parquet: was changed since it was written"),
    ],
)
def test_an_older_archive_that_is_spoilt_is_one_line_and_makes_no_database(
    spoil: Callable[[Path], None], said: str, tmp_path: Path, scratch: Path, capsys: Any
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(OLDER, copy)
    spoil(copy)
    assert main(["import", str(copy), "--db", f"sqlite:///{tmp_path / 'new.db'}"]) == 2
    error = capsys.readouterr().err
    assert said.replace("0008", newest_revision()) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new.db").exists()
    assert list(scratch.iterdir()) == []


def test_a_database_that_has_studies_is_left_alone_by_an_older_archive(tmp_path: Path, capsys: Any) -> None:
    url = f"sqlite:///{tmp_path / 'frozen.db'}"
    upgraded(OLDER.name, tmp_path).dispose()
    before = views(url)
    assert main(["import", str(OLDER), "--db", url]) == 2
    assert "has studies; an archive goes into one of its own" in capsys.readouterr().err
    for view, frame in views(url).items():
        pd.testing.assert_frame_equal(before[view], frame)
