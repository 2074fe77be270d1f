"""A finished study of many cells with made-up results: what a database of 10^6 fits costs.

    python -m benchmarks.large_database URL [--cells N]
    python -m benchmarks.large_database URL --analyse

The study is planned by the product and registered by it; rows are inserted as its stages insert them, with
plausible numbers in place of results. So every query meets the shape and the number of rows of a real study,
in a minute or two. Numbers are drawn with one seed. `--analyse` says what the best matches and the answers of
such a database cost one process; it writes nothing.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from superpos.analysis.best_match import best_matches
from superpos.arrays import Float
from superpos.bounds import BOUND_VERSION
from superpos.db.cells import CELL_AXES, read_cells
from superpos.db.engine import Database
from superpos.db.fits import fit_key
from superpos.db.insert import ids_by_key, insert_missing
from superpos.db.migrate import ensure_current
from superpos.db.psms import finish_targets
from superpos.db.runs import end_run, start_run
from superpos.db.studies import register_study
from superpos.db.tables import (
    activation_sets,
    datasets,
    direction_rows,
    direction_sets,
    fit_arrays,
    fit_axes,
    fits,
    importance,
    joint_axes,
    joint_fits,
    targets,
)
from superpos.hashing import content_key
from superpos.psms.build import describe_psm
from superpos.records.plan import StudyPlan
from superpos.records.work import PsmResult
from superpos.specs.studyfile import load_study
from superpos.stages.answers import ask
from superpos.stages.joint_cells import joint_key
from superpos.stages.plan import plan_study

N_FEATURES = 11
STUDY = """
name = "{name}"
models = {{ nano = {{}} }}
datasets = {{ text_features = {{}} }}

[[blocks]]
name = "all"
models = "nano"
datasets = "text_features"
targets = ["features", "permuted", "gaussian", "shuffled_entries", "spectrum"]
replicates = 5
similarities = ["cosine", "rbf"]
rbf_scales = "median"
gauges = "unit"
kernels = ["exp", "log", {{ energy = "riesz", s = 1, self_energy = "include", softening = 0.1 }}]
n_dims = [3, 6, 10, 16]
lambda_d = {lambdas}
{more}
reoptimisations = [
  {{ optimiser = "powell", sigmas = [0.01, 0.1], trials = {trials} }},
  {{ optimiser = "manifold", sigmas = [0.0] }},
]
"""
PER_TRIAL = 2 * (5 * 4 + 1) * 4 * 120
"""Cells for each trial and sigma: two similarities, 21 targets on 4 layers, 120 joint settings."""


def large_plan(cells: int) -> StudyPlan:
    """Return a plan of about so many cells."""
    trials = max(1, round((cells / PER_TRIAL - 2) / 2))
    return made_up_plan(name=f"large-{cells}", trials=trials, lambdas=[10, 100], more="restarts = 5")


def made_up_plan(**options: Any) -> StudyPlan:
    """Return the plan of the study with these values."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.toml"
        path.write_text(STUDY.format(**options), encoding="utf-8")
        return plan_study(load_study(path))


def fill(database: Database, plan: StudyPlan) -> int:
    """Write a finished study; return the number of its fits."""
    rng = np.random.default_rng(0)
    register_study(database, plan)
    run_id = start_run(
        database, study=plan.study.name, host="made up", git_commit="", versions={}, address="local"
    )
    made_up_inputs(database, run_id)
    psm_keys = made_up_matrices(database, plan, run_id, rng)
    count = 0
    for rows in _results(database, plan, psm_keys, run_id, rng):
        with database.write() as connection:
            for table, values in rows.items():
                insert_missing(connection, table, values)
        count += len(rows[fits])
    end_run(database, run_id, {"fits": 1.0}, "done")
    return count


def made_up_inputs(database: Database, run_id: int) -> None:
    """Mark everything before the targets as made."""
    names = [f"feature {i}" for i in range(N_FEATURES)]
    with database.write() as connection:
        for table in (datasets, activation_sets, direction_sets):
            connection.execute(table.update().values(status="done", run_id=run_id))
        connection.execute(direction_sets.update().values(n_features=N_FEATURES, d_hook=512))
        ids = connection.scalars(sa.select(direction_sets.c.direction_id)).all()
        insert_missing(
            connection,
            direction_rows,
            [{"direction_id": one, "row_index": i, "feature": n} for one in ids for i, n in enumerate(names)],
        )


def made_up_matrices(
    database: Database, plan: StudyPlan, run_id: int, rng: np.random.Generator
) -> dict[bytes, tuple[bytes, Float]]:
    """Write a matrix for every target; return key and matrix by target."""
    with database.read() as connection:
        ids = ids_by_key(connection, targets, "target_id", (t.key for t in plan.targets))
    found: dict[bytes, tuple[bytes, Float]] = {}
    results = []
    for target in plan.targets:
        rows = rng.standard_normal((N_FEATURES, 64))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        matrix = rows @ rows.T
        np.fill_diagonal(matrix, 1.0)
        matrix = (matrix + matrix.T) / 2
        scale = 0.0
        if target.similarity == "rbf":
            matrix, scale = np.exp(-(1.0 - matrix)), 2.0
        record = describe_psm(
            matrix, similarity=target.similarity, kind=target.kind, rbf_scale_resolved=scale
        )
        key = content_key("psm", 1, {"made up": target.key.hex()})
        results.append(PsmResult(ids[target.key], key, record))
        found[target.key] = (key, matrix)
    finish_targets(database, results, run_id)
    return found


