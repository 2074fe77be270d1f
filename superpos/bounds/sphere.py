"""Lower bounds on the energy of every configuration of n vectors on the unit sphere in R^f.

    E(X, w) = sum_{i != j} w_i w_j K(x_i, x_j) [+ K(x, x) sum_i w_i^2]
            >= W^2 max_m (c_0^(m) - q p^(m)(0)) [+ K(x, x) sum_i w_i^2]
    W = sum_i w_i,   q = sum_i w_i^2 / W^2

p^(m) is the polynomial that is best for m equal weights (`superpos.bounds.certificates`), and the constant
h(pi). Each of them bounds the energy for any weights; m is 1/q, or its neighbours where 1/q is no integer. So
a bound costs one or two linear programs for each n, f and kernel, whatever the weights, and is the best one
where the weights are equal.

In R^1 there are two unit vectors, so t is 0 or pi. With c_0 - c_1 = h(pi), c_0 + c_1 = h(0) and c_1 >= 0,

    E >= W^2 ((1 - q) h(pi) + max(1 - 2 q, 0) max(h(0) - h(pi), 0) / 2),

infinite for a singular kernel and more than two features, as the energy is. (With h(0) < h(pi) the constant
h(0) is the bound.)
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from superpos.arrays import Float
from superpos.bounds.certificates import constant, solve
from superpos.bounds.potential import EnclosureError, Potential
from superpos.errors import ArgumentError, shown
from superpos.specs.axes import Kernel, check_count

_EPS = float(np.finfo(np.float64).eps)


def energy_bound(n: int, f: int, kernel: Kernel, importance: npt.ArrayLike | None = None) -> float:
    """Return a number that the energy of no configuration of unit vectors is below.

    Parameters
    ----------
    n
        Number of vectors, from 2.
    f
        Dimension of the space, from 1.
    kernel
        Energy, its diagonal and its softening, which is in units of the sphere's radius. Energies of cosines
        are free of norms, so their bound holds for vectors of any lengths.
    importance
        Weights (n,), none negative; 1/n each by default.

    Returns
    -------
    float
        In the units of `superpos.fits.kernels.energy_value`, with K(x, x) if the kernel includes it; infinite
        where every configuration has an infinite energy, NaN where no bound is known: the functions of an
        energy of another package may not be made for intervals.

    Raises
    ------
    ArgumentError
        For a wrong n, f or importance.
    """
    n, f = check_count("n", n, 2), check_count("f", f, 1)
    weights = np.full(n, 1.0 / n) if importance is None else _weights(n, importance)
    total, squares = float(weights.sum()), float(weights @ weights)
    pairs = bound_of_pairs(Potential.of(kernel), f, total, squares, n)
    return pairs + (
        kernel.kind.self_value(kernel.softening, kernel.s) * squares if kernel.includes_diagonal else 0.0
    )


def bound_of_pairs(
    potential: Potential, f: int, total: float, squares: float, n: int, further: float = 0.0
) -> float:
    """Return a lower bound on sum_{i != j} w_i w_j h(t_ij) for n vectors; NaN where none is known.

    Parameters
    ----------
    potential
        h.
    f
        Dimension.
    total, squares
        Sums of the weights and of their squares.
    n
        Number of vectors, which is at least 1/q.
    further
        What squared distances may be longer by, if the energy falls with the distance.
    """
    if total <= 0.0:
        return 0.0
    q = min(max(squares / total**2, 1.0 / n), 1.0)
    rounding = _EPS * (2.0 * n + 8.0)
    f = min(f, n)  # n vectors lie in a space of n dimensions
    try:
        if f == 1:
            return total**2 * _on_a_line(potential.longer(further), q, rounding)
        found = [*constant(potential.longer(further))]
        for m in _sizes(q, n):
            found.extend(solve(potential, m, f, further))
    except EnclosureError:
        return math.nan
    return total**2 * max((each.bound(q, rounding) for each in found), default=math.nan)


def _sizes(q: float, n: int) -> tuple[int, ...]:
    """Return the numbers of equal weights whose polynomials are tried: n, or the two about 1/q."""
    size = min(1.0 / q, float(n))
    if abs(size - round(size)) < 1e-9 * size:
        return (max(round(size), 2),)
    return tuple(sorted({max(math.floor(size), 2), max(math.ceil(size), 2)}))


def _on_a_line(potential: Potential, q: float, rounding: float) -> float:
    near, far = potential.at_ends()
    rise, free = near - far, 1.0 - 2.0 * q
    if rise <= 0.0:
        return (1.0 - q) * near - rounding * abs(near)
    if math.isinf(rise):
        return math.inf if free > 1e-9 else (1.0 - q) * far - rounding * abs(far)
    return (1.0 - q) * far + 0.5 * max(free, 0.0) * rise - rounding * (abs(near) + abs(far))


def _weights(n: int, importance: npt.ArrayLike) -> Float:
    """Return weights (n,) in double precision; raises `ArgumentError` for others."""
    try:
        weights = np.asarray(importance, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError("importance", f"{shown(importance)} is no array of numbers") from error
    if weights.shape != (n,):
        raise ArgumentError("importance", f"has shape {weights.shape}; must be ({n},)")
    if not (np.isfinite(weights).all() and (weights >= 0.0).all()):
        raise ArgumentError("importance", "must be finite and not negative")
    return weights
