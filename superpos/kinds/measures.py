"""Measures of a matrix: one number for every similarity matrix, of the features and of each control.

A measure is a pure function of a stack of m matrices of one size. What it gets is what it reads:

    matrix        (m, n, n)               similarities, symmetric
    eigenvalues   (m, n)                  ascending
    entries       (m, n (n - 1) / 2)      similarities of the pairs i < j, row by row

It gives (m,); NaN where it is not defined, which is stored as NULL. To raise the version of a measure has its
values found anew by the next run, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds import similarities
from superpos.kinds.register import Kind, Register

Reads = Literal["matrix", "eigenvalues", "entries"]
READS: tuple[str, ...] = get_args(Reads)
_SLACK = 1e-9
"""Rounding that a range forgives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure(Kind):
    """One number of a matrix."""

    reads: Reads
    function: Callable[[Float], Float]
    formula: str
    """In the letters of `docs/glossary.md`: T the matrix, n its size, lambda its eigenvalues."""
    source: str = ""
    """Where it comes from; empty for what needs none."""
    low: float = -math.inf
    """It is never below this on a matrix of similarities that vectors have."""
    high: float = math.inf
    """It is never above this on a matrix of similarities that vectors have."""
    under: tuple[str, ...] = ()
    """Similarities that it is defined for; empty for every one."""

    def __post_init__(self) -> None:
        """Check the words; raises `ArgumentError`."""
        Kind.__post_init__(self)
        if self.reads not in READS:
            raise ArgumentError("reads", f"{shown(self.reads)} is unknown; {allowed(self.reads, READS)}")
        if not self.formula.strip():
            raise ArgumentError("formula", "is empty; say what is computed")
        if not self.low <= self.high:
            raise ArgumentError("low", f"{self.low:g} is above high, {self.high:g}")

    def applies_to(self, similarity: str) -> bool:
        """Whether it is defined for matrices of a similarity."""
        return not self.under or similarity in self.under

    def check(self) -> None:
        """Try it on generic matrices of two sizes.

        Raises
        ------
        ArgumentError
            If a similarity of `under` is unknown, or the function changes its input, gives another shape than
            (m,), other numbers for a stack than one by one, or numbers that are not finite or outside its
            range.
        """
        for name in self.under:
            similarities.SIMILARITIES.get(name, "under")
        rng = np.random.default_rng((7919, 2))
        for n in (3, 6):
            rows = rng.standard_normal((4, n, 9))
            rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
            matrices = np.einsum("mid,mjd->mij", rows, rows)
            matrices = (matrices + np.swapaxes(matrices, 1, 2)) / 2.0
            matrices[:, range(n), range(n)] = 1.0
            values = self._try(matrices)
            for index in range(len(matrices)):
                alone = self._try(matrices[index : index + 1])
                if not np.allclose(alone, values[index], rtol=_SLACK, atol=_SLACK):
                    raise ArgumentError("function", "gives other numbers for a stack than one by one")

    def _try(self, matrices: Float) -> Float:
        given = read(matrices, [self.reads])[self.reads]
        given.setflags(write=False)
        values: Any = self.function(given)
        if np.shape(values) != (len(matrices),):
            raise ArgumentError(
                "function", f"gives shape {np.shape(values)} for {self.reads} {given.shape}; use (m,)"
            )
        if not np.all(np.isfinite(values)):
            raise ArgumentError("function", "gives numbers that are not finite on generic matrices")
        if np.any(values < self.low - _SLACK) or np.any(values > self.high + _SLACK):
            wrong = values[(values < self.low - _SLACK) | (values > self.high + _SLACK)][0]
            raise ArgumentError("function", f"gives {wrong:g}, outside of {self.low:g} to {self.high:g}")
        return np.asarray(values, dtype=np.float64)


def read(matrices: Float, wanted: Iterable[str]) -> dict[str, Float]:
    """Return what measures read of matrices (m, n, n), each found once."""
    n = matrices.shape[-1]
    first, second = np.triu_indices(n, 1)
    views: dict[str, Callable[[], Float]] = {
        "matrix": lambda: matrices,
        "eigenvalues": lambda: np.asarray(np.linalg.eigvalsh(matrices), dtype=np.float64),
        # In C order, so that sums of one matrix do not depend on how many stand beside it.
        "entries": lambda: np.ascontiguousarray(matrices[:, first, second]),
    }
    return {name: views[name]() for name in set(wanted)}


MEASURES: Register[Measure] = Register(
    "measure",
    Measure,
    package="superpos.psms.measures",
    group="superpos.measures",
)
"""Measures of a matrix by name."""
