"""Several drivers of one study, each a process of its own: `python drivers.py URL STUDY DATA LOG COUNT`.

Each unit that a task is given is a line of LOG, so that what is computed twice can be seen.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from superpos.db.engine import Database
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS


def units(task: str, payload: Any) -> list[str]:
    """Name what a task is given."""
    if task == "fits":
        return [
            f"{work.psm_key.hex()}.{work.axes_key.hex()}.{key.hex()}"
            for work in payload
            for _, key, _ in work.fits
        ]
    if task == "bounds":
        return [str(work.joint_id) for work in payload]
    if task == "extract":
        return [stem for _, _, stem in payload.sites]
    if task == "probes":
        return [work.key.hex() for work in payload.works]
    return [(payload.key if task == "dataset" else payload.work.key).hex()]


def counted(log: Path) -> dict[str, Callable[[Any], Any]]:
    """Return the tasks, each of which writes down what it is given."""

    def wrap(name: str, task: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def run(payload: Any) -> Any:
            lines = "".join(f"{name} {unit} {os.getpid()}\n" for unit in units(name, payload))
            with log.open("a", encoding="ascii") as stream:
                stream.write(lines)  # one write, which is not mixed with those of others
            return task(payload)

        return run

    return {name: wrap(name, task) for name, task in TASKS.items()}


def drive(url: str, study: str, data: str, log: str) -> None:
    """Run a study as one driver does."""
    plan = plan_study(load_study(Path(study)))
    with Database(url) as database:
        executor = SerialExecutor(counted(Path(log)))
        run_study(database, plan, executor, SilentReporter(), data_folder=Path(data))


def main(url: str, study: str, data: str, log: str, count: str) -> int:
    """Start the drivers; return how many ended badly."""
    import torch  # noqa: F401 - once, not in each of them

    children = []
    for _ in range(int(count)):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                drive(url, study, data, log)
                status = 0
            except Exception:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        children.append(child)
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(child, signal.SIGKILL) for child in children] and None)
    return sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
