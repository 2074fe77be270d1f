"""`certify`: the Hessian against differences, the rotation orbit, verdicts of planted points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from superpos.fits import certify, effective_features, importance_entropy, minimise_on_spheres, softmax
from superpos.fits.certificate import orbit_basis, scaled_hessian, tangent_bases
from superpos.fits.spheres import SphereEnergy, unit_rows
from superpos.records.fits import Certificate, Verdict
from superpos.specs.axes import Kernel

KERNELS = [
    Kernel("exp"),
    Kernel("log"),
    Kernel("log", softening=0.3),
    Kernel("riesz", 1.0),
    Kernel("riesz", 1.0, "include", 0.1),
    Kernel("riesz", 2.5),
    Kernel("riesz", -1.0),
    Kernel("riesz", -2.7),
    Kernel("exp", 4.0),
    Kernel("gauss", 0.5),
]
IDS = [f"{k.label}-{k.softening:g}" for k in KERNELS]


def _certify(vectors: np.ndarray, weights: np.ndarray, kernel: Kernel) -> Certificate:
    return certify(vectors, weights, kernel.energy, kernel.s, kernel.self_energy, kernel.softening)


def _differences(loops: Any, vectors: np.ndarray, weights: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Return the scaled Hessian by second differences of the energy along projected straight lines.

    Rescaling to the sphere is a retraction of second order, so these are the Riemannian second derivatives at
    any point, critical or not. Bases come from a QR factorisation, so only eigenvalues can be compared.
    """
    n, f = vectors.shape
    norms = np.linalg.norm(vectors, axis=1)
    directions = []
    for i in range(n):
        full = np.linalg.qr(np.column_stack([vectors[i], np.eye(f)]))[0]
        for column in full[:, 1:f].T:
            direction = np.zeros((n, f))
            direction[i] = column / math.sqrt(weights[i])
            directions.append(direction)

    def energy(step: np.ndarray) -> float:
        moved = vectors + step
        return float(loops.energy(moved * (norms / np.linalg.norm(moved, axis=1))[:, None], weights, kernel))

    size, h = len(directions), 1e-3
    matrix = np.zeros((size, size))
    for a in range(size):
        for b in range(a + 1):
            total = 0.0
            # Fourth order: Richardson over steps h and 2 h.
            for factor, step in ((4.0 / 3.0, h), (-1.0 / 3.0, 2 * h)):
                u, v = step * directions[a], step * directions[b]
                corners = energy(u + v) - energy(u - v) - energy(v - u) + energy(-u - v)
                total += factor * corners / (4 * step * step)
            matrix[a, b] = matrix[b, a] = total
    return matrix


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_hessian_is_that_of_second_differences(loops: Any, kernel: Kernel) -> None:
    rng = np.random.default_rng(6)
    norms = rng.uniform(0.7, 1.5, 4)
    units = np.linalg.qr(rng.standard_normal((4, 4)))[0][:, :3] + 0.1
    vectors = norms[:, None] * units / np.linalg.norm(units, axis=1, keepdims=True)
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    point = SphereEnergy(weights, norms, kernel).at(unit_rows(vectors, norms))
    bases = tangent_bases(point.units)
    matrix = scaled_hessian(point, norms, bases)
    expected = np.linalg.eigvalsh(_differences(loops, vectors, weights, kernel))
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix), expected, atol=2e-6 * np.abs(expected).max())
    # The Hessian-vector product of the optimiser is the same operator, in coordinates sqrt(w_i) xi_i / n_i.
    coordinates = rng.standard_normal(8)
    z = np.einsum("iab,ib->ia", bases, coordinates.reshape(4, 2)) / norms[:, None]
    product = np.einsum("iab,ia->ib", bases, point.hessian_product(z) / norms[:, None])
    np.testing.assert_allclose(product.ravel(), matrix @ coordinates, atol=1e-12 * np.abs(matrix).max())


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
@pytest.mark.parametrize(("n", "f"), [(4, 2), (4, 3), (3, 4)])
def test_eigenvalues_are_those_off_the_orbit(loops: Any, kernel: Kernel, n: int, f: int) -> None:
    rng = np.random.default_rng(10 * n + f)
    weights, norms = rng.dirichlet(np.full(n, 4.0)), rng.uniform(0.7, 1.5, n)
    end = minimise_on_spheres(rng.standard_normal((n, f)), weights, norms, kernel, gtol=1e-11)
    certificate = _certify(end.vectors, weights, kernel)
    full = np.linalg.eigvalsh(_differences(loops, end.vectors, weights, kernel))
    rank = np.linalg.matrix_rank(end.vectors, tol=1e-6)
    orbit = rank * (2 * f - rank - 1) // 2
    assert certificate.rank == rank
    assert certificate.eigenvalues.size == n * (f - 1) - orbit
    nearest = np.argsort(np.abs(full))
    scale = np.abs(full).max()
    np.testing.assert_allclose(full[nearest[:orbit]], 0.0, atol=1e-5 * scale)
    np.testing.assert_allclose(certificate.eigenvalues, np.sort(full[nearest[orbit:]]), atol=1e-5 * scale)
    assert certificate.min_eigenvalue == certificate.eigenvalues[0]
    assert certificate.verdict is Verdict.STRICT
    assert certificate.is_local_minimum


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_orbit_basis_spans_the_rotations(rank: int) -> None:
    rng = np.random.default_rng(rank)
    vectors = rng.standard_normal((5, rank)) @ rng.standard_normal((rank, 4))
    roots = np.array([1.0, 0.5, 1e-3, 0.2, 1e-5])
    bases = tangent_bases(unit_rows(vectors, np.linalg.norm(vectors, axis=1)))
    basis = orbit_basis(roots[:, None] * vectors, rank, bases)
    assert basis.shape == (15, rank * (8 - rank - 1) // 2)
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
    for _ in range(4):
        turn = rng.standard_normal((4, 4))
        velocity = roots[:, None] * (vectors @ (turn - turn.T))
        flat = np.einsum("iab,ia->ib", bases, velocity).ravel()
        np.testing.assert_allclose(basis @ (basis.T @ flat), flat, atol=1e-12 * np.linalg.norm(flat))


@pytest.mark.parametrize("n", [3, 4, 5, 8])
def test_log_ring_in_the_plane_has_known_eigenvalues(n: int) -> None:
    """The Hessian of n equal charges on a circle is circulant: m (n - m) / n for m = 1 .. n - 1."""
    angles = 2 * np.pi * np.arange(n) / n
    certificate = certify(np.stack([np.cos(angles), np.sin(angles)], axis=1), np.full(n, 1 / n), "log")
    expected = np.sort([m * (n - m) / n for m in range(1, n)])
    np.testing.assert_allclose(certificate.eigenvalues, expected, rtol=1e-11)
    assert certificate.verdict is Verdict.STRICT


@pytest.mark.parametrize(("n", "n_negative"), [(4, 1), (6, 3)])
def test_ring_on_a_great_circle_is_a_saddle(n: int, n_negative: int) -> None:
    angles = 2 * np.pi * np.arange(n) / n
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    certificate = certify(ring, np.full(n, 1 / n), "riesz", 1.0)
    assert certificate.verdict is Verdict.SADDLE
    assert (certificate.n_negative, certificate.n_zero, certificate.rank) == (n_negative, 0, 2)
    assert not certificate.is_local_minimum
    assert certify(ring[:, :2], np.full(n, 1 / n), "riesz", 1.0).verdict is Verdict.STRICT


@pytest.mark.parametrize(("n", "f"), [(2, 2), (3, 2), (5, 4), (4, 6), (11, 10)])
@pytest.mark.parametrize("energy", ["exp", "log", "riesz"])
def test_simplex_is_a_strict_minimum(energy: Any, n: int, f: int) -> None:
    left, sizes, _ = np.linalg.svd(np.eye(n) - 1 / n)
    vectors = np.zeros((n, f))
    vectors[:, : n - 1] = left[:, : n - 1] * sizes[: n - 1]
    certificate = certify(vectors, np.full(n, 1 / n), energy, 1.0)
    assert certificate.verdict is Verdict.STRICT
    assert certificate.rank == n - 1
    assert certificate.relative_gradient < 1e-14


@pytest.mark.parametrize("energy", ["exp", "log", "riesz"])
def test_cross_polytope_is_a_strict_minimum(energy: Any) -> None:
    vectors = np.concatenate([np.eye(4), -np.eye(4)])
    assert certify(vectors, np.full(8, 0.125), energy, 1.0).verdict is Verdict.STRICT


def test_collapsed_point_is_a_maximum() -> None:
    same = np.tile([[1.0, 0.0, 0.0]], (4, 1))
    certificate = certify(same, np.full(4, 0.25), "exp")
    assert certificate.verdict is Verdict.SADDLE
    assert certificate.n_negative == certificate.eigenvalues.size == 6
    # e^cos at one point: second derivative -e along every relative direction, 2 w_j summed over the others.
    np.testing.assert_allclose(certificate.eigenvalues, -2 * math.e, rtol=1e-12)


def test_squared_distance_is_degenerate() -> None:
    """For s = -2 every centred arrangement is a minimum: the cross-polytope can be deformed at no cost."""
    vectors = np.concatenate([np.eye(3), -np.eye(3)])
    certificate = certify(vectors, np.full(6, 1 / 6), "riesz", -2.0)
    assert certificate.verdict is Verdict.DEGENERATE
    assert certificate.is_local_minimum
    # 12 tangent directions less 3 rotations less 3 that move the centre.
    assert certificate.n_zero == 6


def test_not_critical_and_not_applicable() -> None:
    vectors = np.random.default_rng(0).standard_normal((5, 3))
    weights = np.full(5, 0.2)
    certificate = certify(vectors, weights, "log")
    assert certificate.verdict is Verdict.NOT_CRITICAL
    assert certificate.relative_gradient > 1e-6
    collapsed = softmax(np.array([0.0, -6.0, -6.0, -6.0, -6.0]))
    assert effective_features(collapsed) < 1.5
    certificate = certify(vectors, collapsed, "log")
    assert certificate.verdict is Verdict.NOT_APPLICABLE
    assert math.isnan(certificate.relative_gradient)
    assert math.isnan(certificate.min_eigenvalue)
    assert certificate.eigenvalues.size == 0
    assert not certificate.is_local_minimum


def test_entropy_and_effective_features() -> None:
    assert effective_features(np.full(7, 1 / 7)) == pytest.approx(7.0)
    assert importance_entropy(np.full(7, 1 / 7)) == pytest.approx(1.0)
    assert importance_entropy(np.array([1.0, 0.0, 0.0])) == 0.0
    expected = -(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25)) / math.log(3)
    assert importance_entropy(np.array([0.5, 0.25, 0.25])) == pytest.approx(expected)


