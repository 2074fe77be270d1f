"""The force that leaves the least: planted equilibria, a brute-force oracle, invariances, what bounds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from superpos.fits import reoptimise
from superpos.kinds.potentials import Potential
from superpos.psms.forces import residual_equal
from superpos.psms.free_forces import MOST_STEPS, free_force, residual_free

KERNELS = [
    Potential("exp"), Potential("exp", 4.0), Potential("gauss", 0.5), Potential("log"),
    Potential("riesz", 1.0), Potential("riesz", 2.0), Potential("riesz", 4.0), Potential("riesz", -1.0),
]  # fmt: skip


def unit(seed: int, n: int, f: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, f))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def by_definition(rows: np.ndarray, force) -> float:
    """The residual of a force between cosines, pair by pair."""
    above = below = 0.0
    for i, x in enumerate(rows):
        net, total = np.zeros_like(x), 0.0
        for j, y in enumerate(rows):
            if i != j:
                part = force(float(x @ y)) * (y - (x @ y) * x)
                net, total = net + part, total + float(np.linalg.norm(part))
        above, below = above + float(net @ net), below + total**2
    return float(np.sqrt(above / below))


@pytest.fixture(scope="module")
def riesz_two() -> np.ndarray:
    """An equilibrium of riesz:2 without symmetry: 11 vectors in 3 dimensions, at the end of a descent."""
    end = reoptimise(
        unit(4, 11, 3), np.zeros(11), energy="riesz", s=2.0, optimiser="manifold", backend="scipy"
    )
    return np.asarray(end.vectors / np.linalg.norm(end.vectors, axis=1, keepdims=True))


def test_an_equilibrium_of_one_kernel_is_told_from_those_of_the_others(riesz_two: np.ndarray) -> None:
    residuals = {kernel.label: float(residual_equal(riesz_two[None], kernel)[0]) for kernel in KERNELS}
    assert min(residuals, key=residuals.__getitem__) == "riesz:2"
    assert residuals["riesz:2"] < 1e-7
    assert min(value for name, value in residuals.items() if name != "riesz:2") > 1e-4
    assert residual_free(riesz_two[None])[0] < 1e-6


def test_a_repulsion_that_is_no_kernel_is_found() -> None:
    """Forces of one size up to a distance and none beyond: points spread by them are in balance."""
    rows = unit(1, 8, 3)

    def energy(flat: np.ndarray) -> float:
        there = flat.reshape(8, 3)
        there = there / np.linalg.norm(there, axis=1, keepdims=True)
        cosines = (there @ there.T)[np.triu_indices(8, 1)]
        return float(np.sum(np.maximum(cosines + 0.2, 0.0)))

    ended = minimize(energy, rows.ravel(), method="Powell", options={"xtol": 1e-10, "ftol": 1e-14}).x
    rows = ended.reshape(8, 3)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    least_kernel = min(float(residual_equal(rows[None], kernel)[0]) for kernel in KERNELS)
    assert residual_free(rows[None])[0] < 0.7 * least_kernel


def test_the_force_does_what_is_said_of_it() -> None:
    for seed, n, f in [(0, 6, 3), (1, 9, 4), (2, 7, 2)]:
        rows = unit(seed, n, f)
        found = free_force(rows)
        assert found.force.max() == pytest.approx(1.0)
        assert np.all(found.force >= 0.0)
        assert np.all(np.diff(found.force) >= -1e-12)

        def force(cosine: float, found=found) -> float:
            place = np.searchsorted(found.cosines, cosine + 1e-9, side="right") - 1
            return float(found.force[place])

        assert by_definition(rows, force) == pytest.approx(found.residual, rel=1e-6)


def test_no_search_over_steps_finds_less() -> None:
    """Against L-BFGS-B over the logarithms of the steps, from many starts, by differences."""
    rows = unit(5, 5, 3)
    found = free_force(rows)
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    cosines = np.array([rows[i] @ rows[j] for i, j in pairs])
    parts = np.array([rows[j] - c * rows[i] for (i, j), c in zip(pairs, cosines, strict=True)])
    lengths = np.linalg.norm(parts, axis=1)
    owner = np.array([i for i, _ in pairs])
    step = np.array([np.searchsorted(found.cosines, c + 1e-9, side="right") - 1 for c in cosines])

    def residual(logs: np.ndarray) -> float:
        force = np.cumsum(np.exp(logs))[step]
        net, total = np.zeros((5, 3)), np.zeros(5)
        np.add.at(net, owner, force[:, None] * parts)
        np.add.at(total, owner, force * lengths)
        return float(np.linalg.norm(net) / np.linalg.norm(total))

    rng = np.random.default_rng(0)
    starts = rng.uniform(-6.0, 0.0, (12, len(found.cosines)))
    bounds = [(-25.0, 0.0)] * len(found.cosines)
    least = min(minimize(residual, start, method="L-BFGS-B", bounds=bounds).fun for start in starts)
    assert found.residual <= least + 1e-7
    assert least == pytest.approx(found.residual, abs=5e-3)


@given(seed=st.integers(0, 10_000), n=st.integers(3, 9), f=st.integers(2, 5))
@settings(max_examples=25, deadline=None)
def test_it_is_at_most_the_residual_of_every_kernel_and_does_not_see_rotations_or_order(seed, n, f) -> None:
    rows = unit(seed, n, f)
    value = float(residual_free(rows[None])[0])
    assert 0.0 <= value <= 1.0
    assert value <= min(float(residual_equal(rows[None], kernel)[0]) for kernel in KERNELS) + 1e-6
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((f, f)))
    assert residual_free((rows @ turn)[None])[0] == pytest.approx(value, abs=2e-6)
    assert residual_free(rows[rng.permutation(n)][None])[0] == pytest.approx(value, abs=2e-6)


def test_regular_figures_are_balanced_by_any_force() -> None:
    assert residual_free(np.vstack([np.eye(3), -np.eye(3)])[None])[0] < 1e-7


def test_vectors_on_one_line_feel_no_force_along_their_spheres() -> None:
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    assert residual_free(rows[None])[0] == 0.0


def test_copies_are_no_trouble() -> None:
    rows = unit(3, 5, 3)
    assert np.isfinite(residual_free(np.vstack([rows, rows[:1]])[None])[0])


def test_more_values_than_steps_are_put_together() -> None:
    rows = unit(0, 18, 3)
    assert MOST_STEPS < 18 * 17 // 2
    found = free_force(rows)
    assert len(found.cosines) <= MOST_STEPS
    assert np.all(np.diff(found.cosines) > 0.0)
    assert found.residual < 1.0
