"""Target PSMs of every kind, with diagnostics known from planted geometry."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from superpos.errors import ArgumentError, ShapeError
from superpos.kinds.controls import CONTROLS
from superpos.psms import build_psm, cosine, describe_psm, rbf, simplex_psm

DRAWN = ("permuted", "gaussian", "shuffled_entries", "spectrum")


@pytest.fixture
def directions() -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.standard_normal((8, 3)) @ rng.standard_normal((3, 64)) + 0.3 * rng.standard_normal((8, 64))


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
@pytest.mark.parametrize("kind", CONTROLS.names())
def test_every_kind_gives_a_psm_and_gives_it_again(
    directions: np.ndarray, kind: str, similarity: str
) -> None:
    replicate = 0 if kind == "features" else 3
    records = [
        build_psm(
            kind=kind,
            similarity=similarity,
            directions=directions,
            rbf_scale_rule="median",
            replicate=replicate,
            reference=directions,
        )
        for _ in range(2)
    ]
    first, again = records
    assert np.array_equal(first.matrix, again.matrix)
    assert np.array_equal(first.matrix, first.matrix.T)
    assert np.all(np.diag(first.matrix) == 1.0)
    assert (first.kind, first.similarity, first.replicate) == (kind, similarity, replicate)
    values = first.matrix[np.triu_indices(8, 1)]
    np.testing.assert_allclose(first.quartiles, np.percentile(values, [25, 50, 75]), rtol=1e-12)


def test_features_are_the_similarities(directions: np.ndarray) -> None:
    assert np.array_equal(
        build_psm(kind="features", similarity="cosine", directions=directions).matrix, cosine(directions)
    )
    record = build_psm(kind="features", similarity="rbf", directions=directions, rbf_scale_rule=50.0)
    assert np.array_equal(record.matrix, rbf(directions, 50.0))
    assert record.rbf_scale_resolved == 50.0


@pytest.mark.parametrize("kind", DRAWN)
def test_controls_use_the_median_of_their_features(directions: np.ndarray, kind: str) -> None:
    record = build_psm(kind=kind, similarity="rbf", directions=directions, rbf_scale_rule="median")
    assert record.rbf_scale_resolved == pytest.approx(np.median(pdist(directions, "sqeuclidean")), rel=1e-13)


def test_shuffled_labels_use_the_median_of_the_features(directions: np.ndarray) -> None:
    noise = 7.0 * np.random.default_rng(0).standard_normal((8, 64))
    for rule in ("median", -1.0):
        record = build_psm(
            kind="shuffled_labels",
            similarity="rbf",
            directions=noise,
            rbf_scale_rule=rule,
            reference=directions,
        )
        assert record.rbf_scale_resolved == pytest.approx(
            np.median(pdist(directions, "sqeuclidean")), rel=1e-13
        )
        squares = squareform(pdist(noise, "sqeuclidean"))
        np.testing.assert_allclose(record.matrix, np.exp(-squares / record.rbf_scale_resolved), rtol=1e-11)
        with pytest.raises(ArgumentError, match="reference"):
            build_psm(kind="shuffled_labels", similarity="rbf", directions=noise, rbf_scale_rule=rule)


def test_a_cosine_gaussian_depends_on_nothing_but_its_shape(directions: np.ndarray) -> None:
    others = 100.0 * np.random.default_rng(9).standard_normal(directions.shape)
    first, second = (
        build_psm(kind="gaussian", similarity="cosine", directions=rows, replicate=4).matrix
        for rows in (directions, others)
    )
    assert np.array_equal(first, second)


def test_an_rbf_gaussian_has_the_norms_of_the_features(directions: np.ndarray) -> None:
    short, long = (
        build_psm(kind="gaussian", similarity="rbf", directions=rows, rbf_scale_rule=50.0).matrix
        for rows in (directions, 2.0 * directions)
    )
    # Twice the norms are four times the squared distances.
    np.testing.assert_allclose(np.log(long), 4.0 * np.log(short), rtol=1e-11)


def test_ratio_quartiles_are_squared_distances_over_the_scale(directions: np.ndarray) -> None:
    record = build_psm(kind="features", similarity="rbf", directions=directions, rbf_scale_rule=60.0)
    expected = np.percentile(pdist(directions, "sqeuclidean") / 60.0, [25, 50, 75])
    assert record.ratio_quartiles is not None
    np.testing.assert_allclose(record.ratio_quartiles, expected, rtol=1e-11)
    assert build_psm(kind="features", similarity="cosine", directions=directions).ratio_quartiles is None


@pytest.mark.parametrize(
    ("factor", "warns"), [(1e-3, True), (0.5, False), (1.0, False), (2.0, False), (8.0, True)]
)
def test_a_scale_far_from_the_distances_is_said(directions: np.ndarray, factor: float, warns: bool) -> None:
    scale = float(np.median(pdist(directions, "sqeuclidean"))) / factor
    record = build_psm(kind="features", similarity="rbf", directions=directions, rbf_scale_rule=scale)
    assert ("nearly constant" in record.message) is warns


@pytest.mark.parametrize(
    ("matrix", "smallest", "rank", "dimension"),
    [
        (np.eye(6), 1.0, 6, 6.0),
        (np.ones((6, 6)), 0.0, 1, 1.0),
        (simplex_psm(6), 0.0, 5, 5.0),
        (cosine([[1, 0], [0, 1], [-1, 0], [0, -1]]), 0.0, 2, 2.0),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), -1.0, 2, 0.4),
    ],
)
def test_eigenvalue_diagnostics_of_planted_matrices(
    matrix: np.ndarray, smallest: float, rank: int, dimension: float
) -> None:
    record = describe_psm(matrix, similarity="cosine", kind="features")
    assert record.min_eigenvalue == pytest.approx(smallest, abs=1e-12)
    assert record.rank == rank
    assert record.effective_dimension == pytest.approx(dimension)
    assert ("not positive semidefinite" in record.message) is (smallest < 0.0)


def test_two_exclusive_classes_are_said_to_be_no_geometry() -> None:
    antipodal = np.array([[1.0, 2.0, -1.0], [-1.0, -2.0, 1.0]])
    assert "no geometry" in build_psm(kind="features", similarity="cosine", directions=antipodal).message
    other = build_psm(kind="features", similarity="cosine", directions=[[1.0, 0.0], [0.6, 0.8]])
    assert other.message == ""


@pytest.mark.parametrize("kind", ["features", "shuffled_entries", "spectrum"])
def test_imported_matrices(directions: np.ndarray, kind: str) -> None:
    for similarity, matrix in (("cosine", cosine(directions)), ("rbf", rbf(directions, 100.0))):
        record = build_psm(kind=kind, similarity=similarity, target=matrix, rbf_scale_rule=3.0)
        assert np.array_equal(record.matrix, record.matrix.T)
        assert record.rbf_scale_resolved == (0.0 if similarity == "cosine" else 3.0)
        if kind == "features":
            np.testing.assert_array_equal(record.matrix, matrix)
        else:
            assert np.max(np.abs(record.matrix - matrix)) > 0.01


def test_the_spectrum_of_an_imported_rbf_matrix_does_not_need_its_scale(directions: np.ndarray) -> None:
    centring = np.eye(8) - 1.0 / 8
    squares = squareform(pdist(directions, "sqeuclidean"))
    record = build_psm(kind="spectrum", similarity="rbf", target=np.exp(-squares / 90.0), rbf_scale_rule=1.0)
    back = -90.0 * np.log(record.matrix)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(centring @ back @ centring),
        np.linalg.eigvalsh(centring @ squares @ centring),
        atol=1e-8,
    )


def test_an_underflown_rbf_matrix_still_has_its_controls() -> None:
    rows = 100.0 * np.eye(4)
    for kind in ("features", *DRAWN):
        record = build_psm(kind=kind, similarity="rbf", directions=rows, rbf_scale_rule=1.0)
        assert np.all(np.isfinite(record.matrix))
        assert "nearly constant" in record.message
    imported = build_psm(kind="spectrum", similarity="rbf", target=np.eye(4), rbf_scale_rule=1.0)
    assert np.all(np.isfinite(imported.matrix))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"kind": "noise"}, "kind"),
        ({"similarity": "dot"}, "similarity"),
        ({"replicate": 1}, "replicate"),
        ({"target": np.eye(3)}, "directions"),
        ({"directions": None}, "directions"),
        ({"directions": None, "target": np.eye(3), "kind": "permuted"}, "kind"),
        (
            {"directions": None, "target": np.eye(3), "similarity": "rbf", "rbf_scale_rule": "median"},
            "rbf_scale",
        ),
        ({"directions": None, "target": 2 * np.eye(3), "similarity": "rbf"}, "target"),
        ({"similarity": "rbf", "rbf_scale_rule": 0.0}, "rbf_scale"),
        ({"directions": np.ones((1, 4))}, "directions"),
    ],
)
def test_bad_requests_name_the_argument(
    directions: np.ndarray, arguments: dict[str, object], named: str
) -> None:
    request = {"kind": "features", "similarity": "cosine", "directions": directions} | arguments
    with pytest.raises((ArgumentError, ShapeError)) as caught:
        build_psm(**request)  # type: ignore[arg-type]  # wrong on purpose
    assert caught.value.argument == named


def test_importing_the_package_brings_in_no_heavy_one() -> None:
    code = (
        "import sys, superpos.psms, superpos.analysis;"
        "print([m for m in ('scipy', 'pandas', 'torch', 'sklearn', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
