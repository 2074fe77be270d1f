"""Energies as kinds: functions agree, bad ones are refused in a line, those from elsewhere are fitted."""

# ruff: noqa: ARG005 - point functions have one signature

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from outside_energies import CHORD, YUKAWA

from superpos.errors import ArgumentError, InputError
from superpos.fits import certify, energy_value, fit_joint, reoptimise
from superpos.kinds.energies import ENERGIES, Energy
from superpos.kinds.points import exp
from superpos.records.fits import Status, Verdict
from superpos.specs.axes import JointAxes, Kernel

BACKENDS = ("scipy", "compiled")
OUTSIDE = [("yukawa", 1.0), ("chord", 0.0)]


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register both for one test."""
    monkeypatch.setattr(ENERGIES, "_found", dict(ENERGIES._found))
    ENERGIES.register(YUKAWA)
    ENERGIES.register(CHORD)


@pytest.mark.parametrize("name", ["exp", "log", "riesz", "yukawa", "chord"])
def test_functions_of_a_kind_agree(name: str) -> None:
    ENERGIES.get(name).check()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"slope": lambda a, s, value: -value},
            r"slope: is -.* at 0\.02 \(wrong:0\.5\), but differences of value",
        ),
        ({"bend": lambda a, s, value: value}, r"bend: is .* but differences of slope give"),
        ({"value": lambda a: a}, r"value: cannot be called: TypeError: .*takes 1 positional argument"),
        ({"value": lambda a, s: a[:2]}, "value: cannot be called"),
        ({"value": lambda a, s: np.sqrt(-a)}, "value: is not finite at 0.02"),
        ({"singular": lambda _: False}, "singular: is False, but value gives inf where vectors coincide"),
        (
            {"value": lambda a, s: a**2, "slope": lambda a, s, v: 2.0 * a, "bend": lambda a, s, v: 2.0},
            r"repels: is True, but K rises with the distance at 0\.02",
        ),
        ({"argument": "angle"}, "argument: 'angle' is unknown; allowed: cosine, squared_distance"),
        ({"default_self_energy": "both"}, "default_self_energy: 'both' is unknown"),
        ({"formula": " "}, "formula: is empty"),
    ],
)
def test_functions_that_disagree_are_one_line(changed: dict[str, Any], said: str) -> None:
    wrong = dataclasses.replace(YUKAWA, name="wrong", **changed)
    with pytest.raises(InputError, match=rf"^energy 'wrong': {said}") as caught:
        ENERGIES.register(wrong)
    assert "\n" not in str(caught.value)


def test_second_ways_of_writing_are_held_to_the_first() -> None:
    riesz = ENERGIES.get("riesz")
    form = dataclasses.replace(riesz.forms[1], slope=lambda a, s, value: -value / a / a)
    with pytest.raises(ArgumentError, match=r"^forms: is .* at 0\.02 \(riesz:2\), but slope gives"):
        dataclasses.replace(riesz, forms=(riesz.forms[0], form, *riesz.forms[2:])).check()
    spheres = dataclasses.replace(riesz.spheres, force=lambda a, own, s, value: value)
    with pytest.raises(ArgumentError, match=r"^spheres: is .* but force gives"):
        dataclasses.replace(riesz, spheres=spheres).check()


def test_what_numba_cannot_compile_names_the_kind() -> None:
    slow = dataclasses.replace(
        CHORD, name="slow", value=lambda a, _s: np.vectorize(lambda x: -((1.0 - x) ** 0.5))(a)
    )
    ENERGIES.register(slow)
    with pytest.raises(
        InputError, match=r"^added by hand in this process: energy 'slow' cannot be compiled"
    ) as caught:
        certify(np.eye(3), np.full(3, 1 / 3), energy="slow")
    assert str(caught.value).startswith("added by hand in this process: ")
    assert "\n" not in str(caught.value)


def test_traits_reach_axes_and_checks() -> None:
    assert Kernel("yukawa", 2.0).label == "yukawa:2"
    assert Kernel("chord", 3.0).s == 0.0
    assert Kernel("chord").label == "chord"
    assert Kernel("yukawa", 1.0).self_energy == "exclude"
    with pytest.raises(ArgumentError, match=r"^s: 11 must be from 0 to 10"):
        Kernel("yukawa", 11.0)
    with pytest.raises(ArgumentError, match=r"^softening: 0\.1 does not apply to the chord energy; use 0"):
        Kernel("chord", softening=0.1)
    with pytest.raises(ArgumentError, match=r"^softening: 0 makes the included diagonal of yukawa:1"):
        Kernel("yukawa", 1.0, "include")
    with pytest.raises(ArgumentError, match=r"^gauge: 'mean_norm' with cosine and yukawa:1"):
        fit_joint(np.eye(3), energy="yukawa", n_dims=2, gauge="mean_norm")
    with pytest.raises(ArgumentError, match=r"^vectors: rows 0 and 1 coincide, where yukawa:1 is infinite"):
        certify(np.ones((2, 2)), np.array([0.5, 0.5]), energy="yukawa")
    own = JointAxes("exp").identity()
    assert own == dataclasses.asdict(JointAxes("exp"))
    assert JointAxes("chord").identity()["from"] == "added by hand in this process"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("energy", "s"), OUTSIDE)
def test_outside_energies_are_fitted(backend: str, energy: str, s: float) -> None:
    """Both back ends, both optimisers: minima that the other back end certifies."""
    other = BACKENDS[1 - BACKENDS.index(backend)]
    rows = np.random.default_rng(3).standard_normal((6, 9))
    rows[1] += rows[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    target = rows @ rows.T
    options: dict[str, Any] = {"energy": energy, "s": s}
    joint = fit_joint(
        target, n_dims=4, gauge="unit", lambda_d=100.0, importance="uniform", backend=backend, **options
    )
    assert joint.status in (Status.CONVERGED, Status.POLISHED)
    assert joint.verdict is Verdict.STRICT
    again = fit_joint(
        target, n_dims=4, gauge="unit", lambda_d=100.0, importance="uniform", backend=other, **options
    )
    assert joint.fun == pytest.approx(again.fun, rel=1e-9)
    exact = reoptimise(
        joint.vectors, joint.logits, optimiser="manifold", sigma=0.05, backend=backend, **options
    )
    assert exact.status is Status.CONVERGED
    assert exact.energy == pytest.approx(
        energy_value(exact.vectors, joint.importance, Kernel(energy, s)), rel=1e-12
    )
    mine = certify(exact.vectors, joint.importance, backend=backend, **options)
    theirs = certify(exact.vectors, joint.importance, backend=other, **options)
    assert mine.verdict is theirs.verdict
    assert mine.is_local_minimum
    np.testing.assert_allclose(mine.eigenvalues, theirs.eigenvalues, rtol=1e-7, atol=1e-9)
    by_powell = reoptimise(
        exact.vectors, joint.logits, optimiser="powell", sigma=0.0, backend=backend, max_iter=3, **options
    )
    assert by_powell.fun <= exact.energy + 1e-12 * abs(exact.energy)
    assert np.isfinite(by_powell.relative_gradient)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("energy", "s"), OUTSIDE)
def test_outside_energies_know_neither_rotation_nor_order(backend: str, energy: str, s: float) -> None:
    rng = np.random.default_rng(4)
    vectors, weights = rng.standard_normal((5, 3)), np.array([0.1, 0.15, 0.2, 0.25, 0.3])
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    order = rng.permutation(5)
    here = certify(vectors, weights, energy=energy, s=s, backend=backend)
    there = certify((vectors @ turn)[order], weights[order], energy=energy, s=s, backend=backend)
    assert there.relative_gradient == pytest.approx(here.relative_gradient, rel=1e-9)
    np.testing.assert_allclose(there.eigenvalues, here.eigenvalues, rtol=1e-8, atol=1e-9)


def test_a_reference_is_an_energy() -> None:
    name = "outside_energies:YUKAWA"
    kernel = Kernel(name, 1.0)
    assert kernel.label == "yukawa:1"
    said = JointAxes(name, 1.0).identity()
    assert said["energy"] == name
    assert said["from"].startswith("outside_energies sha256:")
    vectors, weights = np.eye(3) + 0.1, np.full(3, 1 / 3)
    mine, theirs = (certify(vectors, weights, energy=one, s=1.0) for one in (name, "yukawa"))
    np.testing.assert_array_equal(mine.eigenvalues, theirs.eigenvalues)


def test_an_energy_of_plain_arithmetic_needs_no_names() -> None:
    """A kind may be written with `**` and NumPy's own functions; the engine compiles these too."""
    plain = Energy(
        name="square",
        version=1,
        meaning="Half of the squared cosine.",
        formula="cos^2 / 2",
        argument="cosine",
        value=lambda a, _s: 0.5 * a**2,
        slope=lambda a, _s, _value: a,
        bend=lambda _a, _s, _value: 1.0,
    )
    ENERGIES.register(plain)
    vectors, weights = np.random.default_rng(0).standard_normal((4, 3)), np.full(4, 0.25)
    found = [certify(vectors, weights, energy="square", backend=backend) for backend in BACKENDS]
    assert found[0].relative_gradient == pytest.approx(found[1].relative_gradient, rel=1e-10)
    np.testing.assert_allclose(found[0].eigenvalues, found[1].eigenvalues, rtol=1e-8, atol=1e-12)
    assert exp is np.exp
