"""Tiles of matrix products in registers, written in the compiler's intermediate representation.

A tile adds `rows` x (`vectors` registers of 64 bytes) entries of a product in the order of k,

    C[r, v] = fma(A[r, K - 1], B[K - 1, v], ... fma(A[r, 0], B[0, v], C[r, v])),

each fused multiply-add rounded once. Entries are independent of each other, so that a tile's shape moves no
bit. BLAS has no such product of a tall matrix with a thin one: it copies both into packed buffers first,
which takes as long as the product (Goto and van de Geijn 2008, Anatomy of high-performance matrix
multiplication, section 4).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

REGISTER = 64
"""Bytes of a register; a compiler for narrower ones takes several."""
_INDEX, _LANE = ir.IntType(64), ir.IntType(32)


def make_tile(rows: int, vectors: int, *, scalar: bool = False) -> Any:
    """Return a tile as a function of compiled code; with `scalar`, of single entries in place of registers.

    Its arguments are a matrix whose type of entries counts, the address of A, its strides of a row and of k,
    the address of B, its stride of k, the address of C, its stride of a row (strides in entries), and K.
    """

    def tile(_context: Any, like: Any, *_given: Any) -> Any:
        size = like.dtype.bitwidth // 8
        lanes = 1 if scalar else REGISTER // size
        element = ir.FloatType() if size == 4 else ir.DoubleType()
        register = element if lanes == 1 else ir.VectorType(element, lanes)
        name = f"llvm.fma.{'' if lanes == 1 else f'v{lanes}'}f{8 * size}"
        shape = ir.FunctionType(register, [register] * 3)

        def generate(context: Any, build: Any, _signature: Any, given: Any) -> Any:
            left, row_stride, k_stride, right, right_stride, out, out_stride, count = given[1:]
            left, right, out = (build.inttoptr(one, element.as_pointer()) for one in (left, right, out))
            fma = cgutils.get_or_insert_function(build.module, shape, name)

            def places(base: Any) -> list[Any]:
                return [
                    build.bitcast(build.gep(base, [_INDEX(lanes * v)]), register.as_pointer())
                    for v in range(vectors)
                ]

            targets = [places(build.gep(out, [build.mul(out_stride, _INDEX(r))])) for r in range(rows)]
            sums = [
                [cgutils.alloca_once_value(build, build.load(place, align=size)) for place in row]
                for row in targets
            ]
            with cgutils.for_range(build, count) as loop:
                ahead = places(build.gep(right, [build.mul(loop.index, right_stride)]))
                entries = [build.load(place, align=size) for place in ahead]
                column = build.gep(left, [build.mul(loop.index, k_stride)])
                for r, row in enumerate(sums):
                    factor = build.load(build.gep(column, [build.mul(row_stride, _INDEX(r))]), align=size)
                    if lanes > 1:
                        factor = _in_all_lanes(build, factor, register)
                    for entry, total in zip(entries, row, strict=True):
                        build.store(build.call(fma, [factor, entry, build.load(total)]), total)
            for places_of_row, row in zip(targets, sums, strict=True):
                for place, total in zip(places_of_row, row, strict=True):
                    build.store(build.load(total), place, align=size)
            return context.get_dummy_value()

        return types.void(like, *[types.intp] * 8), generate

    # The compiler reads the names of the arguments.
    def typed(
        typingctx: Any,
        like: Any,
        left: Any,
        row_stride: Any,
        k_stride: Any,
        right: Any,
        right_stride: Any,
        out: Any,
        out_stride: Any,
        count: Any,
    ) -> Any:
        return tile(typingctx, like, left, row_stride, k_stride, right, right_stride, out, out_stride, count)

    return intrinsic(typed)


def _in_all_lanes(build: Any, entry: Any, register: Any) -> Any:
    empty = ir.Constant(register, ir.Undefined)
    lanes = ir.Constant(ir.VectorType(_LANE, register.count), [0] * register.count)
    return build.shuffle_vector(build.insert_element(empty, entry, _LANE(0)), empty, lanes)
