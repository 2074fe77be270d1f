"""`superpos export --archive` and `superpos import`: the report of the first database again, to the byte."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import superpos
from superpos.__main__ import main
from superpos.db import archived
from superpos.db.engine import Database
from superpos.db.kept_keys import LEFT_OUT
from superpos.db.migrate import check
from superpos.db.results import VIEWS
from superpos.errors import ArgumentError, InputError
from superpos.export import archive, restore
from superpos.reporting import long_tables

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "db"
HOST = "the-machine-of-someone"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small study as it was computed once, on a machine with a name."""
    file = tmp_path_factory.mktemp("db") / "results.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(max(ASSETS.glob("*.sql")).read_text(encoding="utf-8"))
        connection.execute("UPDATE runs SET host = ?, address = ?", (HOST, HOST))
        connection.commit()
    return f"sqlite:///{file}"


@pytest.fixture(scope="module")
def folder(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "archive"
    assert main(["export", "--archive", "--db", url, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def second(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database that the archive gives."""
    url = f"sqlite:///{tmp_path_factory.mktemp('second') / 'again.db'}"
    assert main(["import", str(folder), "--db", url]) == 0
    return url


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def views(url: str) -> dict[str, pd.DataFrame]:
    """Return every view, without what names machines, and weights of the features' own fits alone."""
    found = {}
    with superpos.connect(url) as results:
        for view in VIEWS:
            frame = results.frame(view)
            if view == "runs":
                frame = frame.drop(columns=["host", "address"])
            if view == "fit_weights":
                frame = frame[frame["target"] == "features"]
            by = list(frame.columns)
            found[view] = frame.sort_values(by, ignore_index=True, key=lambda column: column.astype(str))
    return found


def assert_same(first: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    for view, frame in first.items():
        same = other[view].astype(frame.dtypes.to_dict())
        pd.testing.assert_frame_equal(frame, same, check_exact=True, obj=view)


def test_the_report_is_that_of_the_first_database(url: str, second: str, tmp_path: Path) -> None:
    for name, one in (("first", url), ("second", second)):
        assert main(["report", "--db", one, "--out", str(tmp_path / name)]) == 0
    first, other = contents(tmp_path / "first"), contents(tmp_path / "second")
    assert first.keys() == other.keys()
    changed = {name for name in first if first[name] != other[name]}
    assert changed == {"index.html", "summary.md", "tables/runs.csv"}  # they name database and machine
    page = first["index.html"].decode().replace(HOST, "").replace(url, second)
    assert page == other["index.html"].decode()
    assert_same(views(url), views(second))


def test_later_draws_keep_what_figures_show_and_the_report_stays(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draws of which a report has many: tables show the first ones, figures all."""
    file = tmp_path / "draws.db"
    shutil.copy(url.removeprefix("sqlite:///"), file)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            """UPDATE targets SET replicate = 11 WHERE kind = 'shuffled_entries';
               UPDATE direction_sets SET label_replicate = 11
                 WHERE direction_id = (SELECT MAX(direction_id) FROM probes);"""
        )
        connection.commit()
    for module in (archived, long_tables):
        monkeypatch.setattr(module, "AT_MOST_ROWS", 0)
    first, again = f"sqlite:///{file}", f"sqlite:///{tmp_path / 'again.db'}"
    assert main(["export", "--archive", "--db", first, "--out", str(tmp_path / "archive")]) == 0
    assert main(["import", str(tmp_path / "archive"), "--db", again]) == 0
    for name, one in (("first", first), ("second", again)):
        assert main(["report", "--db", one, "--out", str(tmp_path / name)]) == 0
    mine, theirs = contents(tmp_path / "first"), contents(tmp_path / "second")
    assert mine.keys() == theirs.keys()
    for name in mine.keys() - {"tables/runs.csv"}:
        text = mine[name].decode().replace(HOST, "").replace("draws.db", "again.db")
        assert text == theirs[name].decode(), name

    known, found = views(first), views(again)
    cut = {"probe_results": "label_replicate", "psm_results": "replicate", "fit_results": "replicate"}
    cut["joint_results"] = "replicate"
    for view, number in cut.items():
        key = [column for column in known[view].columns if column.endswith("_key")]
        both = [frame.sort_values(key, ignore_index=True) for frame in (known[view], found[view])]
        later = both[0][number] >= 10
        assert 0 < later.sum() < len(later)
        pd.testing.assert_frame_equal(
            both[0][~later], both[1][~later].astype(both[0].dtypes.to_dict()), check_exact=True
        )
        # What is left out comes back as NULL, or 0: never as another number.
        for column in known[view].columns:
            one, other = both[0].loc[later, column], both[1].loc[later, column]
            same = (one == other) | (one.isna() & other.isna())
            assert (same | other.isna() | (other == 0)).all(), column
    basins = [frame.drop(columns=["fun"], errors="ignore") for frame in (known["basins"], found["basins"])]
    pd.testing.assert_frame_equal(*basins, check_exact=True)
    lost = found["fit_results"].loc[found["fit_results"]["replicate"] >= 10, "relative_gradient"]
    assert lost.isna().all()
    dimensionality = found["feature_dimensionality"]
    assert set(dimensionality["replicate"]) == set(known["feature_dimensionality"]["replicate"]) - {11}


def test_both_database_systems_give_and_take_archives(
    url: str, folder: Path, tmp_path: Path, postgres_url: str
) -> None:
    with Database(postgres_url) as database:
        assert restore(database, folder)[0] == ("frozen",)
        assert check(database) == []
        with superpos.connect(postgres_url) as results:
            archive(results, tmp_path / "again")
        assert contents(tmp_path / "again") == contents(folder)
        with database.write() as connection:  # new rows are numbered behind those that came with numbers
            highest = connection.exec_driver_sql("SELECT MAX(run_id) FROM runs").scalar()
            new = connection.exec_driver_sql("SELECT nextval(pg_get_serial_sequence('runs', 'run_id'))")
            assert new.scalar() == int(highest or 0) + 1
    assert_same(views(url), views(postgres_url))


def test_nothing_in_it_names_machines_and_the_bytes_are_the_same_again(
    url: str, folder: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    assert main(["export", "--archive", "--db", url, "--study", "frozen", "--out", str(again)]) == 0
    assert contents(again) == contents(folder)
    assert not any(HOST.encode() in content for content in contents(folder).values())
    size = Path(url.removeprefix("sqlite:///")).stat().st_size
    assert sum(map(len, contents(folder).values())) < size / 3


def test_another_study_of_the_database_stays_there_and_one_that_is_not_finished_is_refused(
    url: str, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "two.db"
    shutil.copy(url.removeprefix("sqlite:///"), file)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            """INSERT INTO studies SELECT study_id + 1000, 'other', revision, digest, specification,
                 algorithm_versions, store_vectors, noise_ceiling, created_at FROM studies;
               INSERT INTO blocks SELECT block_id + 1000, 1000 + study_id, name FROM blocks;
               INSERT INTO block_targets SELECT block_id + 1000, target_id FROM block_targets;"""
        )
        connection.commit()
    with superpos.connect(f"sqlite:///{file}") as results:
        archive(results, tmp_path / "one", ["frozen"])
        assert contents(tmp_path / "one") == contents(folder)
        with pytest.raises(InputError, match=r"'other' is not finished .*1 of analysis to do"):
            archive(results, tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_arrays_that_were_left_out_are_missed_by_name_and_nothing_runs_on_them(
    url: str, second: str, capsys: Any
) -> None:
    with superpos.connect(url) as first, superpos.connect(second) as results:
        keys = results.frame("psm_results", "direction_key", target="features")["direction_key"]
        assert first.directions(keys[0]).coef_raw.size
        with pytest.raises(ArgumentError, match="has no such array"):
            results.directions(keys[0])
        best = results.frame("best_matches", ("fit_key", "joint_key"), target="features")
        n_ends = 0
        for fit, joint in zip(best["fit_key"], best["joint_key"], strict=True):
            for mine, theirs in zip(first.joint_arrays(joint), results.joint_arrays(joint), strict=True):
                assert (mine == theirs).all()
            if (known := first.fit_arrays(fit)) is not None:
                assert (known[1] == results.final_matrix(fit)).all()
                with pytest.raises(ArgumentError, match="has no vectors"):
                    results.fit_arrays(fit)
                n_ends += 1
            else:
                assert results.final_matrix(fit) is None
        assert n_ends
    assert main(["run", "demo", "--db", second]) == 2
    assert "holds an archive, which has no vectors" in capsys.readouterr().err


def no_archive(folder: Path) -> None:
    (folder / "archive.json").unlink()


def broken(folder: Path) -> None:
    (folder / "archive.json").write_text('{"format": 1, "tables": {"fits": 3}}')


def later(folder: Path) -> None:
    text = (folder / "archive.json").read_text()
    (folder / "archive.json").write_text(json.dumps({**json.loads(text), "schema": "9003"}))


def another_table(folder: Path) -> None:
    content = json.loads((folder / "archive.json").read_text())
    content["tables"]["passwords"] = content["tables"].pop("fits")
    (folder / "archive.json").write_text(json.dumps(content))


def other_format(folder: Path) -> None:
    text = (folder / "archive.json").read_text()
    (folder / "archive.json").write_text(json.dumps({**json.loads(text), "format": 3}))


def without_keys(folder: Path) -> None:
    text = (folder / "archive.json").read_text()
    (folder / "archive.json").write_text(json.dumps({**json.loads(text), "keys": []}))


def changed(folder: Path) -> None:
    with (folder / "tables" / "fits.parquet").open("ab") as stream:
        stream.write(b"more")


def gone(folder: Path) -> None:
    (folder / "tables" / "fits.parquet").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_archive, "is no archive (no archive.json)"),
        (broken, "archive.json: is not what `superpos export --archive` writes"),
        (later, "archive.json: schema: 9003; this version reads up to 0"),
        (other_format, "archive.json: format: 3; this version reads up to 2; install superpos 0"),
        (without_keys, "archive.json: keys: missing"),
        (another_table, "archive.json: tables: fits, passwords: not those of an archive"),
        (changed, "fits.parquet: was changed since it was written"),
        (gone, "fits.parquet: cannot be read (No such file or directory)"),
    ],
)
def test_a_folder_that_is_no_archive_is_one_line_and_makes_no_database(
    spoil: Callable[[Path], None], said: str, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    spoil(copy)
    assert main(["import", str(copy), "--db", f"sqlite:///{tmp_path / 'new.db'}"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("name", ["directions", "target", "psm", "joint"])
def test_keys_that_come_out_differently_are_told_and_nothing_is_written(
    name: str, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    content = json.loads((folder / "archive.json").read_text())
    content["keys"]["versions"][name] += 1
    (copy / "archive.json").write_text(json.dumps(content))
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert main(["import", str(copy), "--db", url]) == 2
    assert "come out differently in this version" in capsys.readouterr().err
    with superpos.connect(url) as results:
        assert results.studies() == ()


def test_keys_are_left_out_where_the_rows_say_them(folder: Path) -> None:
    for table in LEFT_OUT:
        keys = pq.read_table(folder / "tables" / f"{table}.parquet", columns=["key"])["key"]
        assert keys.null_count > 0, table
        # Directions without probes, and matrices that rest on their shape alone, keep theirs.
        assert keys.null_count == len(keys) or table in ("direction_sets", "psms")


def test_a_database_that_has_studies_is_left_alone(url: str, folder: Path, capsys: Any) -> None:
    before = views(url)
    assert main(["import", str(folder), "--db", url]) == 2
    assert "has studies; an archive goes into one of its own" in capsys.readouterr().err
    assert_same(before, views(url))
