"""Values at the ends of the range of a double: refused by name, or a result or status, never an exception.

Warnings are errors here, so that an overflow that NumPy only mentions fails too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from superpos.errors import ArgumentError, SymmetryError
from superpos.fits import certify, fit_joint, reoptimise
from superpos.fits.energies.riesz import LARGEST_EXPONENT
from superpos.records.fits import Status, Verdict
from superpos.specs.axes import (
    LARGEST_SIGMA,
    LARGEST_TOLERANCE,
    RBF_SCALES,
    SOFTENINGS,
    FitAxes,
    JointAxes,
    Kernel,
)

BACKENDS = ("scipy", "compiled")
DENORMAL = 5e-324
VECTORS = np.array([[1.0, 0.2, -0.3], [-0.4, 1.1, 0.5], [0.3, -0.9, 0.8], [-0.7, -0.2, -1.2]])
UNITS = VECTORS / np.linalg.norm(VECTORS, axis=1)[:, None]
TARGET = (UNITS @ UNITS.T + (UNITS @ UNITS.T).T) / 2.0
LOGITS = np.zeros(4)
QUARTERS = np.full(4, 0.25)

REFUSED_KERNELS: list[tuple[str, dict[str, Any]]] = [
    ("softening", {"energy": "riesz", "s": 2.0, "softening": 1e-200}),
    ("softening", {"energy": "riesz", "s": 2.0, "softening": 1e-200, "self_energy": "include"}),
    ("softening", {"energy": "riesz", "s": 3.0, "softening": 1e-140, "self_energy": "include"}),
    ("softening", {"energy": "riesz", "s": 3.0, "softening": 1e140, "self_energy": "include"}),
    ("softening", {"energy": "riesz", "s": -3.0, "softening": 1e140, "self_energy": "include"}),
    ("softening", {"energy": "log", "softening": 1e160}),
    ("softening", {"energy": "log", "softening": 1e160, "self_energy": "include"}),
    ("softening", {"energy": "log", "softening": DENORMAL}),
    ("s", {"energy": "riesz", "s": 1e300}),
    ("s", {"energy": "riesz", "s": -1e300}),
    ("s", {"energy": "riesz", "s": 1001.0}),
]


def _fit(**options: Any) -> Any:
    return fit_joint(**{"target": TARGET, "n_dims": 3, "gauge": "unit", "max_iter": 50, **options})


def _again(**options: Any) -> Any:
    return reoptimise(**{"vectors": VECTORS, "logits": LOGITS, "max_iter": 20, **options})


def _certify(**options: Any) -> Any:
    return certify(**{"vectors": VECTORS, "importance": QUARTERS, **options})


def _refused(call: Callable[..., Any], argument: str, **options: Any) -> None:
    with pytest.raises(ArgumentError, match=rf"^{re.escape(argument)}: ") as caught:
        call(**options)
    assert caught.value.argument == argument


def _is_sound(result: Any) -> None:
    """An end is finite, or its status says that it is not."""
    assert result.status in tuple(Status)
    assert np.isfinite(result.vectors).all()
    assert math.isfinite(result.fun) or result.status is Status.NON_FINITE


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("argument", "kernel"), REFUSED_KERNELS)
def test_kernels_beyond_the_range_of_a_double(argument: str, kernel: dict[str, Any], backend: str) -> None:
    for call in (_fit, _again, _certify):
        _refused(call, argument, backend=backend, **kernel)
    _refused(Kernel, argument, **kernel)
    _refused(JointAxes, argument, **kernel)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "options",
    [
        {"energy": "log", "softening": SOFTENINGS[0], "self_energy": "include"},
        {"energy": "log", "softening": SOFTENINGS[1], "self_energy": "include"},
        {"energy": "riesz", "s": 2.0, "softening": SOFTENINGS[0], "self_energy": "include"},
        {"energy": "riesz", "s": -2.0, "softening": SOFTENINGS[1], "self_energy": "include"},
        {"energy": "riesz", "s": 1e-300},
        {"energy": "riesz", "s": DENORMAL},
        {"energy": "riesz", "s": LARGEST_EXPONENT},
        {"energy": "riesz", "s": -LARGEST_EXPONENT},
        {"energy": "log", "lambda_d": 1e300},
        {"energy": "exp", "lambda_d": 1.7e308},
        {"energy": "exp", "lambda_d": DENORMAL},
        {"energy": "exp", "gtol": DENORMAL},
        {"energy": "exp", "gtol": 1.7e308},
        {"energy": "log", "target": 1e300 * TARGET},
        {"energy": "exp", "target": 1.7e308 * TARGET},
        {"energy": "log", "target": 1e-300 * TARGET},
        {"energy": "exp", "similarity": "rbf", "rbf_scale": RBF_SCALES[0]},
        {"energy": "exp", "similarity": "rbf", "rbf_scale": RBF_SCALES[1]},
        {"energy": "log", "similarity": "rbf", "rbf_scale": RBF_SCALES[0], "gauge": "none"},
        {"energy": "log", "similarity": "rbf", "rbf_scale": RBF_SCALES[1], "gauge": "none"},
        {"energy": "log", "similarity": "rbf", "target": 1e300 * TARGET},
        {"energy": "exp", "start": (1e150 * VECTORS, LOGITS)},
        {"energy": "exp", "start": (1e-160 * VECTORS, LOGITS)},
        {"energy": "exp", "start": (VECTORS, np.array([1.7e308, 0.0, 0.0, -1.7e308]))},
    ],
    ids=lambda options: " ".join(f"{k}={v if np.isscalar(v) else '...'}" for k, v in options.items()),
)
def test_the_joint_step_ends_soundly(options: dict[str, Any], backend: str) -> None:
    _is_sound(_fit(backend=backend, **options))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("optimiser", ["powell", "manifold"])
def test_the_reoptimisation_ends_soundly(optimiser: str, backend: str) -> None:
    for options in (
        {"energy": "log", "softening": SOFTENINGS[1], "self_energy": "include"},
        {"energy": "riesz", "s": LARGEST_EXPONENT},
        {"energy": "riesz", "s": -LARGEST_EXPONENT},
        {"energy": "log", "sigma": LARGEST_SIGMA},
        {"energy": "log", "sigma": DENORMAL},
        {"energy": "log", "lambda_x": 1e300},
        {"energy": "log", "gtol": DENORMAL, "xtol": DENORMAL, "ftol": DENORMAL},
        {"energy": "log", "gtol": 1.7e308, "xtol": LARGEST_TOLERANCE, "ftol": LARGEST_TOLERANCE},
        {"energy": "riesz", "s": 2.0, "vectors": 1e-150 * VECTORS, "sigma": 0.0},
        {"energy": "riesz", "s": -3.0, "vectors": 1e150 * VECTORS, "sigma": 0.0},
        {"energy": "exp", "logits": np.array([1.7e308, 0.0, 0.0, -1.7e308])},
    ):
        _is_sound(_again(optimiser=optimiser, backend=backend, **options))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_certificate_of_what_overflows_is_none(backend: str) -> None:
    for options in (
        {"energy": "riesz", "s": 3.0, "vectors": 1e-150 * VECTORS},
        {"energy": "riesz", "s": -3.0, "vectors": 1e150 * VECTORS},
    ):
        assert _certify(backend=backend, **options).verdict is Verdict.NOT_APPLICABLE
    near, far = (_certify(energy="log", vectors=scale * VECTORS, backend=backend) for scale in (1.0, 1e150))
    assert far.verdict is near.verdict
    assert far.relative_gradient == pytest.approx(near.relative_gradient, rel=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_arguments_beyond_their_range(backend: str) -> None:
    for scale in (1e-320, 1e300, 1.7e308):
        _refused(_fit, "rbf_scale", similarity="rbf", rbf_scale=scale, backend=backend)
    for sigma in (1e200, 1.7e308):
        _refused(_again, "sigma", sigma=sigma, backend=backend)
    _refused(_again, "sigma", vectors=1e150 * VECTORS, sigma=1e20, backend=backend)
    for tolerance in ("xtol", "ftol"):
        _refused(_again, tolerance, **{tolerance: 1.7e308}, backend=backend)
        _refused(FitAxes, tolerance, **{tolerance: 2.0})
    _refused(FitAxes, "sigma", sigma=1e200)


def test_checks_of_arrays_do_not_overflow() -> None:
    with pytest.raises(SymmetryError, match=r"^target: differs from its transpose by inf"):
        fit_joint(np.array([[1.0, 1.7e308], [-1.7e308, 1.0]]))
    _refused(_certify, "importance", importance=np.array([1.7e308, 1.7e308, 0.0, 0.0]))
