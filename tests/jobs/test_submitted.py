"""Studies as jobs, on a head node that asks for a token: `ray job submit -- python -m jobs.run_study`."""

from __future__ import annotations

import re
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from heads import Head, has_rows, head_node
from tiny_study import Tiny, count, read_views

from superpos.db.engine import Database

pytestmark = pytest.mark.cluster
RUN = (sys.executable, "-m", "jobs.run_study")
PASSWORD = "never-to-be-seen"


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with head_node(PGPASSWORD=PASSWORD) as started:
        yield started


@pytest.fixture
def working_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(f"sqlite:///{tmp_path / 'superpos.db'}") as opened:
        yield opened


def test_a_wrong_token_submits_nothing(head: Head, working_dir: Path) -> None:
    options = ("--address", head.dashboard, "--working-dir", str(working_dir))
    done = head.ray("job", "submit", *options, "--", "true", RAY_AUTH_TOKEN="f" * 64)
    assert done.returncode != 0
    assert "token is invalid" in done.stdout + done.stderr
    assert stat.S_IMODE((head.folder / "token").stat().st_mode) == 0o600


def test_results_in_the_folder_of_a_job_are_refused(head: Head, working_dir: Path, tiny: Tiny) -> None:
    (working_dir / "study.toml").write_text(tiny.text(), encoding="utf-8")
    done = head.submit(working_dir, *RUN, "study.toml", "--db", "sqlite:///superpos.db")
    assert done.returncode != 0
    assert "database: superpos.db lies in the folder that Ray unpacked for this job" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_job_that_is_submitted_again_continues(
    head: Head,
    working_dir: Path,
    tiny: Tiny,
    database: Database,
    finished_views: dict[str, list[tuple[str, ...]]],
) -> None:
    (working_dir / "study.toml").write_text(tiny.text(), encoding="utf-8")
    entry = (*RUN, "study.toml", "--db", str(database.url))
    part = head.submit(working_dir, *entry, "--stage", "datasets", "--stage", "activations")
    assert part.returncode == 0, part.stdout + part.stderr
    assert count(database, "probes") == 0
    whole = head.submit(working_dir, *entry)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "datasets: 1 to do" not in whole.stdout
    assert read_views(database) == finished_views
    again = head.submit(working_dir, *entry)
    assert "nothing to do" in again.stdout
    assert count(database, "runs") == 2


def test_a_job_that_is_stopped_keeps_what_is_done(
    head: Head, working_dir: Path, tiny: Tiny, database: Database, tmp_path: Path
) -> None:
    text = tiny.text(more="").replace('name = "cosine"', 'name = "cosine"\nreplicates = 100')
    (working_dir / "study.toml").write_text(text, encoding="utf-8")
    entry = (*RUN, "study.toml", "--db", str(database.url))
    submitted = head.submit(working_dir, *entry, wait=False)
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    job = re.findall(r"raysubmit_\w+", submitted.stdout)[0]
    while not has_rows(tmp_path / "superpos.db", database, "fits"):
        said = head.ray("job", "status", "--address", head.dashboard, job).stdout
        assert "PENDING" in said or "RUNNING" in said, said  # a busy head leaves it PENDING for a while
        time.sleep(0.5)
    stopped = head.ray("job", "stop", "--address", head.dashboard, job)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert 0 < count(database, "fits") < 2 * 2 * 2 * 201  # layers, kernels, optimisers, matrices
    assert count(database, "runs", "outcome = 'interrupted'") == 1


def test_no_file_of_the_cluster_has_the_password(head: Head) -> None:
    """What is left of the jobs before: logs, and the files that Ray writes of their environment."""
    files = [path for path in (head.folder / "ray").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path.name for path in files if PASSWORD.encode() in path.read_bytes()] == []
