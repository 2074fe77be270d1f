"""The engine as a whole: unbounded problems, breakdowns, bad input, bits, threads, cache, imports."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from numba.core.errors import TypingError

from superpos.errors import ArgumentError
from superpos.fits import certify, fit_joint, reoptimise
from superpos.fits.compiled import warm_up
from superpos.fits.compiled.powell import make_buffers, powell
from superpos.fits.compiled.workspace import make_workspace
from superpos.records.fits import Status
from superpos.specs.axes import Kernel

Array = np.ndarray
BACKENDS = ["compiled", "scipy"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("energy", "s", "similarity"),
    [("log", 0.0, "cosine"), ("riesz", -1.0, "cosine"), ("riesz", 1.0, "cosine"), ("riesz", -2.5, "cosine")],
)
def test_cosine_without_a_gauge_is_unbounded(
    planted_target: Any, backend: str, energy: Any, s: float, similarity: str
) -> None:
    options: dict[str, Any] = {
        "energy": energy,
        "s": s,
        "similarity": similarity,
        "n_dims": 5,
        "backend": backend,
    }
    free = fit_joint(planted_target(1), max_iter=200, **options)
    assert free.status is Status.UNBOUNDED
    assert "unit" in free.message
    held = fit_joint(planted_target(1), max_iter=60, gauge="unit", **options)
    assert held.status is not Status.UNBOUNDED
    np.testing.assert_allclose(held.norms, 1.0, rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_unbounded_growth_ends_the_descent_early(planted_target: Any, backend: str) -> None:
    fit = fit_joint(planted_target(1), energy="riesz", s=-1.0, n_dims=5, max_iter=2000, backend=backend)
    assert fit.status is Status.UNBOUNDED
    assert fit.nit < 500
    assert fit.norms.max() > 1e3
    assert np.isfinite(fit.vectors).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("energy", ["log", "riesz"])
def test_saturated_rbf_is_unbounded(backend: str, energy: Any) -> None:
    """A target near 0 asks for nothing but distance: no pair holds another."""
    target = np.full((5, 5), 1e-9)
    np.fill_diagonal(target, 1.0)
    fit = fit_joint(
        target,
        similarity="rbf",
        energy=energy,
        s=1.0,
        n_dims=4,
        rbf_scale=1.0,
        max_iter=3000,
        backend=backend,
    )
    assert fit.status is Status.UNBOUNDED
    near = np.full((5, 5), 0.5)
    np.fill_diagonal(near, 1.0)
    held = fit_joint(near, similarity="rbf", energy=energy, s=1.0, n_dims=4, rbf_scale=1.0, backend=backend)
    assert held.status in (Status.CONVERGED, Status.POLISHED, Status.CORNER)
    np.testing.assert_allclose(held.vectors.mean(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("energy", "s", "lambda_x", "unbounded"),
    [
        ("riesz", -1.0, 0.0, True),
        ("riesz", -1.0, 0.1, True),
        ("riesz", -1.0, 1.0, False),
        ("riesz", -3.0, 1.0, True),
        ("riesz", -3.0, 0.01, True),
        ("riesz", 1.0, 0.0, True),
        ("log", 0.0, 0.0, True),
        ("log", 0.0, 1.0, False),
    ],
)
def test_powell_on_a_penalty_that_loses(
    planted_target: Any, backend: str, energy: Any, s: float, lambda_x: float, unbounded: bool
) -> None:
    fit = fit_joint(planted_target(1), energy=energy, s=s, n_dims=3, gauge="unit", max_iter=40)
    final = reoptimise(fit.vectors, fit.logits, energy, s, lambda_x=lambda_x, sigma=0.1, backend=backend)
    assert (final.status is Status.UNBOUNDED) == unbounded
    assert np.isfinite(final.vectors).all()
    if unbounded:
        assert np.linalg.norm(final.vectors, axis=1).max() > 1e3
        assert final.nfev < 5000


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("optimiser", ["powell", "manifold"])
def test_overflow_keeps_the_last_finite_point(backend: str, optimiser: str) -> None:
    vectors = 1e150 * np.array([[1.0, 0.0], [-1.0, 0.1], [0.1, 1.0]])
    final = reoptimise(vectors, np.zeros(3), "riesz", -3.0, sigma=0.1, optimiser=optimiser, backend=backend)
    assert final.status is Status.NON_FINITE
    assert np.isfinite(final.vectors).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_joint_step_from_an_overflowing_start_is_a_status(backend: str) -> None:
    start = (1e120 * np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.zeros(3))
    fit = fit_joint(
        np.eye(3), similarity="rbf", energy="riesz", s=-3.0, n_dims=2, start=start, backend=backend
    )
    assert fit.status in (Status.NON_FINITE, Status.UNBOUNDED)
    assert np.isfinite(fit.vectors).all()


def test_arrays_of_another_type_are_refused_not_read() -> None:
    workspace = make_workspace(np.full(3, 1 / 3), np.ones(3), Kernel("log"), n_dims=2, lambda_x=1.0)
    numbers, counts = make_buffers(6)
    limits = (1e-4, 1e-4, 10, 10, 1e3, 1e6)
    with pytest.raises(TypingError, match="float64"):
        powell(*workspace, np.ones(6, dtype=np.float32), numbers, counts, *limits)
    with pytest.raises(TypingError, match="contiguous"):
        powell(*workspace, np.ones(12)[::2], numbers, counts, *limits)


def test_wrong_arguments_name_themselves() -> None:
    twice = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, -1.0]])
    zero = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, -1.0]])
    cases: list[tuple[str, Any]] = [
        ("target", lambda: fit_joint(np.array([[1.0, np.nan], [np.nan, 1.0]]), backend="compiled")),
        ("softening", lambda: fit_joint(np.eye(3), energy="log", self_energy="include", backend="compiled")),
        ("lambda_d", lambda: fit_joint(np.eye(3), lambda_d=-1.0, backend="compiled")),
        ("sigma", lambda: reoptimise(twice + zero, np.zeros(3), sigma=-1.0, backend="compiled")),
        ("start", lambda: reoptimise(zero, np.zeros(3), "log", start=twice, backend="compiled")),
        ("vectors", lambda: certify(twice, np.full(3, 1 / 3), "log", backend="compiled")),
        ("vectors", lambda: certify(zero, np.full(3, 1 / 3), "exp", backend="compiled")),
    ]
    for argument, call in cases:
        with pytest.raises(ArgumentError) as raised:
            call()
        assert raised.value.argument == argument


def test_same_seed_same_bits_on_every_thread(planted_target: Any) -> None:
    """Buffers belong to a call: runs that overlap (the GIL is released) do not disturb each other."""
    target = planted_target(1)

    def run(seed: int) -> tuple[bytes, bytes, bytes]:
        fit = fit_joint(target, energy="log", n_dims=6, gauge="unit", seed=seed, max_iter=300)
        powell = reoptimise(fit.vectors, fit.logits, "log", seed=seed)
        exact = reoptimise(fit.vectors, fit.logits, "log", seed=seed, optimiser="manifold")
        return fit.vectors.tobytes(), powell.vectors.tobytes(), exact.vectors.tobytes()

    alone = [run(seed) for seed in range(4)]
    together: dict[int, Any] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: together.update({seed: run(seed)})) for seed in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[seed] for seed in range(4)] == alone


def test_arguments_are_not_written_to(planted_target: Any) -> None:
    target = planted_target(1)
    vectors, logits = np.random.default_rng(0).standard_normal((11, 4)), np.zeros(11)
    before = target.copy(), vectors.copy(), logits.copy()
    fit_joint(target, energy="exp", n_dims=4, start=(vectors, logits), max_iter=5)
    for optimiser in ("powell", "manifold"):
        reoptimise(vectors, logits, "exp", start=vectors, optimiser=optimiser, max_iter=1)
    certify(vectors, np.full(11, 1 / 11), "exp")
    for array, copy in zip((target, vectors, logits), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_warm_start_takes_under_two_seconds() -> None:
    """Import of the engine and every entry point from the cache, in a fresh process (compiled here if need
    be)."""
    warm_up()
    code = "import time; t = time.process_time(); from superpos.fits.compiled import warm_up; warm_up(); "
    code += "print(time.process_time() - t)"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert float(ran.stdout) < 3.0  # 2 s where nothing else runs


def test_importing_fits_does_not_import_numba() -> None:
    code = "import sys, superpos.fits; print('numba' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
