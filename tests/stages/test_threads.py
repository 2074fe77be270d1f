"""The same bits however many threads BLAS has: in a task, and where a row is made again.

Each script is a process of its own, for libraries read the number of threads when they are loaded, and which
ones are loaded late is part of what is tested.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from superpos.cluster.connect import THREAD_VARIABLES
from superpos.db.engine import Database

LIBRARIES = """
from superpos.stages.executor import attempt

def task(_):
    import numpy, scipy.linalg
    from threadpoolctl import threadpool_info
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

print(sorted(set(attempt(task, 0, None).value)))
"""
LATER = """
import threadpoolctl
from threadpoolctl import threadpool_info
from superpos import threads

looks = []

class Counted(threadpoolctl.ThreadpoolController):
    def __init__(self):
        looks.append(1)
        super().__init__()

threadpoolctl.ThreadpoolController = Counted
for _ in range(50):
    with threads.one_thread():
        pass
print(len(looks))
before = threads.loads()
import sklearn.linear_model
assert threads.loads() != before
with threads.one_thread():
    with threads.one_thread():
        pass
    again = len(looks)
    found = threadpool_info()
    print(sorted({one["user_api"] for one in found}), {one["num_threads"] for one in found})
print(again, {one["num_threads"] for one in threadpool_info()} - {1} != set())
"""
CERTIFICATES = """
import numpy as np
from superpos.stages.executor import attempt

def task(seed):
    from superpos.fits import certify
    vectors = np.random.default_rng(seed).standard_normal((24, 20))
    return certify(vectors, np.full(24, 1 / 24), energy="riesz", s=1.0).eigenvalues.tobytes().hex()

print([attempt(task, seed, seed).value for seed in range(6)])
"""
PROBES = """
import numpy as np
from superpos.probes.train import train_probes
from superpos.specs.probes import ProbeSettings

X = np.random.default_rng(0).standard_normal((2000, 60))
labels = X[:, :2] + 0.5 * X[:, 2:4] > 0.3
groups = np.arange(2000)
settings = ProbeSettings(backend="sklearn")
print(train_probes(X, labels, ("a", "b"), groups, groups % 4 > 0, settings).coef_raw.tobytes().hex())
"""
ROWS = """
import sys
from pathlib import Path
from superpos.db.engine import Database
from superpos.stages.recompute import recompute

database = Database(sys.argv[1])
for key in sys.argv[3:]:
    found = recompute(database, key, Path(sys.argv[2]))
    assert len(found.compared) > 3
    print(found.kind, found.differing)
database.dispose()
"""
TABLES = ("joint_fits", "psms", "direction_sets", "activation_sets", "datasets")
FITS = """SELECT j.key || '.' || a.key FROM fits f JOIN joint_fits j ON j.joint_id = f.joint_id
JOIN fit_axes a ON a.fit_axes_id = f.fit_axes_id ORDER BY 1"""


def run(script: str, threads: int, *arguments: str) -> str:
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_task_has_one_thread_in_libraries_that_it_loads_itself() -> None:
    assert run(LIBRARIES, 4).strip() == "[1]"


def test_libraries_are_looked_through_once_and_again_when_others_were_loaded() -> None:
    assert run(LATER, 4).split("\n")[:4] == ["1", "['blas', 'openmp'] {1}", "2 True", ""]


def test_certificates_of_tasks_and_the_reference_probes_do_not_depend_on_threads() -> None:
    for script in (CERTIFICATES, PROBES):
        one = run(script, 1)
        assert len(one) > 100
        assert run(script, 4) == one


def test_rows_are_made_again_bit_for_bit_by_a_process_with_more_threads(finished: Path) -> None:
    database = Database(f"sqlite:///{finished / 'superpos.db'}")
    with database.read() as connection:
        keys = list(connection.scalars(sa.text(FITS)))[::5]
        for table in TABLES:
            keys += connection.scalars(sa.text(f"SELECT key FROM {table} ORDER BY key LIMIT 2"))  # noqa: S608 (above)
    shown = [key if isinstance(key, str) else key.hex() for key in keys]
    lines = run(ROWS, 4, str(database.url), str(database.default_data_folder), *shown).splitlines()
    database.dispose()
    assert len(lines) == len(keys) > 14
    kinds = {"fit", "joint fit", "similarity matrix", "probe set", "activation set", "data set"}
    assert {line.rpartition(" ")[0] for line in lines} == kinds
    assert {line.rpartition(" ")[2] for line in lines} == {"()"}
