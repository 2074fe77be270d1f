"""Kinds of target: what each says of itself, controls from elsewhere, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outside_similarities import CUBE, LAPLACE

from superpos.errors import ArgumentError, InputError
from superpos.hashing import content_key
from superpos.kinds.controls import CONTROLS, FEATURES, Control
from superpos.kinds.looks import Look
from superpos.kinds.similarities import SIMILARITIES
from superpos.psms import build_psm, cosine, rbf, rests_on_shape, squared_distances
from superpos.psms.controls.spectrum import spectrum_cosine
from superpos.records.work import Directions, TargetWork
from superpos.specs.study import TargetChoice
from superpos.specs.versions import ALGORITHM_VERSIONS
from superpos.stages.matrices import build, psm_key

OWN_SIMILARITIES = ("cosine", "rbf")
OF_USER = '''
"""Controls of somebody's own."""
import numpy as np
from superpos.kinds.controls import Control

def turned(rows, replicate):
    """Each row turned by a random rotation of its own."""
    rng = np.random.default_rng(replicate)
    return np.stack([row @ np.linalg.qr(rng.standard_normal((len(row),) * 2))[0] for row in rows])

def noisy(matrix, replicate, width):
    noise = np.random.default_rng([replicate, width]).uniform(-0.1, 0.1, matrix.shape)
    noise = np.triu(noise, 1)
    return matrix + noise + noise.T

TURNED = Control(name="turned", version=3, meaning="Rows turned.", draws_from="directions",
                 keeps="The norms.", destroys="The directions.", directions=turned)
NOISY = Control(name="noisy", version=1, meaning="Noise.", draws_from="matrix",
                keeps="The matrix, roughly.", destroys="Its digits.", matrix=noisy)
ANGLES = Control(name="angles", version=1, meaning="Noise on cosines.", draws_from="matrix",
                 keeps="The cosines, roughly.", destroys="Their digits.", arguments={"cosine": noisy})
