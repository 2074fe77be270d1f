"""How far a polynomial is above a potential anywhere, proved.

    G(t) = h(t) - p(t),   p(t) = sum_j a_j cos(j t),   0 <= t <= pi
    on m - r <= t <= m + r:
    G >= low(h) - p(m) - |p'(m)| r - M2 r^2 / 2                                  from values
    G >= min over |x| <= r of  G(m) + G'(m) x + L x^2 / 2                        from curvatures (Taylor)
    L  = low(h'') - p''(m) - M3 r,    M_k = sum_j j^k |a_j| >= |d^k p / dt^k|

Enclosures of h, h', h'' are those of interval arithmetic, so they hold between the grid's points. The range
is halved where neither bound is good enough, which near a point of contact is hardly ever: there G'' > 0.
What is rounded when p is summed is at most

    |error of p^(k)(m)| <= eps sum_j j^k |a_j| (4 j + degree + 8)

for a relative error of eps of each term, of 2 eps of the argument j m, of eps of each addition, and the error
of the a_j themselves. It is taken off.
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.bounds.potential import Potential

CELLS = 256
"""Ranges to begin with."""
HALVINGS = 40
"""A range this often halved is narrower than the spacing of doubles near 1."""
NEAR = 1.25
"""Bound on p - h over the largest p - h that was met, at which the one is near enough to the other."""
MOST_CELLS = 4096
"""Ranges that are halved at once; the rest is taken as it is."""
_EPS = float(np.finfo(np.float64).eps)


class Waves:
    """A sum of cosines with its derivatives."""

    def __init__(self, coefficients: Float) -> None:
        j = np.arange(coefficients.size, dtype=np.float64)
        size = np.abs(coefficients)
        self._j = j
        self._a = np.stack([coefficients, -coefficients * j, -coefficients * j**2])
        self.second, self.third = float(size @ j**2), float(size @ j**3)
        self.rounding = tuple(
            _EPS * float((size * j**k) @ (4.0 * j + coefficients.size + 8.0)) for k in range(3)
        )

    def __call__(self, angles: Float) -> tuple[Float, Float, Float]:
        """Return p, p', p'' at angles (k,), each (k,)."""
        turns = angles[:, None] * self._j
        cosines, sines = np.cos(turns), np.sin(turns)
        return cosines @ self._a[0], sines @ self._a[1], cosines @ self._a[2]


def violation(potential: Potential, coefficients: Float, tolerance: float) -> float:
    """Return v >= 0 such that p - v <= h everywhere, infinite if none was found.

    Parameters
    ----------
    potential
        h.
    coefficients
        a_0 to a_K of p in cos(j t), (K + 1,).
    tolerance
        Ranges where p - h is at most this are not halved further, nor those where it is hardly more than what
        was met somewhere.

    Raises
    ------
    EnclosureError
        If the functions of the energy are not made for intervals.
    """
    waves = Waves(coefficients)
    edges = np.linspace(0.0, np.pi, CELLS + 1)
    edges[-1] = np.nextafter(np.pi, 4.0)  # pi itself lies between two doubles
    low, high = edges[:-1], edges[1:]
    worst = 0.0
    for halving in range(HALVINGS):
        found, seen = _above(potential, waves, low, high)
        tolerance = max(tolerance, NEAR * float(seen.max()))
        bad = found > tolerance
        last = halving == HALVINGS - 1 or int(bad.sum()) > MOST_CELLS
        done = found if last else found[~bad]
        if done.size:
            worst = max(worst, float(done.max()))
        if last or not bad.any():
            break
        low, high = low[bad], high[bad]
        middle = 0.5 * (low + high)
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    return worst if np.isfinite(worst) else np.inf


def _above(potential: Potential, waves: Waves, low: Float, high: Float) -> tuple[Float, Float]:
    """Return the proved largest excess of p over h on each range, (k,), and about that in its middle."""
    middle = 0.5 * (low + high)
    r = np.maximum(middle - low, high - middle) * (1.0 + 4.0 * _EPS)
    p, p1, p2 = waves(middle)
    e0, e1, e2 = waves.rounding
    value, _, curvature = potential.enclose(low, high)
    at, slope, _ = potential.enclose(middle, middle)
    with np.errstate(all="ignore"):
        from_values = p + e0 + (np.abs(p1) + e1) * r + 0.5 * waves.second * r**2 - value.low
        bend = curvature.low - p2 - e2 - waves.third * r
        g = at.low - p - e0
        g1 = np.maximum(np.abs(slope.low - p1), np.abs(slope.high - p1)) + e1
        vertex = (bend > 0.0) & (g1 < bend * r)
        taylor = np.where(vertex, g1**2 / (2.0 * bend), g1 * r - 0.5 * bend * r**2) - g
        tiny = 8.0 * _EPS  # of what is added up, for the rounding of the sums themselves; sums may overflow
        taylor = (
            taylor + tiny * (np.abs(g) + np.abs(p) + g1 * r + np.abs(bend) * r**2) + tiny * np.abs(at.low)
        )
        from_values = from_values + tiny * np.abs(from_values) + tiny * np.abs(p) + tiny * np.abs(value.low)
    taylor = np.where(np.isnan(taylor), np.inf, taylor)
    from_values = np.where(np.isnan(from_values), np.inf, from_values)
    return np.minimum(taylor, from_values), np.where(np.isfinite(g), -g, -np.inf)
