"""Elementary functions that point functions are made of: NumPy's here, the engine's own in compiled loops.

A point function is written once, in terms of these names, `abs`, comparisons of its parameter and arithmetic.
The compiled engine makes it again with its own `exp`, `log`, `power` and `sqrt` in the place of these (found
by identity, under whatever name they are imported), so it must be a plain function, or one line of `lambda`,
of numbers; functions that it calls are made again too. What numba cannot compile is refused when it is used.
"""

from __future__ import annotations

from typing import Any

from numpy import exp, log, sqrt

__all__ = ["exp", "log", "power", "sqrt"]


def power(a: Any, exponent: float) -> Any:
    """Return a to this power, elementwise; the engine takes exp(exponent log a)."""
    return a**exponent
