"""`superpos export`: opens elsewhere, the same bytes each time, whole or not at all, no secrets."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

import superpos
from superpos.__main__ import main
from superpos.db.results import VIEWS
from superpos.errors import InputError
from superpos.export import export, tables, tensors
from superpos.export.cookbook import for_study, questions

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "db"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small study as it was computed once."""
    file = tmp_path_factory.mktemp("db") / "frozen results.db"
    newest = max(ASSETS.glob("*.sql"))
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(newest.read_text(encoding="utf-8"))
    return f"sqlite:///{file}"


@pytest.fixture(scope="module")
def folder(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "export"
    assert main(["export", "--db", url, "--out", str(out)]) == 0
    return out


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    by = list(frame.columns)
    return frame.sort_values(by, ignore_index=True, key=lambda column: column.astype(str))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_views_have_their_rows_types_and_meanings(folder: Path, url: str) -> None:
    with superpos.connect(url) as results:
        for view in VIEWS:
            file = folder / "views" / f"{view}.parquet"
            schema = pq.read_schema(file)
            frame, whole = pd.read_parquet(file), results.frame(view)
            whole = whole.drop(columns=list(tables.LEFT_OUT.get(view, ())))
            assert list(frame.columns) == list(whole.columns), view
            whole = whole.where(whole.notna(), None).astype(frame.dtypes.to_dict())
            pd.testing.assert_frame_equal(in_order(frame), in_order(whole), obj=view)
            assert all(b"description" in (field.metadata or {}) for field in schema), view
    fits = pq.read_schema(folder / "views" / "fit_results.parquet")
    assert [str(fits.field(name).type) for name in ("layer", "sigma", "study")] == [
        "int64",
        "double",
        "string",
    ]
    assert fits.field("angle").metadata[b"unit"] == b"degrees"


def test_tensors_are_found_by_key(folder: Path, url: str) -> None:
    index = pd.read_parquet(folder / "tensors" / "index.parquet")
    files = {name: load_file(folder / "tensors" / name) for name in set(index.file)}
    assert sum(map(len, files.values())) == len(index) > 100
    assert set(index.kind) == {"directions", "psms", "joint_fits", "fits", "phi"}
    with superpos.connect(url) as results:
        row = results.frame("psm_results", target="features").iloc[0]
        one = index[(index.key == row.psm_key)].iloc[0]
        np.testing.assert_array_equal(files[one.file][one.tensor], results.psm(row.psm_key))
        assert list(one["shape"]) == [row.n_features] * 2
        assert tuple(one["names"]) == results.feature_names(row.target_key)
        fit = results.frame("fit_results", optimiser="powell").iloc[0]
        mine = index[index.key == fit.fit_key].set_index("array")
        np.testing.assert_array_equal(
            files[mine.file["vectors"]][mine.tensor["vectors"]], results.fit_arrays(fit.fit_key)[0]  # type: ignore[index]
        )  # fmt: skip


def test_datasets_reads_a_configuration_a_view(folder: Path, tmp_path: Path) -> None:
    import datasets

    assert datasets.get_dataset_config_names(str(folder)) == [*VIEWS, "columns", "tensors"]
    for name in ("fit_results", "columns", "layer_similarity"):
        found = datasets.load_dataset(str(folder), name, split="train", cache_dir=str(tmp_path / "cache"))
        file = folder / ("columns.parquet" if name == "columns" else f"views/{name}.parquet")
        assert found.num_rows == pq.read_metadata(file).num_rows
        assert found.column_names == pq.read_schema(file).names


def test_duckdb_names_files_that_are_there(folder: Path) -> None:
    files = re.findall(r"read_parquet\('(.+?)'\)", (folder / "duckdb.sql").read_text(encoding="utf-8"))
    assert len(files) == len(VIEWS) + 2
    assert all((folder / file).is_file() for file in files)


def test_datasette_gets_the_cookbook_and_the_meanings(folder: Path, url: str) -> None:
    content = json.loads((folder / "datasette.json").read_text(encoding="utf-8"))
    assert list(content["databases"]) == ["frozen results"]
    ours = content["databases"]["frozen results"]
    asked = questions()
    assert [one["title"] for one in ours["queries"].values()] == [one.title for one in asked]
    assert len(ours["queries"]) == len({one.slug for one in asked}) == len(asked)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        for one in ours["queries"].values():
            connection.execute(one["sql"]).fetchall()
            assert "'demo'" not in one["sql"]
            assert "How to read it: " in one["description"]
    assert list(ours["tables"]) == list(VIEWS)
    assert ours["tables"]["fit_results"]["columns"]["angle"].endswith("(degrees)")


def test_the_same_database_gives_the_same_bytes(
    folder: Path, url: str, tmp_path: Path, monkeypatch: Any
) -> None:
    with superpos.connect(url) as results:
        done = export(results, tmp_path / "again")
        assert contents(tmp_path / "again") == contents(folder)
        assert done.n_bytes == sum(map(len, contents(folder).values()))
        assert done.rows["fit_results"] == len(results.frame("fit_results"))
        # Small batches and shards: the same rows and arrays in more pieces.
        monkeypatch.setattr(tables, "BATCH", 5)
        monkeypatch.setattr(tensors, "SHARD_ROWS", 7)
        export(results, tmp_path / "pieces")
    pieces = pd.read_parquet(tmp_path / "pieces" / "tensors" / "index.parquet")
    assert pieces.groupby("file").size().max() == 7
    whole = pd.read_parquet(folder / "tensors" / "index.parquet")
    assert pieces.tensor.tolist() == whole.tensor.tolist()
    for view in VIEWS:
        first, second = (
            pq.read_table(place / "views" / f"{view}.parquet") for place in (folder, tmp_path / "pieces")
        )
        assert first.equals(second), view


def test_rows_are_held_a_batch_at_a_time(tmp_path: Path) -> None:
    class Batch(list[Any]):
        """A list that can be watched."""

        __hash__ = object.__hash__

    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0

    def batches() -> Iterator[Any]:
        nonlocal most
        for first in range(0, 100, 10):
            batch = Batch((float(value),) for value in range(first, first + 10))
            alive.add(batch)
            most = max(most, len(alive))
            yield batch

    schema = pa.schema([pa.field("value", pa.float64())])
    assert tables.write_rows(tmp_path / "rows.parquet", schema, batches()) == 100
    assert most <= 2  # the one that is written, and the one that is read
    assert pq.read_table(tmp_path / "rows.parquet")["value"].to_pylist() == [float(v) for v in range(100)]


def test_one_study_of_several(url: str, tmp_path: Path) -> None:
    with superpos.connect(url) as results:
        export(results, tmp_path / "one", ["frozen"])
        with pytest.raises(InputError, match=r"^study 'frozn' is not in .*did you mean 'frozen'"):
            export(results, tmp_path / "two", ["frozn"])
    assert not (tmp_path / "two").exists()
    assert set(pd.read_parquet(tmp_path / "one" / "views" / "fit_results.parquet").study) == {"frozen"}


def test_whoever_may_read_the_folder_may_read_its_files(folder: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert modes == {folder.stat().st_mode & 0o666}


def test_nothing_names_machines_or_urls(folder: Path, url: str) -> None:
    runs = pd.read_parquet(folder / "views" / "runs.parquet")
    assert not {"host", "address"} & set(runs.columns)
    for name, content in contents(folder).items():
        assert url.removeprefix("sqlite:///").encode() not in content, name


@pytest.mark.parametrize("there", ["file", "full", "no parent"])
def test_a_place_that_cannot_be_used_is_one_line(there: str, url: str, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    if there == "file":
        out.write_text("mine")
    elif there == "full":
        out.mkdir()
        (out / "mine").write_text("mine")
    else:
        out = out / "deep"
    before = contents(tmp_path)
    assert main(["export", "--db", url, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"superpos: --out: {out if there != 'no parent' else out.parent} ")
    assert contents(tmp_path) == before


def test_an_export_that_fails_leaves_nothing(url: str, tmp_path: Path, monkeypatch: Any) -> None:
    out = tmp_path / "out"
    out.mkdir()

    def full(*_: Any) -> None:
        raise OSError(28, os.strerror(28))

    for error, function in ((InputError, full), (KeyboardInterrupt, None)):
        with superpos.connect(url) as results, monkeypatch.context() as patched:
            patched.setattr(
                tensors, "save_file", function or (lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            )
            with pytest.raises(error):
                export(results, out)
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert list(out.iterdir()) == []
    with superpos.connect(url) as results:
        export(results, out)  # an empty folder is taken
    assert (out / "README.md").is_file()


def test_questions_are_asked_of_another_study() -> None:
    (one,) = for_study(
        questions("# A\n\n**What?** More.\n\n```sql\nSELECT 'demo';\n```\n\nHow to read it: so.\n"), "it's"
    )
    assert (one.group, one.title, one.sql, one.reading) == ("A", "What?", "SELECT 'it''s';\n", "so.")
    with pytest.raises(InputError, match="has no question before it"):
        questions("```sql\nSELECT 1;\n```\n")
