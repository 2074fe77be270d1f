"""A study whose files are objects: the same content as on a disk, whatever is damaged, cut off or killed."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from s3_server import CUT, Server, all_files, all_objects
from tiny_study import Notes, Tiny, count, read_views, run_tiny

from superpos.db import patience
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.results import Results
from superpos.errors import DataFolderAwayError, DataFolderError
from superpos.records.plan import StudyPlan
from superpos.stages import shift
from superpos.stages.recompute import recompute
from superpos.storage import ObjectPlace, objects

Views = dict[str, list[tuple[str, ...]]]


@pytest.fixture
def other_probes(tiny: Tiny) -> StudyPlan:
    """The study with another penalty: its probes read the activation files again."""
    return tiny.plan(probe_C=0.5, kernels='["exp"]', more="")


@pytest.fixture(scope="module")
def views_of_other_probes(
    finished: Path, tiny_model: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Views:
    folder = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(finished, folder)
    with Database(f"sqlite:///{folder / 'superpos.db'}") as database:
        plan = Tiny(tiny_model, tiny_corpus, folder).plan(probe_C=0.5, kernels='["exp"]', more="")
        run_tiny(database, plan)
        return read_views(database)


def test_the_same_content_and_the_same_files_as_on_a_disk(
    tiny: Tiny,
    finished: Path,
    finished_views: Views,
    new_database: Callable[[str], Database],
    place: ObjectPlace,
    server: Server,
    cache_folder: Path,
) -> None:
    database, plan = new_database("new"), tiny.plan()
    run_tiny(database, plan, data_folder=place)
    assert read_views(database) == finished_views
    assert all_objects(place) == all_files(finished / "superpos-data")
    assert not database.default_data_folder.exists()
    assert not list((cache_folder / "scratch").iterdir())
    server.seen.clear()
    run_tiny(database, plan, data_folder=place)  # nothing is left to do, so nothing is asked for
    assert not server.seen
    everything = b"".join(all_files(database.default_data_folder.parent).values())
    assert b"of-tests" not in everything  # no key in the database


@pytest.mark.parametrize("harm", ["gone", "flipped", "cut", "empty"])
@pytest.mark.parametrize("kind", ["activations", "datasets"])
def test_an_object_that_is_gone_or_damaged_is_made_again(
    kind: str,
    harm: str,
    uploaded: Database,
    other_probes: StudyPlan,
    views_of_other_probes: Views,
    place: ObjectPlace,
) -> None:
    before = all_objects(place)
    name = min(one for one in before if one.startswith(kind) and one.endswith(".safetensors"))
    content = before[name]
    if harm == "gone":
        (place / name).remove()
    else:
        damaged = {"flipped": content[:-1] + b"\x5a", "cut": content[: len(content) // 2], "empty": b""}
        assert damaged[harm] != content
        (place / name).write(damaged[harm])
    run_tiny(uploaded, other_probes, data_folder=place)
    assert read_views(uploaded) == views_of_other_probes
    assert count(uploaded, "cell_failures") == 0
    assert all_objects(place) == before


def test_a_damaged_copy_and_a_full_cache_are_no_harm(
    uploaded: Database,
    other_probes: StudyPlan,
    views_of_other_probes: Views,
    place: ObjectPlace,
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_tiny(uploaded, other_probes, data_folder=place, stages=("datasets", "activations", "probes"))
    copies = [path for path in (cache_folder / "copies").rglob("*") if path.is_file()]
    assert copies
    for copy in copies:
        copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    monkeypatch.setenv("SUPERPOS_CACHE_GB", "0")
    run_tiny(uploaded, other_probes, data_folder=place)
    assert read_views(uploaded) == views_of_other_probes


def test_a_pass_that_was_cut_off_keeps_the_shards_that_it_has_uploaded(
    tiny: Tiny,
    finished_views: Views,
    new_database: Callable[[str], Database],
    place: ObjectPlace,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(objects, "WRITE_SECONDS", 0.5)
    database, plan = new_database("new"), tiny.plan()
    uploads: list[str] = []

    def second_fails(method: str, path: str) -> int:
        if method == "PUT" and "activations" in path and path.endswith(".safetensors"):
            uploads.append(path)
            return CUT if len(uploads) > 1 else 0
        return 0

    server.fault = second_fails
    with pytest.raises(
        DataFolderError, match=r"activations/.*cannot be written.*finished work is kept"
    ) as no:
        run_tiny(database, plan, data_folder=place)
    assert not isinstance(no.value, DataFolderAwayError)
    assert count(database, "cell_failures") == count(database, "leases") == 0
    assert count(database, "runs", "outcome = 'failed'") == 1
    first = uploads[0]
    uploads.clear()
    server.fault = lambda method, path: uploads.append(path) or 0 if method == "PUT" else 0  # type: ignore[func-returns-value]
    run_tiny(database, plan, data_folder=place)
    assert read_views(database) == finished_views
    assert first not in uploads
    assert sum(path.endswith(".safetensors") for path in uploads) == 1


def test_a_store_that_refuses_ends_the_run_with_one_line(
    tiny: Tiny, new_database: Callable[[str], Database], place: ObjectPlace, server: Server
) -> None:
    database = new_database("new")
    server.fault = lambda method, _: 403 if method == "PUT" else 0
    with pytest.raises(DataFolderError, match=rf"^{place}/datasets/.*cannot be written: .*AccessDenied"):
        run_tiny(database, tiny.plan(), data_folder=place)
    assert count(database, "cell_failures") == count(database, "leases") == 0
    server.fault = lambda *_: 0
    with pytest.raises(DataFolderError, match=r"^s3://no-such-bucket-at-all/x: .*NoSuchBucket"):
        run_tiny(database, tiny.plan(), data_folder=ObjectPlace("s3://no-such-bucket-at-all/x"))
    assert count(database, "datasets", "status = 'done'") == 0


def test_a_server_that_comes_back_is_waited_for(
    uploaded: Database,
    other_probes: StudyPlan,
    views_of_other_probes: Views,
    place: ObjectPlace,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(objects, "READ_SECONDS", 0.2)
    monkeypatch.setattr(shift, "LONGEST_WAIT", 0.2)
    notes, back = Notes(), threading.Timer(2.0, server.start)

    def leave(method: str, path: str) -> int:
        if method == "GET" and "activations" in path and not back.is_alive() and not back.finished.is_set():
            back.start()
            threading.Thread(target=server.stop).start()
            return CUT
        return 0

    server.fault = leave
    run_tiny(uploaded, other_probes, reporter=notes, data_folder=place)
    back.join()
    assert read_views(uploaded) == views_of_other_probes
    assert count(uploaded, "cell_failures") == 0
    assert sum("waiting for it, up to" in note for note in notes.said) == 1


def test_a_server_that_stays_away_is_given_up(
    uploaded: Database,
    other_probes: StudyPlan,
    place: ObjectPlace,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(objects, "READ_SECONDS", 0.2)
    monkeypatch.setattr(shift, "LONGEST_WAIT", 0.2)
    for module in (patience, shift):
        monkeypatch.setattr(module, "AWAY_SECONDS", 1.0)
    server.fault = lambda _, path: CUT if "activations" in path else 0
    began = time.monotonic()
    with pytest.raises(DataFolderError, match=r"waited \d s; finished work is kept$") as caught:
        run_tiny(uploaded, other_probes, data_folder=place)
    assert time.monotonic() - began < 150
    assert caught.value.exit_status == 3
    assert count(uploaded, "cell_failures") == count(uploaded, "leases") == 0
    server.fault = lambda *_: CUT
    with pytest.raises(DataFolderError, match=r"waited \d s; finished work is kept$"):
        run_tiny(uploaded, other_probes, data_folder=place)


def test_two_runs_at_once_share_the_work(
    tiny: Tiny, finished_views: Views, tmp_path: Path, place: ObjectPlace, server: Server
) -> None:
    url, plan = f"sqlite:///{tmp_path / 'shared.db'}", tiny.plan()
    with Database(url) as database:
        ensure_current(database)
    uploads: list[str] = []
    server.fault = lambda method, path: uploads.append(path) or 0 if method == "PUT" else 0  # type: ignore[func-returns-value]
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with Database(url) as mine:
                run_tiny(mine, plan, data_folder=place, stages=("datasets", "activations", "probes"))
        except BaseException as error:
            failed.append(error)

    runs = [threading.Thread(target=run) for _ in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert not failed
    files = [path for path in uploads if path.endswith(".safetensors")]
    assert len(files) == len(set(files)) == 3  # none was uploaded twice
    with Database(url) as database:
        run_tiny(database, plan, data_folder=place)
        assert read_views(database) == finished_views


def test_a_row_is_made_again_from_objects_and_without_them(uploaded: Database, place: ObjectPlace) -> None:
    frame = Results(uploaded).frame("probe_results", study="tiny")
    key = str(frame["direction_key"][0])
    before = all_objects(place)
    assert recompute(uploaded, key, place).agrees
    for name in before:
        (place / name).remove()
    assert recompute(uploaded, key, place).agrees
    assert not all_objects(place)  # a scratch folder was written to instead
