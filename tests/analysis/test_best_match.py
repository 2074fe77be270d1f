"""Best matches against a plain loop over groups, and by hand where the convention has a twist."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.analysis import SEARCH_AXES, best_matches
from superpos.errors import ArgumentError

AXES = ("kernel", "sigma", "lambda_x", "n_dims", "lambda_d", "restart", "trial")
USABLE = {"converged", "max_iter", "stalled"}


def make(rows: list[dict[str, Any]]) -> pd.DataFrame:
    neutral = {
        "kernel": "exp",
        "sigma": 0.1,
        "lambda_x": 1.0,
        "n_dims": 4,
        "lambda_d": 100.0,
        "restart": 0,
        "trial": 0,
        "fun_joint": 1.0,
        "distance_final": 1.0,
        "status": "converged",
        "status_joint": "converged",
    }
    return pd.DataFrame([neutral | {"fit_key": f"k{index:04d}"} | row for index, row in enumerate(rows)])


def random_frame(seed: int, size: int) -> pd.DataFrame:
    """Return fits with few distinct values, so that ties and unusable groups are common."""
    rng = np.random.default_rng(seed)
    keys = rng.permutation(10 * size)[:size]
    return pd.DataFrame(
        {
            "kernel": rng.choice(["exp", "log", "riesz:1"], size),
            "sigma": rng.choice([0.0, 0.1], size),
            "lambda_x": rng.choice([0.5, 1.0], size),
            "n_dims": rng.choice([4, 10], size),
            "lambda_d": rng.choice([1.0, 100.0], size),
            "restart": rng.integers(0, 3, size),
            "trial": rng.integers(0, 4, size),
            "fun_joint": rng.integers(0, 3, size).astype(float),
            "distance_final": rng.choice([0.0, 1.0, 2.0, np.nan], size),
            "status": rng.choice(["converged", "max_iter", "stalled", "unbounded"], size),
            "status_joint": rng.choice(["converged", "unbounded", "non_finite"], size, p=[0.8, 0.1, 0.1]),
            "fit_key": [f"{key:06d}" for key in keys],
        }
    )


def loop_best(frame: pd.DataFrame) -> dict[tuple[Any, ...], tuple[str | None, int, int]]:
    """Return chosen key, cells and usable cells of every group, by loops over lists."""
    found = {}
    records = frame.to_dict("records")
    for group in {(r["kernel"], r["sigma"], r["lambda_x"]) for r in records}:
        members = [r for r in records if (r["kernel"], r["sigma"], r["lambda_x"]) == group]
        usable = [
            r
            for r in members
            if r["status"] in USABLE
            and r["status_joint"] in USABLE
            and r["distance_final"] == r["distance_final"]
        ]
        medians = []
        for cell in {(r["n_dims"], r["lambda_d"]) for r in usable}:
            inside = [r for r in usable if (r["n_dims"], r["lambda_d"]) == cell]
            restart = min(inside, key=lambda r: (r["fun_joint"], r["fit_key"]))["restart"]
            trials = sorted(
                (r for r in inside if r["restart"] == restart),
                key=lambda r: (r["distance_final"], r["fit_key"]),
            )
            medians.append(trials[(len(trials) - 1) // 2])
        best = min(medians, key=lambda r: (r["distance_final"], r["fit_key"])) if medians else None
        found[group] = (best["fit_key"] if best else None, len(members), len(usable))
    return found


@given(st.integers(0, 10**6), st.sampled_from([1, 5, 40, 150]))
@settings(max_examples=60, deadline=None)
def test_agrees_with_a_loop_in_whatever_order_rows_come(seed: int, size: int) -> None:
    frame = random_frame(seed, size)
    expected = loop_best(frame)
    for table in (frame, frame.sample(frac=1.0, random_state=seed)):
        rows, groups = best_matches(table, AXES)
        found = {
            (g.kernel, g.sigma, g.lambda_x): (None, g.n_cells, g.n_usable)
            for g in groups.itertuples(index=False)
        }
        for r in rows.itertuples(index=False):
            assert found[r.kernel, r.sigma, r.lambda_x] == (None, r.n_cells, r.n_usable)
            found[r.kernel, r.sigma, r.lambda_x] = (r.fit_key, r.n_cells, r.n_usable)
        assert found == expected
        assert list(groups.columns) == ["kernel", "sigma", "lambda_x", "n_cells", "n_usable"]
        assert len(groups) == len(expected)


def test_the_output_does_not_depend_on_the_order_of_rows() -> None:
    frame = random_frame(1, 200)
    first = best_matches(frame, AXES)
    second = best_matches(frame.iloc[::-1], tuple(reversed(AXES)))
    pd.testing.assert_frame_equal(
        first.rows.sort_values("fit_key", ignore_index=True),
        second.rows.sort_values("fit_key", ignore_index=True),
    )
    pd.testing.assert_frame_equal(first.groups, best_matches(frame.iloc[::-1], AXES).groups)
    ordered = first.groups[["kernel", "sigma", "lambda_x"]]
    pd.testing.assert_frame_equal(
        ordered, ordered.sort_values(["kernel", "sigma", "lambda_x"], ignore_index=True)
    )


def test_the_lower_median_of_an_even_number_of_trials_is_a_real_row() -> None:
    frame = make([{"trial": t, "distance_final": d} for t, d in enumerate([4.0, 1.0, 3.0, 2.0])])
    rows, _ = best_matches(frame, AXES)
    assert (rows["distance_final"][0], rows["trial"][0]) == (2.0, 3)


def test_the_restart_is_chosen_by_its_joint_value_and_not_by_its_distance() -> None:
    frame = make(
        [
            {"restart": 0, "fun_joint": 2.0, "distance_final": 0.1},
            {"restart": 1, "fun_joint": 1.0, "distance_final": 5.0},
        ]
    )
    assert best_matches(frame, AXES).rows["restart"][0] == 1
    frame.loc[1, "status"] = "unbounded"
    assert best_matches(frame, AXES).rows["restart"][0] == 0


def test_joint_values_are_compared_within_n_dims_and_lambda_d_only() -> None:
    # fun holds lambda_d times the mismatch: the smaller lambda_d has the lower fun, but not the better match.
    frame = make(
        [
            {"lambda_d": 1.0, "fun_joint": 0.5, "distance_final": 3.0},
            {"lambda_d": 100.0, "fun_joint": 40.0, "distance_final": 2.0},
            {"lambda_d": 100.0, "n_dims": 10, "fun_joint": 90.0, "distance_final": 1.0},
        ]
    )
    rows, groups = best_matches(frame, AXES)
    assert rows["fit_key"].tolist() == ["k0002"]
    assert groups[["n_cells", "n_usable"]].to_numpy().tolist() == [[3, 3]]


def test_lambda_x_stays_an_axis() -> None:
    frame = make([{"lambda_x": 0.1, "distance_final": 2.7}, {"lambda_x": 100.0, "distance_final": 0.9}])
    assert best_matches(frame, AXES).rows["distance_final"].tolist() == [2.7, 0.9]


def test_ties_go_to_the_smallest_key() -> None:
    frame = make(
        [
            {"fit_key": "c", "restart": 0},
            {"fit_key": "b", "restart": 1},
            {"fit_key": "a", "restart": 1, "trial": 1, "distance_final": 2.0},
        ]
    )
    rows, _ = best_matches(frame, AXES)
    assert rows["fit_key"].tolist() == [
        "b"
    ]  # restart 1 by its key a, then the lower median of its two trials


@pytest.mark.parametrize(
    "broken", [{"fun_joint": np.nan}, {"distance_final": np.inf}, {"status_joint": "unbounded"}]
)
def test_groups_without_a_usable_row_are_reported(broken: dict[str, Any]) -> None:
    frame = make([{"kernel": "log"} | broken, {"kernel": "exp"}])
    rows, groups = best_matches(frame, AXES)
    assert rows["kernel"].tolist() == ["exp"]
    assert groups["kernel"].tolist() == ["exp", "log"]
    assert groups["n_usable"].tolist() == [1, 0]
    assert best_matches(frame.iloc[:1], AXES).rows.empty


def test_numbers_of_sql_with_missing_values_and_keys_in_bytes() -> None:
    frame = make([{"fit_key": b"\x02"}, {"fit_key": b"\x01"}, {"fit_key": b"\x00", "status": "non_finite"}])
    frame["distance_final"] = pd.array([1.0, 1.0, None], dtype="Float64")
    rows, groups = best_matches(frame, AXES)
    assert rows["fit_key"].tolist() == [b"\x01"]
    assert groups["n_usable"].tolist() == [2]
    frame["distance_final"] = pd.Series([1.0, 1.0, None], dtype=object)
    assert best_matches(frame, AXES).rows["fit_key"].tolist() == [b"\x01"]


def test_no_rows_give_no_groups() -> None:
    rows, groups = best_matches(make([{}]).iloc[:0], AXES)
    assert rows.empty
    assert groups.empty
    assert {"n_cells", "n_usable", "fit_key"} <= set(rows.columns)


def test_further_columns_are_handed_through() -> None:
    frame = make([{"verdict": "strict"}])
    assert best_matches(frame, AXES).rows["verdict"].tolist() == ["strict"]


def test_many_axes_of_many_values_do_not_overflow() -> None:
    # Ten axes of 128 values fill 70 bits: in a plain product of counts the first axis would be shifted out.
    index = np.arange(256)
    frame = make([{} for _ in index]).assign(first=index % 2)
    names = [f"axis_{number}" for number in range(10)]
    frame[names] = np.repeat(index[:, None] // 2, 10, axis=1)
    rows, groups = best_matches(frame, ["first", *names, *SEARCH_AXES])
    assert groups["n_cells"].tolist() == [1] * 256
    assert sorted(rows["fit_key"]) == frame["fit_key"].tolist()


def test_bad_frames_are_refused() -> None:
    frame = make([{}, {}])
    with pytest.raises(ArgumentError, match="lacks the columns fun_joint"):
        best_matches(frame.drop(columns="fun_joint"), AXES)
    with pytest.raises(ArgumentError, match="column kernel has missing values"):
        best_matches(frame.assign(kernel=[None, "exp"]), AXES)
    with pytest.raises(ArgumentError, match="fit_key occurs twice"):
        best_matches(frame.assign(fit_key="same"), AXES)
    with pytest.raises(ArgumentError, match="axes"):
        best_matches(frame, SEARCH_AXES)
