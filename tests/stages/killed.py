"""A driver that is killed at every commit of a run, one after the other: `python killed.py URL STUDY DATA`.

Each life of it ends by SIGKILL at the first moment of its kind; the next life goes on. Prints a line for each
moment: its commit, its name, and whether it was reached.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from superpos.db import commits
from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.leases import beat
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS

OF_A_RUN = (
    Commit.REGISTER,
    Commit.RUN_STARTED,
    Commit.SWEEP,  # of the lives before
    Commit.BEAT,
    Commit.CLAIM,
    Commit.STORE,
    Commit.REFUSALS,
    Commit.RELEASE,
    Commit.RUN_ENDED,
)
MOMENTS = ("opened", "between", "before", "after")
"""Between: a statement of the transaction has been executed."""


class Beating(SilentReporter):
    """Beats at every step, as the thread of a run does now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, stage: str, total: int) -> None:
        del stage, total
        with self._database.read() as connection:
            run_id = connection.scalar(sa.text("SELECT MAX(run_id) FROM runs"))
        beat(self._database, int(run_id))


def live(url: str, plan: Any, data: str, die: tuple[Commit, str] | None) -> None:
    """Run the study, and die at a moment."""
    inside: list[Commit | None] = [None]

    def end() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def listen(commit: Commit | None, moment: str) -> None:
        assert commit is not None, "a commit that is not on the list"
        inside[0] = commit if moment == "opened" else None
        if (commit, moment) == die:
            end()

    with Database(url) as database:

        @sa.event.listens_for(database.engine, "after_cursor_execute")
        def executed(*given: Any) -> None:
            changes = not str(given[2]).startswith(("SELECT", "BEGIN", "PRAGMA"))
            if die is not None and die == (inside[0], "between") and changes:
                end()

        commits.listener = listen
        run_study(database, plan, SerialExecutor(TASKS), Beating(database), data_folder=Path(data))


def life(*given: Any) -> int:
    """Return how a life ended: 0, or the signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            live(*given)
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def main(url: str, study: str, data: str) -> int:
    """Live and die; return 0 if the last life ended well."""
    plan = plan_study(load_study(Path(study)))
    import torch  # noqa: F401 - once, not in each life

    for commit in OF_A_RUN:
        for moment in MOMENTS:
            ended = life(url, plan, data, (commit, moment))
            word = {signal.SIGKILL: "killed", 0: "finished"}.get(ended, "failed")
            sys.stdout.write(f"{commit.value} {moment} {word}\n")
    return life(url, plan, data, None)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
