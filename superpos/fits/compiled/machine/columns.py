"""Vector building blocks on vectors stored by axis, (f, m) with rows as columns: sums and sums of multiples.

    column dots      out[j] = sum_k a[k, j] b[k, j]
    scale columns    out[k, j] = a[k, j] s[j]
    blend columns    out[k, j] = a[k, j] s[j] + b[k, j] t[j]

Eight columns at a time with their factors in registers, all coordinates k in turn. The order of the sums is
written down, as in `vectors.py`.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from superpos.fits.compiled.machine.vectors import (
    INT,
    LANES,
    ROWS,
    counted_loop,
    fuse_lanes,
    load_lanes,
    pointer_to,
    store_lanes,
    zero_lanes,
)


@intrinsic
def column_dots(typing_context: Any, a: Any, b: Any, f: Any, m: Any, out: Any) -> Any:
    """Write out[j] = sum over k < f of a[k m + j] b[k m + j]."""
    del typing_context, f, m

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right, target = (pointer_to(context, builder, signature, arguments, k) for k in (0, 1, 4))
        _, _, f, m, _ = arguments
        blocks = builder.and_(f, INT(-ROWS))

        def add(row: Any, column: Any, sum_: Any) -> None:
            at = builder.add(builder.mul(row, m), column)
            x, y = load_lanes(builder, left, at), load_lanes(builder, right, at)
            builder.store(fuse_lanes(builder, x, y, builder.load(sum_)), sum_)

        sums = [cgutils.alloca_once(builder, zero_lanes().type) for _ in range(ROWS)]
        with counted_loop(builder, INT(0), m, LANES) as column:
            for sum_ in sums:
                builder.store(zero_lanes(), sum_)
            with counted_loop(builder, INT(0), blocks, ROWS) as row:
                for k, sum_ in enumerate(sums):
                    add(builder.add(row, INT(k)), column, sum_)
            with counted_loop(builder, blocks, f, 1) as row:
                add(row, column, sums[0])
            first, second, third, fourth = (builder.load(sum_) for sum_ in sums)
            total = builder.fadd(builder.fadd(first, third), builder.fadd(second, fourth))
            store_lanes(builder, total, target, column)
        return context.get_dummy_value()

    return types.void(a, b, types.int64, types.int64, out), generate


@intrinsic
def scale_columns(typing_context: Any, a: Any, s: Any, f: Any, m: Any, out: Any) -> Any:
    """Write out[k m + j] = a[k m + j] s[j]."""
    del typing_context, f, m

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, factors, target = (pointer_to(context, builder, signature, arguments, k) for k in (0, 1, 4))
        _, _, f, m, _ = arguments
        with counted_loop(builder, INT(0), m, LANES) as column:
            factor = load_lanes(builder, factors, column)
            with counted_loop(builder, INT(0), f, 1) as row:
                at = builder.add(builder.mul(row, m), column)
                store_lanes(builder, builder.fmul(load_lanes(builder, source, at), factor), target, at)
        return context.get_dummy_value()

    return types.void(a, s, types.int64, types.int64, out), generate


@intrinsic
def blend_columns(
    typing_context: Any, a: Any, s: Any, b: Any, t: Any, f: Any, m: Any, out: Any
) -> Any:  # fmt: skip
    """Write out[k m + j] = a[k m + j] s[j] + b[k m + j] t[j]."""
    del typing_context, f, m

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, s, b, t, out = (pointer_to(context, builder, signature, arguments, k) for k in (0, 1, 2, 3, 6))
        _, _, _, _, f, m, _ = arguments
        with counted_loop(builder, INT(0), m, LANES) as column:
            first, second = load_lanes(builder, s, column), load_lanes(builder, t, column)
            with counted_loop(builder, INT(0), f, 1) as row:
                at = builder.add(builder.mul(row, m), column)
                other = builder.fmul(load_lanes(builder, b, at), second)
                store_lanes(builder, fuse_lanes(builder, load_lanes(builder, a, at), first, other), out, at)
        return context.get_dummy_value()

    return types.void(a, s, b, t, types.int64, types.int64, out), generate
