"""Point functions of a kind against their derivatives: what a register asks of kinds from elsewhere.

    f'(a) = (8 (f(a + h) - f(a - h)) - (f(a + 2 h) - f(a - 2 h))) / (12 h),   h = 1/1000 of the distance of a
                                                                              from the ends of its range

Arguments lie within the range, so derivatives may be singular at its ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError

TOLERANCE = 1e-6
"""Largest difference, over the size of the slope and of the value over the distance from the ends."""
STEP = 1e-3

COSINES = np.array([-0.9, -0.55, -0.2, 0.0, 0.1, 0.35, 0.6, 0.85])
SQUARES = np.array([0.02, 0.1, 0.4, 0.9, 1.0, 1.7, 3.0, 6.0])
"""Arguments at which functions are tried."""


def arguments_of(argument: str) -> Float:
    """Return where functions of cosines or of squared distances are tried."""
    return COSINES if argument == "cosine" else SQUARES


def spread_of(argument: str, a: Float) -> Float:
    """Return the distance of arguments from the ends of their range."""
    return 1.0 - np.abs(a) if argument == "cosine" else a


def evaluated(name: str, function: Callable[..., Any], a: Float, *more: Any) -> Float:
    """Return what a point function gives for an array, checked.

    Raises
    ------
    ArgumentError
        If it cannot be called with these, gives another shape, or a number that is not finite.
    """
    try:
        with np.errstate(all="ignore"):
            found = np.broadcast_to(np.asarray(function(a, *more), dtype=np.float64), a.shape)
            single = float(function(float(a[0]), *(_first(value) for value in more)))
    except Exception as error:  # whatever a stranger's function raises
        raise ArgumentError(name, f"cannot be called: {type(error).__name__}: {error}") from error
    if not np.isfinite(found).all():
        where = a[~np.isfinite(found)][0]
        raise ArgumentError(name, f"is not finite at {where:g}")
    if not np.isclose(single, found[0], rtol=1e-9, atol=1e-12):
        raise ArgumentError(name, f"gives {found[0]:g} for an array and {single:g} for a number")
    return np.asarray(found)


def check_slope(
    names: tuple[str, str], function: Callable[[Float], Any], slope: Float, a: Float, spread: Float, said: str
) -> None:
    """Hold a slope against central differences of its function.

    Parameters
    ----------
    names
        The slope and its function, for the message.
    function
        Of arrays.
    slope
        Its derivative at `a`, (k,).
    a, spread
        Arguments, (k,), and their distance from the ends of their range.
    said
        Parameters, for the message.

    Raises
    ------
    ArgumentError
        Where they disagree.
    """
    h = STEP * spread
    with np.errstate(all="ignore"):
        near, far = (np.asarray(function(a + k * h) - function(a - k * h)) for k in (1.0, 2.0))
        found = (8.0 * near - far) / (12.0 * h)
        scale = np.abs(slope) + np.abs(found) + np.abs(np.asarray(function(a)) / spread)
    wrong = ~(np.abs(found - slope) <= TOLERANCE * scale)
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        what = f"is {slope[k]:.6g} at {a[k]:g}{said}, but differences of {names[1]} give {found[k]:.6g}"
        raise ArgumentError(names[0], what)


def check_alike(name: str, other: str, found: Float, wanted: Float, a: Float, said: str) -> None:
    """Refuse two ways of writing a function that disagree; raises `ArgumentError`."""
    wrong = ~np.isclose(found, wanted, rtol=1e-9, atol=1e-12)
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        what = f"is {found[k]:.6g} at {a[k]:g}{said}, but {other} gives {wanted[k]:.6g}"
        raise ArgumentError(name, what)


def _first(value: Any) -> Any:
    return float(value[0]) if isinstance(value, np.ndarray) else value
