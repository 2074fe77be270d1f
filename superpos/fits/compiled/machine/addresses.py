"""Calls of compiled functions by address: how the engine evaluates kinds that its cached code does not know.

A table is an array of addresses, and the address of the table is the one integer that names a kind. All
functions behind a table have one signature,

    void f(double x0, double x1, double x2, double x3, double *p0, ..., double *p4, int64 m)

of which each reads what it needs. Whoever makes a table keeps it and its functions alive.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it has no type hints
from numba import types
from numba.extending import intrinsic

from superpos.fits.compiled.machine.vectors import DOUBLE, INT, pointer_to

N_NUMBERS, N_POINTERS = 4, 5
SIGNATURE = types.void(
    *[types.float64] * N_NUMBERS, *[types.CPointer(types.float64)] * N_POINTERS, types.int64
)
"""Of the functions behind a table, for `numba.cfunc`."""


@intrinsic
def call(
    typing_context: Any, table: Any, slot: Any, x0: Any, x1: Any, x2: Any, x3: Any, p0: Any, p1: Any, p2: Any,
    p3: Any, p4: Any, m: Any
) -> Any:  # fmt: skip
    """Call the function in a slot of the table at an address."""
    del typing_context, table, slot, x0, x1, x2, x3, m

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = DOUBLE.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [DOUBLE] * N_NUMBERS + [pointer] * N_POINTERS + [INT])
        start = builder.inttoptr(arguments[0], INT.as_pointer())
        address = builder.load(builder.gep(start, [arguments[1]]))
        pointers = [pointer_to(context, builder, signature, arguments, k) for k in range(6, 11)]
        builder.call(
            builder.inttoptr(address, kind.as_pointer()), [*arguments[2:6], *pointers, arguments[11]]
        )
        return context.get_dummy_value()

    i, x = types.int64, types.float64
    return types.void(i, i, x, x, x, x, p0, p1, p2, p3, p4, i), generate
