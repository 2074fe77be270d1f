"""K = exp(-rho^2 / t) = exp(-a / t), a = rho^2 = r^2 + eps^2: a Gaussian of the distance, of width t.

    phi' = 2 b K / t    phi'' = 2 b phi' / t    force = 2 n_i rho K / t

It is bounded, its diagonal 1, and it sees distances up to some sqrt(t) only, where `log` and `riesz` reach
everywhere. t is in squared units of length. Small t counts the nearest pair alone: a best packing. The
uniformity of Wang and Isola (2020) is the logarithm of its mean at t = 1/2.

Source: H. Cohn, A. Kumar, Universally optimal distribution of points on spheres (2007); every completely
monotonic energy of squared distances is a mixture of these (Bernstein).
"""

from __future__ import annotations

from typing import Any

from superpos.kinds.energies import Energy, Form, Parameter
from superpos.kinds.points import exp


def value(a: Any, s: float) -> Any:
    """Return exp(-a / t)."""
    return exp(-a / s)


def slope(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001 (one signature for all energies)
    """Return -K / t."""
    return -value / s


def bend(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return K / t^2."""
    return value / (s * s)


KIND = Energy(
    name="gauss",
    version=1,
    meaning="A Gaussian of the distance of two vectors; its diagonal is included.",
    rank=3,
    formula="exp(-r²/t)",
    argument="squared_distance",
    value=value,
    slope=slope,
    bend=bend,
    default_self_energy="include",
    parameter=Parameter(
        name="t",
        meaning="width, a squared length in units of the start radius",
        low=0.01,
        high=1000.0,
        refused=((0.0, "0 is no width of the gauss energy; write 'gauss:<t>' with t from 0.01 to 1000"),),
        samples=(0.5, 2.0, 8.0),
    ),
    forms=(Form(when=lambda _: True, value=value, slope=slope),),
)
