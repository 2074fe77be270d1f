"""What may not change a number: rotations, order, units, empty dimensions, copies of a feature.

Both back ends could share a fault that parity between them would not show; these laws hold for the formulas
themselves. With c X for X, rho_ij for the distances and w for the importance:

    exp        depends on cosines alone          E(c X) = E(X)
    log        -log rho                          E(c X) = E(X) - log c sum_(i != j) w_i w_j
    riesz      sign(s) rho^-s                    E(c X) = c^-s E(X)
    gauss      exp(-rho^2 / s)                   E(c X; c^2 s) = E(X; s)
    a copy     w_i into a and w_i - a            adds 2 a (w_i - a) K(x, x) if self terms are out
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.fits import certify, energy_value, minimise_on_spheres, reoptimise
from superpos.fits.joint import JointObjective
from superpos.fits.problem import JointProblem
from superpos.fits.start import start_radius
from superpos.psms import similarity_matrix
from superpos.records.fits import Status, Verdict
from superpos.specs.axes import Kernel

BACKENDS = ("compiled", "scipy")
SMOOTH = [
    Kernel("exp"),
    Kernel("exp", 4.0, "exclude"),
    Kernel("log"),
    Kernel("riesz", 1.0),
    Kernel("riesz", 2.5),
    Kernel("riesz", -1.0, "include"),
    Kernel("gauss", 2.0),
]
SOFTENED = [
    Kernel("log", softening=0.2),
    Kernel("riesz", 2.0, "include", 0.4),
    Kernel("gauss", 0.5, "exclude", 0.3),
]
KERNELS = SMOOTH + SOFTENED


def named(kernel: Kernel) -> str:
    return f"{kernel.label}-{kernel.self_energy}-{kernel.softening:g}"


def words(kernel: Kernel) -> dict[str, Any]:
    """Return a kernel as the arguments of the public functions."""
    return {
        "energy": kernel.energy, "s": kernel.s or 1.0,
        "self_energy": kernel.self_energy, "softening": kernel.softening,
    }  # fmt: skip


def at_itself(kernel: Kernel) -> float:
    """Return K(x, x), infinite for a singular kernel."""
    if not kernel.softening and (kernel.energy == "log" or (kernel.energy == "riesz" and kernel.s > 0.0)):
        return np.inf
    return float(kernel.kind.self_value(kernel.softening, kernel.s))


def drawn(seed: int, n: int, f: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, f)) * rng.uniform(0.5, 2.0, (n, 1))
    weights = rng.uniform(0.5, 2.0, n)
    return vectors, weights / weights.sum(), rng


def a_turn(rng: np.random.Generator, f: int) -> np.ndarray:
    """Return an orthogonal matrix, reflections among them."""
    turn: np.ndarray = np.linalg.qr(rng.standard_normal((f, f)))[0]
    return turn


def energy_by(backend: str, vectors: np.ndarray, weights: np.ndarray, kernel: Kernel) -> float:
    """Return the energy of a point as the re-optimisation of a back end sees it before its first step."""
    if backend == "scipy":
        return energy_value(vectors, weights, kernel)
    return reoptimise(
        vectors, np.log(weights), sigma=0.0, optimiser="manifold", max_iter=1, **words(kernel)
    ).energy_start


sizes = given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 7), f=st.integers(2, 6))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kernel", KERNELS, ids=named)
@sizes
@settings(max_examples=15, deadline=None)
def test_energies_see_neither_rotation_nor_order_nor_an_empty_dimension(
    backend: str, kernel: Kernel, seed: int, n: int, f: int
) -> None:
    vectors, weights, rng = drawn(seed, n, f)
    order = rng.permutation(n)
    here = energy_by(backend, vectors, weights, kernel)
    turned = energy_by(backend, (vectors @ a_turn(rng, f))[order], weights[order], kernel)
    wider = energy_by(backend, np.hstack([vectors, np.zeros((n, 1))]), weights, kernel)
    assert turned == pytest.approx(here, rel=1e-11, abs=1e-12)
    assert wider == pytest.approx(here, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kernel", SMOOTH, ids=named)
@sizes
@settings(max_examples=15, deadline=None)
def test_another_unit_of_length_does_to_an_energy_what_its_formula_says(
    backend: str, kernel: Kernel, seed: int, n: int, f: int
) -> None:
    vectors, weights, rng = drawn(seed, n, f)
    c = float(rng.uniform(0.2, 5.0))
    here = energy_by(backend, vectors, weights, kernel)
    there = replace(kernel, s=kernel.s * c**2) if kernel.energy == "gauss" else kernel
    if kernel.energy == "log":
        said = here - np.log(c) * (1.0 - weights @ weights)
    else:
        said = here * (c**-kernel.s if kernel.energy == "riesz" else 1.0)
    assert energy_by(backend, c * vectors, weights, there) == pytest.approx(said, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "kernel", [kernel for kernel in KERNELS if np.isfinite(at_itself(kernel))], ids=named
)
@sizes
@settings(max_examples=15, deadline=None)
def test_a_feature_in_two_copies_adds_the_pair_that_they_make(
    backend: str, kernel: Kernel, seed: int, n: int, f: int
) -> None:
    vectors, weights, rng = drawn(seed, n, f)
    share = float(rng.uniform(0.1, 0.9)) * weights[0]
    doubled = np.vstack([vectors, vectors[:1]])
    shares = np.append(weights, share)
    shares[0] -= share
    pair = 0.0 if kernel.self_energy == "include" else 2.0 * share * shares[0] * at_itself(kernel)
    here = energy_by(backend, vectors, weights, kernel)
    assert energy_by(backend, doubled, shares, kernel) == pytest.approx(here + pair, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kernel", KERNELS, ids=named)
@sizes
@settings(max_examples=10, deadline=None)
def test_certificates_see_neither_rotation_nor_order(
    backend: str, kernel: Kernel, seed: int, n: int, f: int
) -> None:
    """At points that are not critical too: gradient, spectrum off the rotations, rank, verdict."""
    vectors, weights, rng = drawn(seed, n, f)
    order = rng.permutation(n)
    here = certify(vectors, weights, backend=backend, **words(kernel))
    there = certify((vectors @ a_turn(rng, f))[order], weights[order], backend=backend, **words(kernel))
    scale = float(np.max(np.abs(here.eigenvalues), initial=1e-300))
    assert there.relative_gradient == pytest.approx(here.relative_gradient, rel=1e-8, abs=1e-12)
    np.testing.assert_allclose(there.eigenvalues, here.eigenvalues, rtol=1e-7, atol=1e-9 * scale)
    assert (there.rank, there.verdict) == (here.rank, here.verdict)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kernel", SMOOTH, ids=named)
@pytest.mark.parametrize("seed", range(4))
def test_ends_on_spheres_turn_with_their_starts(backend: str, kernel: Kernel, seed: int) -> None:
    """From near a minimum, so that rounding cannot choose between two of them."""
    vectors, weights, rng = drawn(seed, 6, 3)
    norms = rng.uniform(0.7, 1.4, 6)
    vectors *= (norms / np.linalg.norm(vectors, axis=1))[:, None]
    near = minimise_on_spheres(vectors, weights, norms, kernel).vectors
    start = near + 0.02 * norms[:, None] * rng.standard_normal(near.shape)
    turn, order, c = a_turn(rng, 3), rng.permutation(6), 3.0
    scaled = replace(kernel, s=kernel.s * c**2) if kernel.energy == "gauss" else kernel

    def end(base: np.ndarray, given: np.ndarray, shares: np.ndarray, used: Kernel) -> Any:
        return reoptimise(
            base, np.log(shares), sigma=0.0, optimiser="manifold", backend=backend, start=given, **words(used)
        )

    plain = end(near, start, weights, kernel)
    assert plain.status is Status.CONVERGED
    matrix = similarity_matrix(plain.vectors, "cosine", 1.0)
    others = {
        "turned": (end(near @ turn, start @ turn, weights, kernel), np.arange(6)),
        "reordered": (end(near[order], start[order], weights[order], kernel), order),
        "in other units": (end(c * near, c * start, weights, scaled), np.arange(6)),
    }
    for name, (other, places) in others.items():
        found = similarity_matrix(other.vectors, "cosine", 1.0)
        np.testing.assert_allclose(found, matrix[np.ix_(places, places)], atol=1e-6, err_msg=name)
        assert other.status is Status.CONVERGED, name
    first, second = others["turned"][0], others["reordered"][0]
    assert [first.energy, second.energy] == pytest.approx([plain.energy] * 2, rel=1e-12)


def test_powell_s_end_hangs_on_the_axes_and_the_minimum_does_not() -> None:
    """Powell searches along coordinates: a turned start ends elsewhere.

    That is the optimiser and no geometry: minimised on the spheres, both starts have the same energy.
    """
    vectors, weights, rng = drawn(3, 8, 5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    turn = a_turn(rng, 5)
    options: dict[str, Any] = {"energy": "exp", "sigma": 0.0, "lambda_x": 1.0}
    ends = [reoptimise(base, np.log(weights), start=base, **options) for base in (vectors, vectors @ turn)]
    matrices = [similarity_matrix(end.vectors, "cosine", 1.0) for end in ends]
    assert np.max(np.abs(matrices[0] - matrices[1])) > 1e-3
    finished = [
        reoptimise(base, np.log(weights), start=base, optimiser="manifold", energy="exp", sigma=0.0)
        for base in (vectors, vectors @ turn)
    ]
    assert finished[1].energy == pytest.approx(finished[0].energy, rel=1e-9)
    assert max(end.relative_gradient for end in finished) <= 1e-8 < min(end.relative_gradient for end in ends)


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
@pytest.mark.parametrize("kernel", [Kernel("exp"), Kernel("exp", self_energy="exclude")], ids=named)
@sizes
@settings(max_examples=15, deadline=None)
def test_the_joint_objective_sees_neither_rotation_nor_order_nor_units(
    similarity: str, kernel: Kernel, seed: int, n: int, f: int
) -> None:
    """Its gradient turns and reorders with the vectors; C of the RBF similarity is in squared units."""
    vectors, weights, rng = drawn(seed, n, f)
    logits, order, turn, c = np.log(weights), rng.permutation(n), a_turn(rng, f), 3.0
    target = similarity_matrix(rng.standard_normal((n, f)), "cosine", 1.0)

    def at(psm: np.ndarray, radius: float, point: np.ndarray, given: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its slope for vectors in its unit of length."""
        scale = 2.0 * radius**2
        problem = JointProblem(psm, kernel, f, 7.0, similarity, scale, "none", True, radius)
        objective = JointObjective(problem)
        flat = objective.pack(point / problem.length, given)
        return objective.loss(flat), objective.gradient(flat)[: n * f].reshape(n, f)

    value, slope = at(target, 1.0, vectors, logits)
    turned = at(target, 1.0, vectors @ turn, logits + 1.5)
    moved = at(target[np.ix_(order, order)], 1.0, vectors[order], logits[order])
    longer = at(target, c, c * vectors, logits)
    assert [turned[0], moved[0], longer[0]] == pytest.approx([value] * 3, rel=1e-11)
    for (_, found), said in ((turned, slope @ turn), (moved, slope[order]), (longer, slope)):
        np.testing.assert_allclose(found, said, rtol=1e-8, atol=1e-10 * max(1.0, float(np.abs(slope).max())))


@sizes
@settings(max_examples=25, deadline=None)
def test_the_radius_of_a_start_sees_no_order_and_goes_with_the_unit(seed: int, n: int, f: int) -> None:
    vectors, _, rng = drawn(seed, n, f)
    target = similarity_matrix(vectors, "rbf", 3.0)
    order = rng.permutation(n)
    radius = start_radius(target, "rbf", 3.0)
    assert start_radius(target[np.ix_(order, order)], "rbf", 3.0) == pytest.approx(radius, rel=1e-12)
    assert start_radius(target, "rbf", 12.0) == pytest.approx(2.0 * radius, rel=1e-12)


def test_copies_of_a_feature_stay_together_under_a_verdict_of_their_own() -> None:
    """Two rows in one place are critical there for a smooth energy and no minimum of one that repels."""
    simplex = np.array([[1.0, 0.0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]])
    doubled = np.vstack([simplex, simplex[:1]])
    weights = np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6])
    for backend in BACKENDS:
        single = certify(simplex, np.full(3, 1 / 3), energy="exp", backend=backend)
        copied = certify(doubled, weights, energy="exp", backend=backend)
        assert single.verdict is Verdict.STRICT
        assert copied.verdict is Verdict.SADDLE
