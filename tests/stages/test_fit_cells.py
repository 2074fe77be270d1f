"""One joint fit with its re-optimisations: what is shared, what is kept, what a runaway point gives."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from superpos.hashing import content_key
from superpos.psms import cosine, rbf
from superpos.records.work import CellFailure, JointDone, JointWork
from superpos.specs.axes import FitAxes, JointAxes
from superpos.specs.versions import ALGORITHM_VERSIONS
from superpos.stages import fit_cells, joint_cells
from superpos.stages.fit_cells import compute_work, same_columns
from superpos.stages.joint_cells import joint_key

AXES = JointAxes("exp", gauge="unit", n_dims=3, max_iter=60, backend="scipy")
POWELL = FitAxes("powell", sigma=0.1, max_iter=2, backend="scipy")
ZERO = FitAxes("powell", sigma=0.0, max_iter=2, backend="scipy")
MANIFOLD = FitAxes("manifold", sigma=0.0, gtol=1e-4, backend="scipy")


def make_work(axes: JointAxes = AXES, fits: tuple[FitAxes, ...] = (ZERO, POWELL), **rest: Any) -> JointWork:
    rng = np.random.default_rng(3)
    P = rng.normal(size=(5, 8))
    target = cosine(P) if rest.get("similarity", "cosine") == "cosine" else rbf(P, 10.0)
    values: dict[str, Any] = {
        "psm_id": 1,
        "joint_axes_id": 2,
        "psm_key": b"p" * 16,
        "axes_key": b"a" * 16,
        "target": target,
        "similarity": "cosine",
        "rbf_scale": 0.0,
        "axes": axes,
        "done": None,
        "fits": tuple((number, bytes([number]) * 16, one) for number, one in enumerate(fits)),
        "unperturbed": {},
        "keep_vectors": True,
    }
    return JointWork(**{**values, **rest})


def columns(result: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in fit.columns.items() if k != "seconds"} for fit in result.fits]


@pytest.mark.parametrize(
    ("backend", "energy", "similarity"),
    [
        ("scipy", "exp", "cosine"),
        ("scipy", "log", "cosine"),
        ("scipy", "exp", "rbf"),
        ("scipy", "log", "rbf"),
        pytest.param("compiled", "exp", "cosine", marks=pytest.mark.slow),  # compiles, the first time
    ],
)
def test_bits_do_not_depend_on_what_the_database_holds_already(
    backend: Any, energy: Any, similarity: str
) -> None:
    gauge: Any = "unit" if similarity == "cosine" else "none"
    axes = replace(AXES, energy=energy, self_energy=None, gauge=gauge, backend=backend)
    scale = 0.0 if similarity == "cosine" else 10.0
    zero, manifold, powell = (replace(one, backend=backend) for one in (ZERO, MANIFOLD, POWELL))
    fits = (zero, manifold, powell)
    work = make_work(axes, fits, similarity=similarity, rbf_scale=scale)
    at_once = compute_work(work)
    assert at_once.joint is not None
    assert at_once.key == joint_key(work.psm_key, work.axes_key)
    done = JointDone(at_once.joint.vectors, at_once.joint.logits, at_once.joint.start_radius)
    stored = {zero: at_once.fits[0].similarities}
    for unperturbed in ({}, stored):  # sigma 0 made again, or read
        later = compute_work(replace(work, done=done, unperturbed=unperturbed, fits=work.fits[2:]))
        assert later.joint is None
        assert columns(later) == columns(at_once)[2:]
        np.testing.assert_array_equal(later.fits[0].vectors, at_once.fits[2].vectors)
    alone = compute_work(replace(work, fits=work.fits[2:]))
    assert columns(alone) == columns(at_once)[2:]
    np.testing.assert_array_equal(alone.joint.vectors, at_once.joint.vectors)
    np.testing.assert_array_equal(alone.joint.similarities, at_once.joint.similarities)


def test_the_work_is_left_as_it_was_even_if_it_may_not_be_written() -> None:
    work = make_work()
    joint = compute_work(work).joint
    assert joint is not None
    done = JointDone(joint.vectors, joint.logits, joint.start_radius)
    frozen = replace(work, done=done)
    for array in (work.target, done.vectors, done.logits):
        array.setflags(write=False)  # as arrays are that come out of Ray's object store
    assert columns(compute_work(frozen)) == columns(compute_work(work))


def test_vectors_are_kept_at_sigma_0_and_where_they_are_wanted() -> None:
    kept = compute_work(make_work(fits=(ZERO, POWELL), keep_vectors=False)).fits
    assert kept[0].vectors is not None
    assert (kept[1].vectors, kept[1].similarities) == (None, None)
    assert all(fit.vectors is not None for fit in compute_work(make_work(keep_vectors=True)).fits)


def test_restarts_and_trials_have_draws_of_their_own() -> None:
    trials = tuple(replace(POWELL, trial=trial) for trial in range(2))
    angles = [fit["angle"] for fit in columns(compute_work(make_work(fits=trials)))]
    assert angles[0] != angles[1]
    other = compute_work(make_work(replace(AXES, restart=1), trials[:1]))
    assert columns(other)[0]["angle"] not in angles
    again = compute_work(make_work(replace(AXES, energy="log", self_energy=None), trials))
    norms_held = [fit["angle"] for fit in columns(again)]
    assert norms_held != angles  # other vectors, moved by the same draw


def test_a_joint_fit_without_a_finite_point_gives_results_and_no_failures() -> None:
    nan = np.full((5, 3), np.nan)
    work = make_work(fits=(ZERO, POWELL, MANIFOLD), done=JointDone(nan, np.zeros(5), 1.0))
    result = compute_work(work)
    assert result.failures == ()
    assert [fit.columns["status"] for fit in result.fits] == ["non_finite"] * 3
    assert [fit.columns["verdict"] for fit in result.fits] == ["not_applicable"] * 3
    assert all(fit.columns["distance_final"] is None for fit in result.fits)


def test_an_end_without_similarities_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = fit_cells.reoptimise_held

    def run_away(*arguments: Any, **options: Any) -> Any:
        end = genuine(*arguments, **options)
        return replace(end, vectors=np.full_like(end.vectors, np.inf), status="unbounded")

    monkeypatch.setattr(fit_cells, "reoptimise_held", run_away)
    result = compute_work(make_work())
    assert result.failures == ()
    assert [fit.columns["status"] for fit in result.fits] == ["unbounded", "unbounded"]
    assert result.fits[0].columns["nfev"] > 0


def test_a_joint_fit_has_the_key_of_its_content() -> None:
    for psm, axes in ((bytes(16), bytes(range(16))), (b"\xff" * 16, b"p" * 16)):
        assert joint_key(psm, axes) == content_key("joint", ALGORITHM_VERSIONS["joint"], {}, [psm, axes])


def test_results_travel_whole() -> None:
    work = make_work()
    result = compute_work(work)
    failure = CellFailure("fits", "key", "reason", "message", True)
    for sent in (work, result, result.joint, *result.fits, failure):
        came = pickle.loads(pickle.dumps(sent, protocol=5))  # noqa: S301 (made in this line)
        assert type(came) is type(sent)
        for name in sent.__dataclass_fields__:
            if name not in ("fits", "joint"):  # records that travel by themselves here
                np.testing.assert_equal(getattr(came, name), getattr(sent, name))
    came = pickle.loads(pickle.dumps(result))  # noqa: S301 (likewise)
    np.testing.assert_equal(columns(came), columns(result))


@pytest.mark.parametrize("at_once", [1, 2, 64])
def test_cells_have_the_same_bits_however_many_are_made_together(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    trials = tuple(replace(POWELL, trial=trial) for trial in range(2))
    work = make_work(fits=(ZERO, MANIFOLD, *trials))
    whole = compute_work(work)
    monkeypatch.setattr(fit_cells, "CELLS_AT_ONCE", at_once)
    assert columns(compute_work(work)) == columns(whole)
    assert all(fit.columns["seconds"] > 0.0 for fit in whole.fits)


def test_similarities_that_cannot_be_made_together_are_made_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A similarity from elsewhere may fail on one point; its cell alone has no result then."""
    work = make_work(fits=(ZERO, POWELL, MANIFOLD))
    whole = compute_work(work)

    def broken(*_: Any) -> Any:
        raise FloatingPointError("overflow")

    monkeypatch.setattr(joint_cells, "similarities_of_many", broken)
    assert columns(compute_work(work)) == columns(whole)
    genuine, calls = joint_cells.similarities, 0

    def unlucky(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 6:  # of the joint fit, two points of each of two cells, then the third one's first
            raise FloatingPointError("overflow")
        return genuine(*arguments)

    monkeypatch.setattr(joint_cells, "similarities", unlucky)
    result = compute_work(work)
    assert [failure.message for failure in result.failures] == ["FloatingPointError: overflow"]
    left = {fit.fit_axes_id for fit in result.fits}
    assert left == {0, 1}
    wanted = [one for fit, one in zip(whole.fits, columns(whole), strict=True) if fit.fit_axes_id in left]
    assert columns(result) == wanted


def test_a_joint_fit_that_fails_fails_its_cells_with_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise FloatingPointError("overflow")

    monkeypatch.setattr(joint_cells, "fit_joint", broken)
    work = make_work()
    result = compute_work(work)
    assert result.joint is None
    assert result.fits == ()
    assert [failure.key for failure in result.failures] == [
        f"{work.psm_key.hex()}.{work.axes_key.hex()}.{key.hex()}" for _, key, _ in work.fits
    ]
    assert {failure.reason for failure in result.failures} == {"FloatingPointError"}


@pytest.mark.parametrize(("energy", "softening"), [("exp", 0.0), ("log", 0.0), ("riesz", 0.1)])
def test_a_study_does_not_know_the_unit_of_length(energy: Any, softening: float) -> None:
    """The same matrix from directions 1,024 times as long, C longer with them: the same rows, bit for bit.

    A power of two, since rounding of another factor turns the joint end a little, and draws do not turn.
    """
    axes = JointAxes(
        energy, 1.0, "include" if softening else None, softening, n_dims=3, max_iter=200, backend="scipy"
    )
    fits = (replace(ZERO, max_iter=0), replace(POWELL, max_iter=0), replace(MANIFOLD, gtol=1e-8))
    target = make_work(similarity="rbf").target
    short, long = (
        compute_work(make_work(axes, fits, similarity="rbf", rbf_scale=scale, target=target))
        for scale in (10.0, 10.0 * 4.0**10)
    )
    assert short.joint is not None
    assert long.joint is not None
    assert short.joint.status == "polished"
    np.testing.assert_array_equal(long.joint.vectors, 1024.0 * short.joint.vectors)
    for name in ("fun", "fun_cg", "energy", "mismatch", "gradient_norm", "status", "verdict"):
        assert getattr(long.joint, name) == getattr(short.joint, name), name
    assert columns(long) == columns(short)
    for a, b in zip(short.fits, long.fits, strict=True):
        np.testing.assert_array_equal(b.vectors, 1024.0 * np.array(a.vectors))


def test_the_polished_end_can_be_had_back() -> None:
    work = make_work(fits=(ZERO, MANIFOLD))
    result = compute_work(work)
    powell, manifold = result.fits
    assert manifold.polished is None
    assert powell.polished is not None
    assert powell.similarities is not None
    between = np.linalg.norm(cosine(powell.polished) - powell.similarities)
    assert powell.columns["distance_polish"] == pytest.approx(between, rel=1e-9)
    assert powell.columns["n_negative"] is None  # not critical: signs depend on the coordinates there
    assert powell.columns["verdict"] == "not_critical"


@pytest.mark.parametrize(
    ("stored", "made", "differing"),
    [
        ({"a": 1.0, "seconds": 1.0}, {"a": 1.0, "seconds": 2.0}, []),
        ({"a": None}, {"a": float("nan")}, []),
        ({"a": None}, {"a": float("inf")}, []),
        ({"a": 1.0}, {"a": np.nextafter(1.0, 2.0)}, ["a"]),
        ({"a": None}, {"a": 1.0}, ["a"]),
        ({"a": 0.0}, {"a": None}, ["a"]),
        ({}, {"a": "strict"}, ["a"]),
    ],
)
def test_same_columns(stored: dict[str, Any], made: dict[str, Any], differing: list[str]) -> None:
    assert same_columns(stored, made) == differing
