"""The database in streams: rows as frames have them, arrays as keys give them, on both systems."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from superpos.db.results import VIEWS, Results
from superpos.db.snapshot import ARRAYS, snapshot


@pytest.fixture
def results(open_store: Any) -> Results:
    store = open_store().everything()
    store.analyse()
    return Results(store.database)


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    by = list(frame.columns)
    return frame.sort_values(by, ignore_index=True, key=lambda column: column.astype(str))


def test_streams_have_the_rows_of_the_frames_in_order(results: Results) -> None:
    with snapshot(results.database, results.studies()) as read:
        assert list(read.columns) == list(VIEWS)
        for view, columns in read.columns.items():
            batches = list(read.rows(view, columns, 3))
            assert all(len(batch) <= 3 for batch in batches)
            rows = pd.DataFrame([row for batch in batches for row in batch], columns=columns)
            whole = results.frame(view)
            assert list(whole.columns) == columns
            pd.testing.assert_frame_equal(in_order(rows), in_order(whole), check_dtype=False)
        (batch,) = read.rows("geometry_results", ["measure", "value"], 100)
        keys = [row[0] for row in batch]
        assert keys == sorted(keys)


def test_arrays_come_by_key_with_their_names(results: Results) -> None:
    fits = results.frame("fit_results")
    with snapshot(results.database, results.studies()) as read:
        found = {kind: {(key, name): array for key, name, array in read.arrays(kind)} for kind in ARRAYS}
        names = read.names("psms", sorted({key for key, _ in found["psms"]}))
        of_directions = read.names("directions", sorted({key for key, _ in found["directions"]}))
        assert read.names("fits", ["a"]) == {}
    for row in fits.itertuples():
        np.testing.assert_array_equal(found["psms"][row.psm_key, "matrix"], results.psm(row.psm_key))
        vectors, logits, similarities = results.joint_arrays(row.joint_key)
        np.testing.assert_array_equal(found["joint_fits"][row.joint_key, "vectors"], vectors)
        np.testing.assert_array_equal(found["joint_fits"][row.joint_key, "logits"], logits)
        np.testing.assert_array_equal(found["joint_fits"][row.joint_key, "similarities"], similarities)
        np.testing.assert_array_equal(
            found["fits"][row.fit_key, "vectors"], results.fit_arrays(row.fit_key)[0]
        )  # type: ignore[index]
        assert names[row.psm_key] == results.feature_names(row.target_key)
    for key in of_directions:
        directions = results.directions(key)
        np.testing.assert_array_equal(found["directions"][key, "coef_raw"], directions.coef_raw)
        assert of_directions[key] == directions.feature_names
    assert len(found["phi"]) == 1


def test_another_study_has_rows_of_its_own(open_store: Any, make_plan: Any) -> None:
    open_store().everything()
    other = open_store(make_plan(name="other", layers=(0,)))
    with snapshot(other.database, ("other",)) as read:
        assert {row[0] for batch in read.rows("fit_results", ["study"], 10) for row in batch} == {"other"}
        of_other = {key for key, _, _ in read.arrays("psms")}
        assert read.descriptions() == {"other": ""}
    with snapshot(other.database, ("small", "other")) as read:
        assert of_other < {key for key, _, _ in read.arrays("psms")}
    with snapshot(other.database, ()) as read:
        assert list(read.arrays("psms")) == list(read.rows("fit_results", ["study"], 10)) == []
