import math

import codes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outside_energies import CHORD, YUKAWA
from scipy.optimize import minimize

from superpos.bounds import Floor, energy_bound
from superpos.bounds.convex import farthest_bound, tangent_bound
from superpos.bounds.shape import shape
from superpos.fits import reoptimise
from superpos.fits.kernels import energy_value, self_value
from superpos.specs.axes import Kernel

CONVEX = (
    Kernel("exp"),
    Kernel("exp", self_energy="exclude"),
    Kernel("log"),
    Kernel("log", self_energy="include", softening=0.1),
    Kernel("riesz", s=1.0),
    Kernel("riesz", s=2.0, self_energy="include", softening=0.3),
    Kernel("riesz", s=-1.0),
)
ALL = (*CONVEX, Kernel("riesz", s=-3.0), Kernel("riesz", s=12.0))
label = lambda k: f"{k.label}-{k.self_energy}"  # noqa: E731 (ids of parameters)


def directions(rng, n, f):
    rows = rng.standard_normal((n, f))
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def least(kernel, weights, norms, f, seed=0):
    """Descend on the spheres in f dimensions; returns unit rows and the energy with the diagonal."""
    start = directions(np.random.default_rng(seed), len(norms), f) * norms[:, None]
    end = reoptimise(
        start, np.log(weights), energy=kernel.energy, s=kernel.s, lambda_x=0.0, sigma=0.0, seed=0,
        optimiser="manifold", backend="scipy", gtol=1e-10, self_energy=kernel.self_energy,
        softening=kernel.softening,
    )  # fmt: skip
    return end.vectors / np.linalg.norm(end.vectors, axis=1)[:, None], end.energy


def own(kernel, weights):
    return self_value(kernel) * float(weights @ weights)


@pytest.mark.parametrize("kernel", CONVEX, ids=label)
def test_the_tangent_at_the_minimum_in_all_dimensions_is_that_minimum(kernel):
    rng = np.random.default_rng(3)
    n = 7
    weights, norms = rng.dirichlet(np.full(n, 6.0)), rng.uniform(0.7, 1.4, n)
    units, energy = least(kernel, weights, norms, n - 1)
    bound = tangent_bound(units, weights, norms, kernel) + own(kernel, weights)
    assert bound <= energy
    assert bound == pytest.approx(energy, rel=1e-8)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.integers(1, 9), st.sampled_from(ALL), st.integers(0, 10**6))
def test_no_vectors_are_below_any_tangent_or_the_farthest_pairs(n, f, kernel, seed):
    rng = np.random.default_rng(seed)
    weights, norms = rng.dirichlet(np.full(n, rng.choice([0.2, 3.0]))), rng.uniform(0.3, 3.0, n)
    off = float(rng.choice([0.0, 1e-6, 0.05]))
    units = directions(rng, n, int(rng.integers(1, n + 2)))
    tangent = tangent_bound(units, weights, norms, kernel, off)
    farthest = farthest_bound(weights, norms, kernel, off)
    for _ in range(20):
        lengths = norms + rng.uniform(-off, off, n)
        energy = energy_value(directions(rng, n, f) * lengths[:, None], weights, kernel) - own(
            kernel, weights
        )
        for bound in (tangent, farthest):
            assert math.isnan(bound) or not energy < bound - 1e-12 * abs(bound) - 1e-15


@pytest.mark.parametrize("kernel", CONVEX, ids=label)
def test_descents_in_few_dimensions_stay_above(kernel):
    rng = np.random.default_rng(5)
    n = 6
    weights, norms = rng.dirichlet(np.full(n, 3.0)), rng.uniform(0.8, 1.2, n)
    units, _ = least(kernel, weights, norms, n - 1)
    for f in (2, 3):
        for seed in range(3):
            _, energy = least(kernel, weights, norms, f, seed)
            bound = tangent_bound(units, weights, norms, kernel) + own(kernel, weights)
            assert bound <= energy + 1e-13


def test_even_features_give_the_simplex():
    for kernel in CONVEX:
        n = 5
        weights = np.full(n, 1.0 / n)
        rows = codes.simplex(n)
        bound = tangent_bound(rows, weights, np.ones(n), kernel) + own(kernel, weights)
        assert bound == pytest.approx(energy_bound(n, n - 1, kernel), rel=1e-9)


