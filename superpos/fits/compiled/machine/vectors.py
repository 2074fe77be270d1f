"""Vector building blocks: fixed-order sums and small dense products on blocks of eight doubles.

    lane dot             sum_l a[l] b[l]
    lane total           sum_l a[l]
    product rows         out[r, b] = sum_l a[l, r] b[l, b]
    squared differences  out[r, b] = sum_l (a[l, r] - b[l, b])^2

LLVM may not reorder a floating-point sum, so a plain loop over a sum runs at the latency of one addition. The
order is therefore written down here: eight (or 32) partial sums, each a strict IEEE chain of fused
multiply-adds, added up in a fixed tree. The bits depend neither on the width of the machine's vector unit nor
on a fast-math flag (none is used anywhere in the engine); machines without fused multiply-add are slow, not
different. Lengths are multiples of 8: rows are padded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it has no type hints
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from superpos.fits.compiled.machine.pointers import data_of

LANES = 8
"""Doubles in a block; every row length is a multiple of it."""
ROWS = 4
"""Rows that one call of a product kernel fills: four independent chains hide the latency."""

DOUBLE = ir.DoubleType()
VECTOR = ir.VectorType(DOUBLE, LANES)
INT = ir.IntType(64)


@intrinsic
def float_bits(typing_context: Any, x: Any) -> Any:
    """Return the bits of a double as a 64-bit integer."""
    del typing_context, x
    return types.int64(types.float64), _cast(INT)


@intrinsic
def bits_float(typing_context: Any, bits: Any) -> Any:
    """Return the double with these bits."""
    del typing_context, bits
    return types.float64(types.int64), _cast(DOUBLE)


@intrinsic
def fused(typing_context: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x y + z rounded once."""
    del typing_context, x, y, z

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@intrinsic
def apart(typing_context: Any) -> Any:
    """Keep the function that calls this a function of its own: inlined at every call it compiles for long."""
    del typing_context

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature, arguments
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def cold(typing_context: Any) -> Any:
    """Keep the calling function apart and small: it runs too seldom to be worth compiling for long."""
    del typing_context

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature, arguments
        builder.function.attributes.add("noinline")
        builder.function.attributes.add("optsize")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def lane_dot(typing_context: Any, a: Any, a_at: Any, b: Any, b_at: Any, m: Any) -> Any:
    """Return sum of a[a_at + l] b[b_at + l] over l < m, m a multiple of 8."""
    del typing_context, a_at, b_at, m

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, a_at, _, b_at, m = arguments
        left, right = (pointer_to(context, builder, signature, arguments, k) for k in (0, 2))

        def step(at: Any, sum_: Any) -> Any:
            x = load_lanes(builder, left, builder.add(a_at, at))
            y = load_lanes(builder, right, builder.add(b_at, at))
            return fuse_lanes(builder, x, y, sum_)

        return _reduce(builder, m, step)

    return types.float64(a, types.int64, b, types.int64, types.int64), generate


@intrinsic
def lane_total(typing_context: Any, a: Any, a_at: Any, m: Any) -> Any:
    """Return sum of a[a_at + l] over l < m, m a multiple of 8."""
    del typing_context, a_at, m

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, a_at, m = arguments
        data = pointer_to(context, builder, signature, arguments, 0)

        def step(at: Any, sum_: Any) -> Any:
            return builder.fadd(sum_, load_lanes(builder, data, builder.add(a_at, at)))

        return _reduce(builder, m, step)

    return types.float64(a, types.int64, types.int64), generate


@intrinsic
def product_rows(
    typing_context: Any, a: Any, a_at: Any, a_step: Any, a_row: Any, b: Any, b_at: Any, b_step: Any,
    count: Any, out: Any, out_at: Any, out_row: Any,
) -> Any:  # fmt: skip
    """Fill out[out_at + r out_row + c] = sum_l a[a_at + l a_step + r a_row] b[b_at + l b_step + c].

    For r < 4, c < 8 and l < count.
    """
    del typing_context, a_at, a_step, a_row, b_at, b_step, count, out_at, out_row

    def accumulate(builder: Any, left: Any, right: Any, sum_: Any) -> Any:
        return fuse_lanes(builder, left, right, sum_)

    return _rows_signature(a, b, out), _rows(accumulate)


@intrinsic
def difference_rows(
    typing_context: Any, a: Any, a_at: Any, a_step: Any, a_row: Any, b: Any, b_at: Any, b_step: Any,
    count: Any, out: Any, out_at: Any, out_row: Any,
) -> Any:  # fmt: skip
    """Fill out[...] as `product_rows` does, with (a - b)^2 in the place of a b."""
    del typing_context, a_at, a_step, a_row, b_at, b_step, count, out_at, out_row

    def accumulate(builder: Any, left: Any, right: Any, sum_: Any) -> Any:
        difference = builder.fsub(left, right)
        return fuse_lanes(builder, difference, difference, sum_)

    return _rows_signature(a, b, out), _rows(accumulate)


