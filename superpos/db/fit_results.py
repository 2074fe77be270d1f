"""Insert what workers hand back: joint fits, importance, fits and their arrays, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.insert import insert_missing
from superpos.db.tables_fits import fit_arrays, fits, importance, joint_fits
from superpos.records.work import JointResult


def insert_results(database: Database, results: Sequence[JointResult], run_id: int) -> int:
    """Write the results of a chunk; return the number of re-optimised fits among them.

    A row that another run has written meanwhile is left as it is: equal keys mean equal results.
    """
    # In one order, for two transactions that insert the same rows crosswise would wait for each other.
    results = sorted(results, key=lambda result: (result.psm_id, result.joint_axes_id))
    with database.write() as connection:
        fresh = [result for result in results if result.joint is not None]
        insert_missing(connection, joint_fits, [_joint_row(result, run_id) for result in fresh])
        ids = _joint_ids(connection, results)
        weights: list[dict[str, Any]] = []
        for result in fresh:
            assert result.joint is not None  # noqa: S101 (filtered above)
            pairs = zip(result.joint.logits.tolist(), result.joint.importance.tolist(), strict=True)
            fresh_id = ids[result.psm_id, result.joint_axes_id]
            weights.extend(
                {"joint_id": fresh_id, "row_index": row, "logit": logit, "weight": weight}
                for row, (logit, weight) in enumerate(pairs)
            )
        insert_missing(connection, importance, weights)
        rows, arrays = [], []
        for result in results:
            joint_id = ids.get((result.psm_id, result.joint_axes_id))
            if joint_id is None:
                continue
            for fit in sorted(result.fits, key=lambda fit: fit.fit_axes_id):
                names = {"joint_id": joint_id, "fit_axes_id": fit.fit_axes_id}
                rows.append({**names, **fit.columns, "run_id": run_id})
                if fit.vectors is not None:
                    arrays.append(
                        {
                            **names,
                            "vectors": fit.vectors,
                            "similarities": fit.similarities,
                            "polished": fit.polished,
                        }
                    )
        insert_missing(connection, fits, rows)
        insert_missing(connection, fit_arrays, arrays)
        return len(rows)


def _joint_ids(connection: sa.Connection, results: Sequence[JointResult]) -> dict[tuple[int, int], int]:
    c = joint_fits.c
    query = sa.select(c.psm_id, c.joint_axes_id, c.joint_id).where(
        c.psm_id.in_({result.psm_id for result in results}),
        c.joint_axes_id.in_({result.joint_axes_id for result in results}),
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _joint_row(result: JointResult, run_id: int) -> dict[str, Any]:
    joint = result.joint
    assert joint is not None  # noqa: S101 (the caller passes fresh results only)
    return {
        "key": result.key,
        "psm_id": result.psm_id,
        "joint_axes_id": result.joint_axes_id,
        "fun": joint.fun,
        "fun_cg": joint.fun_cg,
        "energy": joint.energy,
        "mismatch": joint.mismatch,
        "distance": result.distance,
        "nit": joint.nit,
        "nfev": joint.nfev,
        "njev": joint.njev,
        "nit_polish": joint.nit_polish,
        "gradient_norm": joint.gradient_norm,
        "importance_entropy": result.entropy,
        "norm_min": float(joint.norms.min()),
        "norm_max": float(joint.norms.max()),
        "start_radius": joint.start_radius,
        "verdict": str(joint.verdict),
        "status": str(joint.status),
        "message": joint.message,
        "vectors": joint.vectors,
        "logits": joint.logits,
        "similarities": joint.similarities,
        "seconds": result.seconds,
        "run_id": run_id,
    }
