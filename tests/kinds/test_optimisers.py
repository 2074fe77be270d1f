"""Optimisers as kinds: what they read, what they are refused for, and one from elsewhere at work."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from outside_optimisers import LBFGS

from superpos.errors import ArgumentError, InputError
from superpos.fits import certify, reoptimise
from superpos.fits.descent import make_task
from superpos.kinds.optimisers import OPTIMISERS, End, Task
from superpos.records.fits import Status
from superpos.specs.axes import FitAxes, Kernel

BACKENDS = ("scipy", "compiled")


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPTIMISERS, "_found", dict(OPTIMISERS._found))
    OPTIMISERS.register(LBFGS)


def _problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((6, 3)), rng.standard_normal(6)


def test_what_an_optimiser_does_not_read_is_neutral() -> None:
    given: dict[str, Any] = {"lambda_x": 7.0, "xtol": 1e-2, "ftol": 1e-3, "gtol": 1e-6, "max_iter": 5}
    assert dataclasses.asdict(FitAxes("powell", **given)).items() >= given.items()
    for name in ("manifold", "lbfgs"):
        axes = FitAxes(name, **given)
        assert (axes.lambda_x, axes.xtol, axes.ftol, axes.gtol, axes.max_iter) == (0.0, 1e-4, 1e-4, 1e-6, 5)
    bare = dataclasses.replace(LBFGS, name="bare", reads=())
    OPTIMISERS.register(bare)
    assert FitAxes("bare", **given) == FitAxes("bare")
    assert FitAxes("powell").identity() == dataclasses.asdict(FitAxes("powell"))
    assert FitAxes("lbfgs").identity()["from"] == "added by hand in this process"


@pytest.mark.parametrize("optimiser", ["powell", "manifold", "lbfgs"])
def test_own_and_others_pass_their_trial(optimiser: str) -> None:
    OPTIMISERS.get(optimiser).check()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kernel", [Kernel("exp"), Kernel("riesz", 1.0), Kernel("log")])
def test_an_outside_optimiser_ends_at_a_minimum(backend: Any, kernel: Kernel) -> None:
    vectors, logits = _problem()
    options: dict[str, Any] = {"energy": kernel.energy, "s": kernel.s, "sigma": 0.05, "backend": backend}
    found = reoptimise(vectors, logits, optimiser="lbfgs", **options)
    exact = reoptimise(vectors, logits, optimiser="manifold", **options)
    near = reoptimise(found.vectors, logits, optimiser="manifold", **options | {"sigma": 0.0})
    assert found.status is Status.CONVERGED
    assert found.fun == found.energy
    np.testing.assert_allclose(found.start, exact.start, rtol=1e-12)
    assert found.energy_start == pytest.approx(exact.energy_start, rel=1e-12)
    assert found.norm_error < 1e-12
    assert found.relative_gradient < 1e-3
    assert found.energy == pytest.approx(near.energy, rel=1e-9)
    weights = np.exp(logits) / np.exp(logits).sum()
    assert certify(near.vectors, weights, energy=kernel.energy, s=kernel.s).is_local_minimum


def test_slope_of_a_task_is_that_of_its_energy() -> None:
    vectors, logits = _problem(3)
    weights = np.exp(logits) / np.exp(logits).sum()
    for kernel in (Kernel("exp"), Kernel("riesz", 2.0)):
        task = make_task(vectors, weights, np.linalg.norm(vectors, axis=1), kernel)
        turn = np.random.default_rng(1).standard_normal(vectors.shape)
        h = 1e-6
        ends = [task.energy(task.project(vectors + k * h * turn)) for k in (1.0, -1.0)]
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(np.vdot(task.slope(vectors), turn), rel=1e-6)


def _up(task: Task) -> End:
    near = task.start.copy()
    near[1] = near[0] + 1e-3
    return End(vectors=task.project(near), status="converged")


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (lambda _: 3, r"optimiser: wrong gave 3; it must give an End"),
        (lambda task: End(vectors=task.start[:2], status="converged"), r"optimiser: wrong ended with shape"),
        (lambda task: End(vectors=task.start, status="fine"), "optimiser: wrong ended with 'fine'; allowed"),
        (lambda task: End(vectors=np.nan * task.start, status="stalled"), "runs: scipy ends at nan"),
        (_up, "runs: scipy rises from"),
        (lambda _: 1 / 0, "ZeroDivisionError"),
    ],
)  # fmt: skip
def test_runs_that_are_none_are_refused_in_a_line(run: Any, said: str) -> None:
    wrong = dataclasses.replace(LBFGS, name="wrong", runs={"scipy": run})
    with pytest.raises(InputError, match=rf"^optimiser 'wrong': {said}") as caught:
        OPTIMISERS.register(wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reads": ("tolerance",)}, "reads: 'tolerance' is unknown; allowed: lambda_x"),
        ({"runs": {}}, "runs: has none for scipy"),
        ({"runs": {"gpu": None}}, "runs: 'gpu' is unknown; allowed: scipy, compiled"),
        ({"lambda_x": "a weight"}, "lambda_x: is said of an optimiser that reads it"),
        ({"reads": ("lambda_x",)}, "lambda_x: is said of an optimiser that reads it"),
    ],
)
def test_records_that_contradict_themselves(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=rf"^{said}"):
        dataclasses.replace(LBFGS, **changed)


def test_unknown_optimiser_suggests_the_nearest() -> None:
    with pytest.raises(ArgumentError, match=r"^optimiser: 'powel' is unknown; .*did you mean 'powell'\?"):
        FitAxes("powel")
