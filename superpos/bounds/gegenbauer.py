"""Gegenbauer polynomials of the sphere in R^f as sums of cosines, and how many a bound needs.

    P_k(cos t) = sum_{m=0}^k  a_m a_{k-m} / b_k  cos((k - 2m) t),   P_k(1) = 1
    a_m = (l)_m / m!,   b_k = (2 l)_k / k!,   l = (f - 2) / 2,   (l)_m = l (l + 1) ... (l + m - 1)

for f >= 3; P_k(cos t) = cos(k t) for f = 2. No coefficient is negative, and those of a polynomial sum to 1.
They are positive definite (Schoenberg): sum_ij w_i w_j P_k(<u_i, u_j>) >= 0 for all unit vectors and weights.

Source: Szego, Orthogonal Polynomials (1975), equation 4.9.19; Schoenberg, Positive definite functions on
spheres (1942).
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import comb

import numpy as np

from superpos.arrays import Float

SPARE = 12
"""Degrees beyond the strength of a design with as many points: tight bounds such as the 600-cell's need 6."""
LARGEST_DEGREE = 96


@lru_cache(maxsize=256)
def in_cosines(degree: int, f: int) -> Float:
    """Return P_0 to P_degree of the sphere in R^f, f >= 2, in cos(j t), (degree + 1, degree + 1).

    Entries are the doubles nearest to the exact rational numbers; row k has P_k.
    """
    table = np.zeros((degree + 1, degree + 1))
    if f == 2:
        return np.eye(degree + 1)
    half = Fraction(f - 2, 2)
    a, b = [Fraction(1)], [Fraction(1)]
    for m in range(degree):
        a.append(a[-1] * (half + m) / (m + 1))
        b.append(b[-1] * (2 * half + m) / (m + 1))
    for k in range(degree + 1):
        row = [Fraction(0)] * (k + 1)
        for m in range(k + 1):
            row[abs(k - 2 * m)] += a[m] * a[k - m]
        table[k, : k + 1] = [float(value / b[k]) for value in row]
    table.setflags(write=False)
    return table


def design_size(f: int, strength: int) -> int:
    """Return the least number of points that a design of this strength in R^f can have.

    Source: Delsarte, Goethals & Seidel, Spherical codes and designs (1977), theorems 5.11 and 5.12.
    """
    e, odd = divmod(strength, 2)
    if odd:
        return 2 * comb(f - 1 + e, f - 1)
    return comb(f - 1 + e, f - 1) + (comb(f - 2 + e, f - 1) if e else 0)


def degree_for(n: int, f: int) -> int:
    """Return the degree up to which polynomials are tried for n points in R^f, at most `LARGEST_DEGREE`."""
    strength = 0
    while design_size(f, strength + 1) < n and strength < LARGEST_DEGREE:
        strength += 1
    return min(strength + 1 + SPARE, LARGEST_DEGREE)
