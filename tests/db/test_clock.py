"""Times that several machines compare are the database's, not those of a driver whose clock is wrong."""

from __future__ import annotations

import os
import subprocess
import sys

import sqlalchemy as sa

from superpos.db.clock import time_now
from superpos.db.engine import Database
from superpos.db.failures import record_failures
from superpos.db.leases import failed_meanwhile
from superpos.db.migrate import ensure_current
from superpos.db.runs import end_run, start_run
from superpos.records.work import CellFailure

HOURS_LATE = """
import datetime, sys, time
REAL, LATE = time.time, 7200.0
time.time = lambda: REAL() - LATE

class Late(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) - datetime.timedelta(seconds=LATE)

datetime.datetime = Late
from superpos.db.engine import Database
from superpos.db.failures import record_failures
from superpos.db.runs import end_run, start_run
from superpos.records.work import CellFailure

with Database(sys.argv[1]) as database:
    run = start_run(database, study="none", host="late", git_commit="", versions={}, address="")
    print(flush=True)
    sys.stdin.readline()
    record_failures(database, [CellFailure("fits", "a", "ValueError", "bad", False)], run)
    end_run(database, run, {}, "done")
"""


def test_a_driver_whose_clock_is_wrong(postgres_url: str) -> None:
    with Database(postgres_url) as database:
        ensure_current(database)
        command = [sys.executable, "-c", HOURS_LATE, postgres_url]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ}
        ) as late:
            assert late.stdin is not None
            assert late.stdout is not None
            late.stdout.readline()
            run = start_run(database, study="none", host="", git_commit="", versions={}, address="")
            late.communicate("\n", timeout=120)
        assert late.returncode == 0
        # It has failed after this run began, so this run does not try it as well.
        assert failed_meanwhile(database, run, "fits") == {"a"}
        record_failures(database, [CellFailure("fits", "b", "ValueError", "bad", False)], run)
        end_run(database, run, {}, "done")
        with database.read() as connection:
            rows = connection.execute(sa.text("SELECT started_at, ended_at FROM runs ORDER BY run_id")).all()
            now = time_now(connection)
        assert rows[0].started_at <= rows[1].started_at <= rows[0].ended_at <= rows[1].ended_at
        assert str(rows[0].started_at)[:4] == f"{now:%Y}"
