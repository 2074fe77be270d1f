"""From the settings of a block to its axes, and from overlapping products to disjoint ones.

A product A x B x C without an earlier product A' x B' x C' is the union of at most three products:
(A - A') x B x C, (A & A') x (B - B') x C and (A & A') x (B & B') x (C - C').
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from superpos.catalogue import axes
from superpos.errors import ArgumentError
from superpos.kinds.energies import ENERGIES
from superpos.kinds.similarities import SIMILARITIES
from superpos.specs.axes import FitAxes, JointAxes, Kernel
from superpos.specs.limits import MOST_PIECES
from superpos.specs.study import Block


def check_block(block: Block) -> None:
    """Refuse values and combinations that no axis can have, without making the products.

    Every value is made into axes once, with the first values of the others: none but the gauge depends on
    another.

    Raises
    ------
    ArgumentError
        For values outside their range, and for `mean_norm` with cosine and an energy other than exp, which
        drives one norm to 0 (`docs/science.md`, "Gauges").
    """
    for similarity in block.similarities:
        for kernel in block.kernels:
            for gauge in block.gauges:
                _check_gauge(block, similarity, kernel, gauge)
    varied = {name: values for name, values in _joint_values(block).items() if not isinstance(values, range)}
    firsts = {name: values[0] for name, values in varied.items()}
    for kernel in block.kernels:
        _joint_axes(kernel, firsts)
    for name, values in varied.items():
        for value in values:
            _joint_axes(block.kernels[0], {**firsts, name: value})


def joint_axes(block: Block, similarity: str) -> tuple[JointAxes, ...]:
    """Return the joint axes of a block under one similarity; raises as `check_block`."""
    found: dict[JointAxes, None] = {}
    varied = _joint_values(block)
    for kernel in block.kernels:
        for values in itertools.product(*varied.values()):
            given = dict(zip(varied, values, strict=True))
            _check_gauge(block, similarity, kernel, given["gauge"])
            found[_joint_axes(kernel, given)] = None
    return tuple(found)


def _check_gauge(block: Block, similarity: str, kernel: Kernel, gauge: str) -> None:
    if gauge == "mean_norm" and SIMILARITIES.get(similarity).angular and kernel.kind.grows_norms:
        fit = " or ".join(kind.name for kind in ENERGIES.usable() if not kind.grows_norms)
        raise ArgumentError(
            f"blocks.{block.name}.gauges",
            f"mean_norm under {similarity} is for the {fit} energy only, not {kernel.label}; use unit",
        )


def _joint_values(block: Block) -> dict[str, Sequence[Any]]:
    """Return by axis of the joint step the values that a block gives it; the last vary fastest.

    Axes that came later vary fastest, so that cells keep their order.
    """
    values: dict[str, Sequence[Any]] = {}
    for axis in sorted(axes("joint"), key=lambda axis: axis.older is not None):
        given = getattr(block, axis.key)
        one = (given,) if not isinstance(given, tuple) else given
        values[axis.name] = range(given) if isinstance(axis.grid, int) else one
    return values


def _joint_axes(kernel: Kernel, values: dict[str, Any]) -> JointAxes:
    return JointAxes(
        energy=kernel.energy,
        s=kernel.s,
        self_energy=kernel.self_energy,
        softening=kernel.softening,
        **values,
    )


def fit_axes(block: Block) -> tuple[FitAxes, ...]:
    """Return the fit axes of a block, each once, in the order of the study file."""
    return tuple(dict.fromkeys(one for table in block.reoptimisations for one in table.axes()))


Members = tuple[frozenset[Hashable], frozenset[Hashable], frozenset[Hashable]]


@dataclass(frozen=True, slots=True)
class Product:
    """A product of three ordered sets of hashable members, with the name of the block it came from."""

    name: str
    parts: tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]

    @property
    def size(self) -> int:
        """Number of cells."""
        a, b, c = self.parts
        return len(a) * len(b) * len(c)

    def members(self) -> Members:
        """Return the parts as sets, for `without`."""
        a, b, c = self.parts
        return frozenset(a), frozenset(b), frozenset(c)


def _split(
    values: Sequence[Hashable], members: frozenset[Hashable]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple(v for v in values if v in members), tuple(v for v in values if v not in members)


def without(product: Product, earlier: Members) -> list[Product]:
    """Return the cells of a product that are not in another one, as disjoint products."""
    if any(members.isdisjoint(part) for members, part in zip(earlier, product.parts, strict=True)):
        return [product]
    (a, b, c), (a2, b2, c2) = product.parts, earlier
    a_in, a_out = _split(a, a2)
    b_in, b_out = _split(b, b2)
    _, c_out = _split(c, c2)
    pieces = ((a_out, b, c), (a_in, b_out, c), (a_in, b_in, c_out))
    return [Product(product.name, piece) for piece in pieces if all(piece)]


def disjoint(products: Sequence[Product]) -> tuple[Product, ...]:
    """Return products with the same union in which no cell occurs twice; the earliest keeps a shared cell.

    Raises
    ------
    ArgumentError
        If they overlap in so many ways that taking them apart needs more than `MOST_PIECES` steps.
    """
    kept: list[Product] = []
    members: list[Members] = []
    """Of what is kept; sets are made once, for every later product is compared with each."""
    steps = 0
    for product in products:
        pieces = [product] if product.size else []
        for earlier in members:
            steps += len(pieces)
            if steps > MOST_PIECES:
                raise ArgumentError("blocks", f"{len(products)} products overlap in too many ways; use fewer")
            pieces = [piece for old in pieces for piece in without(old, earlier)]
        kept.extend(pieces)
        members.extend(piece.members() for piece in pieces)
    return tuple(kept)
