"""The commands where files are objects: run with workers of Ray, gc, trace, doctor, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from s3_server import Server, all_files, all_objects
from tiny_study import Tiny, count, read_views

from superpos.cli.parser import main
from superpos.db.engine import Database
from superpos.db.studies import register_study
from superpos.fits.compiled import warm_up
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study
from superpos.storage import ObjectPlace
from tools.ray_runs import short_folder

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def superpos(
    tmp_path: Path, place: ObjectPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Said:
    """The command, whose database is given by a variable; returns exit status, output and errors."""
    for name in ("RAY_ADDRESS", "SUPERPOS_DB_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SUPERPOS_DATA_DIR", place.url)
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "of-tests" not in out + err
        assert "Traceback" not in err
        return status, out, err

    return run


def give_another_revision(database: Database, tiny: Tiny) -> None:
    """Register the study with other texts: nothing that is stored is needed any more."""
    text = tiny.text(more="", probe_C=0.5).replace("ctx_len = 24", "ctx_len = 20")
    (tiny.folder / "changed.toml").write_text(text, encoding="utf-8")
    register_study(database, plan_study(load_study(tiny.folder / "changed.toml")))


@pytest.mark.cluster
def test_a_run_with_two_workers(
    superpos: Said,
    tiny: Tiny,
    tmp_path: Path,
    place: ObjectPlace,
    server: Server,
    finished: Path,
    finished_views: dict[str, list[tuple[str, ...]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warm_up()  # both workers would compile otherwise, at the same time
    with short_folder() as folder:
        monkeypatch.setenv("RAY_TMPDIR", str(folder))
        status, out, _ = superpos("run", tiny.file(), "--workers", 2)
        assert status == 0
        assert f"files in {place}\n" in out
        assert b"secret-of-tests" not in b"".join(all_files(folder).values())  # Ray's logs
    assert b"of-tests" not in (tmp_path / "superpos.db").read_bytes()
    with Database() as database:
        assert read_views(database) == finished_views
    assert all_objects(place) == all_files(finished / "superpos-data")
    server.seen.clear()
    assert "nothing to do" in superpos("run", tiny.file(), "--workers", 2)[1]
    assert not server.seen


def test_gc_removes_the_objects_of_what_it_drops(
    superpos: Said, uploaded_here: Database, tiny: Tiny, place: ObjectPlace, server: Server
) -> None:
    before = all_objects(place)
    (place / "datasets/of-another-database.safetensors").write(b"x")
    give_another_revision(uploaded_here, tiny)
    server.fault = lambda *_: 403
    status, out, err = superpos("db", "gc", "--files")
    assert status == 3
    assert "AccessDenied" in err or "Forbidden" in err
    assert out == ""
    assert count(uploaded_here, "fits") > 0  # nothing was dropped
    server.fault = lambda *_: 0
    status, out, _ = superpos("db", "gc", "--files")
    assert status == 0
    assert f"{place}: {len(before)} files removed" in out
    assert count(uploaded_here, "fits") == 0
    assert list(all_objects(place)) == ["datasets/of-another-database.safetensors"]


@pytest.mark.parametrize("asked", [(), ("--files",)])
def test_gc_on_a_disk_removes_files_only_if_asked(
    superpos: Said,
    copy_of_finished: Database,
    tiny: Tiny,
    monkeypatch: pytest.MonkeyPatch,
    asked: tuple[str, ...],
) -> None:
    folder = copy_of_finished.default_data_folder
    files = all_files(folder)
    give_another_revision(copy_of_finished, tiny)
    monkeypatch.setenv("SUPERPOS_DATA_DIR", str(folder))
    monkeypatch.setenv("SUPERPOS_DB_URL", str(copy_of_finished.url))
    status, out, _ = superpos("db", "gc", *asked)
    assert status == 0
    assert (f"{folder}: {len(files)} files removed" in out, "files" in out) == (bool(asked), bool(asked))
    assert all_files(folder) == ({} if asked else files)


def test_trace_names_the_objects(
    superpos: Said, uploaded_here: Database, place: ObjectPlace, tiny: Tiny
) -> None:
    key = tiny.plan().activations[0].key.hex()
    status, out, _ = superpos("trace", key)
    assert status == 0
    assert f"place = {place}/activations/{key[:2]}/{key}-000.safetensors\n" in out
    assert f"place = {place}/datasets/" in out
    status, out, _ = superpos("trace", key, "--recompute")
    assert (status, "agree bit for bit" in out) == (0, True)
    uploaded_here.dispose()


def test_the_doctor_tries_the_store_out(superpos: Said, place: ObjectPlace, server: Server) -> None:
    _, out, _ = superpos("doctor")
    assert f"ok       data folder: {place}: objects can be written, read, listed and removed" in out
    assert not all_objects(place)
    server.fault = lambda method, _: 403 if method == "PUT" else 0
    status, out, _ = superpos("doctor")
    (line,) = (one for one in out.splitlines() if "data folder" in one)
    assert status == 1
    assert line.startswith(f"problem  data folder: {place}/superpos-doctor-")
    assert "AccessDenied" in line
    assert "to mend it: " in line


def test_what_cannot_be_used_is_said_in_one_line(
    superpos: Said, uploaded_here: Database, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    del uploaded_here
    monkeypatch.setenv("SUPERPOS_DATA_DIR", "s3://me:hunter2@bucket/x")
    for words in (("run", tiny.file()), ("db", "gc", "--files")):
        status, out, err = superpos(*words)
        assert (status, "hunter2" in out + err) == (2, False)
        assert "SUPERPOS_DATA_DIR: the URL names a user" in err
        assert len(err.splitlines()) == 1
