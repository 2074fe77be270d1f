"""The commands on a tiny study: what they print, write and return."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from tiny_study import Tiny, count, read_views

from superpos.cli.parser import main
from superpos.db.engine import Database
from superpos.db.migrate import newest_revision
from superpos.specs.axes import Kernel
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.probes import ProbeSettings
from superpos.specs.study import Block, ModelChoice, Reoptimisation, Study, TargetChoice
from superpos.stages.executor import Answer, TaskError, attempt
from superpos.stages.tasks import TASKS

Views = dict[str, list[tuple[str, ...]]]
Said = Callable[..., tuple[int, str, str]]


class Here:
    """Stands in for the pool: runs tasks in this process, and may be told to fail or to be interrupted."""

    n_workers = 1
    interrupt_after: int | None = None
    broken: str = ""

    def __init__(self, workers: int | None, address: str) -> None:
        self.workers, self.address = workers, address

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        for index, payload in enumerate(payloads):
            if Here.interrupt_after == 0:
                raise KeyboardInterrupt
            if Here.interrupt_after is not None:
                Here.interrupt_after -= 1
            if task == Here.broken:
                yield Answer(index, None, TaskError("StageError", "the worker died"))
            else:
                yield attempt(TASKS[task], index, payload)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to stand in, without Ray."""
    from superpos.cluster import pool

    folder = tmp_path / "workplace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("SUPERPOS_DB_URL", "SUPERPOS_DATA_DIR", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pool, "RayExecutor", Here)
    monkeypatch.setattr(Here, "interrupt_after", None)
    monkeypatch.setattr(Here, "broken", "")
    return folder


