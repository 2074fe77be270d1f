"""What matrices follow from in the store: what is missing, other versions and kernels, what goes along."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from superpos.analysis.ranks import spearman
from superpos.db.engine import Database
from superpos.db.explained import explained_works, unexplained
from superpos.db.gc import collect_garbage
from superpos.db.measures import kernels
from superpos.db.results import Results
from superpos.db.tables import psms, target_explained, target_features, targets
from superpos.kinds.potentials import Potential
from superpos.psms.dimensionality import feature_dimensionality
from superpos.stages import explained
from superpos.stages.executor import SilentReporter


def find(store: Any) -> None:
    explained.find_explained(store.database, store.study_id, SilentReporter())


def missing(database: Database, study_id: int, version: int = explained.VERSION) -> list[int]:
    return unexplained(database, study_id, kernels(database, study_id), version)


def test_every_target_with_a_matrix_is_missing_until_it_is_found(open_store: Any) -> None:
    store = open_store(controls=("gaussian", "permuted")).inputs()
    with store.database.read() as connection:
        everyone = list(connection.scalars(sa.select(targets.c.target_id).order_by(targets.c.target_id)))
    assert missing(store.database, store.study_id) == everyone
    assert unexplained(store.database, store.study_id, (), 1, limit=2) == everyone[:2]
    assert explained.lacking(store.database, store.study_id)
    find(store)
    assert missing(store.database, store.study_id) == []
    assert not explained.lacking(store.database, store.study_id)
    before = store.count("target_explained")
    find(store)
    assert store.count("target_explained") == before
    assert missing(store.database, store.study_id, version=2) == everyone


def test_another_kernel_adds_its_rows(open_store: Any) -> None:
    store = open_store().inputs()
    find(store)
    database, study = store.database, store.study_id
    there = kernels(database, study)
    assert unexplained(database, study, there, explained.VERSION) == []
    assert unexplained(database, study, (*there, Potential("riesz", 2.0)), explained.VERSION) != []


def test_rows_of_another_version_give_way(open_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store().inputs()
    find(store)
    before = store.count("target_explained"), store.count("target_features")
    monkeypatch.setattr(explained, "VERSION", 2)
    find(store)
    assert (store.count("target_explained"), store.count("target_features")) == before
    with store.database.read() as connection:
        for table in (target_explained, target_features):
            assert set(connection.scalars(sa.select(table.c.version))) == {2}


def test_a_work_has_the_labels_of_its_rows(open_store: Any) -> None:
    store = open_store().inputs()
    for work in explained_works(store.database, missing(store.database, store.study_id)):
        assert work.features == ("digit", "capital", "space")
        assert work.phi is not None
        assert work.shares is not None
        np.testing.assert_allclose(work.phi, [[1.0, 0.2, 0.3], [0.2, 1.0, 0.4], [0.3, 0.4, 1.0]])
        np.testing.assert_allclose(work.shares, [0.4, 0.3, 0.5])
        assert work.n_samples == 100
        assert (work.norms is None) == (work.kind == "gaussian")


def test_views_say_what_was_found(open_store: Any) -> None:
    store = open_store().everything()
    with store.database.write() as connection:
        connection.execute(psms.update().values(reliability=0.5))
    store.analyse()
    results = Results(store.database)
    rows = results.frame("explained_results", predictor="label_phi", target="features")
    assert len(rows) == 2
    for row in rows.itertuples():
        matrix, pairs = results.psm(row.psm_key), np.triu_indices(3, 1)
        assert row.correlation == pytest.approx(spearman(matrix[pairs], [0.2, 0.3, 0.4]))
        assert row.r2_of_ceiling == pytest.approx(row.correlation**2 / 0.5)
        assert row.p_smallest == pytest.approx(1 / 3)  # two-sided, and of three ranks the reverse is as far
        assert "too few" in row.reason
    controls = results.frame("explained_results", predictor="label_phi", target="gaussian")
    assert controls["p_value"].isna().all()
    assert controls["r2"].notna().all()
    energy = results.frame("explained_results", predictor="energy", target="features")
    assert set(energy["kernel"]) == {"exp"}
    shares = results.frame("feature_dimensionality")
    for key, part in shares.groupby("psm_key"):
        matrix = results.psm(str(key))
        values, vectors = np.linalg.eigh(matrix)
        rows_ = vectors * np.sqrt(np.maximum(values, 0.0))
        np.testing.assert_allclose(
            part.drop_duplicates("feature")["dimensionality"], feature_dimensionality(rows_), atol=1e-9
        )


def test_garbage_goes_with_its_target(open_store: Any) -> None:
    store = open_store().inputs()
    find(store)
    half = store.count("target_explained") // 2
    open_store(layers=(1,))
    assert collect_garbage(store.database)["target_explained"] == half
    assert store.count("target_explained") == half


def test_distances_have_no_share_of_a_dimension(open_store: Any) -> None:
    store = open_store(similarities=("rbf",), controls=()).inputs()
    find(store)
    assert store.count("target_features") == 0
    assert store.count("target_explained") > 0


def test_the_least_energy_is_that_of_the_importance() -> None:
    optima = explained.Optima()
    even = optima.of(np.full(4, 0.25), Potential("exp"))
    assert even.entries is None
    assert "regular simplex" in even.reason
    # One feature counts next to nothing: the others are a simplex among themselves.
    rare = optima.of(np.array([1.0, 1.0, 1.0, 1e-9]), Potential("log"))
    assert rare.entries is not None
    np.testing.assert_allclose(rare.entries[[0, 1, 3]], -0.5, atol=1e-5)
    # Three directions in the plane, the heavier two apart: equilibrium by hand of exp.
    found = optima.of(np.array([2.0, 2.0, 1.0]), Potential("exp"))
    assert found.entries is not None
    heavy, light, other = found.entries
    assert light == pytest.approx(other, abs=1e-5)
    assert heavy < light
    angle = np.arccos(light)
    grid = np.linspace(angle - 0.3, angle + 0.3, 2001)
    energy = 4 * np.exp(np.cos(2 * grid)) + 2 * 2 * np.exp(np.cos(grid))
    assert grid[np.argmin(energy)] == pytest.approx(angle, abs=1e-3)
    assert optima.of(np.array([2.0, 2.0, 1.0]), Potential("exp")) is found


def test_an_energy_that_is_not_convex_has_no_one_optimum() -> None:
    found = explained.Optima().of(np.array([3.0, 2.0, 1.0, 1.0]), Potential("riesz", -3.0))
    assert found.entries is None
    assert found.reason == "no end of the energy is proved to be the least one"
