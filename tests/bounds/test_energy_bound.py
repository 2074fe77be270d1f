import csv
import math
from pathlib import Path

import codes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outside_energies import CHORD, YUKAWA
from scipy.optimize import linprog, minimize
from scipy.special import eval_gegenbauer

from superpos.bounds import energy_bound
from superpos.bounds.certificates import _polynomials
from superpos.bounds.gegenbauer import degree_for, in_cosines
from superpos.bounds.potential import Potential
from superpos.bounds.proof import violation
from superpos.errors import ArgumentError
from superpos.fits.kernels import energy_value
from superpos.specs.axes import Kernel

EXP, LOG, COULOMB = Kernel("exp"), Kernel("log"), Kernel("riesz", s=1.0)
KERNELS = (
    EXP,
    Kernel("exp", self_energy="exclude"),
    LOG,
    Kernel("log", self_energy="include", softening=0.1),
    COULOMB,
    Kernel("riesz", s=1.0, self_energy="include", softening=0.1),
    Kernel("riesz", s=-1.0),
    Kernel("riesz", s=-3.0),
    Kernel("riesz", s=12.0),
)
SHARP = {
    "simplex of 11": codes.simplex(11),
    "triangle": codes.simplex(3),
    "orthoplex": codes.orthoplex(6),
    "pentagon": codes.polygon(5),
    "heptagon": codes.polygon(7),
    "icosahedron": codes.icosahedron(),
    "600-cell": codes.cell_600(),
    "E8": codes.e8(),
}
REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "reference"


def even(n):
    return np.full(n, 1.0 / n)


def random_rows(rng, n, f):
    rows = rng.standard_normal((n, f))
    return rows / np.linalg.norm(rows, axis=1)[:, None]


@pytest.mark.parametrize("kernel", [EXP, LOG, COULOMB], ids=["exp", "log", "coulomb"])
@pytest.mark.parametrize("name", sorted(SHARP))
def test_the_bound_is_the_energy_of_a_sharp_configuration(name, kernel):
    # Cohn & Kumar, Universally optimal distribution of points on spheres (2007), table 1.
    rows = SHARP[name]
    n, f = rows.shape
    energy, bound = energy_value(rows, even(n), kernel), energy_bound(n, f, kernel)
    assert bound <= energy + 1e-14
    assert bound == pytest.approx(energy, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: f"{k.label}-{k.self_energy}")
def test_the_simplex_has_its_closed_form(kernel):
    n = 7
    for f in (6, 7, 20):  # n <= f + 1
        wanted = energy_value(codes.simplex(n), even(n), kernel)
        if kernel.s == -3.0:  # not convex in the cosine: two groups at opposite poles are lower
            assert energy_bound(n, f, kernel) < wanted
        else:
            assert energy_bound(n, f, kernel) == pytest.approx(wanted, rel=1e-8)


# Thomson's problem: Wales & Ulker, Structure and dynamics of spherical crystals (2006), and the Cambridge
# Cluster Database; sums over pairs of 1 / r.
THOMSON = {
    4: 3.674234614,
    5: 6.474691495,
    6: 9.985281374,
    7: 14.452977414,
    12: 49.165253058,
    24: 223.347074052,
}


def pairs_of(n, kernel):
    return energy_bound(n, 3, kernel) * n**2 / 2.0


@pytest.mark.parametrize("n", sorted(THOMSON))
def test_no_bound_is_above_the_least_energy_that_is_known(n):
    assert 0.99 * THOMSON[n] < pairs_of(n, COULOMB) <= THOMSON[n] + 5e-9


@pytest.mark.parametrize(
    ("name", "kernel"), [("thomson_coulomb_min_energy.csv", COULOMB), ("log_energy_min.csv", LOG)]
)
def test_no_bound_is_above_a_published_table(name, kernel):
    if not (REFERENCE / name).exists():
        pytest.skip("the published tables lie beside the checkout only")
    with (REFERENCE / name).open() as table:
        for row in csv.DictReader(table):
            published = float(row["E_published"])
            assert pairs_of(int(row["N"]), kernel) <= published + 1e-7


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 10),
    st.integers(1, 4),
    st.sampled_from(KERNELS),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_no_configuration_is_below_the_bound(n, f, kernel, weighted, seed):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(n, rng.choice([0.1, 1.0, 10.0]))) if weighted else even(n)
    bound = energy_bound(n, f, kernel, weights)
    for _ in range(30):
        energy = energy_value(random_rows(rng, n, f), weights, kernel)
        assert not energy < bound - 1e-13 * abs(bound)


@pytest.mark.parametrize("kernel", [KERNELS[1], LOG, COULOMB, KERNELS[6]], ids=lambda k: k.label)
@pytest.mark.parametrize(("n", "f"), [(5, 3), (7, 4), (8, 2)])
def test_no_descent_ends_below_the_bound_and_some_end_near(n, f, kernel):
    rng = np.random.default_rng(n)
    for weights in (even(n), rng.dirichlet(np.full(n, 20.0)), rng.dirichlet(np.full(n, 0.3))):

        def energy(flat, weights=weights):
            rows = flat.reshape(n, f)
            return energy_value(rows / np.linalg.norm(rows, axis=1)[:, None], weights, kernel)

        starts = [random_rows(rng, n, f).ravel() for _ in range(3)]
        ends = [minimize(energy, start, method="L-BFGS-B").fun for start in starts]
        bound = energy_bound(n, f, kernel, weights)
        assert bound <= min(ends) + 1e-13
        if weights.max() > 2.0 / n:
            continue  # valid, but no longer near: the bound knows the sum of squares only
        middle = np.mean([energy(random_rows(rng, n, f).ravel()) for _ in range(100)])
        assert min(ends) - bound <= 0.3 * (middle - bound)


