"""Measures of a matrix: one number for every similarity matrix, of the features and of each control.

A measure is a pure function of a stack of m matrices of one size. What it gets is what it reads:

    matrix         (m, n, n)              similarities, symmetric
    eigenvalues    (m, n)                 ascending
    entries        (m, n (n - 1) / 2)     similarities of the pairs i < j, row by row
    configuration  (m, n, f)              unit vectors in f < n dimensions whose cosines are nearest to T
    intervals      (m, n (n - 1) / 2, 2)  noise ceiling of the entries, NaN where unknown; features only

It gives (m,); NaN where it is not defined, which is stored as NULL. What else it needs is given by keyword
(`given`), and a measure that needs a kernel or a dimension has a number for each of the study's:

    width      (m,)             dimensions of the space that the features lie in; NaN where it is not known
    kernel     Potential        an energy as a function of cosines
    n_dims     int              f
    target     (m, n, n)        the matrices, beside what it reads

`bound` is what no vectors in that space fall below. The scale of a measure with a bound runs from there (0)
to the value of orthogonal features (1). To raise the version of a measure has its values found anew by the
next run, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from superpos.arrays import Float
from superpos.configurations import nearest_configurations
from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds import similarities
from superpos.kinds.potentials import Potential
from superpos.kinds.register import Kind, Register

Reads = Literal["matrix", "eigenvalues", "entries", "configuration", "intervals"]
READS: tuple[str, ...] = get_args(Reads)
Given = Literal["width", "kernel", "n_dims", "target"]
GIVEN: tuple[str, ...] = get_args(Given)
_SLACK = 1e-9
"""Rounding that a range forgives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure(Kind):
    """One number of a matrix."""

    reads: Reads
    function: Callable[..., Float]
    """Of what it reads, and by keyword of what it is given."""
    given: tuple[Given, ...] = ()
    formula: str
    """In the letters of `docs/glossary.md`: T the matrix, n its size, lambda its eigenvalues."""
    source: str = ""
    """Where it comes from; empty for what needs none."""
    bound: Callable[..., Float] | None = None
    """Of the number of matrices m and of n, then by keyword of what the function is given too; gives (m,)."""
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
        for word in self.given:
            if word not in GIVEN:
                raise ArgumentError("given", f"{shown(word)} is unknown; {allowed(word, GIVEN)}")
        if not self.formula.strip():
            raise ArgumentError("formula", "is empty; say what is computed")
        if not self.low <= self.high:
            raise ArgumentError("low", f"{self.low:g} is above high, {self.high:g}")

    @property
    def per_kernel(self) -> bool:
        """Whether there is a number for every kernel of the study."""
        return "kernel" in self.given

    @property
    def per_dimension(self) -> bool:
        """Whether there is a number for every dimension of the study's fits that is below n."""
        return self.reads == "configuration" or "n_dims" in self.given

    def applies_to(self, similarity: str) -> bool:
        """Whether it is defined for matrices of a similarity; configurations are those of cosines."""
        if self.reads == "configuration" and not similarities.SIMILARITIES.get(similarity).angular:
            return False
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
        entries = read(matrices, ["entries"])["entries"]
        known = np.stack([entries - 0.1, entries + 0.1], axis=-1)
        read_ = read(matrices, [self.reads], n_dims=2, intervals=known)[self.reads]
        for array in (read_, matrices):
            array.setflags(write=False)
        width = np.full(len(matrices), 9.0)
        words = self.words(width=width, kernel=Potential("exp"), n_dims=2, target=matrices)
        values: Any = self.function(read_, **words)
        if np.shape(values) != (len(matrices),):
            raise ArgumentError(
                "function", f"gives shape {np.shape(values)} for {self.reads} {read_.shape}; use (m,)"
            )
        if not np.all(np.isfinite(values)):
            raise ArgumentError("function", "gives numbers that are not finite on generic matrices")
        if np.any(values < self.low - _SLACK) or np.any(values > self.high + _SLACK):
            wrong = values[(values < self.low - _SLACK) | (values > self.high + _SLACK)][0]
            raise ArgumentError("function", f"gives {wrong:g}, outside of {self.low:g} to {self.high:g}")
        if self.bound is not None:
            lowest: Any = self.bound(len(matrices), matrices.shape[-1], **words)
            if np.shape(lowest) != (len(matrices),):
                raise ArgumentError("bound", f"gives shape {np.shape(lowest)}; use (m,)")
            if np.any(lowest > values + _SLACK):
                raise ArgumentError("bound", f"is {np.max(lowest):g}, but vectors have {np.min(values):g}")
        return np.asarray(values, dtype=np.float64)

    def words(self, **values: Any) -> dict[str, Any]:
        """Return those of the values by keyword that it is given."""
        return {word: values[word] for word in self.given}


def read(
    matrices: Float, wanted: Iterable[str], n_dims: int = 0, intervals: Float | None = None
) -> dict[str, Float]:
    """Return what measures read of matrices (m, n, n), each found once.

    `n_dims` is f of configurations; without `intervals` none is known.
    """
    n = matrices.shape[-1]
    first, second = np.triu_indices(n, 1)
    views: dict[str, Callable[[], Float]] = {
        "matrix": matrices.view,
        "eigenvalues": lambda: np.asarray(np.linalg.eigvalsh(matrices), dtype=np.float64),
        # In C order, so that sums of one matrix do not depend on how many stand beside it.
        "entries": lambda: np.ascontiguousarray(matrices[:, first, second]),
        "configuration": lambda: nearest_configurations(matrices, n_dims),
        "intervals": lambda: (
            np.full((len(matrices), len(first), 2), np.nan) if intervals is None else intervals
        ),
    }
    return {name: views[name]() for name in set(wanted)}


MEASURES: Register[Measure] = Register(
    "measure",
    Measure,
    package="superpos.psms.measures",
    group="superpos.measures",
)
"""Measures of a matrix by name."""