@pytest.fixture
def superpos(capsys: pytest.CaptureFixture[str]) -> Said:
    """Return a function that runs a command and returns status, output and errors."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run


@pytest.fixture
def here(finished: Path, workplace: Path) -> Iterator[Database]:
    """The finished study as the default database of the folder we stand in."""
    shutil.copytree(finished, workplace, dirs_exist_ok=True)
    with Database("sqlite:///superpos.db") as database:
        yield database


def test_plan_writes_nothing_and_run_does_what_it_says(
    superpos: Said, tiny: Tiny, workplace: Path, finished_views: Views
) -> None:
    study = tiny.file()
    status, out, _ = superpos("plan", study)
    assert status == 0
    assert "study tiny" in out
    assert out.endswith(f"next: superpos run {shlex.quote(str(study))}\n")
    assert list(workplace.iterdir()) == []
    plan = json.loads(superpos("plan", study, "--json")[1])
    assert list(workplace.iterdir()) == []
    planned = {stage["stage"]: (stage["planned"], stage["done"]) for stage in plan["stages"]}
    assert planned == {
        "datasets": (1, 0),
        "activations": (2, 0),
        "probes": (4, 0),
        "whitening": (0, 0),
        "psms": (10, 0),
        "ceilings": (0, 0),
        "fits": (44, 0),
    }

    status, out, err = superpos("run", study)
    assert status == 0
    assert "study tiny:" in out
    assert "results in sqlite:///superpos.db" in out
    assert out.endswith("next: superpos report --study tiny --out superpos-report\n")
    assert "fits: 38 of 38" in err
    assert "feature is_not_ascii is left out (no_positives: 0 positives, 200 negatives)" in err
    assert sorted(path.name for path in workplace.iterdir() if path.suffix == "") == ["superpos-data"]
    database = Database("sqlite:///superpos.db")
    assert read_views(database) == finished_views
    assert count(database, "fits") == plan["n_fits"] - plan["n_shared"]
    assert count(database, "joint_fits") == 14
    assert plan["n_joint"] == 16  # two of them belong to a shared matrix
    database.dispose()

    assert superpos("plan", study)[1].endswith("next: superpos report --study tiny --out superpos-report\n")
    after = json.loads(superpos("plan", study, "--json")[1])
    assert [stage["done"] for stage in after["stages"]] == [stage["planned"] for stage in after["stages"]]
    assert sum(stage["seconds"] for stage in after["stages"]) == 0.0
    progress = json.loads(superpos("status", "--json")[1])["studies"]["tiny"]
    asked = {stage: count for stage, (count, _) in planned.items() if count}
    assert {row["stage"]: row["planned"] for row in progress} == {**asked, "analysis": 1}
    assert all(row["done"] == row["planned"] for row in progress)


def test_plan_as_json_writes_out_every_default(superpos: Said, tmp_path: Path, tiny: Tiny) -> None:
    study = tmp_path / "short.toml"
    study.write_text(
        f'[models.m]\nname = "{tiny.model}"\n[datasets.text_features]\nctx_len = 32\n[[blocks]]\n',
        encoding="utf-8",
    )
    found = json.loads(superpos("plan", study, "--json")[1])["study"]

    def names(kind: Any) -> set[str]:
        return {field.name for field in fields(kind)}

    assert found.keys() == names(Study) - {"families"}  # none is declared
    assert found["models"][0].keys() == names(ModelChoice)
    assert found["datasets"][0].keys() == names(DatasetSpec) - {"order"}  # none is stated
    assert found["datasets"][0]["corpus"].keys() == names(CorpusSpec)
    block = found["blocks"][0]
    assert block.keys() == names(Block)
    assert block["kernels"][0].keys() == names(Kernel)
    assert block["probes"][0].keys() == names(ProbeSettings)
    assert block["targets"][0].keys() == names(TargetChoice)
    assert block["reoptimisations"][0].keys() == names(Reoptimisation)
    assert (found["name"], block["max_iter"], block["lambda_d"]) == ("short", 2000, [100.0])


def test_a_second_run_does_nothing_and_says_so(superpos: Said, tiny: Tiny, here: Database) -> None:
    before = [count(here, table) for table in ("runs", "fits", "studies")]
    Here.interrupt_after = 0  # nobody may ask for an answer
    status, out, err = superpos("run", tiny.file())
    assert (status, err) == (0, "")
    said, following = out.splitlines()
    assert said == "study tiny: nothing to do; every cell has its result in sqlite:///superpos.db"
    assert following == "next: superpos report --study tiny --out superpos-report"
    assert [count(here, table) for table in ("runs", "fits", "studies")] == before


def test_a_run_measures_matrices_that_an_older_version_made(
    superpos: Said, tiny: Tiny, here: Database, finished_views: Views
) -> None:
    with here.write() as connection:
        connection.exec_driver_sql("DELETE FROM psm_measures WHERE measure = 'rank' OR psm_id = 1")
    n_matrices, n_runs = count(here, "psms"), count(here, "runs")
    Here.interrupt_after = 0  # nobody may ask for an answer
    assert superpos("run", tiny.file(), "--stage", "fits")[2] == ""
    status, out, err = superpos("run", tiny.file())
    assert (status, out.splitlines()[0][:12]) == (0, "study tiny: ")
    found = re.search(r"measures: (\d+) of (\d+) in", err)  # once a matrix, and once a dimension
    assert found is not None
    assert n_matrices <= int(found[1]) == int(found[2])
    assert "analysis: 3 of 3" in err  # answers read measures
    assert count(here, "runs") == n_runs + 1
    assert read_views(here) == finished_views
    assert superpos("run", tiny.file())[2] == ""


@pytest.mark.parametrize("answers", [0, 3, 7])
def test_interrupted_anywhere_the_same_command_continues(
    answers: int, superpos: Said, tiny: Tiny, finished_views: Views
) -> None:
    study = tiny.file()
    Here.interrupt_after = answers
    status, _, err = superpos("run", study)
    assert status == 130
    said = "superpos: interrupted; finished work is kept, the same command continues"
    assert err.strip().splitlines()[-1] == said
    database = Database("sqlite:///superpos.db")
    assert count(database, "runs", "outcome = 'interrupted'") == 1
    if answers:
        assert count(database, "datasets", "status = 'done'") == 1
    if answers == 7:  # a data set, a pass of the model, four sets of probes, a chunk of fits
        assert count(database, "fits") > 0
    Here.interrupt_after = None
    assert superpos("run", study)[0] == 0
    assert read_views(database) == finished_views
    database.dispose()


def test_failures_and_the_way_back(superpos: Said, tiny: Tiny, here: Database, finished_views: Views) -> None:
    with here.write() as connection:
        for table in ("fit_arrays", "best_match", "analyses", "fits"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 (above)
    study = tiny.file()
    Here.broken = "fits"
    for _ in range(3):
        status, out, err = superpos("run", study)
        assert status == 1
        assert "without a result: 44 of fits; see `superpos status`" in out
        assert "fits: 1 cell failed: the worker died" in err
    out = superpos("status")[1]
    assert "38 x fits: the worker died" in out
    rows = json.loads(superpos("status", "--json", "--study", "tiny")[1])["studies"]["tiny"]
    (row,) = (row for row in rows if row["stage"] == "fits")
    assert (row["done"], row["failed"], row["quarantined"]) == (0, 0, 44)
    Here.broken = ""
    status, out, _ = superpos("run", study)
    assert status == 1
    assert out == (
        "study tiny: nothing to do but 44 quarantined; `superpos retry --study tiny` puts them back\n"
    )
    status, out, _ = superpos("retry", "--study", "tiny")
    assert (status, out) == (0, "38 quarantined cells put back; run the study again\n")
    assert superpos("run", study)[0] == 0
    assert read_views(here) == finished_views
    assert count(here, "cell_failures") == 0


def test_answers_of_another_version_are_given_again(
    superpos: Said, tiny: Tiny, here: Database, finished_views: Views
) -> None:
    with here.write() as connection:
        connection.exec_driver_sql("UPDATE analyses SET asked = 'another'")
        connection.exec_driver_sql("UPDATE study_answers SET sentence = 'Shown: what is refuted by now.'")
    study = tiny.file()
    assert read_views(here) != finished_views
    assert superpos("run", study)[0] == 0
    assert read_views(here) == finished_views
    assert count(here, "fits", "run_id <> 1") == 0
    assert "nothing to do" in superpos("run", study)[1]


def test_stages_one_by_one(superpos: Said, tiny: Tiny, finished_views: Views) -> None:
    study = tiny.file()
    status, out, _ = superpos("run", study, "--stage", "fits")
    assert status == 1
    assert "without a result: 44 of fits" in out
    for stages in (("datasets", "activations"), ("probes",), ("psms",), ("fits", "analysis")):
        arguments = [word for stage in stages for word in ("--stage", stage)]
        assert superpos("run", study, *arguments)[0] == 0
    database = Database("sqlite:///superpos.db")
    assert read_views(database) == finished_views
    database.dispose()


def test_changed_content_is_refused_until_it_is_rebuilt(
    superpos: Said, tiny: Tiny, here: Database, finished_views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from superpos.stages import datasets

    genuine = datasets.build_dataset

    def other(*arguments: Any) -> Any:
        tokens = genuine(*arguments)
        return replace(tokens, labels=~tokens.labels)

    monkeypatch.setattr(datasets, "build_dataset", other)
    shutil.rmtree("superpos-data")
    with closing(sqlite3.connect("superpos.db")) as connection:
        key = connection.execute("SELECT key FROM datasets").fetchone()[0]
    changed = tiny.file(name="other", probe_C=0.5, more="")
    status, _, err = superpos("run", changed)
    assert status == 2
    line = err.strip().splitlines()[-1]
    assert line.startswith(f"superpos: data set {key}: content_changed: results hang on content")
    assert f"`superpos run STUDY --rebuild {key}`" in line
    assert read_views(here) == finished_views

    status, out, _ = superpos("run", tiny.file(), "--rebuild", key)
    assert status == 0
    assert out.startswith("dropped 1 data sets\ndropped 2 activation sets\n")
    assert superpos("run", changed)[0] == 0
    assert read_views(here)["dataset_features"] != finished_views["dataset_features"]


def test_trace_shows_everything_up_to_the_text(superpos: Said, here: Database, tiny: Tiny) -> None:
    row = read_first(here, "fit_results", "fit_key")
    status, out, _ = superpos("trace", row)
    assert status == 0
    for kind in ("fit ", "fit axes", "joint fit", "joint axes", "similarity matrix", "target", "probe set"):
        assert f"\n{kind}" in f"\n{out}"
    for kind in ("activation set", "file activations/", "model ", "data set", "run 1"):
        assert f"\n{kind}" in out
    assert str(tiny.corpus) in out  # where the text lay
    status, out, _ = superpos("trace", row, "--recompute")
    assert status == 0
    assert re.fullmatch(r"fit: made again, all \d\d values agree bit for bit", out.splitlines()[-1])


@pytest.mark.parametrize(
    ("view", "column"),
    [
        ("fit_results", "fit_key"),
        ("fit_results", "joint_key"),
        ("psm_results", "psm_key"),
        ("psm_results", "target_key"),
        ("probe_results", "direction_key"),
        ("probe_results", "probe_key"),
        ("dataset_features", "dataset_key"),
    ],
)
def test_every_key_that_a_view_shows_can_be_recomputed(
    view: str, column: str, superpos: Said, here: Database
) -> None:
    status, out, _ = superpos("trace", read_first(here, view, column), "--recompute")
    assert status == 0
    assert "values agree bit for bit" in out.splitlines()[-1]


def test_a_changed_number_is_reported(superpos: Said, here: Database) -> None:
    key = read_first(here, "fit_results", "fit_key")
    with here.write() as connection:
        connection.exec_driver_sql("UPDATE fits SET energy_final = energy_final + 1e-13")
    status, out, _ = superpos("trace", key, "--recompute")
    assert status == 1
    assert out.splitlines()[-1] == "fit: made again, differs in energy_final"


def read_first(database: Database, view: str, column: str) -> str:
    from superpos.db.results import Results

    return str(Results(database).frame(view, study="tiny")[column].iloc[0])


def test_traces_of_moved_folders_still_work(
    superpos: Said, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run beside the study file with relative paths, trace from elsewhere."""
    project = tmp_path / "project"
    shutil.copytree(tiny.model, project / "model")
    shutil.copytree(tiny.corpus, project / "text")
    text = tiny.text(model="model", corpus="text", more="", kernels='["exp"]')
    (project / "study.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(project)
    assert superpos("run", "study.toml")[0] == 0
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{project / 'superpos.db'}"
    with closing(sqlite3.connect(project / "superpos.db")) as connection:
        keys = [
            connection.execute(f"SELECT key FROM {table}").fetchone()[0]  # noqa: S608 (below)
            for table in ("activation_sets", "datasets", "models")
        ]
    for key in keys:
        assert superpos("trace", key, "--recompute", "--db", url)[0] == 0


def test_the_options_reach_the_pool(superpos: Said, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, Any]] = []
    genuine = Here.__init__

    def spy(self: Here, workers: int | None, address: str) -> None:
        made.append((workers, address))
        genuine(self, workers, address)

    monkeypatch.setattr(Here, "__init__", spy)
    superpos("run", tiny.file(more=""), "--stage", "datasets", "--workers", "3", "--address", "auto")
    superpos("run", tiny.file(more=""), "--stage", "psms")
    assert made == [(3, "auto"), (None, "")]
    database = Database("sqlite:///superpos.db")
    assert count(database, "runs", "address = 'auto'") == count(database, "runs", "address = 'local'") == 1
    database.dispose()


