"""Another process locks the SQLite file at every stage of a run: the run waits, goes on, ends alike."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from matrix_study import NAME, Grid
from tiny_study import read_views, run_tiny

from superpos.db import engine, patience
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.progress import study_progress
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.tasks import TASKS

PATIENCE = 3
"""How often a run finds the file locked before it is free again."""
LOCKING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


class Locking(SilentReporter):
    """Has another process lock the file at the beginning of each stage, and let it go after some tries."""

    def __init__(self, file: Path, stages: Counter[str]) -> None:
        self._file = file
        self.waited = stages
        """How often it was waited for, by stage."""
        self._stage = ""
        self._other: subprocess.Popen[bytes] | None = None

    def start(self, stage: str, total: int) -> None:
        del total
        if stage in self.waited:  # begun again
            return
        self.let_go()
        self._stage = stage
        self.waited[stage] = 0
        command = [sys.executable, "-c", LOCKING, str(self._file)]
        self._other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._other.stdout is not None
        assert self._other.stdout.readline() == b"locked\n"

    def note(self, text: str) -> None:
        if "database is locked; waiting for it" not in text:
            return
        self.waited[self._stage] += 1
        if self.waited[self._stage] >= PATIENCE:
            self.let_go()

    def let_go(self) -> None:
        if self._other is not None:
            self._other.communicate()
            assert self._other.returncode == 0
        self._other = None


def test_a_run_waits_for_a_file_that_another_process_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Grid().plan(tmp_path)
    with Database(f"sqlite:///{tmp_path / 'undisturbed.db'}") as database:
        ensure_current(database)
        run_tiny(database, plan)
        wanted = read_views(database, NAME)
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 20)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.2)
    file = tmp_path / "locked.db"
    waited: Counter[str] = Counter()
    with Database(f"sqlite:///{file}") as database:
        ensure_current(database)
        locking = Locking(file, waited)
        try:
            run_study(database, plan, SerialExecutor(TASKS), locking, data_folder=tmp_path / "data")
        finally:
            locking.let_go()
        assert [row.undone for row in study_progress(database, NAME)] == [0] * 5
        assert read_views(database, NAME) == wanted
        with database.read() as connection:
            outcomes = connection.exec_driver_sql("SELECT outcome FROM runs").scalars().all()
            assert outcomes == ["done"]
            assert connection.exec_driver_sql("SELECT COUNT(*) FROM leases").scalar() == 0
    assert {"psms", "fits", "analysis"} <= waited.keys()
    assert min(waited.values()) >= PATIENCE
