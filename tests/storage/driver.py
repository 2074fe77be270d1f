"""A run in a process of its own, to be killed: DATABASE_URL STUDY_FILE PLACE."""

from __future__ import annotations

import sys
from pathlib import Path

from superpos.db.engine import Database
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS
from superpos.storage import ObjectPlace

if __name__ == "__main__":
    url, file, place = sys.argv[1:]
    with Database(url) as database:
        plan = plan_study(load_study(Path(file)))
        run_study(database, plan, SerialExecutor(TASKS), SilentReporter(), data_folder=ObjectPlace(place))
