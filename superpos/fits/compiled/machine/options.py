"""How functions of the engine are compiled: sets of numba's options, each with a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit, types

Function = TypeVar("Function", bound=Callable[..., Any])

ENTRY = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
"""How entry points are compiled: strict IEEE (no fast-math flag), GIL released, no check of 1/0, cached on
disk. They allocate nothing and count no references: at every call that costs as much as the arithmetic."""
OPTIONS = {**{key: ENTRY[key] for key in ENTRY if key != "cache"}, "no_cpython_wrapper": True}
"""For functions called from compiled code only; the cached entry points contain them."""
INLINE = {**OPTIONS, "forceinline": True}
"""For small functions inside hot loops."""
PASTE = {**OPTIONS, "inline": "always"}
"""For parts of a larger function that are called from one place: pasted before types are inferred. Each
function that is compiled by itself compiles all that it calls once more, so few levels are minutes cheaper
than many."""


def compiled(options: dict[str, Any]) -> Callable[[Function], Function]:
    """Return the decorator that compiles a function so; the type checker goes on seeing the function.

    numba compiles a function once more for every literal that it is called with, `f(x, 0)` beside `f(x, i)`.
    Nothing here reads a literal as such, so all calls share one compilation.
    """

    def decorate(function: Function) -> Function:
        dispatcher: Any = njit(**options)(function)
        resolve = dispatcher.get_call_template
        dispatcher.get_call_template = lambda arguments, keywords: resolve(
            tuple(map(types.unliteral, arguments)),
            {name: types.unliteral(kind) for name, kind in keywords.items()},
        )
        result: Function = dispatcher
        return result

    return decorate