def _results(
    database: Database,
    plan: StudyPlan,
    matrices: dict[bytes, tuple[bytes, Float]],
    run_id: int,
    rng: np.random.Generator,
) -> Iterator[dict[sa.Table, list[dict[str, Any]]]]:
    """Yield the rows of one target after another."""
    with database.read() as connection:
        target_rows = connection.execute(sa.select(targets.c.key, targets.c.psm_id)).all()
        joint_ids = ids_by_key(connection, joint_axes, "joint_axes_id", plan.joint_axes)
        fit_ids = ids_by_key(connection, fit_axes, "fit_axes_id", plan.fit_axes)
    at_zero = {fit_ids[key] for key, (axes, _) in plan.fit_axes.items() if axes.sigma == 0.0}
    powell = {fit_ids[key] for key, (axes, _) in plan.fit_axes.items() if axes.optimiser == "powell"}
    psm_ids = {row.key: row.psm_id for row in target_rows}
    joint_id = 0
    for block in plan.blocks:
        axes_keys = sorted((fit_ids[key], key.hex()) for key in block.parts[2])
        for target in block.parts[0]:
            rows: dict[sa.Table, list[dict[str, Any]]] = {
                t: [] for t in (joint_fits, importance, fits, fit_arrays)
            }
            psm_key, matrix = matrices[target]
            for axes_key in block.parts[1]:
                joint_id += 1
                key = joint_key(psm_key, axes_key)
                axes = plan.joint_axes[axes_key][0]
                vectors = rng.standard_normal((N_FEATURES, axes.n_dims))
                rows[joint_fits].append(
                    {
                        "joint_id": joint_id,
                        "key": key,
                        "psm_id": psm_ids[target],
                        "joint_axes_id": joint_ids[axes_key],
                        **_joint(rng),
                        "vectors": vectors,
                        "logits": rng.standard_normal(N_FEATURES),
                        "similarities": matrix,
                        "run_id": run_id,
                    }
                )
                rows[importance] += [
                    {"joint_id": joint_id, "row_index": i, "logit": 0.0, "weight": 1.0 / N_FEATURES}
                    for i in range(N_FEATURES)
                ]
                numbers = rng.uniform(0.1, 3.0, (len(block.parts[2]), 20)).tolist()
                for (one, of_axes), values in zip(axes_keys, numbers, strict=True):
                    cell = {"joint_id": joint_id, "fit_axes_id": one}
                    named = {**cell, "key": fit_key(key.hex(), of_axes)}
                    rows[fits].append({**named, **_fit(values, one in powell), "run_id": run_id})
                    if one in at_zero:
                        rows[fit_arrays].append(
                            {
                                **cell,
                                "vectors": vectors,
                                "similarities": matrix,
                                "polished": vectors if one in powell else None,
                            }
                        )
            yield rows


def _joint(rng: np.random.Generator) -> dict[str, Any]:
    fun, distance, entropy = rng.uniform(0.5, 2.0, 3).tolist()
    return {
        "fun": fun, "fun_cg": fun + 0.01, "energy": fun, "energy_bound": fun - 0.3,
        "bound_method": "linear_program", "bound_version": BOUND_VERSION, "mismatch": distance**2,
        "distance": distance, "nit": 120, "nfev": 240, "njev": 240, "nit_polish": 3,
        "gradient_norm": 1e-9, "importance_entropy": entropy / 2, "norm_min": 0.9, "norm_max": 1.1,
        "start_radius": 1.0, "verdict": "strict", "status": "polished",
        "message": "the gradient is below gtol", "seconds": 0.01,
    }  # fmt: skip


def _fit(x: list[float], powell: bool) -> dict[str, Any]:
    return {
        "distance_start": x[0], "distance_final": x[1], "distance_moved": x[2], "distance_drift": x[3],
        "distance_return": x[4], "distance_simplex": x[5], "distance_identity": x[6],
        "distance_polish": x[7] if powell else None, "recovery": x[8], "angle": x[9], "rms_final": x[10],
        "energy_start": x[11], "energy_final": x[12], "energy_bound": x[12] - 0.1, "fun": x[13],
        "norm_error": x[14], "nit": 5, "nfev": 3000, "relative_gradient": x[15] / 100,
        "min_eigenvalue": x[16], "n_negative": 0, "n_zero": 0,
        "verdict": "not_critical" if powell else "strict", "verdict_polished": "strict",
        "status": "stalled" if powell else "converged", "seconds": 0.002,
    }  # fmt: skip


def analyse(database: Database) -> None:
    """Print what best matches and answers cost."""
    with database.read() as connection:
        study_id = connection.scalar(sa.text("SELECT MAX(study_id) FROM studies"))
    print(f"imported: peak {_peak():.0f} MB")
    began = time.process_time()
    n = sum(len(best_matches(cells, CELL_AXES).rows) for cells in read_cells(database, study_id))
    print(f"{n:,} best matches: {time.process_time() - began:.1f} s of CPU time, peak {_peak():.0f} MB")
    began = time.process_time()
    n = len(ask(database, study_id, print))
    print(f"{n:,} answers: {time.process_time() - began:.1f} s of CPU time, peak {_peak():.0f} MB")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kB on Linux


def main() -> None:
    """Make the database and say how long that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--analyse", action="store_true")
    options = parser.parse_args()
    if options.analyse:
        with Database(options.url) as database:
            analyse(database)
        return
    plan = large_plan(options.cells)
    with Database(options.url) as database:
        ensure_current(database)
        began = time.process_time()
        count = fill(database, plan)
        seconds = time.process_time() - began
    print(f"{count:,} fits of {plan.study.name} in {seconds:.0f} s of CPU time")


if __name__ == "__main__":
    main()
