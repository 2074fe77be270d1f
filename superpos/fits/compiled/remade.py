"""Point functions of kinds (`superpos/kinds/points.py`), made again for compiled code.

The code object stays; its globals and closure get the engine's `exp`, `log`, `power` and `sqrt` in the place
of NumPy's, and compiled copies of other functions that it calls. A kind's formula thus stands once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import CellType, FunctionType
from typing import Any

from superpos.fits.compiled.machine import elementary
from superpos.fits.compiled.machine.options import INLINE, compiled
from superpos.kinds import points


@compiled(INLINE)
def power(a: float, exponent: float) -> float:
    """Return a to this power, a positive."""
    return elementary.exp(exponent * elementary.log(a))


ENGINE: Mapping[Any, Any] = {
    points.exp: elementary.exp, points.log: elementary.log, points.sqrt: math.sqrt, points.power: power
}  # fmt: skip
"""What stands in compiled loops for the functions of `points`."""
LIBRARY: Mapping[Any, Any] = {
    points.exp: math.exp, points.log: math.log, points.sqrt: math.sqrt, points.power: math.pow
}  # fmt: skip
"""The C library's, for what is computed too seldom to be worth a vector."""


def remade(function: Callable[..., Any], names: Mapping[Any, Any] = ENGINE) -> Any:
    """Return a function compiled with other elementary functions, to be called from compiled code.

    Parameters
    ----------
    function
        A plain function of numbers; see `superpos/kinds/points.py`.
    names
        What stands for the functions of that module.
    """
    return compiled(INLINE)(_replaced(function, names))


def _replaced(function: Any, names: Mapping[Any, Any]) -> FunctionType:
    if not isinstance(function, FunctionType):
        raise TypeError(f"{function!r} is no plain function")
    code, scope = function.__code__, function.__globals__
    changed = {name: _other(scope[name], names) for name in code.co_names if name in scope}
    cells = tuple(CellType(_other(cell.cell_contents, names)) for cell in function.__closure__ or ())
    return FunctionType(code, {**scope, **changed}, function.__name__, function.__defaults__, cells)


def _other(value: Any, names: Mapping[Any, Any]) -> Any:
    """Return what stands for a value in compiled code."""
    for known, other in names.items():
        if value is known:
            return other
    return remade(value, names) if isinstance(value, FunctionType) else value
