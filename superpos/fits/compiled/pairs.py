"""Pair energies on whole arrays: the branch on the kernel lies outside the loop, the loop is vectorised.

    code        argument a        K(a)              dK/da
    EXP         cos(x, y)         exp a             K
    LOG         rho^2             -log(a) / 2       -1 / (2 a)
    RIESZ_1     rho^2             a^(-1/2)          -K / (2 a)
    RIESZ_2     rho^2             1 / a             -K / a
    MINUS_1     rho^2             -a^(1/2)          K / (2 a)
    MINUS_2     rho^2             -a                -1
    RIESZ       rho^2             sgn(s) a^(-s/2)   -s K / (2 a)

rho^2 = max(r^2, TINY) + eps^2. The floor is that of the NumPy objective: coincident vectors get a huge energy
rather than a division by zero, and the logarithm never meets a subnormal number.
"""

from __future__ import annotations

import math

from numba import njit

from superpos.arrays import Float
from superpos.fits.compiled.machine.elementary import INLINE, OPTIONS, SMALLEST, exp, log
from superpos.fits.compiled.machine.vectors import apart
from superpos.specs.axes import Kernel

EXP, LOG, RIESZ_1, RIESZ_2, MINUS_1, MINUS_2, RIESZ = range(7)
"""Codes of the kernels; the four exponents with a code of their own need no power."""
_EXPONENTS = {1.0: RIESZ_1, 2.0: RIESZ_2, -1.0: MINUS_1, -2.0: MINUS_2}


def kernel_code(kernel: Kernel) -> int:
    """Return the code of a kernel."""
    if kernel.energy == "riesz":
        return _EXPONENTS.get(kernel.s, RIESZ)
    return EXP if kernel.energy == "exp" else LOG


@njit(**INLINE)
def _soften(q: float, eps2: float) -> float:
    """Return rho^2 of a squared distance, NaN for NaN."""
    return (SMALLEST if q < SMALLEST else q) + eps2


@njit(**OPTIONS)
def energies(code: int, s: float, eps2: float, values: Float, m: int) -> None:
    """Turn cosines (EXP) or squared distances (the others) into K in place."""
    apart()
    if code == EXP:
        for j in range(m):
            values[j] = exp(values[j])
    elif code == LOG:
        for j in range(m):
            values[j] = -0.5 * log(_soften(values[j], eps2))
    elif code == RIESZ_1:
        for j in range(m):
            values[j] = 1.0 / math.sqrt(_soften(values[j], eps2))
    elif code == RIESZ_2:
        for j in range(m):
            values[j] = 1.0 / _soften(values[j], eps2)
    elif code == MINUS_1:
        for j in range(m):
            values[j] = -math.sqrt(_soften(values[j], eps2))
    elif code == MINUS_2:
        for j in range(m):
            values[j] = -_soften(values[j], eps2)
    else:
        sign = 1.0 if s > 0.0 else -1.0
        for j in range(m):
            values[j] = sign * exp(-0.5 * s * log(_soften(values[j], eps2)))


@njit(**INLINE)
def _moved(still: float, moving: float, t: float, eps2: float) -> float:
    """Return rho^2 to a row one of whose coordinates has moved to t."""
    u = t - moving
    return _soften(still + u * u, eps2)


@njit(**INLINE)
def row_energies(
    code: int, s: float, eps2: float, t: float, scale: float, moving: Float, still: Float, out: Float, m: int
) -> None:
    """Write K of a row with all others, one of its coordinates at t (`lines.py`), in one loop."""
    if code == EXP:
        for j in range(m):
            out[j] = exp((still[j] + t * moving[j]) * scale)
    elif code == LOG:
        for j in range(m):
            out[j] = -0.5 * log(_moved(still[j], moving[j], t, eps2))
    elif code == RIESZ_1:
        for j in range(m):
            out[j] = 1.0 / math.sqrt(_moved(still[j], moving[j], t, eps2))
    elif code == RIESZ_2:
        for j in range(m):
            out[j] = 1.0 / _moved(still[j], moving[j], t, eps2)
    elif code == MINUS_1:
        for j in range(m):
            out[j] = -math.sqrt(_moved(still[j], moving[j], t, eps2))
    elif code == MINUS_2:
        for j in range(m):
            out[j] = -_moved(still[j], moving[j], t, eps2)
    else:
        sign = 1.0 if s > 0.0 else -1.0
        for j in range(m):
            out[j] = sign * exp(-0.5 * s * log(_moved(still[j], moving[j], t, eps2)))


@njit(**OPTIONS)
def energies_and_slopes(code: int, s: float, eps2: float, values: Float, slopes: Float, m: int) -> None:
    """Turn cosines or squared distances into K in place and write dK/d(argument) beside them."""
    apart()
    if code == EXP:
        for j in range(m):
            value = exp(values[j])
            values[j] = value
            slopes[j] = value
    elif code == LOG:
        for j in range(m):
            argument = _soften(values[j], eps2)
            values[j] = -0.5 * log(argument)
            slopes[j] = -0.5 / argument
    elif code == RIESZ_1:
        for j in range(m):
            argument = _soften(values[j], eps2)
            value = 1.0 / math.sqrt(argument)
            values[j] = value
            slopes[j] = -0.5 * value / argument
    elif code == RIESZ_2:
        for j in range(m):
            value = 1.0 / _soften(values[j], eps2)
            values[j] = value
            slopes[j] = -value * value
    elif code == MINUS_1:
        for j in range(m):
            value = math.sqrt(_soften(values[j], eps2))
            values[j] = -value
            slopes[j] = -0.5 / value
    elif code == MINUS_2:
        for j in range(m):
            values[j] = -_soften(values[j], eps2)
            slopes[j] = -1.0
    else:
        sign = 1.0 if s > 0.0 else -1.0
        for j in range(m):
            argument = _soften(values[j], eps2)
            value = sign * exp(-0.5 * s * log(argument))
            values[j] = value
            slopes[j] = -0.5 * s * value / argument
