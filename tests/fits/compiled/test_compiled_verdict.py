"""The verdict without a spectrum: the lifted Hessian, and whether it says what the spectrum says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.fits import certify, minimise_on_spheres
from superpos.fits.certificate import ZERO_EIGENVALUE, certify_point, scaled_hessian, tangent_bases
from superpos.fits.compiled import certify_compiled, minimise_on_spheres_compiled
from superpos.fits.compiled.lift import SHIFT, largest_entry, lift
from superpos.fits.compiled.manifold import assess_held
from superpos.fits.compiled.own_spheres import ORDINARY, PARTLY_SEEN, SPECIAL, take
from superpos.fits.compiled.sphere_workspace import (
    BLOCK,
    CONSTANT,
    GAPS,
    NORMS,
    PRODUCTS,
    ROOTS,
    M,
    SphereWorkspace,
    describe,
    make_sphere_workspace,
)
from superpos.fits.compiled.verdict import quick_verdict
from superpos.fits.spheres import SphereEnergy, unit_rows
from superpos.records.fits import Verdict
from superpos.specs.axes import Kernel

Array = np.ndarray
KERNELS = [
    Kernel("exp"), Kernel("log"), Kernel("riesz", 1.0, "include", 0.1), Kernel("riesz", 2.5),
    Kernel("riesz", -1.0), Kernel("exp", 4.0), Kernel("gauss", 2.0),
]  # fmt: skip


def _point(seed: int, n: int, f: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, f)) * rng.uniform(0.5, 2.0, (n, 1))
    return rows, rng.dirichlet(np.full(n, 3.0))


def _held(vectors: Array, weights: Array, kernel: Kernel) -> tuple[SphereWorkspace, Array, int]:
    workspace, units = SphereWorkspace(*BLOCK.block(*vectors.shape)), np.empty(vectors.size)
    describe(workspace, kernel)
    found = take(vectors.ravel(), weights, kernel.softening**2, *workspace, units)
    return workspace, units, found


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize(("n", "f"), [(2, 2), (5, 3), (6, 6)])
def test_the_lifted_hessian_is_the_sum_over_all_rotations(kernel: Kernel, n: int, f: int) -> None:
    vectors, weights = _point(n, n, f)
    workspace, flat, found = _held(vectors, weights, kernel)
    assert found == ORDINARY
    assess_held(workspace)
    size = n * (f - 1)
    stiffness, matrix = np.empty(8 * math.ceil(n / 8)), np.full(size * size, np.nan)
    bound = largest_entry(*workspace, stiffness)
    lift(
        *workspace, flat, stiffness, np.empty(3 * n), np.empty(n * size), np.empty(n * n), matrix, np.empty(0)
    )
    # By the reference: H balanced by its rows, and the tangents of every generator of a rotation.
    norms = np.linalg.norm(vectors, axis=1)
    point = SphereEnergy(weights, norms, kernel).at(unit_rows(vectors, norms))
    bases = tangent_bases(point.units)
    hard = 2.0 * ((np.abs(point.first) + np.abs(point.second)) @ weights) / norms**2
    np.testing.assert_allclose(stiffness[:n], hard, rtol=1e-13)
    hessian = scaled_hessian(point, norms, bases)
    assert np.abs(hessian).max() <= bound
    each = np.repeat(1.0 / np.sqrt(hard), f - 1)
    rows = np.sqrt(weights * hard)[:, None] * vectors
    orbit = np.zeros((size, size))
    for a in range(f):
        for b in range(a):
            velocity = np.zeros((n, f))
            velocity[:, a], velocity[:, b] = rows[:, b], -rows[:, a]
            flat_velocity = np.einsum("iab,ia->ib", bases, velocity).ravel()
            orbit += np.outer(flat_velocity, flat_velocity)
    expected = each[:, None] * hessian * each + 0.5 * f / (rows**2).sum() * orbit - SHIFT * np.eye(size)
    upper = np.triu_indices(size)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(matrix.reshape(size, size)[upper], expected[upper], atol=1e-13 * scale)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    kernel=st.sampled_from(KERNELS),
    n=st.integers(2, 9),
    f=st.integers(2, 12),
    steps=st.sampled_from([0, 2, 500]),
    flat=st.booleans(),
)
def test_the_verdict_is_that_of_the_spectrum(
    seed: int, kernel: Kernel, n: int, f: int, steps: int, flat: bool
) -> None:
    vectors, weights = _point(seed, n, f)
    if flat and f > 2:  # critical points of a plane are saddles or degenerate in space
        vectors[:, 2:] = 0.0
    if steps:
        norms = np.linalg.norm(vectors, axis=1)
        vectors = minimise_on_spheres_compiled(vectors, weights, norms, kernel, max_iter=steps).vectors
    known = certify_point(vectors, weights, kernel)
    assert certify_compiled(vectors, weights, kernel, spectrum="verdict").verdict is known.verdict
    quick = quick_verdict(vectors, weights, kernel)
    if known.verdict is Verdict.NOT_CRITICAL:
        assert quick is not None
    if quick is not None:
        assert quick.verdict is known.verdict
        full = certify_compiled(vectors, weights, kernel)
        assert (full.verdict, full.n_negative, full.n_zero) == (known.verdict, known.n_negative, known.n_zero)
        assert full.relative_gradient == quick.relative_gradient


@pytest.mark.parametrize("delta", [0.0, *(sign * 10.0**power for power in range(-8, -2) for sign in (1, -1))])
def test_borderline_eigenvalues_are_left_to_the_spectrum(delta: float) -> None:
    """At s = -2 the cross-polytope is free to deform, and beside it the eigenvalues are in proportion."""
    vectors, weights = np.concatenate([np.eye(3), -np.eye(3)]), np.full(6, 1 / 6)
    kernel = Kernel("riesz", -2.0 + delta)
    known = certify_point(vectors, weights, kernel)
    assert certify_compiled(vectors, weights, kernel, spectrum="verdict").verdict is known.verdict
    if abs(delta) < 0.1 * ZERO_EIGENVALUE:
        assert known.verdict is Verdict.DEGENERATE
    if abs(delta) > 100.0 * ZERO_EIGENVALUE:
        assert known.verdict in (Verdict.STRICT, Verdict.SADDLE)
    assert (quick_verdict(vectors, weights, kernel) is not None) == (known.verdict is Verdict.STRICT)


def test_most_minima_need_no_spectrum() -> None:
    for n, f in ((5, 4), (11, 3), (11, 10), (8, 12), (12, 6)):
        vectors, weights = _point(n + f, n, f)
        norms = np.linalg.norm(vectors, axis=1)
        end = minimise_on_spheres(vectors, weights, norms, Kernel("riesz", 1.0))
        quick = quick_verdict(end.vectors, weights, Kernel("riesz", 1.0))
        assert quick is not None
        assert quick.verdict is Verdict.STRICT


@given(seed=st.integers(0, 10**6), n=st.integers(2, 20), f=st.integers(2, 140))
@settings(max_examples=30, deadline=None)
def test_a_point_is_taken_as_numpy_takes_it(seed: int, n: int, f: int) -> None:
    vectors, weights = _point(seed, n, f)
    weights = 0.5 * (weights + 1.0 / n)
    kernel = Kernel("log", softening=0.25)
    workspace, units, found = _held(vectors, weights, kernel)
    assert found == ORDINARY
    norms = np.linalg.norm(vectors, axis=1)
    np.testing.assert_array_equal(units.reshape(n, f), unit_rows(vectors, norms))
    made = make_sphere_workspace(weights, norms, kernel, f)
    made.put(0, unit_rows(vectors, norms))
    made.memory[CONSTANT] = workspace.memory[CONSTANT]  # which no verdict reads
    np.testing.assert_array_equal(workspace.at, made.at)
    np.testing.assert_array_equal(workspace.memory, made.memory)
    m = int(made.at[M])
    np.testing.assert_array_equal(made.array(ROOTS, m)[:n], np.sqrt(weights))
    np.testing.assert_array_equal(made.array(PRODUCTS, m, m)[:n, :n], norms[:, None] * norms)
    gaps = (norms[:, None] - norms) ** 2 + 0.25**2
    np.testing.assert_array_equal(made.array(GAPS, m, m)[:n, :n], gaps)


def test_a_sphere_of_radius_0_is_held_as_a_point() -> None:
    norms = np.array([1.0, 1e-101, 0.0, 2.0])
    made = make_sphere_workspace(np.full(4, 0.25), norms, Kernel("exp"), 3)
    held = np.array([1.0, 0.0, 0.0, 2.0])
    m = int(made.at[M])
    np.testing.assert_array_equal(made.array(NORMS, m)[:4], held)
    np.testing.assert_array_equal(made.array(PRODUCTS, m, m)[:4, :4], np.outer(held, held))


@pytest.mark.parametrize(
    ("vectors", "weights"),
    [
        ([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [0.3, 0.3, 0.4]),
        ([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [0.98, 0.01, 0.01]),
    ],
    ids=["no sphere", "collapsed"],
)
def test_unusual_points_are_left_to_the_spectrum(vectors: Any, weights: Any) -> None:
    rows, importance = np.array(vectors), np.array(weights)
    assert _held(rows, importance, Kernel("log"))[2] == SPECIAL
    assert quick_verdict(rows, importance, Kernel("log")) is None
    known = certify_point(rows, importance, Kernel("log"))
    for spectrum in ("critical", "verdict"):
        assert certify_compiled(rows, importance, Kernel("log"), spectrum=spectrum).verdict is known.verdict


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    kernel=st.sampled_from(KERNELS),
    n=st.integers(4, 9),
    f=st.integers(2, 12),
    share=st.sampled_from([0.0, 1e-40, 1e-18]),
    steps=st.sampled_from([0, 500]),
    flat=st.booleans(),
)
def test_rows_that_are_not_seen_leave_the_hessian(
    seed: int, kernel: Kernel, n: int, f: int, share: float, steps: int, flat: bool
) -> None:
    vectors, weights = _point(seed, n, f)
    if flat and f > 2:
        vectors[:, 2:] = 0.0
    weights[np.random.default_rng(seed).permutation(n)[: n // 2]] = share
    weights /= weights.sum()
    if steps:
        norms = np.linalg.norm(vectors, axis=1)
        vectors = minimise_on_spheres_compiled(vectors, weights, norms, kernel, max_iter=steps).vectors
    known = certify_point(vectors, weights, kernel)
    full = certify_compiled(vectors, weights, kernel)
    assert (full.verdict, full.n_negative, full.n_zero) == (known.verdict, known.n_negative, known.n_zero)
    assert certify_compiled(vectors, weights, kernel, spectrum="verdict").verdict is known.verdict
    quick = quick_verdict(vectors, weights, kernel)
    if known.verdict is Verdict.NOT_CRITICAL:
        assert quick is not None
    if quick is not None:
        assert (quick.verdict, quick.relative_gradient) == (known.verdict, full.relative_gradient)


@pytest.mark.parametrize("kernel", [Kernel("log"), Kernel("exp"), Kernel("riesz", 1.0)], ids=str)
@pytest.mark.parametrize(("n", "f"), [(8, 3), (11, 10), (9, 12)])
def test_most_minima_of_a_few_seen_rows_need_no_spectrum(kernel: Kernel, n: int, f: int) -> None:
    vectors, weights = _point(n, n, f)
    weights[::2] = 1e-30
    weights /= weights.sum()
    end = minimise_on_spheres(vectors, weights, np.linalg.norm(vectors, axis=1), kernel)
    assert _held(end.vectors, weights, kernel)[2] == PARTLY_SEEN
    quick = quick_verdict(end.vectors, weights, kernel)
    assert quick is not None
    assert quick.verdict is certify_point(end.vectors, weights, kernel).verdict is Verdict.STRICT


@pytest.mark.parametrize("backend", ["compiled", "scipy"])
def test_what_is_not_asked_for_is_left_out(backend: Any) -> None:
    away, weights = _point(3, 5, 3)
    norms = np.linalg.norm(away, axis=1)
    end = minimise_on_spheres(away, weights, norms, Kernel("log")).vectors

    def found(vectors: Array, spectrum: str) -> tuple[bool, bool, Any, Any, str]:
        one = certify(vectors, weights, "log", backend=backend, spectrum=spectrum)
        return one.eigenvalues.size > 0, math.isnan(one.min_eigenvalue), one.n_negative, one.rank, one.verdict

    assert found(end, "full") == found(end, "critical") == (True, False, 0, 3, "strict")
    assert found(end, "verdict") == (False, True, 0, None, "strict")
    assert found(away, "full") == (True, False, None, 3, "not_critical")
    assert found(away, "critical") == found(away, "verdict") == (False, True, None, None, "not_critical")
    full, part = (certify(end, weights, "log", backend=backend, spectrum=s) for s in ("full", "critical"))
    np.testing.assert_array_equal(full.eigenvalues, part.eigenvalues)


def test_a_hessian_that_overflows_is_not_judged() -> None:
    """Where the gradient is finite and the second derivatives are not, the point has no certificate."""
    near = np.array([[1.0, 0.0], [1.0, 1e-100], [-1.0, 1e-3]])
    weights = np.full(3, 1 / 3)
    for kernel in (Kernel("log"), Kernel("riesz", 1.0), Kernel("riesz", 2.0)):
        with np.errstate(all="ignore"):
            known = certify_point(near, weights, kernel)
        for spectrum in ("full", "critical", "verdict"):
            found = certify_compiled(near, weights, kernel, spectrum=spectrum)
            assert found.verdict is known.verdict


@pytest.mark.parametrize(
    "vectors",
    [
        [[1.0, 0.0], [1.0, 0.0], [-1.0, -1.0]],
        [[1.0, 0.0], [math.nan, 0.0], [-1.0, -1.0]],
        [[1.0, 0.0], [math.inf, 0.0], [-1.0, -1.0]],
        [[1.0, 0.0], [0.0, 1e200], [-1.0, -1.0]],
    ],
    ids=["coincident", "nan", "infinite", "overflow"],
)
def test_what_a_check_would_refuse_has_no_quick_verdict(vectors: Any) -> None:
    assert quick_verdict(np.array(vectors), np.full(3, 1 / 3), Kernel("log")) is None