@pytest.mark.parametrize("kernel", CONVEX, ids=label)
def test_a_feature_without_importance_costs_nothing_wherever_it_is(kernel):
    rng = np.random.default_rng(8)
    weights, norms = np.array([0.3, 0.3, 0.4, 1e-14, 1e-30]), rng.uniform(0.5, 2.0, 5)
    units, energy = least(kernel, weights[:3] / weights[:3].sum(), norms[:3], 2)
    units = np.vstack([np.column_stack([units, np.zeros(3)]), directions(rng, 2, 3)])
    bound = tangent_bound(units, weights, norms, kernel) + own(kernel, weights)
    assert bound <= energy + 1e-12
    assert bound == pytest.approx(energy, rel=1e-8)


def test_shapes():
    assert shape("exp", 0.0) == (True, True)
    assert shape("log", 0.0) == (True, True)
    for s, convex in ((12.0, True), (1.0, True), (-0.5, True), (-2.0, True), (-2.1, False), (-3.0, False)):
        assert shape("riesz", s) == (True, convex)


@pytest.mark.parametrize(("kind", "convex"), [(YUKAWA, True), (CHORD, True)])
def test_shapes_of_energies_of_other_packages(kind, convex, monkeypatch):
    from superpos.kinds.energies import ENERGIES

    monkeypatch.setattr(type(ENERGIES), "get", lambda *_: kind)
    for s in kind.parameter.samples if kind.parameter else (0.0,):
        assert shape.__wrapped__(kind.name, s) == (True, convex)


def test_an_energy_that_is_not_convex_has_no_tangent_bound_but_one_of_farthest_pairs():
    kernel, weights, norms = Kernel("riesz", s=-3.0), np.full(4, 0.25), np.array([1.0, 1.0, 2.0, 2.0])
    assert math.isnan(tangent_bound(codes.simplex(4), weights, norms, kernel))
    wanted = -(2 * 2.0**3 + 2 * 4.0**3 + 8 * 3.0**3) / 16.0
    assert farthest_bound(weights, norms, kernel) == pytest.approx(wanted)
    assert math.isnan(farthest_bound(weights, norms, Kernel("exp")))


def floor(kernel, weights, norms, f):
    n = len(norms)
    units, _ = least(kernel, weights, norms, max(n - 1, 2))
    return Floor(kernel=kernel, n_dims=f, importance=weights, norms=norms, units=units)


@pytest.mark.parametrize("kernel", ALL, ids=label)
@pytest.mark.parametrize("f", [3])
def test_no_end_is_below_its_floor(kernel, f):
    rng = np.random.default_rng(11)
    n = 5
    for concentration, spread in ((1e6, 0.0), (5.0, 0.3), (0.3, 0.0)):
        weights, norms = rng.dirichlet(np.full(n, concentration)), 1.0 + spread * rng.uniform(-1.0, 1.0, n)
        known = floor(kernel, weights, norms, f)
        for off in (0.0, 1e-9, 1e-2):
            bound, method = known.at(off)
            assert method != "none"

            def energy(flat, off=off, norms=norms, weights=weights):
                rows = flat[: n * f].reshape(n, f)
                lengths = norms + off * np.tanh(flat[n * f :])
                return energy_value(rows * (lengths / np.linalg.norm(rows, axis=1))[:, None], weights, kernel)

            start = np.concatenate([directions(rng, n, f).ravel(), np.zeros(n)])
            assert bound <= minimize(energy, start, method="L-BFGS-B").fun + 1e-12
            assert bound <= known.at(0.0)[0]


def test_which_bound_holds():
    even = np.full(6, 1.0 / 6.0)
    ones = np.ones(6)
    exp, riesz = Kernel("exp"), Kernel("riesz", s=1.0)
    assert floor(exp, even, ones, 2).at()[1] == "linear_program"
    assert floor(exp, even, ones, 5).at()[1] == "convex"
    assert floor(riesz, even, ones, 2).at(1e-5)[1] == "linear_program"
    assert floor(riesz, even, np.linspace(0.5, 1.5, 6), 2).at()[1] == "convex"
    assert floor(Kernel("riesz", s=-3.0), even, np.linspace(0.5, 1.5, 6), 2).at()[1] == "farthest"
    found = floor(exp, even, np.linspace(0.1, 9.0, 6), 2).at(5.0)[0]
    assert found == pytest.approx(energy_bound(6, 2, exp), rel=1e-12)  # cosines see no norms


def test_without_a_minimum_the_other_bounds_are_left():
    weights = np.full(3, 1.0 / 3.0)
    known = Floor(kernel=Kernel("log"), n_dims=2, importance=weights, norms=np.full(3, 2.0), units=None)
    assert known.at() == (pytest.approx(-2.0 / 3.0 * math.log(4.0)), "farthest")
