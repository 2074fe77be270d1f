"""Sums and small dense products on vectors and matrices stored by blocks of eight: the engine's inner loops.

    dot, total       over rows of a multiple of 8 numbers
    product          out[r, c] = sum_l a[l a_step + r a_row] b[l, c]
    squared differences, squared lengths of vectors stored by axis, x_ik at [k m + i]

Each is a function of its own: a call costs two nanoseconds, a copy at every place that needs it costs seconds
of compilation.
"""

from __future__ import annotations

from superpos.fits.compiled.machine.columns import blend_columns, column_dots, scale_columns
from superpos.fits.compiled.machine.options import OPTIONS, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer
from superpos.fits.compiled.machine.vectors import (
    apart,
    cold,
    difference_rows,
    lane_dot,
    lane_total,
    product_rows,
)


@compiled(OPTIONS)
def dot(a: FloatPointer, a_at: int, b: FloatPointer, b_at: int, m: int) -> float:
    """Return sum of a[a_at + l] b[b_at + l] over l < m, m a multiple of 8."""
    apart()
    value: float = lane_dot(a, a_at, b, b_at, m)
    return value


@compiled(OPTIONS)
def total(a: FloatPointer, a_at: int, m: int) -> float:
    """Return sum of a[a_at + l] over l < m, m a multiple of 8."""
    apart()
    value: float = lane_total(a, a_at, m)
    return value


@compiled(OPTIONS)
def product(
    a: FloatPointer,
    a_step: int,
    a_row: int,
    b: FloatPointer,
    width: int,
    count: int,
    out: FloatPointer,
    n_rows: int,
) -> None:
    """Write out[r, c] = sum over l < count of a[l a_step + r a_row] b[l, c].

    Rows of b and out are `width` long; rows of out up to the next multiple of 4 are written.
    """
    apart()
    for row in range(0, n_rows, 4):
        for column in range(0, width, 8):
            at = row * width + column
            product_rows(a, row * a_row, a_step, a_row, b, column, width, count, out, at, width)


@compiled(OPTIONS)
def squared_differences(x: FloatPointer, out: FloatPointer, n: int, f: int, m: int) -> None:
    """Write ||x_i - x_j||^2, (m, m); rows up to the next multiple of 4 of n are written."""
    apart()
    for i in range(0, n, 4):
        for j in range(0, m, 8):
            difference_rows(x, i, m, 1, x, j, m, f, out, i * m + j, m)


@compiled(OPTIONS)
def squared_lengths(x: FloatPointer, out: FloatPointer, f: int, m: int) -> None:
    """Write ||x_i||^2 for rows stored by axis."""
    apart()
    column_dots(x, x, f, m, out)


@compiled(OPTIONS)
def scale(x: FloatPointer, factors: FloatPointer, f: int, m: int) -> None:
    """Multiply row i of vectors stored by axis by factors[i]."""
    apart()
    scale_columns(x, factors, f, m, x)


@compiled(OPTIONS)
def blend(
    a: FloatPointer, s: FloatPointer, b: FloatPointer, t: FloatPointer, f: int, m: int, out: FloatPointer
) -> None:
    """Write s_i a_i + t_i b_i for the rows of vectors stored by axis."""
    apart()
    blend_columns(a, s, b, t, f, m, out)


@compiled(OPTIONS)
def row_dots(a: FloatPointer, b: FloatPointer, f: int, m: int, out: FloatPointer) -> None:
    """Write <a_i, b_i> for the rows of vectors stored by axis."""
    apart()
    column_dots(a, b, f, m, out)


@compiled(OPTIONS)
def transpose(rows: FloatPointer, x: FloatPointer, n: int, f: int, m: int) -> None:
    """Store a point given as rows, (n f,), by axis."""
    cold()
    for i in range(n):
        for k in range(f):
            x[k * m + i] = rows[i * f + k]


@compiled(OPTIONS)
def copy(source: FloatPointer, out: FloatPointer, size: int) -> None:
    """Copy a vector."""
    apart()
    for j in range(size):
        out[j] = source[j]
