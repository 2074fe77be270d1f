"""Planted points through a worker's code: minima are returned to, saddles are not, spheres forget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from superpos.psms import cosine
from superpos.records.work import JointDone, JointWork
from superpos.specs.axes import SPHERE_SIGMA, FitAxes, JointAxes
from superpos.stages.fit_cells import compute_work

AXES = JointAxes("log", gauge="unit", importance_mode="uniform", n_dims=3, backend="scipy")
SAME = 1e-4


def ends(vectors: np.ndarray, sigma: float, trials: int) -> list[dict[str, Any]]:
    """What a study stores of ends at sigma 0 and of trials at sigma, from a joint optimum at `vectors`."""
    fits = [FitAxes("manifold", backend="scipy")]
    fits += [FitAxes("manifold", sigma=sigma, trial=trial, backend="scipy") for trial in range(trials)]
    work = JointWork(
        psm_id=1,
        joint_axes_id=2,
        psm_key=b"p" * 16,
        axes_key=b"a" * 16,
        target=cosine(vectors),
        similarity="cosine",
        rbf_scale=0.0,
        axes=AXES,
        done=JointDone(vectors, np.zeros(len(vectors)), 1.0),
        fits=tuple((number, bytes([number]) * 16, one) for number, one in enumerate(fits)),
        unperturbed={},
        keep_vectors=True,
    )
    return [dict(fit.columns) for fit in compute_work(work).fits]


def octahedron() -> np.ndarray:
    return np.vstack([np.eye(3), -np.eye(3)])


def test_a_strict_minimum_is_returned_to_from_small_angles_by_every_trial() -> None:
    zero, *trials = ends(octahedron(), 0.05, 10)
    assert zero["verdict"] == "strict"
    assert zero["distance_moved"] < SAME
    assert {end["verdict"] for end in trials} == {"strict"}
    assert max(end["distance_return"] for end in trials) < SAME
    assert 1.0 < np.mean([end["angle"] for end in trials]) < 10.0


def test_a_saddle_is_not_returned_to() -> None:
    turns = 2.0 * np.pi * np.arange(5) / 5
    ring = np.column_stack([np.cos(turns), np.sin(turns), np.zeros(5)])  # critical, and free to buckle
    _, *trials = ends(ring, 0.05, 6)
    assert {end["verdict"] for end in trials} <= {"strict", "degenerate"}
    assert min(end["distance_moved"] for end in trials) > 0.1
    assert max(end["energy_final"] - end["energy_start"] for end in trials) < 0.0


def test_a_start_on_the_spheres_forgets_the_joint_optimum() -> None:
    one = ends(octahedron(), SPHERE_SIGMA, 20)[1:]
    assert np.mean([end["angle"] for end in one]) == pytest.approx(90.0, abs=15.0)
    assert {end["verdict"] for end in one} == {"strict"}
    # The octahedron is the one minimum; with its features in another order it is another matrix.
    assert np.ptp([end["energy_final"] for end in one]) < 1e-9
    assert 0 <= sum(end["distance_return"] < SAME for end in one) < 10
    turned, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    other = ends(octahedron() @ turned, SPHERE_SIGMA, 20)[1:]
    np.testing.assert_allclose(
        [end["energy_start"] for end in one], [end["energy_start"] for end in other], rtol=1e-4
    )
