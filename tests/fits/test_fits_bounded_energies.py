"""exp with an inverse temperature, and gauss: keys, labels, what they are on the sphere, best packing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from superpos.errors import ArgumentError
from superpos.fits import energy_value, reoptimise
from superpos.hashing import content_key
from superpos.kinds.energies import ENERGIES
from superpos.kinds.potentials import Potential
from superpos.specs.axes import JointAxes, Kernel


def _unit(seed: int, n: int, f: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, f))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_an_inverse_temperature_of_one_is_the_energy_as_it_was() -> None:
    assert Kernel("exp", 1.0) == Kernel("exp", 0.0) == Kernel("exp")
    assert Kernel("exp", 1.0).s == 0.0
    assert (Kernel("exp").label, Kernel("exp", 4.0).label) == ("exp", "exp:4")
    assert JointAxes("exp", 1.0).identity() == JointAxes("exp").identity()
    key = content_key("joint_axes", 1, JointAxes("exp").identity()).hex()
    assert key != content_key("joint_axes", 1, JointAxes("exp", 2.0).identity()).hex()
    assert ENERGIES.get("exp").version == 1
    assert ENERGIES.get("exp").self_value(0.0, 0.0) == math.e


@pytest.mark.parametrize(("energy", "s"), [("exp", -1.0), ("exp", 200.0), ("gauss", 0.0), ("gauss", 1e-3)])
def test_parameters_out_of_range_are_refused(energy: str, s: float) -> None:
    with pytest.raises(ArgumentError, match=r"^s: .*(from 0.01 to|no width)"):
        Kernel(energy, s)


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0, 30.0])
def test_gauss_is_exp_on_unit_vectors(beta: float) -> None:
    vectors, weights = _unit(1, 7, 3), np.random.default_rng(1).dirichlet(np.ones(7))
    exp, gauss = Kernel("exp", beta), Kernel("gauss", 2.0 / beta)
    factor = math.exp(-beta)
    assert energy_value(vectors, weights, gauss) == pytest.approx(
        factor * energy_value(vectors, weights, exp), rel=1e-12
    )
    c = np.linspace(-1.0, 0.99, 9)
    one, other = Potential("exp", exp.s), Potential("gauss", 2.0 / beta)
    np.testing.assert_allclose(other.value(c), factor * one.value(c), rtol=1e-12)
    np.testing.assert_allclose(other.slope(c), factor * one.slope(c), rtol=1e-12)


@pytest.mark.parametrize("kernel", [Kernel("exp", 4.0), Kernel("gauss", 0.5)], ids=lambda k: str(k.label))
def test_potentials_are_the_energies_of_unit_vectors(kernel: Kernel) -> None:
    c, h = np.linspace(-0.9, 0.9, 7), 1e-6
    potential = Potential(kernel.energy, kernel.s)
    numeric = (potential.value(c + h) - potential.value(c - h)) / (2.0 * h)
    np.testing.assert_allclose(potential.slope(c), numeric, rtol=1e-8)


def test_large_beta_is_a_best_packing() -> None:
    # Seven points in three dimensions: Schuette and van der Waerden (1951), 77.8695 degrees.
    best = math.cos(math.radians(77.8695))

    def largest(beta: float) -> float:
        found = []
        for seed in range(6):
            start = _unit(seed, 7, 3)
            end = reoptimise(
                start, np.zeros(7), energy="exp", s=beta, sigma=0.0, optimiser="manifold", seed=seed
            )
            cosines = end.vectors @ end.vectors.T
            found.append((end.energy, float(cosines[np.triu_indices(7, 1)].max())))
        return min(found)[1]

    cold, warm = largest(100.0), largest(1.0)
    assert cold == pytest.approx(best, abs=0.01)
    assert warm > cold + 0.05
