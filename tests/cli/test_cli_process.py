"""The command as a process of its own: start-up time, modules, Ctrl-C, entry points of cluster jobs."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tiny_study import Tiny, count, read_views, run_tiny

from superpos.db.engine import Database

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = (
    "torch",
    "transformers",
    "ray",
    "numpy",
    "scipy",
    "pandas",
    "sklearn",
    "sqlalchemy",
    "matplotlib",
    "rich",
)


def python(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
        timeout=280,
        **options,
    )


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from superpos.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as error:\n    assert not error.code\n"
        f"print('LOADED', [name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = python("-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED []"
    for command in ("demo", "plan", "init", "run", "status", "retry", "trace", "report", "db"):
        assert command in done.stdout


@pytest.mark.parametrize("entry", [["-m", "superpos"], ["-c", "from superpos.__main__ import main; main()"]])
def test_the_module_is_the_command(entry: list[str]) -> None:
    done = python(*entry, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("superpos 0.")
    assert python("-m", "superpos", "run", "no-such-study").returncode == 2


def test_a_reader_that_goes_away_is_no_error(tiny: Tiny) -> None:
    plan = f"{sys.executable} -m superpos plan {tiny.file()} --json --db sqlite:///{tiny.folder}/x.db"
    done = subprocess.run(  # noqa: S602 (a pipe is what is tested)
        f"{plan} | head -n 1", shell=True, capture_output=True, text=True, check=False, cwd=ROOT, timeout=280
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""


STAGES = {
    "run_study": [],
    "build_datasets": ["datasets"],
    "extract_activations": ["datasets", "activations"],
    "train_probes": ["probes", "whitening"],
    "build_psms": ["psms", "ceilings"],
    "run_fits": ["fits"],
    "run_analysis": ["analysis"],
}


@pytest.mark.parametrize(("module", "stages"), STAGES.items())
def test_entry_points_of_jobs_run_their_stages(module: str, stages: list[str]) -> None:
    """What each hands to the command, recorded in place of running it."""
    script = (
        "import runpy, sys\n"
        "import superpos.cli.parser as parser\n"
        "parser.main = lambda command: print('COMMAND', *command) or 7\n"
        f"sys.argv = ['job', 'study.toml', '--workers', '2']\n"
        f"runpy.run_module('jobs.{module}', run_name='__main__')\n"
    )
    done = python("-c", script)
    assert done.returncode == 7, done.stderr
    expected = ["run", "study.toml", "--workers", "2", *(w for stage in stages for w in ("--stage", stage))]
    assert done.stdout.split()[1:] == expected


@pytest.mark.parametrize(
    ("given", "address", "expected"),
    [
        (["s"], "", ["run", "s"]),
        (["s"], "10.0.0.1:6379", ["run", "s", "--address", "10.0.0.1:6379"]),
        (["s", "--address", "auto"], "10.0.0.1:6379", ["run", "s", "--address", "auto"]),
        (["s", "--address=auto"], "10.0.0.1:6379", ["run", "s", "--address=auto"]),
    ],
)
def test_a_job_joins_the_cluster_it_was_submitted_to(
    given: list[str], address: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from jobs import entry

    monkeypatch.setenv("RAY_ADDRESS", address)
    seen: list[Any] = []
    monkeypatch.setattr(entry, "main", lambda command: seen.append(list(command)) or 0)
    assert entry.run_stages((), given) == 0
    assert seen == [expected]


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("number", "whole_group", "status"),
    [(signal.SIGINT, False, 130), (signal.SIGTERM, False, 143), (signal.SIGTERM, True, 143)],
    ids=["control-c", "sigterm", "sigterm-to-the-group"],
)
def test_a_signal_during_the_fits(
    number: signal.Signals, whole_group: bool, status: int, tiny: Tiny, copy_of_finished: Database,
    finished_views: dict[str, list[tuple[str, ...]]],
) -> None:  # fmt: skip
    """A larger study is stopped in the middle; a smaller one then takes over what it has finished."""
    with copy_of_finished.write() as connection:
        for table in ("best_match", "analyses", "fit_arrays", "fits", "importance", "joint_fits"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 (above)
    copy_of_finished.dispose()
    path = Path(str(copy_of_finished.url.database))
    sigmas = [0.1, *(round(0.01 * number, 2) for number in range(11, 90))]
    study = tiny.file(name="larger", sigmas=str(sigmas))
    environment = {**os.environ, "RAY_ADDRESS": "127.0.0.1:1"}  # no business of a local run
    process = subprocess.Popen(
        [sys.executable, "-m", "superpos", "run", str(study), "--db", f"sqlite:///{path}", "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    try:
        while fits_in(path) == 0:
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        if whole_group:  # as Slurm, systemd and `timeout` do
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=240)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == status, (out, err)
    assert err.strip().splitlines()[-1].startswith("superpos: interrupted; finished work is kept")
    assert "Traceback" not in err
    assert "SIGTERM received" not in err  # Ray's own report
    kept = fits_in(path)
    assert 0 < kept < 5 * 2 * 82
    assert count(copy_of_finished, "runs", "run_id = 2 AND outcome = 'interrupted'") == 1
    run_tiny(copy_of_finished, tiny.plan())
    assert count(copy_of_finished, "fits", "run_id = 2") == kept
    assert read_views(copy_of_finished) == finished_views


def fits_in(path: Path) -> int:
    """Return the number of fits in a database that another process is writing; 0 before it exists."""
    if not path.exists():
        return 0
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM fits").fetchone()[0])
    except sqlite3.OperationalError:  # the tables are still being made
        return 0
    finally:
        connection.close()
