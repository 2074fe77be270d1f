"""From the settings of a block to its axes, and from overlapping products to disjoint ones.

A product A x B x C without an earlier product A' x B' x C' is the union of at most three products:
(A - A') x B x C, (A & A') x (B - B') x C and (A & A') x (B & B') x (C - C').
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from superpos.errors import ArgumentError
from superpos.kinds.energies import ENERGIES
from superpos.specs.axes import FitAxes, Gauge, ImportanceMode, JointAxes, JointPolish, Kernel
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
    axes: dict[str, tuple[Any, ...]] = {
        "kernel": block.kernels,
        "gauge": block.gauges,
        "mode": block.importance_modes,
        "n_dims": block.n_dims,
        "lambda_d": block.lambda_d,
        "polish": block.joint_polish,
    }
    firsts: dict[str, Any] = {name: values[0] for name, values in axes.items()}
    for name, values in axes.items():
        for value in values:
            _joint_axes(block, **{**firsts, name: value, "restart": 0})


def joint_axes(block: Block, similarity: str) -> tuple[JointAxes, ...]:
    """Return the joint axes of a block under one similarity; raises as `check_block`."""
    axes: dict[JointAxes, None] = {}
    for kernel in block.kernels:
        for gauge in block.gauges:
            _check_gauge(block, similarity, kernel, gauge)
            for mode in block.importance_modes:
                for n_dims in block.n_dims:
                    for lambda_d in block.lambda_d:
                        for restart in range(block.restarts):
                            for polish in block.joint_polish:
                                one = _joint_axes(
                                    block, kernel, gauge, mode, n_dims, lambda_d, restart, polish
                                )
                                axes[one] = None
    return tuple(axes)


def _check_gauge(block: Block, similarity: str, kernel: Kernel, gauge: str) -> None:
    if gauge == "mean_norm" and similarity == "cosine" and kernel.kind.grows_norms:
        fit = " or ".join(kind.name for kind in ENERGIES if not kind.grows_norms)
        raise ArgumentError(
            f"blocks.{block.name}.gauges",
            f"mean_norm under cosine is for the {fit} energy only, not {kernel.label}; use unit",
        )


def _joint_axes(
    block: Block,
    kernel: Kernel,
    gauge: str,
    mode: str,
    n_dims: int,
    lambda_d: float,
    restart: int,
    polish: str,
) -> JointAxes:
    return JointAxes(
        energy=kernel.energy,
        s=kernel.s,
        self_energy=kernel.self_energy,
        softening=kernel.softening,
        gauge=cast("Gauge", gauge),
        importance_mode=cast("ImportanceMode", mode),
        n_dims=n_dims,
        lambda_d=lambda_d,
        restart=restart,
        backend=block.backend,
        max_iter=block.max_iter,
        gtol=block.gtol,
        joint_polish=cast("JointPolish", polish),
    )


def fit_axes(block: Block) -> tuple[FitAxes, ...]:
    """Return the fit axes of a block, each once, in the order of the study file."""
    axes: dict[FitAxes, None] = {}
    for reoptimisation in block.reoptimisations:
        for one in reoptimisation.axes():
            axes[one] = None
    return tuple(axes)


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


def _split(values: Sequence[Hashable], other: Iterable[Hashable]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    members = set(other)
    return tuple(v for v in values if v in members), tuple(v for v in values if v not in members)


def _without(product: Product, earlier: Product) -> list[Product]:
    (a, b, c), (a2, b2, c2) = product.parts, earlier.parts
    a_in, a_out = _split(a, a2)
    b_in, b_out = _split(b, b2)
    c_in, c_out = _split(c, c2)
    if not (a_in and b_in and c_in):
        return [product]
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
    steps = 0
    for product in products:
        pieces = [product] if product.size else []
        for earlier in kept:
            steps += len(pieces)
            if steps > MOST_PIECES:
                raise ArgumentError("blocks", f"{len(products)} products overlap in too many ways; use fewer")
            pieces = [piece for old in pieces for piece in _without(old, earlier)]
        kept.extend(pieces)
    return tuple(kept)