def test_demo_runs_and_reports_and_passes_the_status_on(
    superpos: Said, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from types import SimpleNamespace

    from superpos.cli import report, run

    study = tiny.file(name="demo", more="", kernels='["exp"]')
    monkeypatch.setattr(run, "find_study", lambda name: study if name == "demo" else None)
    reported: list[Any] = []

    def write(url: str | None, studies: list[str], out: Path) -> Any:
        reported.append((url, studies, out))
        return SimpleNamespace(index=out / "index.html")

    monkeypatch.setattr(report, "write", write)
    Here.broken = "fits"
    status, out, _ = superpos("demo", "--out", tmp_path / "report")
    assert status == 1
    Here.broken = ""
    status, out, _ = superpos("demo", "--out", tmp_path / "report")
    assert status == 0
    assert out.splitlines()[-1] == f"report: {tmp_path / 'report' / 'index.html'}"
    assert reported == [(None, ["demo"], tmp_path / "report")] * 4  # a first page and the whole one, twice


def test_the_first_page_of_the_demo_has_no_fits_and_changes_nothing(
    superpos: Said, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from superpos.cli import report, run

    study = tiny.file(more="", kernels='["exp"]')
    monkeypatch.setattr(run, "find_study", lambda _: study)
    pages: list[tuple[int, str]] = []
    genuine = report.write

    def write(url: str | None, _: list[str] | None, out: Path) -> Any:
        with Database(url) as database:
            before = read_views(database)
            paths = genuine(url, None, out)
            assert read_views(database) == before
            pages.append((count(database, "fits"), paths.index.read_text(encoding="utf-8")))
        return paths

    monkeypatch.setattr(report, "write", write)
    status, _, err = superpos("demo", "--out", tmp_path / "report")
    assert status == 0
    assert "open it, the fits go on" in err
    (early, first), (late, whole) = pages
    assert early == 0 < late
    assert "Target matrices" in first
    assert "no best match" in first
    assert "no best match" not in whole


def test_database_commands(superpos: Said, tiny: Tiny, here: Database) -> None:
    assert superpos("db", "current")[1].startswith(f"sqlite:///superpos.db: {newest_revision()}")
    assert superpos("db", "check")[:2] == (0, "sqlite:///superpos.db: all is well\n")
    assert "already at" in superpos("db", "upgrade")[1]
    assert superpos("db", "upgrade", "--db", "sqlite:///fresh.db")[1].startswith(
        f"sqlite:///fresh.db: upgraded from nothing to {newest_revision()}"
    )
    assert superpos("db", "gc")[:2] == (0, "")  # nothing to drop
    before = count(here, "fits")
    assert superpos("run", tiny.file(more=""))[0] == 0  # without the rbf block: a new revision
    status, out, _ = superpos("db", "gc")
    assert status == 0
    assert "fits: 8 rows dropped" in out
    assert count(here, "fits") == before - 8
    assert superpos("db", "check")[0] == 0
    here.dispose()
