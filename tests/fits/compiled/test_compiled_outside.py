"""Energies from elsewhere on the engine: every evaluation against the NumPy reference and differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from outside_energies import CHORD, YUKAWA
from outside_similarities import CUBE, LAPLACE

from superpos.fits.compiled.branches import BRANCHES, OUTSIDE, Text
from superpos.fits.compiled.joint_workspace import make_joint_workspace
from superpos.fits.compiled.manifold import assess
from superpos.fits.compiled.pairs import kernel_code
from superpos.fits.compiled.reoptimise import powell_compiled
from superpos.fits.compiled.sphere_workspace import make_sphere_workspace
from superpos.fits.joint import JointObjective
from superpos.fits.manifold import project
from superpos.fits.penalty import PenaltyObjective
from superpos.fits.problem import JointProblem
from superpos.fits.spheres import SphereEnergy, relative_gradient, unit_rows
from superpos.kinds.energies import ENERGIES
from superpos.kinds.similarities import SIMILARITIES
from superpos.specs.axes import Kernel

Array = np.ndarray
SHAPES = [(2, 2), (5, 3), (9, 12)]


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ENERGIES, "_found", dict(ENERGIES._found))
    monkeypatch.setattr(SIMILARITIES, "_found", dict(SIMILARITIES._found))
    SIMILARITIES.register(LAPLACE)
    SIMILARITIES.register(CUBE)
    ENERGIES.register(YUKAWA)
    ENERGIES.register(CHORD)
    with np.errstate(all="ignore"):  # diagonals, which are overwritten or have weight 0
        yield


def _kernels() -> list[Kernel]:
    return [Kernel("yukawa", 1.0), Kernel("yukawa", 0.5, "include", 0.2), Kernel("chord")]


def test_own_codes_are_small_and_others_are_addresses() -> None:
    own = [Kernel("exp"), Kernel("exp", 4.0), Kernel("log")]
    own += [Kernel("riesz", s) for s in (1.0, 2.0, -1.0, -2.0, 3.0, -0.5)] + [Kernel("gauss", 2.0)]
    assert [kernel_code(kernel) for kernel in own] == [0, 1, 2, 3, 4, 5, 6, 7, 7, 8]
    assert len(BRANCHES) == 9
    first, again, other = (kernel_code(kernel) for kernel in _kernels())
    assert min(first, other) >= OUTSIDE
    assert first == again != other


def test_a_point_function_keeps_its_name_when_others_come_and_go() -> None:
    # Functions that are made for one branch and dropped leave their id to those of the next.
    text = Text()

    def multiplied(factor: float) -> Any:
        return lambda a: factor * a

    names = [text.name(multiplied(float(factor))) for factor in range(20)]
    assert len(set(names)) == 20
    assert [text.scope[name].py_func(1.0) for name in names[:3]] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("n", "f"), SHAPES)
def test_lines_and_full_evaluations(engine: Any, reoptimisation: Any, n: int, f: int) -> None:
    rng = np.random.default_rng(n)
    for kernel in _kernels():
        workspace, start, weights, norms = reoptimisation(n, n, f, kernel, lambda_x=0.7)
        plain = PenaltyObjective(weights, norms, kernel, n_dims=f, lambda_x=0.7)
        rows = np.ascontiguousarray(start).ravel()
        scale = 1.0 + abs(plain.loss(rows))
        assert engine.full(*workspace, rows, 1) == pytest.approx(plain.loss(rows), abs=1e-10 * scale)
        assert engine.full(*workspace, rows, 0) == pytest.approx(plain.loss(rows), abs=1e-10 * scale)
        for axis in range(n * f):
            engine.begin(*workspace, axis, rows)
            for alpha in (0.0, 0.3, -0.8):
                moved = rows.copy()
                moved[axis] += alpha
                value = engine.value(*workspace, axis, alpha)
                assert value == pytest.approx(plain.loss(moved), abs=1e-9 * scale)
            engine.accept(*workspace, axis, 0.05, moved)
            rows[axis] += 0.05
        direction = rng.standard_normal(n * f)
        engine.begin(*workspace, -1, direction)
        for alpha in (0.0, 0.2, -0.4):
            value = engine.value(*workspace, -1, alpha)
            assert value == pytest.approx(plain.loss(rows + alpha * direction), abs=1e-9 * scale)


@pytest.mark.parametrize("gauge", ["none", "unit"])
@pytest.mark.parametrize("similarity", ["cosine", "rbf", "laplace", "cube"])
def test_joint_objective_and_gradient(engine: Any, similarity: str, gauge: str) -> None:
    rng = np.random.default_rng(2)
    n, f = 5, 3
    target = np.eye(n) + 0.1
    for kernel in _kernels():
        problem = JointProblem(target, kernel, f, 3.0, similarity, 2.0, gauge, True, 1.2)
        objective, workspace = JointObjective(problem), make_joint_workspace(problem)
        vectors, logits = rng.standard_normal((n, f)), rng.standard_normal(n)
        flat, gradient = workspace.pack(vectors, logits), np.zeros(workspace.pack(vectors, logits).size)
        value = engine.joint(*workspace, flat, gradient)
        point = objective.evaluate(objective.pack(vectors, logits))
        assert value == pytest.approx(point.fun, rel=1e-12)
        found = gradient.reshape(f + 1, -1)[:, :n]
        found = np.concatenate([found[:f].T.ravel(), found[f]])
        np.testing.assert_allclose(found, point.gradient, rtol=1e-10, atol=1e-10)
        step, h = rng.standard_normal(point.gradient.size), 1e-5
        there = [objective.loss(objective.pack(vectors, logits) + k * h * step) for k in (1, -1)]
        assert (there[0] - there[1]) / (2 * h) == pytest.approx(point.gradient @ step, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("n", "f"), SHAPES)
def test_spheres_and_relative_gradient(n: int, f: int) -> None:
    rng = np.random.default_rng(n)
    vectors, weights = rng.standard_normal((n, f)), rng.random(n) + 0.1
    weights /= weights.sum()
    norms = np.linalg.norm(vectors, axis=1)
    for kernel in _kernels():
        point = SphereEnergy(weights, norms, kernel).at(unit_rows(vectors, norms))
        workspace = make_sphere_workspace(weights, norms, kernel, f)
        energy, gradient = assess(workspace, point.units)
        assert energy == pytest.approx(point.energy, rel=1e-12)
        assert gradient == pytest.approx(point.relative_gradient(), rel=1e-9, abs=1e-14)
        end = powell_compiled(vectors, weights, norms, kernel, lambda_x=1.0, xtol=1e-2, ftol=1e-2, max_iter=1)
        there = relative_gradient(project(end.vectors, norms), weights, kernel)
        assert end.relative_gradient == pytest.approx(there, rel=1e-9)
        # The Hessian is the derivative of the gradient along the sphere, in scaled coordinates.
        z = rng.standard_normal((n, f))
        z -= np.einsum("ij,ij->i", z, point.units)[:, None] * point.units
        h, eta = 1e-6, z / point.problem.roots[:, None]
        ends = []
        for k in (1.0, -1.0):
            moved = point.units + k * h * eta
            there = point.problem.at(moved / np.linalg.norm(moved, axis=1)[:, None]).gradient
            ends.append(there - np.einsum("ij,ij->i", there, point.units)[:, None] * point.units)
        slope = (ends[0] - ends[1]) / (2.0 * h)
        scale = np.abs(slope).max() + 1e-6
        np.testing.assert_allclose(point.hessian_product(z), slope, atol=1e-6 * scale)
