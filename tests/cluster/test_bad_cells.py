"""Cells that end their worker, or never end, in a whole run on Ray: they alone have no result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from matrix_study import NAME, Grid
from tiny_study import read_views, run_tiny

from superpos.cluster.pool import RayExecutor
from superpos.db.engine import Database
from superpos.db.failures import put_back
from superpos.stages.executor import LATE, LOST, Limits, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.tasks import TASKS

pytestmark = pytest.mark.cluster

CELLS = """SELECT p.key || '.' || ja.key || '.' || fa.key FROM fits f
JOIN joint_fits j ON j.joint_id = f.joint_id JOIN psms p ON p.psm_id = j.psm_id
JOIN joint_axes ja ON ja.joint_axes_id = j.joint_axes_id
JOIN fit_axes fa ON fa.fit_axes_id = f.fit_axes_id ORDER BY 1"""
SECONDS = 8.0


def bad(crashing: str, endless: str) -> Callable[[Sequence[Any]], Any]:
    """Return the task of fits, of which one cell crashes and one never ends; it travels by value."""
    compute = TASKS["fits"]

    def run(works: Sequence[Any]) -> Any:
        import ctypes
        import time

        for work in works:
            for _, key, _ in work.fits:
                cell = f"{work.psm_key.hex()}.{work.axes_key.hex()}.{key.hex()}"
                if cell == crashing:
                    ctypes.string_at(0)
                if cell == endless:
                    time.sleep(3600.0)
        return compute(works)

    return run


def test_cells_that_crash_or_never_end_are_quarantined_alone(
    new_database: Callable[[str], Database], tmp_path: Path
) -> None:
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    plan = Grid().plan(tmp_path)
    undisturbed = new_database("undisturbed")
    run_tiny(undisturbed, plan)
    wanted = read_views(undisturbed, NAME)
    with undisturbed.read() as connection:
        crashing, *others, endless = connection.execute(sa.text(CELLS)).scalars()
    database = new_database("disturbed")
    tasks = {**TASKS, "fits": bad(crashing, endless)}
    with RayExecutor(2, tasks=tasks) as executor:
        run_study(
            database, plan, executor, SilentReporter(),
            data_folder=tmp_path / "data", limits=Limits(seconds=SECONDS),
        )  # fmt: skip
    with database.read() as connection:
        failures = connection.execute(sa.text("SELECT key, reason, quarantined FROM cell_failures")).all()
        stored = list(connection.execute(sa.text(CELLS)).scalars())
    assert sorted(map(tuple, failures)) == sorted([(crashing, LOST, 1), (endless, LATE, 1)])
    assert stored == others
    assert put_back(database, NAME) == 2
    run_tiny(database, plan)
    assert read_views(database, NAME) == wanted
