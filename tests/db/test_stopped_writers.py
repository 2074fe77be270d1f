"""A process that is stopped in the middle of a transaction: others go on, and it is the one that loses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.lease_time import LEASE_VARIABLE
from superpos.db.leases import claim, new_fence, sweep
from superpos.db.migrate import ensure_current
from superpos.db.runs import start_run

STOPPED = """
import os, signal, sys
from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.leases import claim, new_fence, settle
from superpos.db.patience import patiently
from superpos.db.runs import start_run
from superpos.errors import LeaseLostError

with Database(sys.argv[1]) as database:
    run = start_run(database, study="none", host="", git_commit="", versions={}, address="")
    held = claim(database, run, "fits", ["a", "b"], new_fence())
    tries = []

    def store():
        with database.write(Commit.STORE) as connection:
            settle(connection, held)
            connection.exec_driver_sql("UPDATE runs SET host = 'late'")
            tries.append(1)
            if len(tries) == 1:
                print("stopped", flush=True)
                os.kill(os.getpid(), signal.SIGSTOP)

    try:
        patiently(store, lambda line: print("waits", flush=True))
    except LeaseLostError as error:
        print(error, flush=True)
"""


def test_a_transaction_whose_process_is_stopped_ends_with_its_lease(postgres_url: str) -> None:
    """On PostgreSQL; SQLite's lock is the process's own, and others wait until it goes on or ends."""
    environment = {**os.environ, LEASE_VARIABLE: "1"}
    with Database(postgres_url) as database:
        ensure_current(database)
        other = start_run(database, study="none", host="", git_commit="", versions={}, address="")
        command = [sys.executable, "-c", STOPPED, postgres_url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == "stopped\n"
                held: tuple[str, ...] = ()
                while held != ("a", "b"):
                    sweep(database, other)
                    held += claim(database, other, "fits", ["a", "b"], new_fence()).keys
                os.kill(process.pid, signal.SIGCONT)
                said, _ = process.communicate(timeout=240)
            finally:
                process.kill()
        assert said.splitlines() == ["waits", "fits: another run has 2 of 2 units of this one"]
        with database.read() as connection:
            assert connection.scalar(sa.text("SELECT COUNT(*) FROM runs WHERE host = 'late'")) == 0
