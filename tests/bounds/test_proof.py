import numpy as np
import pytest

from superpos.bounds.potential import EnclosureError, Potential
from superpos.bounds.proof import violation
from superpos.kinds.energies import ENERGIES, Energy

EXP = Potential("exp", 0.0, 0.0)
LOG = Potential("log", 0.0, 0.0)


def tangent_of_exp(t0):
    """Return the line in cos t that touches exp(cos t) at t0."""
    c = np.cos(t0)
    return np.array([np.exp(c) * (1.0 - c), np.exp(c)])


@pytest.mark.parametrize("t0", [0.3, 1.0, 1.7713, 3.0, np.pi])
def test_a_tangent_of_a_convex_energy_is_below_it(t0):
    assert violation(EXP, tangent_of_exp(t0), 1e-13) < 1e-13


@pytest.mark.parametrize("above", [1e-10, 1e-6, 0.3])
def test_what_is_added_to_a_tangent_is_found(above):
    line = tangent_of_exp(1.234567)
    line[0] += above
    assert above <= violation(EXP, line, 1e-15) <= 1.25 * above + 1e-14


@pytest.mark.parametrize("degree", [5, 40, 90])
def test_a_narrow_excess_between_the_points_of_a_grid_is_found(degree):
    waves = np.zeros(degree + 1)
    waves[0], waves[degree] = -0.6, 0.5  # touches log's potential, which is -log 2 at pi, from above or below
    angles = np.linspace(1e-4, np.pi, 400_001)
    excess = (waves[0] + 0.5 * np.cos(degree * angles) + np.log(2.0 * np.sin(0.5 * angles))).max()
    assert excess > 0.0
    found = violation(LOG, waves, 1e-9)
    assert excess <= found <= 1.25 * excess + 1e-9  # near enough, says NEAR


def test_a_polynomial_that_passes_an_infinite_energy_is_no_excess():
    steep = np.array([-0.7, 0.0, 0.0])  # below -log 2
    assert violation(LOG, steep, 1e-12) == 0.0


def test_an_energy_that_intervals_cannot_go_through_is_said(monkeypatch):
    odd = Energy(
        name="odd",
        version=1,
        meaning="An energy that asks for its argument.",
        formula="max(cos, 0)",
        argument="cosine",
        value=lambda a, _s: np.where(a > 0.0, a, 0.0),
        slope=lambda a, _s, _v: np.where(a > 0.0, 1.0, 0.0),
        bend=lambda a, _s, _v: 0.0 * a,
    )
    monkeypatch.setattr(type(ENERGIES), "get", lambda *_: odd)
    with pytest.raises(EnclosureError, match="odd"):
        violation(Potential("odd", 0.0, 0.0), np.array([0.0]), 1e-9)
