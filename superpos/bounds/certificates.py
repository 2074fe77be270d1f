"""Certificates: two numbers of a polynomial that bound every energy under one potential.

    p = c_0 + sum_{k=1}^K c_k P_k,   c_k >= 0 for k >= 1,   p <= h on [0, pi]
    sum_{i != j} w_i w_j h(t_ij) >= sum_{ij} w_i w_j p(t_ij) - p(0) sum_i w_i^2
                                 >= c_0 (sum_i w_i)^2 - p(0) sum_i w_i^2,       p(0) = sum_k c_k

The first step needs w_i >= 0 only, the second that P_k is positive definite. So c_0 and p(0) bound the energy
of every configuration with any weights. A polynomial is found by linear programming (`program.py`); how far
it is above h after all is bounded by `proof.py` and taken off c_0, hence off p(0) too.

Source: Delsarte, Goethals & Seidel, Spherical codes and designs (1977); Yudin, Minimum potential energy of a
point system of charges (1992); weights: Boyvalenkov, Dragnev, Hardin, Saff & Stoyanova, Universal bounds for
weighted codes (2024).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from superpos.arrays import Float
from superpos.bounds.gegenbauer import degree_for, in_cosines
from superpos.bounds.potential import Potential
from superpos.bounds.program import GOOD, Program
from superpos.bounds.proof import violation

TOLERANCE = 4.0 * GOOD
"""Excess, over the scale of h, that is not looked at more closely."""
ENOUGH = 1e-8
"""Excess, over the scale of h, up to which no other polynomial is tried."""
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Two numbers that bound every energy under one potential: E >= c_0 - q p(0) for weights of sum 1."""

    constant: float
    """c_0, after the excess is taken off."""
    at_one: float
    """p(0)."""
    excess: float
    """What was taken off."""

    def bound(self, q: float, rounding: float = 0.0) -> float:
        """Return the lower bound on sum_{i != j} w_i w_j h for sum_i w_i^2 = q, of a relative error in q."""
        size = abs(self.constant) + q * abs(self.at_one)
        return self.constant - q * self.at_one - (rounding + 4.0 * _EPS) * size


@lru_cache(maxsize=4096)
def solve(potential: Potential, n: int, f: int, further: float = 0.0) -> tuple[Certificate, ...]:
    """Return certificates, one of them the best for n equal weights in R^f, f >= 2; none if none was found.

    Parameters
    ----------
    potential
        h, to which polynomials are fitted.
    n, f
        Number of weights, dimension.
    further
        What squared distances may be longer by: the certificate holds for `potential.longer(further)`, hence
        for h too if the energy falls with the distance.

    Raises
    ------
    EnclosureError
        If the functions of the energy are not made for intervals.
    """
    table = in_cosines(degree_for(n, f), f)
    scale = _scale(potential, n, f)[1]
    lowest = potential.longer(further)
    found: list[Certificate] = []
    for c in reversed(_polynomials(potential, n, f)):
        proved = _certificate(lowest, c, table, TOLERANCE * scale)
        found += [] if proved is None else [proved]
        if proved is not None and proved.excess <= ENOUGH * scale:
            break
    return tuple(found)


@lru_cache(maxsize=4096)
def _polynomials(potential: Potential, n: int, f: int) -> tuple[Float, ...]:
    """Return c_0 to c_K of polynomials to try, (K + 1,) each; the last is the best as a rule."""
    table = in_cosines(degree_for(n, f), f)
    offset, scale = _scale(potential, n, f)
    program = Program(potential, table, 1.0 / n, offset, scale)
    first = program.exchange()
    second = program.clear(first) if first is not None and program.contacts.size else None
    rise = np.zeros(len(table))
    rise[0] = offset
    return tuple(scale * c + rise for c in (first, second) if c is not None)


@lru_cache(maxsize=1024)
def constant(potential: Potential) -> tuple[Certificate, ...]:
    """Return the certificate of the constant h(pi), which is best where two features have all the weight.

    Raises
    ------
    EnclosureError
        If the functions of the energy are not made for intervals.
    """
    far = potential.at_ends()[1]
    found = _certificate(potential, np.array([far]), np.ones((1, 1)), GOOD * abs(far))
    return () if found is None else (found,)


def _certificate(potential: Potential, c: Float, table: Float, tolerance: float) -> Certificate | None:
    """Return what a polynomial proves, None if nothing."""
    waves = c @ table
    excess = violation(potential, waves, tolerance)
    if not np.isfinite(excess):
        return None
    # The c_k are exact. Rounding of their sums over the table of cosines, whose rows sum to 1, moves p by at
    # most `slack`. So p - excess - slack is below h, and its value at 0 is not above the second number.
    slack = _EPS * (c.size + 4.0) * float(np.abs(c).sum())
    return Certificate(float(c[0]) - excess - slack, float(c.sum()) - excess, excess)


def _scale(potential: Potential, n: int, f: int) -> tuple[float, float]:
    """Return h at opposite vectors, and its rise to about where the nearest of n vectors are."""
    near = min(float(np.arccos(-1.0 / (n - 1))), 1.5 * np.pi * n ** (-1.0 / (f - 1)))
    values = potential(np.array([near, np.pi]))[0]
    rise = float(abs(values[0] - values[1])) or float(np.abs(values).max()) or 1.0
    return float(values[1]), rise
