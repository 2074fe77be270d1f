"""Parity (c): against SciPy on an independent NumPy objective no side wins.

Two formulas that differ by rounding part ways in some runs, so end points are compared in pairs over many
problems: the median difference is 0 and the sign test finds no winner. SUPERPOS_PARITY_PROBLEMS=500 runs the
whole set (minutes); the suite runs a part of it.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.stats import binomtest

from superpos.fits import fit_joint, reoptimise
from superpos.records.fits import JointFit, Reoptimisation, Status
from superpos.seeding import generator
from superpos.specs.axes import Kernel

PROBLEMS = int(os.environ.get("SUPERPOS_PARITY_PROBLEMS", "40"))
POWELL_KERNELS = [
    Kernel("exp"),
    Kernel("log"),
    Kernel("riesz", 1.0),
    Kernel("riesz", 2.0),
    Kernel("log", 0, "include", 0.1),
    Kernel("exp", 4.0),
    Kernel("gauss", 0.5),
]
Array = np.ndarray


def _no_side_wins(ours: list[float], theirs: list[float]) -> None:
    first, second = np.array(ours), np.array(theirs)
    difference = (first - second) / np.maximum(np.abs(second), 1.0)
    assert abs(np.median(difference)) < 1e-9
    told_apart = difference[np.abs(difference) > 1e-9]
    wins = int((told_apart < 0.0).sum())
    assert told_apart.size == 0 or binomtest(wins, told_apart.size).pvalue > 0.005


def _sizes(rng: np.random.Generator) -> tuple[int, int]:
    most = 11 if PROBLEMS >= 500 else 6
    return int(rng.integers(3, most + 1)), int(rng.integers(2, 5))


def test_powell() -> None:
    ends: dict[str, list[Reoptimisation]] = {"scipy": [], "compiled": []}
    for problem in range(PROBLEMS):
        rng = generator("analysis", name="parity powell", replicate=problem)
        n, f = _sizes(rng)
        kernel = POWELL_KERNELS[problem % len(POWELL_KERNELS)]
        vectors = rng.standard_normal((n, f))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        logits = 0.3 * rng.standard_normal(n)
        start = vectors + 0.1 * rng.standard_normal((n, f))
        for backend, found in ends.items():
            end = reoptimise(
                vectors,
                logits,
                energy=kernel.energy,
                s=kernel.s,
                self_energy=kernel.self_energy,
                softening=kernel.softening,
                lambda_x=float(10.0 ** (problem % 3)),
                start=start,
                backend=backend,
            )
            found.append(end)
    pairs = [
        pair
        for pair in zip(ends["compiled"], ends["scipy"], strict=True)
        if pair[1].status is not Status.UNBOUNDED
    ]
    assert len(pairs) >= 0.9 * PROBLEMS
    _no_side_wins([pair[0].fun for pair in pairs], [pair[1].fun for pair in pairs])
    sweeps = np.array([[end.nit for end in pair] for pair in pairs])
    assert np.median(sweeps[:, 0] - sweeps[:, 1]) == 0
    assert sum(a.status is b.status for a, b in pairs) >= 0.9 * len(pairs)


def test_conjugate_gradients() -> None:
    ends: dict[str, list[JointFit]] = {"scipy": [], "compiled": []}
    for problem in range(PROBLEMS):
        rng = generator("analysis", name="parity cg", replicate=problem)
        n, f = _sizes(rng)
        target = np.corrcoef(rng.standard_normal((n, 12)))
        similarity, gauge = (("cosine", "unit"), ("rbf", "none"))[problem % 2]
        energy = ("exp", "log", "riesz")[problem % 3]
        if similarity == "rbf":
            target = np.exp(target - 1.0)
        for backend, found in ends.items():
            found.append(
                fit_joint(
                    target,
                    similarity=similarity,
                    energy=energy,
                    s=1.0,
                    n_dims=f,
                    lambda_d=20.0,
                    seed=problem,
                    rbf_scale=2.0,
                    gauge=gauge,
                    importance="uniform",
                    max_iter=1000,
                    backend=backend,
                )
            )
    pairs = list(zip(ends["compiled"], ends["scipy"], strict=True))
    bounded = [pair for pair in pairs if pair[1].status is not Status.UNBOUNDED]
    assert len(bounded) >= 0.9 * PROBLEMS
    _no_side_wins([pair[0].fun for pair in bounded], [pair[1].fun for pair in bounded])
    assert sum(a.status is b.status for a, b in pairs) >= 0.9 * len(pairs)


@pytest.mark.parametrize("gauge", ["none", "unit", "mean_norm"])
def test_records_agree_field_by_field(gauge: str) -> None:
    """A short run, before rounding has grown: every field of the two records agrees."""
    target = np.corrcoef(generator("analysis", name="record", replicate=0).standard_normal((6, 10)))
    fits = [
        fit_joint(
            target, energy="exp", n_dims=4, gauge=gauge, max_iter=10, backend=backend, joint_polish=False
        )
        for backend in ("compiled", "scipy")
    ]
    first, second = fits
    for field in ("vectors", "logits", "importance", "norms", "similarities", "fun", "energy", "mismatch"):
        np.testing.assert_allclose(getattr(first, field), getattr(second, field), rtol=1e-9, atol=1e-12)
    assert first.gradient_norm == pytest.approx(second.gradient_norm, rel=1e-6)
    for field in ("nit", "nfev", "njev", "status", "message", "start_radius"):
        assert getattr(first, field) == getattr(second, field)
    ends = [
        reoptimise(first.vectors, first.logits, energy="exp", max_iter=1, backend=backend)
        for backend in ("compiled", "scipy")
    ]
    for field in ("vectors", "start", "fun", "energy", "energy_start", "norm_error", "relative_gradient"):
        np.testing.assert_allclose(getattr(ends[0], field), getattr(ends[1], field), rtol=1e-6, atol=1e-9)
    for field in ("nit", "njev", "status"):
        assert getattr(ends[0], field) == getattr(ends[1], field)
