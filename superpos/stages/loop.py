"""The one loop of the stages: hand out what is missing, store what comes back, count what failed.

The loop is that of DataJoint's `populate` (Yatsenko et al. 2018): a unit of work has its result in the
database, or a failure there that says why, or is tried by the next run. Runs on one database share the work:
each unit is leased before it is computed (`superpos.db.leases`), and what another run has is waited for.
"""

from __future__ import annotations

from typing import TypeVar

from superpos.stages.context import Context
from superpos.stages.executor import TaskError
from superpos.stages.shift import Shift
from superpos.stages.stage import Done, Leasing, Remake, Stage, leasing_of

__all__ = ["Done", "Leasing", "Remake", "Stage", "leasing_of", "run_stage"]
W = TypeVar("W")


def run_stage(context: Context, stage: Stage[W]) -> int:
    """Do what is missing of a stage; return how many keys failed.

    Units are handed out in order, their values stored as they come. What was stored when the run is stopped
    stays. What other runs on the database are working on is waited for.
    """
    if stage.total == 0:
        return 0
    context.reporter.start(stage.name, stage.total)
    stage.prepare()
    shift = Shift(context, stage)
    lost = shift.work(stage.works)
    if lost and stage.remake is not None:
        stage.remake.make(lost)
        for work in shift.work(lost):
            shift.fail(work, TaskError("files_lost", stage.remake.lost_again(work)))
    context.reporter.finish(stage.name)
    return shift.n_failed