@pytest.mark.parametrize(("n", "f"), [(11, 3), (13, 5)])
def test_the_moment_problem_has_the_same_value(n, f):
    # The dual, on a grid of cosines of its own: masses of sum 1 - 1/n whose moments are at least -1/n.
    x = np.concatenate([np.linspace(-1.0, 0.9, 6001), np.cos(np.linspace(0.05, 0.5, 500))])
    a = (f - 2) / 2
    moments = np.array([eval_gegenbauer(k, a, x) / eval_gegenbauer(k, a, 1.0) for k in range(1, 19)])
    found = linprog(
        np.exp(x), A_ub=-moments, b_ub=np.full(18, 1.0 / n), A_eq=np.ones((1, x.size)), b_eq=[1.0 - 1.0 / n]
    )
    assert energy_bound(n, f, KERNELS[1]) == pytest.approx(found.fun, rel=1e-6)


def test_the_polynomial_of_a_certificate_is_below_the_energy_by_exact_arithmetic():
    mpmath = pytest.importorskip("mpmath", reason="the oracle is mpmath")
    potential, table = Potential.of(COULOMB), in_cosines(degree_for(11, 4), 4)
    c = _polynomials(potential, 11, 4)[-1]
    excess = violation(potential, c @ table, 1e-9)
    assert (c[1:] >= 0.0).all()
    assert excess < 1e-9
    with mpmath.workdps(40):
        waves = [mpmath.fdot(c.tolist(), column.tolist()) for column in table.T]
        least = mpmath.inf
        for t in np.linspace(1e-3, np.pi, 1001).tolist():
            cosine = mpmath.cos(mpmath.mpf(t))
            p = sum(a * mpmath.chebyt(j, cosine) for j, a in enumerate(waves))
            least = min(least, 1 / (2 * mpmath.sin(mpmath.mpf(t) / 2)) - p)
    assert -excess <= least < 1e-5


def test_bounds_for_a_pair_rise_with_the_number_of_features():
    for kernel in (KERNELS[1], LOG, COULOMB):
        pair = [energy_bound(n, 3, kernel) / (1.0 - 1.0 / n) for n in (2, 3, 5, 9)]
        assert (np.diff(pair) >= -1e-9).all()


def test_bounds_fall_with_the_dimension():
    for kernel in (EXP, LOG, COULOMB):
        bounds = [energy_bound(9, f, kernel) for f in (2, 4, 8)]
        assert (np.diff(bounds) <= 1e-9).all()


@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_order_and_scale_of_the_weights_do_not_matter(n, f, seed):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(n))
    bound = energy_bound(n, f, EXP, weights)
    assert energy_bound(n, f, EXP, rng.permutation(weights)) == pytest.approx(bound, rel=1e-9)
    assert energy_bound(n, f, EXP, 2.0 * weights) == pytest.approx(4.0 * bound, rel=1e-9)


def test_a_feature_without_weight_is_as_good_as_none():
    assert energy_bound(6, 3, LOG, [0.2] * 5 + [0.0]) == pytest.approx(energy_bound(5, 3, LOG), rel=1e-9)
    assert energy_bound(4, 3, LOG, [1.0, 0.0, 0.0, 0.0]) == pytest.approx(0.0, abs=1e-12)
    assert energy_bound(4, 3, LOG, [0.5, 0.5, 0.0, 0.0]) == pytest.approx(-0.5 * math.log(2.0))
    assert energy_bound(3, 3, EXP, [0.0, 0.0, 0.0]) == 0.0


def test_two_vectors_of_a_line():
    assert energy_bound(2, 1, LOG) == pytest.approx(-0.5 * math.log(2.0))
    assert energy_bound(3, 1, COULOMB) == math.inf
    # Two together and one opposite: (5 e + 4 / e) / 9; the bound is below.
    assert energy_bound(3, 1, EXP) == pytest.approx(math.cosh(1.0))
    assert energy_bound(4, 1, EXP) == pytest.approx(math.cosh(1.0))  # two and two


def test_energies_of_other_packages(monkeypatch):
    from superpos.kinds.energies import ENERGIES

    own = type(ENERGIES).get
    others = {"yukawa": YUKAWA, "chord": CHORD}
    monkeypatch.setattr(
        type(ENERGIES), "get", lambda self, name, *more: others.get(name) or own(self, name, *more)
    )
    for kernel in (Kernel("yukawa", s=0.5), Kernel("chord")):
        for rows in (codes.simplex(5), codes.icosahedron()):
            n, f = rows.shape
            energy = energy_value(rows, even(n), kernel)
            assert energy_bound(n, f, kernel) == pytest.approx(energy, rel=1e-8)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((1, 2, EXP), "n: 1"),
        ((2.5, 2, EXP), "n: 2.5"),
        ((3, 0, EXP), "f: 0"),
        ((3, 2, EXP, [1.0, 2.0]), r"importance: has shape \(2,\); must be \(3,\)"),
        ((2, 2, EXP, [1.0, -1.0]), "importance: must be finite and not negative"),
        ((2, 2, EXP, [1.0, math.nan]), "importance: must be finite and not negative"),
        ((2, 2, EXP, ["a", "b"]), "importance"),
    ],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(ArgumentError, match=said):
        energy_bound(*arguments)
