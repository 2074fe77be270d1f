"""Energies and similarities from elsewhere in the engine: their loops, compiled when they are first used.

The cached engine calls them through a table of addresses (`machine/addresses.py`), so it serves every kind
as it is; only these small loops are compiled, once a process and form.

    slot      numbers              pointers                                        does
    VALUES    s, eps^2             a                                               a -> K
    SLOPES    s, eps^2             a, out                                          a -> K, out = dK/da
    ROW       s, eps^2, t, scale   moving, still, out                              out = K of one row
    SPHERES   s, n_i               K, a, n_i n_j, out, out                         phi', a -> phi'', force

    slot      numbers              pointers                                        does, for a similarity
    VALUES    rate                 a, out                                          out = S
    PULLS     factor, rate         a, S, out                                       out -> factor out dS/dx

`a` are cosines, or squared distances that energies floor and soften here (but on the spheres, where
they are so already). What a point function must be says `superpos/kinds/points.py`.
"""

# ruff: noqa: ARG001 - functions behind a table of addresses have one signature

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cfunc

from superpos.arrays import Float, Int
from superpos.errors import InputError, plain, shown
from superpos.fits.compiled.machine.addresses import SIGNATURE
from superpos.fits.compiled.machine.elementary import SMALLEST
from superpos.fits.compiled.machine.options import ENTRY, INLINE, compiled
from superpos.fits.compiled.remade import remade
from superpos.kinds.energies import ENERGIES, Energy, Form
from superpos.kinds.register import Register
from superpos.kinds.similarities import SIMILARITIES, Similarity
from superpos.specs.axes import Kernel

VALUES, SLOPES, ROW, SPHERES = range(4)
"""Slots of an energy's table."""
PULLS = 1
"""Slot of a similarity's table beside VALUES."""

_HOW = {key: ENTRY[key] for key in ("nogil", "error_model", "_nrt")}
_tables: dict[tuple[int, int], tuple[Int, Any]] = {}
"""By kind and form, with all that must stay alive as long as the process."""


def table_of(kernel: Kernel) -> int:
    """Return the address of the table of a kernel's energy.

    Raises
    ------
    InputError
        If numba cannot compile one of its point functions; names the energy and where it is from.
    """
    energy = kernel.kind
    place = next((k for k, form in enumerate(energy.forms) if form.when(kernel.s)), -1)
    return _table(ENERGIES, kernel.energy, place, lambda: _loops(energy, energy.form(kernel.s)))


def similarity_table(name: str) -> int:
    """Return the address of the table of a similarity; raises `InputError` as `table_of` does."""
    kind = SIMILARITIES.get(name)
    return _table(SIMILARITIES, name, 0, lambda: _similarity_loops(kind))


def _table(register: Register[Any], name: str, place: int, compiled: Callable[[], list[Any]]) -> int:
    kind = register.get(name)
    key = id(kind), place
    if key not in _tables:
        try:
            functions = compiled()
        except Exception as error:  # whatever numba raises
            origin = register.origin(name)
            where = f"{origin.label}: " if origin else ""
            said = plain(" ".join(str(error).split()), 500)
            raise InputError(f"{where}{register.what} {shown(name)} cannot be compiled: {said}") from error
        addresses = np.array([function.address for function in functions], dtype=np.int64)
        # A second thread may have been faster: the first table stays, for its address may be in use.
        _tables.setdefault(key, (addresses, (functions, kind)))
    return int(_tables[key][0].ctypes.data)


@compiled(INLINE)
def _cosine(a: float, eps2: float) -> float:
    return a


@compiled(INLINE)
def _distance(q: float, eps2: float) -> float:
    return (SMALLEST if q < SMALLEST else q) + eps2


@compiled(INLINE)
def _turned(still: float, moving: float, t: float, scale: float) -> float:
    return (still + t * moving) * scale


@compiled(INLINE)
def _moved(still: float, moving: float, t: float, scale: float) -> float:
    u = t - moving
    return still + u * u


def _loops(energy: Energy, form: Form) -> list[Any]:
    """Return the functions of a table, compiled."""
    value, slope = remade(form.value), remade(form.slope)
    _, first, second, force = (remade(function) for function in energy.on_spheres(form))
    argument, moved = (_cosine, _turned) if energy.angular else (_distance, _moved)

    @cfunc(SIGNATURE, **_HOW)
    def values(
        s: float, eps2: float, x2: float, x3: float, a: Float, p1: Float, p2: Float, p3: Float, p4: Float,
        m: int
    ) -> None:  # fmt: skip
        for j in range(m):
            a[j] = float(value(argument(a[j], eps2), s))

    @cfunc(SIGNATURE, **_HOW)
    def slopes(
        s: float, eps2: float, x2: float, x3: float, a: Float, out: Float, p2: Float, p3: Float, p4: Float,
        m: int
    ) -> None:  # fmt: skip
        for j in range(m):
            x = argument(a[j], eps2)
            k = float(value(x, s))
            a[j] = k
            out[j] = float(slope(x, s, k))

    @cfunc(SIGNATURE, **_HOW)
    def row(
        s: float, eps2: float, t: float, scale: float, moving: Float, still: Float, out: Float, p3: Float,
        p4: Float, m: int
    ) -> None:  # fmt: skip
        for j in range(m):
            x = argument(moved(still[j], moving[j], t, scale), eps2)
            out[j] = float(value(x, s))

    @cfunc(SIGNATURE, **_HOW)
    def spheres(
        s: float, own: float, x2: float, x3: float, k: Float, a: Float, pairs: Float, slope: Float,
        force_: Float, m: int
    ) -> None:  # fmt: skip
        for j in range(m):
            x, b, v = a[j], pairs[j], k[j]
            phi = float(first(x, b, 1.0, s, v))
            slope[j] = phi
            a[j] = float(second(x, b, 1.0, s, v, phi))
            force_[j] = float(force(x, own, s, v))

    return [values, slopes, row, spheres]


def _similarity_loops(kind: Similarity) -> list[Any]:
    """Return the functions of a similarity's table, compiled."""
    value, slope = remade(kind.value), remade(kind.slope)
    angular = kind.angular

    @cfunc(SIGNATURE, **_HOW)
    def values(
        rate: float, x1: float, x2: float, x3: float, a: Float, out: Float, p2: Float, p3: Float, p4: Float,
        m: int
    ) -> None:  # fmt: skip
        for j in range(m):
            out[j] = float(value(a[j] if angular else a[j] * rate))

    @cfunc(SIGNATURE, **_HOW)
    def pulls(
        factor: float, rate: float, x2: float, x3: float, a: Float, s: Float, out: Float, p3: Float,
        p4: Float, m: int
    ) -> None:  # fmt: skip
        for j in range(m):
            out[j] = factor * out[j] * float(slope(a[j] if angular else a[j] * rate, s[j]))

    return [values, pulls]
