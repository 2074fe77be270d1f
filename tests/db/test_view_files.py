"""Views as files: what stands in braces comes from the catalogue, the newest migration has the same texts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from superpos.catalogue import AXES, MEASURED, NOTED
from superpos.db import views as package
from superpos.db.engine import Database
from superpos.db.results import VIEWS
from superpos.db.views import shown_views, views
from superpos.errors import InputError
from tools.freeze_views import FOLDER, frozen, main

NEWEST = max(path.stem[-4:] for path in FOLDER.glob("views_*.py"))
HEADER = "-- mine: one row per study\n-- place: 15\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files, read in their place."""
    copy = tmp_path / "views"
    shutil.copytree(package.FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(package, "FOLDER", copy)
    monkeypatch.setattr(package, "views", views.__wrapped__)
    return copy


def test_the_newest_frozen_views_are_those_of_the_files() -> None:
    # When this fails the views have changed: write a migration, and freeze them for it.
    there = (FOLDER / f"views_{NEWEST}.py").read_text(encoding="utf-8")
    assert there == frozen(NEWEST), f"run `python -m tools.freeze_views NNNN` for a revision after {NEWEST}"


def test_a_frozen_revision_is_not_written_again() -> None:
    with pytest.raises(SystemExit, match=rf"views_{NEWEST}\.py: is frozen already"):
        main([NEWEST])
    with pytest.raises(SystemExit, match="usage: "):
        main(["next"])


def test_a_database_has_the_views_of_the_files(database: Database) -> None:
    with database.read() as connection:
        inspector = sa.inspect(connection)
        assert set(inspector.get_view_names()) == {view.name for view in views()}
        if database.is_sqlite:
            for view in views():
                stored = inspector.get_view_definition(view.name)
                assert stored == f"CREATE VIEW {view.name} AS\n{view.select}"


def test_every_entry_of_the_catalogue_is_a_column_of_a_view(sqlite: Database) -> None:
    with sqlite.read() as connection:
        inspector = sa.inspect(connection)
        columns = {view: {column["name"] for column in inspector.get_columns(view)} for view in VIEWS}
    everywhere = set().union(*columns.values())
    assert {axis.name for axis in AXES if axis.role != "config"} <= everywhere
    for entry in (*MEASURED, *NOTED):
        assert entry.name in everywhere
        assert all(entry.name in columns[view] for view in entry.views)


def test_views_are_listed_by_place_and_made_after_what_they_read() -> None:
    assert [*shown_views()] == [view for view in VIEWS if view != "runs"]
    assert next(iter(shown_views())) == "activation_results"
    made = [view.name for view in views()]
    assert made.index("current_studies") < made.index("psm_pairs") < made.index("near_copies")
    assert made.index("stage_rows") < made.index("study_progress")
    assert all(len(line) <= 110 for view in views() for line in view.select.splitlines())


def test_a_new_file_is_a_new_view(folder: Path) -> None:
    text = "SELECT {axes study dataset}, {measured best_match -n_usable}, {measured fits recovery..fun}\n"
    (folder / "mine.sql").write_text(f"{HEADER}{text}FROM near_copies q\n", encoding="utf-8")
    found = {view.name: view for view in package.views()}
    assert found["mine"].select.splitlines() == [
        "SELECT s.name AS study, sd.name AS dataset, sd.corpus, x.n_cells, f.recovery, f.angle, f.rms_final,",
        "  f.energy_start, f.energy_final, f.energy_bound, f.fun",
        "FROM near_copies q",
    ]
    assert [*package.shown_views()][1] == "mine"
    assert [*found].index("near_copies") < [*found].index("mine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1", r"mine\.sql: does not begin with `-- mine: one row per \.\.\.`$"),
        ("-- mine: one row\nSELECT 1", r"mine\.sql: says no `-- place: NUMBER`$"),
        (
            HEADER + "SELECT {axes studies}",
            r"mine\.sql: \{axes studies\} is unknown \(levels are study, model",
        ),
        (HEADER + "SELECT {axes}", r"mine\.sql: \{axes\} is unknown \(levels are "),
        (HEADER + "SELECT {measured fit}", r"mine\.sql: \{measured fit\} is unknown"),
        (HEADER + "SELECT {measured fits ..nonsense}", r"\{measured fits \.\.nonsense\} is unknown"),
        (HEADER + "SELECT {no such part}", r"mine\.sql: \{no such part\} is unknown \(.*no_such_part\.sql"),
        (HEADER + "SELECT 1 AS mine_too", r"mine, mine_too read each other in a circle$"),
    ],
)
def test_a_mistake_in_a_file_is_named(folder: Path, text: str, said: str) -> None:
    (folder / "mine.sql").write_text(text, encoding="utf-8")
    (folder / "mine_too.sql").write_text("-- mine_too: one row\n-- place: 16\nSELECT * FROM mine\n")
    with pytest.raises(InputError, match=said):
        package.views()
