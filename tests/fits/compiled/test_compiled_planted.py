"""Planted problems for the compiled optimisers: published minima, simplices, root systems, known matrices."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from superpos.fits import certify, fit_joint, minimise_on_spheres, softmax
from superpos.fits.certificate import CRITICAL, certify_point
from superpos.fits.compiled import (
    certify_compiled,
    minimise_on_spheres_compiled,
    polish_compiled,
    powell_compiled,
)
from superpos.records.fits import USABLE, Status, Verdict
from superpos.specs.axes import Kernel

Array = np.ndarray
THOMSON = {4: 3.674234614, 5: 6.474691495, 6: 9.985281374, 7: 14.452977414, 8: 19.675287861, 9: 25.759986531,
           10: 32.716949460, 11: 40.596450508, 12: 49.165253058}  # fmt: skip
"""Smallest known sum over pairs of 1/r on the unit sphere of R^3 (Wales & Ulker, Phys. Rev. B 74 (2006))."""
LOGARITHMIC = {4: -2.9424878, 5: -4.4205072, 6: -6.2383246, 7: -8.1824779, 8: -10.4280178, 9: -12.8877527,
               10: -15.5631234, 11: -18.4204797, 12: -21.6061452}  # fmt: skip
"""The same of log(1/r) (Ridgway & Cheviakov, Comput. Phys. Commun. 233 (2018); seven decimals)."""


def _sphere(seed: int, n: int, f: int) -> Array:
    rows = np.random.default_rng(seed).standard_normal((n, f))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("n", range(4, 13))
@pytest.mark.parametrize(("kernel", "known"), [(Kernel("riesz", 1.0), THOMSON), (Kernel("log"), LOGARITHMIC)])
def test_published_minima_on_the_sphere(kernel: Kernel, known: dict[int, float], n: int) -> None:
    weights = np.full(n, 1 / n)
    ends = [
        minimise_on_spheres_compiled(_sphere(seed, n, 3), weights, np.ones(n), kernel) for seed in range(6)
    ]
    assert all(end.status is Status.CONVERGED for end in ends)
    assert min(end.energy for end in ends) * n * n / 2 == pytest.approx(known[n], abs=1e-7)


@pytest.mark.parametrize("n", [4, 5, 6])
def test_powell_polished_reaches_the_published_minimum(n: int) -> None:
    """Powell stops near it, within the tolerance of its kinks; polish ends on it."""
    weights, kernel, best = np.full(n, 1 / n), Kernel("riesz", 1.0), []
    for seed in range(6):
        end = powell_compiled(
            _sphere(seed, n, 3),
            weights,
            np.ones(n),
            kernel,
            lambda_x=0.3,
            xtol=1e-6,
            ftol=1e-10,
            max_iter=None,
        )
        assert end.status in USABLE
        polished = polish_compiled(end.vectors, weights, np.ones(n), kernel)
        assert polished.status is Status.CONVERGED
        assert polished.energy <= end.energy + 0.3 * end.norm_error + 1e-12
        best.append(polished.energy)
    assert min(best) * n * n / 2 == pytest.approx(THOMSON[n], abs=1e-7)


@pytest.mark.parametrize(
    "kernel", [Kernel("exp"), Kernel("log"), Kernel("riesz", 1.0), Kernel("riesz", -1.0)], ids=str
)
@pytest.mark.parametrize(("n", "f"), [(2, 2), (3, 2), (5, 4), (4, 9), (11, 10), (11, 50)])
def test_the_simplex_when_it_fits(kernel: Kernel, n: int, f: int) -> None:
    weights = np.full(n, 1 / n)
    end = minimise_on_spheres_compiled(_sphere(1, n, f), weights, np.full(n, 2.0), kernel)
    simplex = np.full((n, n), -1.0 / (n - 1))
    np.fill_diagonal(simplex, 1.0)
    np.testing.assert_allclose(end.vectors @ end.vectors.T / 4.0, simplex, atol=1e-6)
    certificate = certify_compiled(end.vectors, weights, kernel)
    assert certificate.verdict is Verdict.STRICT
    assert certificate.rank == n - 1
    # n (f - 1) tangent directions less the rotations of a rank n - 1 configuration.
    assert certificate.eigenvalues.size == n * (f - 1) - (n - 1) * (2 * f - n) // 2


def test_the_cross_polytope() -> None:
    for f in (3, 4, 5):
        n = 2 * f
        ends = [
            minimise_on_spheres_compiled(_sphere(s, n, f), np.full(n, 1 / n), np.ones(n), Kernel("log"))
            for s in range(4)
        ]
        best = min(ends, key=lambda end: end.energy)
        cosines = np.sort(np.abs(best.vectors @ best.vectors.T), axis=1)
        np.testing.assert_allclose(cosines[:, -2:], 1.0, atol=1e-8)
        np.testing.assert_allclose(cosines[:, :-2], 0.0, atol=1e-6)


def _six_hundred_cell() -> Array:
    golden = (1 + 5**0.5) / 2
    rows = [list(signs) for signs in itertools.product((0.5, -0.5), repeat=4)]
    rows += [list(sign * axis) for axis in np.eye(4) for sign in (1.0, -1.0)]
    base = (golden / 2, 0.5, 1 / (2 * golden), 0.0)
    for order in itertools.permutations(range(4)):
        if np.linalg.det(np.eye(4)[list(order)]) < 0:
            continue
        for signs in itertools.product((1.0, -1.0), repeat=3):
            point = [0.0] * 4
            for place, value in zip(order, np.append(signs, 1.0) * base, strict=True):
                point[place] = value
            rows.append(point)
    return np.array(rows)


def _e8_roots() -> Array:
    rows = []
    for i, j in itertools.combinations(range(8), 2):
        for a, b in itertools.product((1.0, -1.0), repeat=2):
            root = np.zeros(8)
            root[i], root[j] = a, b
            rows.append(root)
    halves = [np.array(s) / 2 for s in itertools.product((1.0, -1.0), repeat=8) if np.prod(s) > 0]
    return np.array(rows + halves) / 2**0.5


@pytest.mark.parametrize(
    ("points", "count"), [(_six_hundred_cell(), 120), (_e8_roots(), 240)], ids=["600-cell", "E8"]
)
@pytest.mark.parametrize("kernel", [Kernel("exp"), Kernel("riesz", 1.0)], ids=str)
def test_universal_optima_are_critical(points: Array, count: int, kernel: Kernel) -> None:
    assert np.unique(points.round(9), axis=0).shape == (count, points.shape[1])
    weights = np.full(count, 1 / count)
    end = minimise_on_spheres_compiled(points, weights, np.ones(count), kernel)
    assert (end.status, end.nit) == (Status.CONVERGED, 0)
    assert end.relative_gradient < 1e-12


@pytest.mark.parametrize(
    ("points", "rank"), [(_six_hundred_cell(), 4), (_e8_roots(), 8)], ids=["600-cell", "E8"]
)
def test_universal_optima_are_certified(points: Array, rank: int) -> None:
    count = len(points)
    certificate = certify_compiled(points, np.full(count, 1 / count), Kernel("riesz", 1.0))
    assert certificate.relative_gradient < 1e-12
    assert certificate.verdict is Verdict.STRICT
    assert certificate.rank == rank


@pytest.mark.parametrize("lambda_d", [1e2, 1e4])
def test_a_known_matrix_is_recovered_to_one_over_lambda(lambda_d: float) -> None:
    planted = _sphere(7, 6, 4)
    target = planted @ planted.T
    np.fill_diagonal(target, 1.0)
    target = 0.5 * (target + target.T)
    fit = fit_joint(
        target,
        energy="exp",
        n_dims=4,
        lambda_d=lambda_d,
        gauge="unit",
        importance="uniform",
        max_iter=20000,
        gtol=1e-9,
    )
    assert np.abs(fit.similarities - target).max() < 2.0 / lambda_d


@pytest.mark.parametrize("energy", ["exp", "log", "riesz"])
def test_joint_step_descends_and_reports_what_it_says(loops: Any, planted_target: Any, energy: Any) -> None:
    target = planted_target(1)
    fit = fit_joint(target, energy=energy, s=1.0, n_dims=6, gauge="unit", max_iter=300)
    kernel = Kernel(energy, 1.0)
    assert fit.energy == pytest.approx(loops.energy(fit.vectors, fit.importance, kernel), rel=1e-12)
    assert fit.mismatch == pytest.approx(loops.mismatch(fit.vectors, target, "cosine", 1.0), rel=1e-10)
    assert fit.fun == pytest.approx(fit.energy + 100.0 * fit.mismatch, rel=1e-14)
    np.testing.assert_allclose(fit.importance, loops.softmax(fit.logits), rtol=1e-14)
    np.testing.assert_allclose(fit.norms, 1.0, rtol=1e-14)


HARD = [
    Kernel("exp"),
    Kernel("log"),
    Kernel("riesz", 1.0, "include", 0.1),
    Kernel("riesz", 3.0),
    Kernel("riesz", -1.0),
]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(2, 10),
    st.integers(2, 12),
    st.integers(0, 4),
    st.sampled_from([0.0, 1.0, 3.0]),
)
@example(4005, 10, 7, 0, 3.0)
def test_takes_the_reference_s_steps(seed: int, n: int, f: int, kernel: int, spread: float) -> None:
    """Same method, two codes: same steps and the same end, for any weights and norms.

    Where weights differ by four orders of magnitude the last step may promise less than rounding: in one
    code it is taken, in the other it is not, at a critical point of the same energy.
    """
    rng = np.random.default_rng(seed)
    weights = softmax(spread * rng.standard_normal(n))
    norms, start = np.exp(0.5 * rng.standard_normal(n)), rng.standard_normal((n, f))
    ours = minimise_on_spheres_compiled(start, weights, norms, HARD[kernel])
    theirs = minimise_on_spheres(start, weights, norms, HARD[kernel])
    if ours.status is Status.STALLED:
        assert ours.message == "the model predicts no decrease"
        assert ours.relative_gradient <= CRITICAL
        assert ours.energy == pytest.approx(theirs.energy, rel=1e-13)
    else:
        assert ours.status is Status.CONVERGED
        assert ours.relative_gradient <= 1e-8
    np.testing.assert_allclose(np.linalg.norm(ours.vectors, axis=1), norms, rtol=1e-12)
    np.testing.assert_allclose(ours.start, theirs.start, rtol=1e-14)
    assert ours.energy_start == pytest.approx(theirs.energy_start, rel=1e-12)
    assert ours.energy <= ours.energy_start + 1e-13 * abs(ours.energy_start)
    if abs(ours.nit - theirs.nit) <= 1:
        assert ours.energy == pytest.approx(theirs.energy, rel=1e-9, abs=1e-12)


def _square() -> Array:
    angles = np.pi / 2 * np.arange(4)
    return np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)


def _hexagon() -> Array:
    angles = np.pi / 3 * np.arange(6)
    return np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)


@pytest.mark.parametrize(
    ("points", "kernel", "verdict"),
    [
        (_square(), Kernel("riesz", 1.0), Verdict.SADDLE),
        (_hexagon(), Kernel("riesz", 1.0), Verdict.SADDLE),
        (_hexagon()[:, :2], Kernel("riesz", 1.0), Verdict.STRICT),
        (np.array([[1.0, 0.0], [-1.0, 0.0]]), Kernel("exp"), Verdict.STRICT),
        (np.array([[1.0, 0.0], [1.0, 0.0]]), Kernel("exp"), Verdict.SADDLE),
        (np.eye(3) + 0.1, Kernel("log"), Verdict.NOT_CRITICAL),
    ],
)
def test_verdicts_of_planted_points(points: Array, kernel: Kernel, verdict: Verdict) -> None:
    weights = np.full(len(points), 1 / len(points))
    certificate = certify_compiled(points, weights, kernel)
    assert certificate.verdict is verdict
    assert certify(points, weights, kernel.energy, kernel.s).verdict is verdict


def test_degenerate_and_collapsed_points() -> None:
    """Five points, s = -2: E depends on the mean alone, so the minimum is a whole family; one weight
    rules."""
    flat = Kernel("riesz", -2.0)
    weights = np.full(5, 0.2)
    end = minimise_on_spheres_compiled(_sphere(0, 5, 3), weights, np.ones(5), flat)
    certificate = certify_compiled(end.vectors, weights, flat)
    assert certificate.verdict is Verdict.DEGENERATE
    assert certificate.n_zero >= 3
    assert (
        certify_compiled(_sphere(0, 4, 3), softmax(np.array([20.0, 0, 0, 0])), flat).verdict
        is Verdict.NOT_APPLICABLE
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 12), st.integers(0, 4), st.booleans())
def test_certificate_is_the_reference_s(seed: int, n: int, f: int, kernel: int, critical: bool) -> None:
    """Also off critical points, for any rank and on both sides of f = n."""
    rng = np.random.default_rng(seed)
    weights, norms = rng.dirichlet(np.ones(n)), np.exp(0.5 * rng.standard_normal(n))
    rank = int(rng.integers(1, f + 1))
    rows = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, f))
    vectors = rows * (norms / np.linalg.norm(rows, axis=1))[:, None]
    if critical:
        vectors = minimise_on_spheres_compiled(vectors, weights, norms, HARD[kernel]).vectors
    ours = certify_compiled(vectors, weights, HARD[kernel])
    theirs = certify_point(vectors, weights, HARD[kernel])
    assert (ours.verdict, ours.n_negative, ours.n_zero, ours.rank) == (
        theirs.verdict,
        theirs.n_negative,
        theirs.n_zero,
        theirs.rank,
    )
    if theirs.verdict is not Verdict.NOT_APPLICABLE:
        assert ours.relative_gradient == pytest.approx(theirs.relative_gradient, rel=1e-6, abs=1e-10)
        scale = np.abs(theirs.eigenvalues).max(initial=1e-300)
        np.testing.assert_allclose(ours.eigenvalues, theirs.eigenvalues, rtol=1e-7, atol=1e-9 * scale)


def test_a_row_of_norm_zero_leaves_the_problem() -> None:
    vectors = np.vstack([_sphere(3, 3, 3), np.zeros(3)])
    kernel, weights = Kernel("log"), np.full(4, 0.25)
    end = minimise_on_spheres_compiled(vectors, weights, np.linalg.norm(vectors, axis=1), kernel)
    np.testing.assert_array_equal(end.vectors[3], 0.0)
    ours, theirs = certify_compiled(end.vectors, weights, kernel), certify_point(end.vectors, weights, kernel)
    assert ours.verdict is theirs.verdict
    np.testing.assert_allclose(ours.eigenvalues, theirs.eigenvalues, atol=1e-9)
