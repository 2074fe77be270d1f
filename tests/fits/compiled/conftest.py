"""Oracles of the compiled engine, and SciPy's own optimisers driving the engine's evaluations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.optimize._linesearch as scipy_linesearch
import scipy.optimize._optimize as scipy_optimize
from scipy.optimize import OptimizeResult, minimize

from superpos.fits.compiled import general, lines, powell
from superpos.fits.compiled.full import evaluate
from superpos.fits.compiled.joint_objective import loss_gradient
from superpos.fits.compiled.joint_workspace import JointWorkspace
from superpos.fits.compiled.machine.dense import dot, transpose
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.pointers import part
from superpos.fits.compiled.workspace import POINT, TRIAL, F, M, N, Workspace, make_workspace
from superpos.specs.axes import Kernel

Array = np.ndarray

KERNELS = [
    Kernel("exp"),
    Kernel("exp", self_energy="exclude"),
    Kernel("log"),
    Kernel("log", 0.0, "include", 0.1),
    Kernel("riesz", 1.0),
    Kernel("riesz", 1.0, "include", 0.1),
    Kernel("riesz", 2.0),
    Kernel("riesz", -1.0),
    Kernel("riesz", -2.0),
    Kernel("riesz", 3.0, "exclude", 0.05),
    Kernel("riesz", -0.5, "include"),
    Kernel("exp", 4.0),
    Kernel("gauss", 0.5, "include", 0.1),
]
"""Every energy, every exponent with a loop of its own, one without, both self-energies."""


@entry
def _full(arrays: Array, places: Array, rows: Array, current: int) -> float:
    memory, at = part(arrays, 0), part(places, 0)
    target = part(memory, at[POINT] if current == 1 else at[TRIAL])
    transpose(part(rows, 0), target, at[N], at[F], at[M])
    return evaluate(memory, at, current == 0)


@entry
def _begin(arrays: Array, places: Array, axis: int, rows: Array) -> None:
    memory, at = part(arrays, 0), part(places, 0)
    if axis >= 0:
        lines.begin_coordinate(memory, at, axis)
    else:
        general.begin_general(memory, at, part(rows, 0))


@entry
def _value(arrays: Array, places: Array, axis: int, alpha: float) -> float:
    memory, at = part(arrays, 0), part(places, 0)
    if axis >= 0:
        return lines.coordinate_value(memory, at, alpha)[1]
    _, value, lost = general.general_value(memory, at, alpha)
    if lost:
        general.step(memory, at, alpha, part(memory, at[TRIAL]))
        value = evaluate(memory, at, on_trial=True)
    return value


@entry
def _accept(arrays: Array, places: Array, axis: int, alpha: float, rows: Array) -> None:
    memory, at = part(arrays, 0), part(places, 0)
    if axis >= 0:
        lines.accept_coordinate(memory, at, alpha)
    else:
        general.step(memory, at, alpha, part(memory, at[POINT]))
        evaluate(memory, at, on_trial=False)
    lines.read(memory, at, part(rows, 0))


@entry
def _joint(arrays: Array, places: Array, flat: Array, gradient: Array) -> float:
    return loss_gradient(part(arrays, 0), part(places, 0), part(flat, 0), part(gradient, 0))


@entry
def _dot(a: Array, b: Array) -> float:
    return dot(part(a, 0), 0, part(b, 0), 0, a.size)


class _Announced(np.ndarray):
    """A direction that tells its session each factor it is multiplied by."""

    session: Lines

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [item.view(np.ndarray) if isinstance(item, _Announced) else item for item in inputs]
        if ufunc is np.multiply and method == "__call__":
            self.session.alpha = float(plain[0])
        return getattr(ufunc, method)(*plain, **kwargs)


class Lines:
    """The engine's re-optimisation objective with its line state, as a callback for SciPy's Powell."""

    def __init__(self, workspace: Workspace, watch: Callable[[Array, float], None] | None = None) -> None:
        self.workspace = workspace
        self.axis: int | None = None
        self.alpha: float | None = None
        self.started = False
        self.watch = watch
        self.counts = {"full": 0, "coordinate": 0, "general": 0}

    def __call__(self, rows: Array) -> float:
        if self.axis is not None and self.alpha is not None:
            value = _value(*self.workspace, self.axis, self.alpha)
            self.counts["general" if self.axis < 0 else "coordinate"] += 1
        else:
            value = _full(*self.workspace, rows, 0 if self.started else 1)
            self.started = True
            self.counts["full"] += 1
        if self.watch is not None:
            self.watch(rows, value)
        return value

    def begin(self, direction: Array) -> _Announced:
        moving = np.flatnonzero(direction)
        one_axis = moving.size == 1 and direction[moving[0]] == 1.0
        self.axis = int(moving[0]) if one_axis else powell.GENERAL
        _begin(*self.workspace, self.axis, np.ascontiguousarray(direction))
        announced = direction.view(_Announced)
        announced.session = self
        return announced

    def accept(self, point: Array) -> None:
        assert self.axis is not None
        assert self.alpha is not None
        rows = np.empty(point.size)
        _accept(*self.workspace, self.axis, self.alpha, rows)
        if np.isfinite(self.alpha):
            np.testing.assert_array_equal(rows, point)
        self.axis = self.alpha = None


@dataclass(frozen=True)
class Engine:
    """What the tests ask of the engine's parts."""

    kernels: list[Kernel]
    full: Callable[..., float]
    begin: Callable[..., None]
    value: Callable[..., float]
    accept: Callable[..., None]
    joint: Callable[..., float]
    scipy_powell: Callable[..., OptimizeResult]
    scipy_cg: Callable[..., OptimizeResult]
    lines: type[Lines]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    def scipy_powell(session: Lines, start: Array, **options: Any) -> OptimizeResult:
        """Run SciPy's Powell, its line searches announced to the session."""
        original = scipy_optimize._linesearch_powell

        def announce(func: Any, p: Array, xi: Array, **kwargs: Any) -> Any:
            if not np.any(xi):
                return original(func, p, xi, **kwargs)
            fret, point, step = original(func, p, session.begin(xi), **kwargs)
            session.accept(point)
            return fret, point, step

        with monkeypatch.context() as patch, np.errstate(all="ignore"):
            patch.setattr(scipy_optimize, "_linesearch_powell", announce)
            return minimize(session, start, method="Powell", options=options)

    def scipy_cg(workspace: JointWorkspace, flat: Array, **options: Any) -> OptimizeResult:
        """Run SciPy's conjugate gradients with the engine's inner products (BLAS orders its sums
        otherwise)."""

        def product(a: Array, b: Array) -> Any:
            if a.ndim == 2:
                return np.array([row[0] * b[0] + row[1] * b[1] for row in a])
            return np.float64(_dot(np.ascontiguousarray(a), np.ascontiguousarray(b)))

        def function(x: Array) -> tuple[float, Array]:
            gradient = np.zeros(x.size)
            return np.float64(_joint(*workspace, np.ascontiguousarray(x), gradient)), gradient

        linalg = SimpleNamespace(norm=lambda a: np.sqrt(product(a, a)))
        patched = {**vars(np), "dot": product, "linalg": linalg}
        with monkeypatch.context() as patch, np.errstate(all="ignore"):
            patch.setattr(scipy_optimize, "np", SimpleNamespace(**patched))
            patch.setattr(scipy_linesearch, "np", SimpleNamespace(**patched))
            return minimize(function, flat, jac=True, method="CG", options=options)

    return Engine(KERNELS, _full, _begin, _value, _accept, _joint, scipy_powell, scipy_cg, Lines)


@pytest.fixture(scope="session")
def engine_parts() -> SimpleNamespace:
    """Return the parts that need no patching, for property tests."""
    return SimpleNamespace(kernels=KERNELS, full=_full, begin=_begin, value=_value, accept=_accept)


@pytest.fixture(scope="session")
def reoptimisation() -> Callable[..., tuple[Workspace, Array, Array, Array]]:
    """Return a maker of re-optimisations: workspace, start (n, f), importance, norms."""

    def make(
        seed: int, n: int, f: int, kernel: Kernel, *, lambda_x: float = 1.0, sigma: float = 0.1
    ) -> tuple[Workspace, Array, Array, Array]:
        rng = np.random.default_rng(seed)
        vectors = rng.standard_normal((n, f))
        vectors *= (0.5 + rng.random(n) * 1.5)[:, None] / np.linalg.norm(vectors, axis=1, keepdims=True)
        weights = rng.random(n) + 0.2
        weights /= weights.sum()
        norms = np.linalg.norm(vectors, axis=1)
        start = vectors + sigma * norms[:, None] * rng.standard_normal((n, f))
        return make_workspace(weights, norms, kernel, n_dims=f, lambda_x=lambda_x), start, weights, norms

    return make
