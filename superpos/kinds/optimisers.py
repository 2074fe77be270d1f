"""Optimisers of the re-optimisation: what a kind says of itself, and their register.

    min over X of  sum_ij K(x_i, x_j) w~_i w~_j  [+ lambda_x sum_i | ||x_i|| - n_i |],   importance w~ held

An optimiser is one function for each back end that it has, from a `Task` to an `End` (or to a record that is
finished already). What is not in `runs` is run by the one for `scipy`. Functions import what they need when
they are called: a register holds no optimiser's library.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from superpos.arrays import Float
from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.looks import Look
from superpos.kinds.register import Kind, Register

SETTINGS = ("lambda_x", "xtol", "ftol", "gtol", "max_iter")
"""Fit axes that an optimiser may read or not; those that it does not read become neutral."""
BACKENDS = ("scipy", "compiled")
ENDS = ("converged", "max_iter", "unbounded", "non_finite", "stalled")
"""How a run can end."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Task:
    """One re-optimisation."""

    start: Float
    """Perturbed vectors, (n, f)."""
    importance: Float
    """w~, (n,), held."""
    norms: Float
    """n_i, (n,)."""
    kernel: Any
    """The `superpos.specs.axes.Kernel`."""
    energy: Callable[[Float], float]
    """E of vectors (n, f)."""
    slope: Callable[[Float], Float]
    """dE/dX along the spheres through the rows of X, (n, f), for vectors (n, f)."""
    project: Callable[[Float], Float]
    """Rows scaled to the norms n_i, (n, f)."""
    lambda_x: float
    xtol: float
    ftol: float
    gtol: float
    """Relative gradient at which to stop."""
    max_iter: int | None
    """Most iterations; None: the optimiser's own limit."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class End:
    """Where a run ended; energies, norms and gradients of it are computed by whoever asked for the run."""

    vectors: Float
    """(n, f)."""
    status: str
    """One of `ENDS`."""
    message: str = ""
    start: Float | None = None
    """Where it began, (n, f), if not at the task's start (its projection to the spheres, say)."""
    nit: int = 0
    nfev: int = 0
    njev: int = 0


Run = Callable[[Task], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser(Kind):
    """A kind of optimiser."""

    reads: tuple[str, ...]
    """Those of `SETTINGS` that it reads."""
    runs: Mapping[str, Run]
    """Its function by back end; `scipy` at least, which stands for the other too."""
    polished: bool
    """Whether its ends are taken on to the minimum of their basin by the exact optimiser."""
    seconds: Mapping[str, float] = field(default_factory=lambda: {"scipy": 0.3})
    """Of one fit by back end at n = 11, f = 10, for the estimate of a plan."""
    lambda_x: str = ""
    """What the weight of the norm penalty does to it; empty if it does not read it."""
    look: Look = field(default_factory=Look)

    def __post_init__(self) -> None:
        """Check names; raises `ArgumentError`."""
        Kind.__post_init__(self)
        for name in self.reads:
            if name not in SETTINGS:
                raise ArgumentError("reads", f"{shown(name)} is unknown; {allowed(name, SETTINGS)}")
        for argument in ("runs", "seconds"):
            given = getattr(self, argument)
            for name in given:
                if name not in BACKENDS:
                    raise ArgumentError(argument, f"{shown(name)} is unknown; {allowed(name, BACKENDS)}")
            if "scipy" not in given:
                raise ArgumentError(argument, "has none for scipy, the back end that every optimiser has")
        if ("lambda_x" in self.reads) != bool(self.lambda_x.strip()):
            raise ArgumentError("lambda_x", "is said of an optimiser that reads it, and of no other")

    def run(self, backend: str) -> Run:
        """Return its function for a back end."""
        return self.runs.get(backend, self.runs["scipy"])

    def seconds_of(self, backend: str) -> float:
        """Return the seconds of one fit."""
        return self.seconds.get(backend, self.seconds["scipy"])

    def check(self) -> None:
        """Run it on a problem of four vectors by each back end.

        Raises
        ------
        ArgumentError
            If its end is not of the right shape and finite, has an unknown status, or lies above the start.
        """
        importlib.import_module("superpos.fits.descent").try_out(self)


OPTIMISERS: Register[Optimiser] = Register(
    "optimiser", Optimiser, package="superpos.fits.optimisers", group="superpos.optimisers"
)
