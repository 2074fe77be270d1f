"""Ctrl-C, and again before the command has ended: one line, work kept, and the run is interrupted."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from matrix_study import NAME, Grid
from tiny_study import count, read_views, run_tiny

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current

RUN = """
import sys
from pathlib import Path
from superpos.cli.ending import ended
from superpos.cli.run import run_file

file, url = Path(sys.argv[1]), sys.argv[2]
sys.exit(ended("superpos", lambda interruption: run_file(file, url, interruption, workers=0)))
"""
"""The command within one process, without Ray."""
MANY = str([round(0.001 * number, 3) for number in range(100, 900)])


def fits_in(path: Path) -> int:
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM fits").fetchone()[0])


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.3], ids=["at-once", "soon", "later"])
def test_control_c_twice(pause: float, tmp_path: Path) -> None:
    plan = Grid().plan(tmp_path)
    with Database(f"sqlite:///{tmp_path / 'undisturbed.db'}") as database:
        ensure_current(database)
        run_tiny(database, plan)
        wanted = read_views(database, NAME)
    path = tmp_path / "two.db"
    with Database(f"sqlite:///{path}") as database:
        ensure_current(database)
    larger = tmp_path / "larger.toml"
    larger.write_text(Grid().text().replace("[0.0, 0.1]", MANY), encoding="utf-8")
    command = [sys.executable, "-c", RUN, str(larger), f"sqlite:///{path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while process.poll() is None and not fits_in(path):
                time.sleep(0.02)
            os.kill(process.pid, signal.SIGINT)
            time.sleep(pause)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=280)
        finally:
            process.kill()
    # By itself, or by the second signal once all is said and done: 130 to a shell.
    assert process.returncode in (130, -signal.SIGINT), (out, err)
    assert err.splitlines()[-1] == "superpos: interrupted; finished work is kept, the same command continues"
    assert "Traceback" not in err, err
    kept = fits_in(path)
    assert 0 < kept < 3 * 800
    with Database(f"sqlite:///{path}") as database:
        run_tiny(database, plan)
        assert read_views(database, NAME) == wanted
        assert count(database, "leases") == 0
        with database.read() as connection:
            outcomes = connection.execute(sa.text("SELECT outcome FROM runs ORDER BY run_id")).scalars()
            assert list(outcomes) == ["interrupted", "done"]
