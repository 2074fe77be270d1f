"""Wrong arguments: one error each, a ValueError that names the argument."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from superpos.errors import ArgumentError, NonFiniteError, ShapeError, SymmetryError
from superpos.fits import certify, fit_joint, reoptimise

TARGET = np.array([[1.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 1.0]])
VECTORS = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
TWICE = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, -1.0]])
ZERO = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, -1.0]])
HOLE = np.array([[1.0, np.nan], [0.0, 1.0], [-1.0, -1.0]])
LOGITS = np.zeros(3)
THIRDS = np.full(3, 1 / 3)


def _target(i: int, j: int, value: float) -> np.ndarray:
    changed = TARGET.copy()
    changed[i, j] = value
    return changed


JOINT: list[tuple[str, type[ArgumentError], dict[str, Any]]] = [
    ("target", NonFiniteError, {"target": _target(0, 1, np.nan)}),
    ("target", NonFiniteError, {"target": _target(0, 1, np.inf)}),
    ("target", SymmetryError, {"target": _target(0, 1, 0.31)}),
    ("target", ShapeError, {"target": TARGET[:2]}),
    ("target", ShapeError, {"target": np.ones((1, 1))}),
    ("target", ShapeError, {"target": np.ones(3)}),
    ("similarity", ArgumentError, {"similarity": "cos"}),
    ("energy", ArgumentError, {"energy": "coulomb"}),
    ("s", ArgumentError, {"energy": "riesz", "s": 0.0}),
    ("s", NonFiniteError, {"energy": "riesz", "s": np.nan}),
    ("n_dims", ArgumentError, {"n_dims": 1}),
    ("n_dims", ArgumentError, {"n_dims": 2.5}),
    ("lambda_d", ArgumentError, {"lambda_d": -1.0}),
    ("lambda_d", NonFiniteError, {"lambda_d": np.inf}),
    ("rbf_scale", ArgumentError, {"similarity": "rbf", "rbf_scale": 0.0}),
    ("self_energy", ArgumentError, {"self_energy": "both"}),
    ("softening", ArgumentError, {"energy": "log", "self_energy": "include"}),
    ("softening", ArgumentError, {"energy": "riesz", "self_energy": "include"}),
    ("softening", ArgumentError, {"energy": "exp", "softening": 0.1}),
    ("softening", ArgumentError, {"energy": "log", "softening": -0.1}),
    ("gauge", ArgumentError, {"gauge": "fixed"}),
    ("importance", ArgumentError, {"importance": "equal"}),
    ("max_iter", ArgumentError, {"max_iter": 0}),
    ("gtol", ArgumentError, {"gtol": 0.0}),
    ("backend", ArgumentError, {"backend": "numba"}),
    ("seed", ArgumentError, {"seed": -1}),
    ("seed", ArgumentError, {"seed": 0.5}),
    ("start", ShapeError, {"start": (VECTORS,)}),
    ("start", ShapeError, {"start": (VECTORS[:2], LOGITS)}),
    ("start", ShapeError, {"start": (VECTORS, LOGITS[:2])}),
    ("start", NonFiniteError, {"start": (HOLE, LOGITS)}),
    ("start", ArgumentError, {"start": (ZERO, LOGITS)}),
    ("start", ArgumentError, {"start": (ZERO, LOGITS), "energy": "exp", "similarity": "rbf"}),
    ("start", ArgumentError, {"start": (ZERO, LOGITS), "similarity": "rbf", "gauge": "unit"}),
    ("start", ArgumentError, {"start": (TWICE, LOGITS), "energy": "log"}),
]

REOPTIMISE: list[tuple[str, type[ArgumentError], dict[str, Any]]] = [
    ("vectors", NonFiniteError, {"vectors": HOLE}),
    ("vectors", NonFiniteError, {"vectors": 1e200 * VECTORS}),
    ("vectors", ShapeError, {"vectors": VECTORS[0]}),
    ("vectors", ShapeError, {"vectors": VECTORS[:1], "logits": LOGITS[:1]}),
    ("vectors", ShapeError, {"vectors": VECTORS[:, :1]}),
    ("vectors", ArgumentError, {"vectors": ZERO, "energy": "exp"}),
    ("vectors", ArgumentError, {"vectors": 0 * ZERO, "energy": "log"}),
    ("vectors", ArgumentError, {"vectors": TWICE, "energy": "riesz", "sigma": 0.0}),
    ("logits", ShapeError, {"logits": LOGITS[:2]}),
    ("logits", NonFiniteError, {"logits": np.array([0.0, np.nan, 0.0])}),
    ("lambda_x", ArgumentError, {"lambda_x": -0.1}),
    ("sigma", ArgumentError, {"sigma": -0.1}),
    ("optimiser", ArgumentError, {"optimiser": "bfgs"}),
    ("xtol", ArgumentError, {"xtol": 0.0}),
    ("ftol", ArgumentError, {"ftol": -1.0}),
    ("gtol", ArgumentError, {"gtol": 0.0}),
    ("max_iter", ArgumentError, {"max_iter": -1}),
    ("seed", ArgumentError, {"seed": True}),
    ("start", ShapeError, {"start": VECTORS[:2]}),
    ("start", ArgumentError, {"start": TWICE, "energy": "log"}),
    ("start", ArgumentError, {"start": ZERO, "energy": "exp"}),
    ("s", ArgumentError, {"energy": "riesz", "s": 0}),
]

CERTIFY: list[tuple[str, type[ArgumentError], dict[str, Any]]] = [
    ("vectors", NonFiniteError, {"vectors": HOLE}),
    ("vectors", ArgumentError, {"vectors": TWICE}),
    ("vectors", ArgumentError, {"vectors": ZERO, "energy": "exp"}),
    ("importance", ShapeError, {"importance": THIRDS[:2]}),
    ("importance", ArgumentError, {"importance": np.array([1.2, -0.1, -0.1])}),
    ("importance", ArgumentError, {"importance": np.ones(3)}),
    ("softening", ArgumentError, {"self_energy": "include"}),
]


def _refused(
    call: Callable[..., object], argument: str, error: type[ArgumentError], options: dict[str, Any]
) -> None:
    with pytest.raises(error, match=rf"^{argument}: ") as caught:
        call(**options)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)
    assert caught.value.argument == argument


@pytest.mark.parametrize(("argument", "error", "options"), JOINT)
def test_fit_joint_refuses(argument: str, error: type[ArgumentError], options: dict[str, Any]) -> None:
    base = {"target": TARGET, "energy": "log" if "softening" in options else "riesz", "n_dims": 2}
    _refused(fit_joint, argument, error, base | options)


@pytest.mark.parametrize(("argument", "error", "options"), REOPTIMISE)
def test_reoptimise_refuses(argument: str, error: type[ArgumentError], options: dict[str, Any]) -> None:
    _refused(reoptimise, argument, error, {"vectors": VECTORS, "logits": LOGITS} | options)


@pytest.mark.parametrize(("argument", "error", "options"), CERTIFY)
def test_certify_refuses(argument: str, error: type[ArgumentError], options: dict[str, Any]) -> None:
    _refused(certify, argument, error, {"vectors": VECTORS, "importance": THIRDS} | options)


def test_what_is_allowed_is_accepted() -> None:
    perturbed = reoptimise(TWICE, LOGITS, "riesz", 1.0, sigma=0.1, optimiser="manifold", max_iter=3)
    assert np.isfinite(perturbed.vectors).all()
    softened = reoptimise(TWICE, LOGITS, "riesz", 1.0, sigma=0.0, optimiser="manifold", softening=0.1)
    assert np.isfinite(softened.vectors).all()
    assert reoptimise(ZERO, LOGITS, "log", sigma=0.1, max_iter=1).vectors.shape == (3, 2)
    assert fit_joint(TARGET.tolist(), energy="exp", n_dims=2, lambda_d=0, max_iter=2).nit <= 2


def test_import_is_light() -> None:
    code = (
        "import sys, superpos.fits; "
        "print([m for m in ('scipy.optimize', 'numba', 'torch', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
