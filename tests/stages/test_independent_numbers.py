"""Numbers of the fits against plain NumPy and SciPy, from the stored vectors and matrices alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import softmax

from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.seeding import generator


@pytest.fixture(scope="module")
def results(finished: Path) -> Any:
    with Results.open(f"sqlite:///{finished / 'superpos.db'}") as opened:
        yield opened


def similarities(vectors: Any, row: Any) -> Any:
    if row.similarity == "rbf":
        return np.exp(-cdist(vectors, vectors, "sqeuclidean") / row.rbf_scale_resolved)
    return 1.0 - cdist(vectors, vectors, "cosine")


def energy(vectors: Any, weights: Any, row: Any, radius: float) -> float:
    """Of vectors in start radii, as every length of a study."""
    vectors = vectors / radius
    squares = cdist(vectors, vectors, "sqeuclidean") + row.softening**2
    with np.errstate(divide="ignore"):
        kernel = {
            "exp": lambda: np.exp(1.0 - cdist(vectors, vectors, "cosine")),
            "log": lambda: -0.5 * np.log(squares),
            "riesz": lambda: np.sign(row.s) * squares ** (-row.s / 2),
        }[row.energy]()
    if row.self_energy == "exclude":
        np.fill_diagonal(kernel, 0.0)
    return float(weights @ kernel @ weights)


def test_every_fit(results: Results) -> None:
    frame = results.frame("fit_results", study="tiny")
    joint = results.frame("joint_results", study="tiny").drop_duplicates("joint_key").set_index("joint_key")
    assert set(frame.energy) == {"exp", "riesz", "log"}
    assert set(frame.optimiser) == {"powell", "manifold"}
    assert set(frame.similarity) == {"cosine", "rbf"}
    at_zero = {
        (row.joint_key, row.optimiser): results.fit_arrays(row.fit_key)[1]  # type: ignore[index]
        for row in frame[frame.sigma == 0.0].itertuples()
    }
    for row in frame.itertuples():
        n = row.n_features
        T = results.psm(row.psm_key)
        X, logits, S = results.joint_arrays(row.joint_key)
        Y, F = results.fit_arrays(row.fit_key)  # type: ignore[misc]
        weights, norms = softmax(logits), np.linalg.norm(X, axis=1)
        radius = joint.loc[row.joint_key, "start_radius"]
        np.testing.assert_allclose(similarities(X, row), S, atol=1e-12)
        np.testing.assert_allclose(similarities(Y, row), F, atol=1e-12)
        draw = generator("perturbation", n=n, n_dims=row.n_dims, restart=row.restart, trial=row.trial)
        Z = X + row.sigma * norms[:, None] * draw.standard_normal(X.shape)
        B = similarities(Z, row)
        F0 = at_zero[row.joint_key, row.optimiser]
        distances = {
            "distance_joint": S - T,
            "distance_start": B - T,
            "distance_final": F - T,
            "distance_moved": F - S,
            "distance_drift": F0 - S,
            "distance_return": F - F0,
            "distance_identity": F - np.eye(n),
        }
        for name, difference in distances.items():
            expected = np.sqrt(np.sum(difference**2))
            assert getattr(row, name) == pytest.approx(expected, rel=1e-9, abs=1e-9), (name, row)
        off = ~np.eye(n, dtype=bool)
        nearest = -1.0 / (n - 1) if row.similarity == "cosine" else F[off].mean()
        assert row.distance_simplex == pytest.approx(np.sqrt(np.sum((F[off] - nearest) ** 2)), rel=1e-9)
        assert row.rms_final == pytest.approx(np.sqrt(np.mean((F - T)[off] ** 2)), rel=1e-9)
        roots = {"joint": S - T, "moved": F - S, "drift": F0 - S, "simplex": F - nearest}
        for name, difference in roots.items():
            expected = np.sqrt(np.mean(difference[off] ** 2))
            assert getattr(row, f"rms_{name}") == pytest.approx(expected, rel=1e-9, abs=1e-9), (name, row)
        if row.optimiser == "powell" and row.verdict != "not_applicable":
            polished = similarities(results.polished_vectors(row.fit_key), row)
            expected = np.sqrt(np.mean((polished - F)[off] ** 2))
            assert row.rms_polish == pytest.approx(expected, rel=1e-9, abs=1e-9)
        else:
            assert np.isnan(row.rms_polish)
        assert row.energy_joint == pytest.approx(energy(X, weights, row, radius), rel=1e-9)
        assert row.energy_start == pytest.approx(energy(Z, weights, row, radius), rel=1e-9)
        assert row.energy_final == pytest.approx(energy(Y, weights, row, radius), rel=1e-9)
        error = np.sum(np.abs(np.linalg.norm(Y, axis=1) - norms)) / radius
        assert row.norm_error == pytest.approx(error, rel=1e-9, abs=1e-12)
        assert row.fun == pytest.approx(row.energy_final + row.lambda_x * row.norm_error, rel=1e-9)
        cosines = np.sum(X * Z, axis=1) / (norms * np.linalg.norm(Z, axis=1))
        assert row.angle == pytest.approx(
            np.degrees(np.arccos(np.clip(cosines, -1, 1))).mean(), rel=1e-6, abs=1e-4
        )
        if row.sigma > 0:
            undone = 1.0 - np.linalg.norm(F - S) / np.linalg.norm(B - S)
            assert row.recovery == pytest.approx(undone, rel=1e-9)
        else:
            assert np.isnan(row.recovery)
            assert row.distance_return == 0.0


def test_every_joint_fit(results: Results) -> None:
    frame = results.frame("joint_results", study="tiny")
    weights = results.frame("fit_weights", study="tiny").drop_duplicates(["joint_key", "feature"])
    for row in frame.itertuples():
        T = results.psm(row.psm_key)
        X, logits, S = results.joint_arrays(row.joint_key)
        expected = softmax(logits)
        kept = weights[weights.joint_key == row.joint_key]
        np.testing.assert_allclose(np.sort(kept.weight), np.sort(expected), rtol=1e-12)
        norms = np.linalg.norm(X, axis=1)
        assert (row.norm_min, row.norm_max) == (norms.min(), norms.max())
        if row.gauge == "unit":
            np.testing.assert_allclose(norms, row.start_radius, rtol=1e-12)
        assert row.mismatch == pytest.approx(np.sum((S - T) ** 2), rel=1e-9)
        assert row.fun == pytest.approx(row.energy_joint + row.lambda_d * row.mismatch, rel=1e-12)
        entropy = -np.sum(expected * np.log(expected)) / np.log(row.n_features)
        assert row.importance_entropy == pytest.approx(entropy, rel=1e-12)


def test_matrices_come_from_the_probes(results: Results, finished: Path) -> None:
    database = Database(f"sqlite:///{finished / 'superpos.db'}")
    frame = results.frame("psm_results", study="tiny")
    features = frame[frame.target.isin(("features", "shuffled_labels"))]
    assert len(features) == 6
    for row in features.itertuples():
        directions = results.directions(row.direction_key)
        P = directions.coef_raw
        np.testing.assert_allclose(P, directions.coef_scaled / directions.scale, rtol=1e-12)
        T = results.psm(row.psm_key)
        if row.similarity == "cosine":
            np.testing.assert_allclose(T, 1.0 - cdist(P, P, "cosine"), atol=1e-12)
            continue
        squares = cdist(P, P, "sqeuclidean")
        median = np.median(squares[np.triu_indices(len(P), 1)])
        assert row.rbf_scale_resolved == pytest.approx(median, rel=1e-12)
        np.testing.assert_allclose(T, np.exp(-squares / median), atol=1e-12)
    database.dispose()


def test_probes_reach_the_minimum_of_the_papers_objective(results: Results, finished: Path) -> None:
    """The gradient of scikit-learn's objective, by hand, vanishes at every stored probe."""
    from safetensors.numpy import load_file

    from superpos.datasets.artifacts import load_dataset
    from superpos.datasets.splits import split_by_group, split_groups

    folder = finished / "superpos-data"
    tokens = load_dataset(next((folder / "datasets").iterdir()))
    groups = split_groups(tokens)
    frame = results.frame("probe_results", study="tiny", label_replicate=-1)
    copies = {
        name
        for column, name in enumerate(tokens.feature_names)
        if any(np.array_equal(tokens.labels[:, column], other) for other in tokens.labels.T[:column])
    }
    assert "all_digits" in copies
    names = [name for name in tokens.feature_names if name not in {"is_not_ascii", *copies}]
    labels = tokens.labels[:, [tokens.feature_names.index(name) for name in names]]
    train = split_by_group(labels, groups, 0.3, 0)
    checked = 0
    for key, rows in frame.groupby("direction_key"):
        directions = results.directions(str(key))
        assert directions.feature_names == tuple(names)
        layer = int(rows.layer.iloc[0])
        for file in (folder / "activations").rglob("*.safetensors"):
            X = load_file(file)["activations"].astype(np.float64)[train]
            scale = 10 * np.maximum(X.std(axis=0), 1e-3)
            if not np.allclose(scale, directions.scale, rtol=1e-6):
                continue  # the other layer
            for name, w, b in zip(names, directions.coef_scaled, directions.intercept, strict=True):
                y = np.where(labels[train, names.index(name)], 1.0, -1.0)
                balance = np.where(y > 0, 0.5 / np.mean(y > 0), 0.5 / np.mean(y < 0))
                pull = balance * y / (1.0 + np.exp(y * (X / scale @ w + b)))
                gradient = w - (X / scale).T @ pull
                assert np.max(np.abs(gradient)) / len(y) < 1e-7, (layer, name)
                assert abs(np.mean(pull)) < 1e-7
                checked += 1
    assert checked == 2 * len(names)
