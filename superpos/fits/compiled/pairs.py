"""Pair energies on whole arrays: the branch on the kernel lies outside the loop, the loop is vectorised.

The loops are written here from the point functions of the kinds (`superpos.kinds.energies`): each form of
each of the project's own energies has a code and a branch,

    a = cos(x, y)  or  rho^2 = max(r^2, TINY) + eps^2,   K = value(a, s),   dK/da = slope(a, s, K)

and a code from `branches.OUTSIDE` on is the address of a table of functions of an energy from elsewhere
(`outside.py`). The floor is that of the NumPy objective: coincident vectors get a huge energy rather than a
division by zero, and the logarithm never meets a subnormal number.
"""

from __future__ import annotations

from typing import Any

from superpos.fits.compiled.branches import BRANCHES, Branch, Text, own_code, written
from superpos.fits.compiled.machine.addresses import call
from superpos.fits.compiled.machine.elementary import SMALLEST
from superpos.fits.compiled.machine.options import INLINE, OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import part
from superpos.fits.compiled.machine.vectors import apart
from superpos.fits.compiled.outside import ROW, SLOPES, SPHERES, VALUES, table_of
from superpos.fits.compiled.remade import LIBRARY
from superpos.specs.axes import Kernel


def kernel_code(kernel: Kernel) -> int:
    """Return the code of a kernel; raises `InputError` for an energy that cannot be compiled."""
    code = own_code(kernel)
    return table_of(kernel) if code is None else code


@compiled(INLINE)
def soften(q: float, eps2: float) -> float:
    """Return rho^2 of a squared distance, NaN for NaN."""
    return (SMALLEST if q < SMALLEST else q) + eps2


@compiled(INLINE)
def moved(still: float, moving: float, t: float, eps2: float) -> float:
    """Return rho^2 to a row one of whose coordinates has moved to t."""
    u = t - moving
    return soften(still + u * u, eps2)


_SCOPE = {
    "apart": apart, "call": call, "soften": soften, "moved": moved, "VALUES": VALUES, "SLOPES": SLOPES,
    "ROW": ROW, "SPHERES": SPHERES, "part": part,
}  # fmt: skip


def _values(branch: Branch, text: Text) -> str:
    value = text.name(branch.form.value)
    a = "values[j]" if branch.energy.angular else "soften(values[j], eps2)"
    return f"for j in range(m):\n    values[j] = {value}({a}, s)"


def _row(branch: Branch, text: Text) -> str:
    value = text.name(branch.form.value)
    angular = branch.energy.angular
    a = "(still[j] + t * moving[j]) * scale" if angular else "moved(still[j], moving[j], t, eps2)"
    return f"for j in range(m):\n    out[j] = {value}({a}, s)"


def _slopes(branch: Branch, text: Text) -> str:
    value, slope = text.name(branch.form.value), text.name(branch.form.slope)
    a = "values[j]" if branch.energy.angular else "soften(values[j], eps2)"
    return (
        f"for j in range(m):\n    a = {a}\n    value = {value}(a, s)\n    values[j] = value\n"
        f"    slopes[j] = {slope}(a, s, value)"
    )


def _spheres(branch: Branch, text: Text) -> str:
    _, first, second, force = branch.energy.on_spheres(branch.form)
    a = "cosines[j]" if branch.energy.angular else "bend[j]"
    return (
        f"for j in range(m):\n    a, b, value = {a}, pairs[j], values[j]\n"
        f"    phi = {text.name(first)}(a, b, 1.0, s, value)\n    slope[j] = phi\n"
        f"    force[j] = {text.name(force)}(a, own, s, value)\n"
        f"    bend[j] = {text.name(second)}(a, b, 1.0, s, value, phi)"
    )


def _steepness(branch: Branch, text: Text) -> str:
    value, first, _, force = branch.energy.on_spheres(branch.form)
    a = "cosine" if branch.energy.angular else "rho2"
    return (
        f"value = {text.name(value, LIBRARY)}({a}, s)\n"
        f"slope = {text.name(first)}({a}, own, other, s, value)\n"
        f"share = {text.name(force)}({a}, own, s, value)"
    )


energies: Any = compiled(OPTIONS)(
    written(
        "energies(code, s, eps2, values, m)",
        BRANCHES,
        _values,
        "call(code, VALUES, s, eps2, 0.0, 0.0, values, values, values, values, values, m)",
        _SCOPE,
        first="apart()",
    )
)
"""Turn cosines or squared distances into K in place."""

row_energies: Any = compiled(INLINE)(
    written(
        "row_energies(code, s, eps2, t, scale, moving, still, out, m)",
        BRANCHES,
        _row,
        "call(code, ROW, s, eps2, t, scale, moving, still, out, out, out, m)",
        _SCOPE,
    )
)
"""Write K of a row with all others, one of its coordinates at t (`lines.py`), in one loop."""

energies_and_slopes: Any = compiled(OPTIONS)(
    written(
        "energies_and_slopes(code, s, eps2, values, slopes, m)",
        BRANCHES,
        _slopes,
        "call(code, SLOPES, s, eps2, 0.0, 0.0, values, slopes, slopes, slopes, slopes, m)",
        _SCOPE,
        first="apart()",
    )
)
"""Turn cosines or squared distances into K in place and write dK/d(argument) beside them."""

sphere_row: Any = compiled(PASTE)(
    written(
        "sphere_row(code, s, own, pairs, values, cosines, bend, slope, force, angular, m)",
        BRANCHES,
        _spheres,
        "if angular == 1:\n    for j in range(m):\n        bend[j] = cosines[j]\n"
        "call(code, SPHERES, s, own, 0.0, 0.0, values, bend, pairs, slope, force, m)",
        _SCOPE,
    )
)
"""Write phi', phi'' and forces of a row from K; `bend` holds rho^2 before and phi'' after."""

steepness: Any = compiled(PASTE)(
    written(
        "steepness(code, s, own, other, rho2, cosine, angular, buffer)",
        BRANCHES,
        _steepness,
        "buffer[0] = buffer[1] = cosine if angular == 1 else rho2\nbuffer[2] = own * other\n"
        "call(code, VALUES, s, 0.0, 0.0, 0.0, buffer, buffer, buffer, buffer, buffer, 1)\n"
        "call(code, SPHERES, s, own, 0.0, 0.0, buffer, part(buffer, 1), part(buffer, 2), part(buffer, 3), "
        "part(buffer, 4), 1)\nslope = buffer[3]\nshare = buffer[4]",
        _SCOPE,
        first="slope = 0.0\nshare = 0.0",
        last="return slope, share",
    )
)
"""Return phi' and the force of one pair, by the C library's functions; `buffer`: 5 numbers."""