def test_verdict_survives_rows_of_very_different_stiffness() -> None:
    """One row far out on its sphere is a million times softer, and still held."""
    rng = np.random.default_rng(2)
    weights, kernel = rng.dirichlet(np.ones(6)), Kernel("riesz", 3.0)
    norms = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 40.0])
    end = minimise_on_spheres(rng.standard_normal((6, 2)), weights, norms, kernel)
    certificate = _certify(end.vectors, weights, kernel)
    assert certificate.eigenvalues.max() > 1e6 * certificate.min_eigenvalue > 0.0
    assert certificate.verdict is Verdict.STRICT


def test_zero_row_is_a_point(loops: Any) -> None:
    angles = 2 * np.pi * np.arange(3) / 3
    vectors = np.concatenate([np.stack([np.cos(angles), np.sin(angles)], axis=1), np.zeros((1, 2))])
    certificate = certify(vectors, np.full(4, 0.25), "log")
    assert certificate.verdict is Verdict.STRICT
    # The point at the centre pulls equally everywhere: the ring of three, at 3/4 of its weight.
    np.testing.assert_allclose(certificate.eigenvalues, 0.75 * np.array([2 / 3, 2 / 3]), rtol=1e-12)
    free = np.linalg.eigvalsh(_differences(loops, vectors[:3], np.full(3, 0.25), Kernel("log")))
    np.testing.assert_allclose(free[1:], certificate.eigenvalues, rtol=1e-5)


def test_turning_and_relabelling_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    weights, norms = rng.dirichlet(np.ones(5)), rng.uniform(0.5, 2.0, 5)
    end = minimise_on_spheres(rng.standard_normal((5, 3)), weights, norms, Kernel("log"))
    first = certify(end.vectors, weights, "log")
    order, turn = rng.permutation(5), np.linalg.qr(rng.standard_normal((3, 3)))[0]
    second = certify(end.vectors[order] @ turn, weights[order], "log")
    np.testing.assert_allclose(second.eigenvalues, first.eigenvalues, rtol=1e-9)
    assert second.verdict is first.verdict
