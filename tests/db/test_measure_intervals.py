"""Intervals of measures from bootstraps that are kept: against the formulas, on both engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from scipy import stats

from superpos.analysis.answering import axes_of
from superpos.db.ceilings import finish_ceilings, missing_ceilings, without_ceiling
from superpos.db.gc import collect_garbage
from superpos.db.resamples import resampled_ids
from superpos.db.results import Results
from superpos.db.tables import psm_resamples
from superpos.db.view_rows import read_rows
from superpos.kinds.questions import QUESTIONS
from superpos.records.work import CeilingResult
from superpos.stages.bootstrapped import Bootstraps
from superpos.stages.executor import SilentReporter
from superpos.stages.measure_intervals import find_intervals, resampled_measures
from superpos.stages.measures import lacking, measure

B = 20


def drawn_of(matrix: Any, seed: int, b: int = B) -> Any:
    """Entries of made-up bootstraps: biased to 0, as noise does it."""
    pairs = matrix[np.triu_indices(len(matrix), 1)]
    return 0.9 * pairs + 0.03 * np.random.default_rng(seed).standard_normal((b, len(pairs)))


def find_ceilings(store: Any, b: int = B, lose: bool = False) -> dict[int, Any]:
    """Hand in a ceiling of every matrix that lacks one; return its bootstraps by matrix."""
    results = []
    for work in missing_ceilings(store.database, store.study_id, b):
        for psm in work.psms:
            drawn = drawn_of(psm.matrix, psm.psm_id, b)
            if lose:
                drawn[3, 0] = np.nan
            results.append(
                CeilingResult(
                    psm.psm_id, psm.matrix - 0.3, psm.matrix + 0.3, psm.matrix * 0 + 0.1, 0.9, b, drawn
                )
            )
    finish_ceilings(store.database, results)
    return {one.psm_id: one.drawn for one in results}


def made(open_store: Any, **changes: Any) -> tuple[Any, dict[int, Any]]:
    store = open_store(controls=("permuted",), energies=("exp", "log"), n_dims=(2,), **changes).inputs()
    measure(store.database, store.study_id, SilentReporter())
    drawn = find_ceilings(store)
    assert lacking(store.database, store.study_id)
    measure(store.database, store.study_id, SilentReporter())
    assert not lacking(store.database, store.study_id)
    return store, drawn


def rows(store: Any) -> pd.DataFrame:
    return Results(store.database).frame("geometry_results", study="small")


def by_hand(value: float, drawn: Any, floor: float) -> tuple[float, float]:
    value, drawn = np.log(value - floor), np.log(drawn - floor)
    s, bias = np.std(drawn, ddof=1), np.mean(drawn) - value
    reach = stats.t.ppf(0.975, len(drawn) - 1) * s
    ends = min(value, value - bias) - reach, max(value, value - bias) + reach
    return float(np.exp(ends[0]) + floor), float(np.exp(ends[1]) + floor)


def test_every_measure_of_the_features_has_an_interval_by_the_formula(open_store: Any) -> None:
    store, drawn = made(open_store)
    frame = rows(store)
    ids = resampled_ids(store.database, store.study_id)
    assert set(ids.values()) == set(drawn)
    assert set(frame.loc[frame["target"] == "features", "psm_key"]) == set(ids)
    own = frame[
        frame["psm_key"].isin(ids) & (frame["n_dims"] == 0) & frame["measure"].isin(resampled_measures())
    ]
    assert len(own) > 40
    assert set(own["n_bootstraps"]) == {B}
    known = own[own["value_low"].notna()]
    assert len(known) > 40
    assert (known["value_low"] <= known["value"]).all()
    assert (known["value"] <= known["value_high"]).all()
    assert (known["value_low"] < known["value_high"]).mean() > 0.8
    for (measure_, kernel), phi in {
        ("own_energy", "exp"): np.exp,
        ("own_energy", "log"): lambda c: -0.5 * np.log(2.0 - 2.0 * c),
    }.items():
        some = own[(own["measure"] == measure_) & (own["kernel"] == kernel)]
        assert len(some) == len(ids)
        for _, row in some.iterrows():
            numbers = phi(drawn[ids[row["psm_key"]]]).mean(axis=1)
            low, high = by_hand(row["value"], numbers, row["bound"])
            assert (row["value_low"], row["value_high"]) == pytest.approx((low, high))
            assert row["value_low"] > row["bound"]
    score = own[own["measure"] == "simplex_score"]
    assert (score["value_high"] <= 1.0).all()
    # Controls and measures in a dimension have none.
    others = frame.drop(own.index)
    assert set(others["target"]) == {"features", "permuted"}
    assert set(others["n_bootstraps"]) == {0}
    assert others["value_low"].isna().all()
    assert others["value_high"].isna().all()


def test_what_is_there_is_left_and_what_is_new_is_found(open_store: Any) -> None:
    store, _ = made(open_store)
    before = rows(store)
    assert find_intervals(store.database, store.study_id, store.database.write) == 0
    with store.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE psm_measures SET n_bootstraps = 0, value_low = NULL, value_high = NULL "
            "WHERE measure = 'own_energy' AND energy = 'log'"
        )
    assert lacking(store.database, store.study_id)  # as a kernel that comes later
    measure(store.database, store.study_id, SilentReporter())
    pd.testing.assert_frame_equal(rows(store), before)
    # More bootstraps: all anew.
    find_ceilings(store, b=40)
    measure(store.database, store.study_id, SilentReporter())
    assert set(rows(store)["n_bootstraps"]) == {0, 40}


def test_a_lost_feature_leaves_no_interval_and_is_not_asked_for_again(open_store: Any) -> None:
    store = open_store(controls=("permuted",)).inputs()
    measure(store.database, store.study_id, SilentReporter())
    find_ceilings(store, lose=True)
    measure(store.database, store.study_id, SilentReporter())
    assert not lacking(store.database, store.study_id)
    frame = rows(store)
    assert set(frame["n_bootstraps"]) == {0, B}
    assert frame["value_low"].isna().all()


def test_a_ceiling_without_its_bootstraps_is_missing(open_store: Any) -> None:
    store, _ = made(open_store)
    database = store.database
    assert missing_ceilings(database, store.study_id, B) == ()
    with database.write() as connection:
        connection.execute(psm_resamples.delete())
    works = missing_ceilings(database, store.study_id, B)
    assert works
    assert all(without_ceiling(database, work, B) for work in works)
    find_ceilings(store)
    assert missing_ceilings(database, store.study_id, B) == ()


def test_bootstraps_go_with_their_matrices(open_store: Any) -> None:
    store, _ = made(open_store)
    assert "psm_resamples" not in collect_garbage(store.database)
    with store.database.write() as connection:
        connection.execute(sa.text("DELETE FROM block_targets"))
    assert collect_garbage(store.database)["psm_resamples"] > 0


def test_questions_hear_of_every_bootstrap(open_store: Any) -> None:
    store, drawn = made(open_store)
    question = QUESTIONS.get("own_energy")
    frame = read_rows(
        store.database, store.study_id, "geometry_results", [*axes_of(question), "psm_key", "value", "bound"]
    )
    again = Bootstraps(store.database, store.study_id).of(frame).of(question)
    assert again is not None
    own = frame[(frame["target"] == "features") & (frame["measure"] == "own_energy")]
    found = again(own)
    assert found is not None
    assert found.shape == (B, len(own))
    ids = resampled_ids(store.database, store.study_id)
    for place, (_, row) in enumerate(own.iterrows()):
        if row["kernel"] != "exp":
            continue
        energies = np.exp(drawn[ids[row["psm_key"]]]).mean(axis=1)
        scaled = (energies - row["bound"]) / (1.0 - row["bound"])  # orthogonal features have exp(0)
        np.testing.assert_allclose(found[:, place], scaled)
    # Of the residuals of forces, and of a control, there is nothing.
    assert again(frame[frame["n_dims"] > 0]) is None
    assert again(frame[frame["target"] == "permuted"]) is None