'''


@pytest.fixture
def directions() -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.standard_normal((6, 3)) @ rng.standard_normal((3, 20)) + 0.3 * rng.standard_normal((6, 20))


@pytest.fixture
def of_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module `mycontrols` that can be imported."""
    (tmp_path / "mycontrols.py").write_text(OF_USER, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mycontrols", raising=False)
    monkeypatch.setattr(CONTROLS, "_found", dict(CONTROLS._found))
    return "mycontrols"


def control(draws_from: str = "directions", **functions: Any) -> Control:
    return Control(
        name="mine",
        version=1,
        meaning="Of mine.",
        draws_from=draws_from,  # type: ignore[arg-type]  # wrong on purpose
        keeps="This.",
        destroys="That.",
        **functions,
    )


def work(kind: str, rows: np.ndarray, similarity: str = "cosine", replicate: int = 0) -> TargetWork:
    return TargetWork(
        target_id=1,
        key=b"t" * 16,
        direction_key=b"d" * 16,
        space="raw",
        kind=kind,
        replicate=replicate,
        similarity=similarity,
        rbf_scale=0.0 if similarity == "cosine" else 50.0,
        fit_two_classes=False,
        phi=None,
        directions=Directions(rows, None, None, None),
        reference=None,
    )


def test_order_of_the_kinds() -> None:
    own = ("features", "permuted", "gaussian", "shuffled_entries", "spectrum", "shuffled_labels")
    assert CONTROLS.names()[: len(own)] == own
    assert [kind.name for kind in CONTROLS if not kind.is_control] == [FEATURES]


@pytest.mark.parametrize("kind", list(CONTROLS), ids=lambda kind: kind.name)
def test_own_kinds_would_pass_as_kinds_from_elsewhere(kind: Control) -> None:
    if kind.is_control:
        kind.check()
    assert CONTROLS.identity(kind.name) == {}
    assert kind.look.colour != Look().colour  # every own kind has its colour
    assert kind.label == kind.name.replace("_", " ")


@pytest.mark.parametrize("similarity", OWN_SIMILARITIES)
@pytest.mark.parametrize("kind", [k.name for k in CONTROLS if k.is_control and not k.handed_in])
def test_no_control_is_the_features(directions: np.ndarray, kind: str, similarity: str) -> None:
    features = cosine(directions) if similarity == "cosine" else rbf(directions, 50.0)
    made = build_psm(kind=kind, similarity=similarity, directions=directions, rbf_scale_rule=50.0)
    assert np.max(np.abs(made.matrix - features)) > 1e-3
    if CONTROLS.get(kind).of_matrix:
        made = build_psm(kind=kind, similarity=similarity, target=features, rbf_scale_rule=50.0)
        assert np.max(np.abs(made.matrix - features)) > 1e-3


def test_a_control_of_directions_from_elsewhere(directions: np.ndarray, of_user: str) -> None:
    name = f"{of_user}:TURNED"
    turned = sys.modules[of_user].turned if of_user in sys.modules else CONTROLS.get(name).directions
    for similarity, of in (("cosine", cosine), ("rbf", lambda rows: rbf(rows, 50.0))):
        made = build(work(name, directions, similarity, replicate=2)).record
        np.testing.assert_array_equal(made.matrix, of(turned(directions, 2)))
        assert made.kind == name
    assert TargetChoice(name, (0, 1)).replicates == (0, 1)


def test_a_control_of_the_matrix_from_elsewhere(directions: np.ndarray, of_user: str) -> None:
    name = f"{of_user}:NOISY"
    made = build_psm(kind=name, similarity="rbf", directions=directions, rbf_scale_rule=50.0, replicate=4)
    expected = CONTROLS.get(name).matrix
    assert expected is not None
    np.testing.assert_array_equal(made.matrix, expected(rbf(directions, 50.0), 4, 20))
    imported = build_psm(kind=name, similarity="cosine", target=cosine(directions), replicate=4)
    np.testing.assert_array_equal(imported.matrix, expected(cosine(directions), 4, 6))


def test_a_control_under_a_similarity_it_does_not_know_is_an_error(
    directions: np.ndarray, of_user: str
) -> None:
    name = f"{of_user}:ANGLES"
    assert not np.array_equal(
        build_psm(kind=name, similarity="cosine", directions=directions).matrix, cosine(directions)
    )
    for given in ({"directions": directions}, {"target": rbf(directions, 50.0)}):
        with pytest.raises(
            ArgumentError, match="is a control of cosine; rbf reads squared_distance"
        ) as caught:
            build_psm(kind=name, similarity="rbf", rbf_scale_rule=50.0, **given)  # type: ignore[arg-type]
        assert caught.value.argument == "kind"
        assert "\n" not in str(caught.value)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The similarities `laplace` (of distances) and `cube` (of cosines, without an inverse)."""
    monkeypatch.setattr(SIMILARITIES, "_found", dict(SIMILARITIES._found))
    for kind in (LAPLACE, CUBE):
        SIMILARITIES.register(kind)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("kind", [kind.name for kind in CONTROLS])
@pytest.mark.parametrize("similarity", ["laplace", "cube"])
def test_every_kind_has_a_matrix_under_a_similarity_from_elsewhere(
    directions: np.ndarray, kind: str, similarity: str
) -> None:
    made = build_psm(
        kind=kind, similarity=similarity, directions=directions, rbf_scale_rule="median", reference=directions
    )
    of = SIMILARITIES.get(similarity)
    features = (
        of.value(cosine(directions))
        if of.angular
        else of.value(squared_distances(directions) / made.rbf_scale_resolved)
    )
    assert np.array_equal(made.matrix, made.matrix.T)
    assert np.all(np.diag(made.matrix) == 1.0)
    assert np.array_equal(made.matrix, features) is (
        not CONTROLS.get(kind).is_control or CONTROLS.get(kind).handed_in
    )
    if kind == "spectrum" and of.angular:
        drawn = spectrum_cosine(cosine(directions), 0, 20)
        np.testing.assert_array_equal(made.matrix, of.value(drawn))
    assert rests_on_shape(kind, similarity) is (kind == "gaussian" and of.angular)


@pytest.mark.usefixtures("outside")
def test_an_imported_matrix_without_an_inverse_has_no_control_of_its_argument(directions: np.ndarray) -> None:
    matrix = CUBE.value(cosine(directions))
    assert np.array_equal(build_psm(kind="features", similarity="cube", target=matrix).matrix, matrix)
    build_psm(kind="shuffled_entries", similarity="cube", target=matrix)
    with pytest.raises(ArgumentError, match=r"'cube' has no inverse; use directions"):
        build_psm(kind="spectrum", similarity="cube", target=matrix)


@pytest.mark.usefixtures("outside")
def test_keys_name_the_origin_of_similarities_that_are_not_ours(directions: np.ndarray) -> None:
    identity = SIMILARITIES.identity("cube")
    assert identity["version"] == 1
    values = {"kind": "permuted", "replicate": 0, "space": "raw", "similarity": "cube", "rbf_scale": 50.0}
    expected = content_key(
        "psm", ALGORITHM_VERSIONS["psm"], {**values, "similarity_kind": identity}, [b"d" * 16]
    )
    assert psm_key(work("permuted", directions, "cube")) == expected


@pytest.mark.usefixtures("outside")
def test_two_opposite_directions_are_said_under_similarities_that_tell_them() -> None:
    pair = np.array([[1.0, 2.0, -1.0], [-1.0, -2.0, 1.0]])
    for similarity, said in (("cosine", True), ("cube", True), ("rbf", False), ("laplace", False)):
        made = build_psm(kind=FEATURES, similarity=similarity, directions=pair, rbf_scale_rule=24.0)
        assert ("no geometry" in made.message) is said


def test_a_plain_function_is_a_control_of_directions(directions: np.ndarray, of_user: str) -> None:
    kind = CONTROLS.get(f"{of_user}:turned")
    assert (kind.draws_from, kind.meaning) == (
        "directions",
        "Each row turned by a random rotation of its own.",
    )
    made = build_psm(kind=kind.name, similarity="cosine", directions=directions, replicate=1)
    assert np.max(np.abs(made.matrix - cosine(directions))) > 0.01


def test_keys_name_the_origin_of_kinds_that_are_not_ours(directions: np.ndarray, of_user: str) -> None:
    gaussian = work("gaussian", directions)
    shared = {"kind": "gaussian", "replicate": 0, "n": 6, "width": 20, "similarity": "cosine"}
    version = ALGORITHM_VERSIONS["psm"]
    assert psm_key(gaussian) == content_key("psm", version, shared)
    assert psm_key(gaussian) == psm_key(work("gaussian", 2.0 * directions))
    name = f"{of_user}:TURNED"
    asked: dict[str, Any] = {"kind": name, "replicate": 0, "space": "raw", "similarity": "cosine"}
    identity = CONTROLS.identity(name)
    assert identity["version"] == 3
    assert identity["from"].startswith("mycontrols sha256:")
    values = {**asked, "rbf_scale": 0.0, "control": identity}
    assert psm_key(work(name, directions)) == content_key("psm", version, values, [b"d" * 16])


@pytest.mark.parametrize(
    ("kind", "similarity", "shared"),
    [("gaussian", "cosine", True), ("gaussian", "rbf", False), ("permuted", "cosine", False)],
)
def test_which_targets_share_one_matrix(kind: str, similarity: str, shared: bool) -> None:
    assert rests_on_shape(kind, similarity) is shared


def test_unknown_kinds_suggest_the_nearest() -> None:
    with pytest.raises(ArgumentError, match=r"^targets: 'permutd' is unknown; allowed: features, permuted"):
        TargetChoice("permutd")


def seeded(replicate: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(replicate).standard_normal(shape)


def symmetric(matrix: np.ndarray, replicate: int, _width: int) -> np.ndarray:
    noise = np.triu(seeded(replicate, matrix.shape), 1)
    return np.asarray(matrix + noise + noise.T)


def test_what_passes() -> None:
    control(directions=lambda rows, replicate: seeded(replicate, rows.shape)).check()
    control(directions=lambda rows, replicate: seeded(replicate, (len(rows), 2))).check()
    control("matrix", matrix=symmetric).check()
    control("labels").check()
    control("samples", shares=lambda m, n, _d, replicate: seeded(replicate, (m, n))).check()


NAN = float("nan")


@pytest.mark.parametrize(
    ("source", "name", "function", "said"),
    [
        ("directions", "directions", lambda rows, _: rows, "gives one draw for every replicate"),
        ("directions", "directions", lambda rows, r: rows * (1.0 + r), "gives back the features"),
        (
            "directions",
            "directions",
            lambda rows, r: rows @ np.linalg.qr(seeded(r, (rows.shape[1],) * 2))[0],
            "gives back the features",
        ),
        ("directions", "directions", lambda rows, _: rows[:2], r"gives shape \(2, 9\)"),
        ("directions", "directions", lambda _rows, _r: 7.0, r"gives shape \(\)"),
        ("directions", "directions", lambda rows, r: seeded(r, rows.shape) * NAN, "are not finite"),
        ("matrix", "matrix", lambda T, r, _: T + seeded(r, T.shape), "not exactly symmetric"),
        ("matrix", "matrix", lambda T, r, w: symmetric(T, r, w) * 2.0, "whose diagonal is not 1"),
        ("matrix", "matrix", lambda T, r, w: symmetric(T, r, w)[:3, :3], r"gives shape \(3, 3\)"),
        ("matrix", "matrix", lambda T, r, w: symmetric(T, r, w) * NAN, "are not finite"),
        ("matrix", "matrix", lambda T, _r, _w: T, "gives one draw for every replicate"),
        ("samples", "shares", lambda m, n, _d, r: seeded(r, (n, m)), r"gives shape \(6, 40\)"),
        ("samples", "shares", lambda m, n, _d, r: seeded(r, (m, n)) * NAN, "are not finite"),
        ("samples", "shares", lambda m, n, _d, _r: seeded(0, (m, n)), "gives one draw for every replicate"),
    ],
)
def test_functions_that_disagree_are_refused(
    source: str, name: str, function: Callable[..., Any], said: str
) -> None:
    with pytest.raises(ArgumentError, match=said):
        control(source, **{name: function}).check()
    if source == "matrix":
        with pytest.raises(ArgumentError, match=said):
            control(source, arguments={"cosine": function}).check()
    with pytest.raises(InputError, match=r"^target 'mine': "):
        CONTROLS.register(control(source, **{name: function}))


def test_two_ways_to_one_control_must_agree() -> None:
    def of_shape(n: int, d: int, replicate: int) -> np.ndarray:
        return seeded(replicate, (n, d))

    control(directions=lambda rows, r: 3.0 * of_shape(*rows.shape, r), of_shape=of_shape).check()
    with pytest.raises(ArgumentError, match=r"^of_shape: gives other cosines than directions does"):
        control(directions=lambda rows, r: of_shape(*rows.shape, r + 9), of_shape=of_shape).check()


def test_an_unseeded_draw_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ArgumentError, match="another draw when it is called again"):
        control(directions=lambda rows, _: rng.standard_normal(rows.shape)).check()


def test_a_wrong_signature_is_refused() -> None:
    with pytest.raises(InputError, match=r"^target 'mine': TypeError: "):
        CONTROLS.register(control(directions=lambda rows: rows))


@pytest.mark.parametrize(
    ("source", "functions", "said"),
    [
        ("directions", {}, "directions needs directions; got none"),
        ("matrix", {}, "matrix needs matrix or arguments; got none"),
        ("matrix", {"matrix": symmetric, "arguments": {"cosine": symmetric}}, "got matrix, arguments"),
        ("labels", {"matrix": symmetric}, "labels needs no function; got matrix"),
        ("samples", {}, "samples needs shares; got none"),
        ("matrix", {"directions": symmetric}, "got directions"),
        ("matrix", {"arguments": {"dot": symmetric}}, "'dot' is unknown; allowed: cosine, squared_distance"),
        ("matrix", {"matrix": symmetric, "of_shape": symmetric}, "does not apply to what draws from matrix"),
        ("weights", {}, "allowed: nothing, directions, matrix, labels"),
    ],
)
def test_a_kind_without_its_one_function_is_refused(
    source: str, functions: dict[str, Any], said: str
) -> None:
    with pytest.raises(ArgumentError, match=said):
        control(source, **functions)


def test_a_second_target_that_is_no_control_is_refused() -> None:
    with pytest.raises(InputError, match=r"there is one kind `features`"):
        CONTROLS.register(control("nothing"))
    with pytest.raises(ArgumentError, match=r"^keeps: is empty"):
        Control(
            name="mine",
            version=1,
            meaning="Of mine.",
            draws_from="labels",
            keeps=" ",
            destroys="That.",
        )
