"""Cells that end their worker, never end or take all memory, in `superpos run`: they alone have no result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matrix_study
import pytest
import sqlalchemy as sa
from matrix_study import NAME, Grid
from tiny_study import read_views, run_tiny

from superpos.cli.parser import main
from superpos.cluster import pool
from superpos.db.engine import Database
from superpos.db.failures import put_back
from superpos.stages import fits
from superpos.stages.executor import FULL, LATE, LOST
from superpos.stages.tasks import TASKS

pytestmark = pytest.mark.cluster

CELLS = """SELECT p.key || '.' || ja.key || '.' || fa.key FROM fits f
JOIN joint_fits j ON j.joint_id = f.joint_id JOIN psms p ON p.psm_id = j.psm_id
JOIN joint_axes ja ON ja.joint_axes_id = j.joint_axes_id
JOIN fit_axes fa ON fa.fit_axes_id = f.fit_axes_id ORDER BY 1"""
FAILURES = "SELECT key, reason, message, attempts, quarantined FROM cell_failures ORDER BY reason"
SECONDS, MEBIBYTES = 12, 1024


def bad(what: dict[str, str]) -> Callable[[Sequence[Any]], Any]:
    """Return the task of fits, in which some cells do something bad; it travels by value."""
    compute = TASKS["fits"]

    def run(works: Sequence[Any]) -> Any:
        import ctypes
        import time

        import numpy as np

        for work in works:
            for _, key, _ in work.fits:
                deed = what.get(f"{work.psm_key.hex()}.{work.axes_key.hex()}.{key.hex()}")
                if deed == "crash":
                    ctypes.string_at(0)
                if deed == "sleep":
                    time.sleep(3600.0)
                held = []
                while deed == "take":
                    held.append(np.empty(2**26, np.uint8))  # never written to
        return compute(works)

    return run


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory elsewhere")
def test_bad_cells_are_quarantined_alone(
    new_database: Callable[[str], Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(
        fits, "FIRST_CHUNK", 1
    )  # a joint fit, which is cut once: each cut waits for the limit
    monkeypatch.setattr(fits, "LARGEST_CHUNK", 1)
    monkeypatch.setattr(matrix_study, "BLOCK", matrix_study.BLOCK.replace('backend = "scipy"\n', ""))
    plan = Grid().plan(tmp_path)
    undisturbed = new_database("undisturbed")
    run_tiny(undisturbed, plan)
    wanted = read_views(undisturbed, NAME)
    with undisturbed.read() as connection:
        crashing, taking, *others, endless = connection.execute(sa.text(CELLS)).scalars()
    database = new_database("disturbed")
    command = ["run", str(tmp_path / "study.toml"), "--db", str(database.url), "--workers", "2"]
    command += ["--time-limit", str(SECONDS), "--memory-limit", str(MEBIBYTES)]
    monkeypatch.setenv("SUPERPOS_DATA_DIR", str(tmp_path / "data"))
    deeds = {crashing: "crash", endless: "sleep", taking: "take"}
    started = pool.RayExecutor
    monkeypatch.setattr(pool, "RayExecutor", partial(started, tasks={**TASKS, "fits": bad(deeds)}))
    assert main(command) == 1
    assert "without a result: 3 of fits" in capsys.readouterr().out
    with database.read() as connection:
        failures = connection.execute(sa.text(FAILURES)).all()
        stored = list(connection.execute(sa.text(CELLS)).scalars())
    wrong = {crashing: LOST, endless: LATE, taking: FULL}
    assert {row.key: row.reason for row in failures} == wrong
    assert [(row.attempts, row.quarantined) for row in failures] == [(1, 1)] * 3
    assert [f"more than {MEBIBYTES:,} MiB" in row.message for row in failures] == [True, False, False]
    assert stored == others
    assert put_back(database, NAME) == 3
    run_tiny(database, plan)
    assert read_views(database, NAME) == wanted