@intrinsic
def pull_rows(
    typing_context: Any, a: Any, a_at: Any, a_step: Any, a_row: Any, b: Any, b_at: Any, b_step: Any,
    count: Any, out: Any, out_at: Any, out_row: Any,
) -> Any:  # fmt: skip
    """Fill out[...] as `product_rows` does, with (a - a[out_at + r a_row + c]) b in the place of a b.

    `a` and `out` are laid out alike, so that column c of both lies at the same place.
    """
    del typing_context, a_at, a_step, a_row, b_at, b_step, count, out_at, out_row

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, a_at, a_step, a_row, _, b_at, b_step, count, _, out_at, out_row = arguments
        a, b, out = (pointer_to(context, builder, signature, arguments, k) for k in (0, 4, 8))
        starts = [builder.mul(INT(row), a_row) for row in range(ROWS)]
        own = [load_lanes(builder, a, builder.add(out_at, start)) for start in starts]
        sums = [cgutils.alloca_once_value(builder, zero_lanes()) for _ in range(ROWS)]
        with counted_loop(builder, INT(0), count, 1) as index:
            right = load_lanes(builder, b, builder.add(b_at, builder.mul(index, b_step)))
            at = builder.add(a_at, builder.mul(index, a_step))
            for row, sum_ in enumerate(sums):
                left = builder.fsub(_splat(builder, a, builder.add(at, starts[row])), own[row])
                builder.store(fuse_lanes(builder, left, right, builder.load(sum_)), sum_)
        for row, sum_ in enumerate(sums):
            at = builder.add(out_at, builder.mul(INT(row), out_row))
            store_lanes(builder, builder.load(sum_), out, at)
        return context.get_dummy_value()

    return _rows_signature(a, b, out), generate


def _cast(to: Any) -> Callable[..., Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.bitcast(arguments[0], to)

    return generate


def pointer_to(context: Any, builder: Any, signature: Any, arguments: Any, position: int) -> Any:
    """Return the LLVM pointer of an argument that is an array or a pointer."""
    return data_of(context, builder, signature.args[position], arguments[position])


def load_lanes(builder: Any, data: Any, at: Any) -> Any:
    """Emit the load of data[at : at + 8]."""
    address = builder.bitcast(builder.gep(data, [at]), VECTOR.as_pointer())
    return builder.load(address, align=8)


def store_lanes(builder: Any, lanes: Any, data: Any, at: Any) -> None:
    """Emit the store of eight numbers to data[at : at + 8]."""
    address = builder.bitcast(builder.gep(data, [at]), VECTOR.as_pointer())
    builder.store(lanes, address, align=8)


def _splat(builder: Any, data: Any, at: Any) -> Any:
    value = builder.load(builder.gep(data, [at]))
    single = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(single, ir.Constant(VECTOR, ir.Undefined), mask)


def fuse_lanes(builder: Any, x: Any, y: Any, z: Any) -> Any:
    """Emit x y + z, rounded once."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return builder.call(
        cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f64"), (x, y, z)
    )


@contextmanager
def counted_loop(builder: Any, start: Any, stop: Any, step: int) -> Iterator[Any]:
    """Emit a counted loop that is not unrolled: latency binds its chains, and code takes time to compile."""
    before = builder.block
    head, body, end = (builder.append_basic_block(name) for name in ("loop", "body", "end"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(INT)
    index.add_incoming(start, before)
    builder.cbranch(builder.icmp_signed("<", index, stop), body, end)
    builder.position_at_end(body)
    yield index
    index.add_incoming(builder.add(index, INT(step)), builder.block)
    back = builder.branch(head)
    module = builder.module
    plain = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
    identity = module.add_metadata([plain])
    # The first operand of a loop's identity is the identity itself.
    identity.operands = (identity, plain)
    module._metadatacache.clear()  # noqa: SLF001 - llvmlite would hand the same node to the next loop
    back.set_metadata("llvm.loop", identity)
    builder.position_at_end(end)


def zero_lanes() -> Any:
    """Return eight zeros."""
    return ir.Constant(VECTOR, [0.0] * LANES)


def _reduce(builder: Any, length: Any, step: Callable[[Any, Any], Any]) -> Any:
    """Emit 4 x 8 running sums over blocks of 32, the rest into the first eight, and add all up pairwise."""
    running = [cgutils.alloca_once_value(builder, zero_lanes()) for _ in range(ROWS)]
    long = ROWS * LANES
    blocks = builder.and_(length, INT(-long))
    with counted_loop(builder, INT(0), blocks, long) as at:
        for row, sum_ in enumerate(running):
            builder.store(step(builder.add(at, INT(row * LANES)), builder.load(sum_)), sum_)
    with counted_loop(builder, blocks, length, LANES) as at:
        builder.store(step(at, builder.load(running[0])), running[0])
    first, second, third, fourth = (builder.load(sum_) for sum_ in running)
    sums = builder.fadd(builder.fadd(first, third), builder.fadd(second, fourth))
    parts = [builder.extract_element(sums, ir.Constant(ir.IntType(32), k)) for k in range(LANES)]
    for half in (4, 2, 1):
        parts = [builder.fadd(parts[k], parts[k + half]) for k in range(half)]
    return parts[0]


def _rows_signature(a: Any, b: Any, out: Any) -> Any:
    i = types.int64
    return types.void(a, i, i, i, b, i, i, i, out, i, i)


def _rows(accumulate: Callable[[Any, Any, Any, Any], Any]) -> Callable[..., Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, a_at, a_step, a_row, _, b_at, b_step, count, _, out_at, out_row = arguments
        a, b, out = (pointer_to(context, builder, signature, arguments, k) for k in (0, 4, 8))
        sums = [cgutils.alloca_once_value(builder, zero_lanes()) for _ in range(ROWS)]
        with counted_loop(builder, INT(0), count, 1) as index:
            right = load_lanes(builder, b, builder.add(b_at, builder.mul(index, b_step)))
            start = builder.add(a_at, builder.mul(index, a_step))
            for row, sum_ in enumerate(sums):
                left = _splat(builder, a, builder.add(start, builder.mul(INT(row), a_row)))
                builder.store(accumulate(builder, left, right, builder.load(sum_)), sum_)
        for row, sum_ in enumerate(sums):
            at = builder.add(out_at, builder.mul(INT(row), out_row))
            store_lanes(builder, builder.load(sum_), out, at)
        return context.get_dummy_value()

    return generate
