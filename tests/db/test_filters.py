"""Frames of views by values, lists and names: the same rows on both systems, one line for what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.db.filters import plain_value, several
from superpos.db.results import Results
from superpos.errors import ArgumentError, InputError


@pytest.fixture
def results(open_store: Any) -> Iterator[Results]:
    store = open_store(sigmas=(0.0, 0.1, 0.3)).everything()
    store.analyse()
    return Results(store.database)


def test_lists_are_any_of_their_values(results: Results) -> None:
    whole = results.frame("fit_results")
    for values in ([0, 0.1], (0.0, np.float32(0.1)), np.array([0.0, 0.1]), pd.Series([0.1, 0.0]), {0, 0.1}):
        found = results.frame("fit_results", sigma=values)
        pd.testing.assert_frame_equal(found, whole[whole.sigma.isin([0.0, 0.1])].reset_index(drop=True))
    assert len(results.frame("fit_results", sigma=0.1 + 0.2)) == len(whole[whole.sigma == 0.3]) > 0
    assert len(results.frame("fit_results", sigma=-0.1)) == 0
    assert len(results.frame("fit_results", layer=range(1, 5))) == len(whole[whole.layer == 1]) > 0
    assert len(results.frame("fit_results", layer=np.int64(1))) == len(whole[whole.layer == 1])
    assert len(results.frame("fit_results", layer=[])) == 0
    assert len(results.frame("fit_results", target=["features", "gaussian"])) == len(whole)
    assert len(results.frame("fit_results", study=["small"])) == len(whole)
    missing = results.frame("fit_results", recovery=None)
    assert len(missing) == whole.recovery.isna().sum()
    both = results.frame("fit_results", recovery=[None, *whole.recovery.dropna()[:1]])
    assert len(both) > len(missing)


def test_hookpoints_go_by_their_names_in_lists_too(results: Results) -> None:
    whole = results.frame("fit_results")
    place = whole.hookpoint.iloc[0]
    assert len(results.frame("fit_results", hookpoint=[place])) == len(whole)
    named = results.frame("fit_results", hookpoint=["blocks.1.mlp.hook_post", "nowhere"])
    here = whole[(whole.layer == 1) & (whole.hookpoint == "mlp.act")]
    assert len(named) == len(here)


def test_columns_are_chosen_in_order(results: Results) -> None:
    frame = results.frame("fit_results", columns=["sigma", "study"], layer=0)
    assert list(frame.columns) == ["sigma", "study"]
    assert list(results.frame("runs", columns="host").columns) == ["host"]
    assert results.columns("runs")[0] == "run_id"


@pytest.mark.parametrize(
    ("view", "filters", "said"),
    [
        ("fit_result", {}, r"^view: 'fit_result' is unknown; .*did you mean 'fit_results'"),
        ("fit_results", {"columns": ["sigm"]}, r"^sigm: is no column of fit_results; .*'sigma'"),
        ("fit_results", {"sigmas": [0]}, r"^sigmas: is no column of fit_results; .*'sigma'"),
        ("fit_results", {"sigma": "0.1"}, r"^sigma: '0\.1' is no number$"),
        ("fit_results", {"sigma": [0.1, float("nan")]}, r"^sigma: NaN equals nothing; None finds"),
        ("fit_results", {"sigma": np.inf}, r"^sigma: no number in a view is infinite"),
        ("fit_results", {"target": 3}, r"^target: 3 is no text$"),
        ("fit_results", {"target": [["features"]]}, r"^target: \['features'\] is no text$"),
        ("fit_results", {"hookpoint": 3}, r"^hookpoint: 3 is no text$"),
        ("fit_results", {"layer": range(20_000)}, r"^layer: has 20000 values; at most 10000"),
        ("runs", {"study": ["small", "smal"]}, r"study 'smal' is not in .*did you mean 'small'"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    results: Results, view: str, filters: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        results.frame(view, **filters)
    assert "\n" not in str(caught.value)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_single_precision_means_its_shortest_decimal(value: float) -> None:
    single = np.float32(value)
    assert plain_value(single) == float(str(single))
    assert np.float32(plain_value(single)) == single


def test_what_is_one_value_and_what_several() -> None:
    assert several("text") is None
    assert several(0.1) is None
    assert several(np.array([1, 2])) == [1, 2]
    assert [type(one) for one in several(np.array([True, False])) or ()] == [int, int]


def test_a_database_says_its_studies(results: Results) -> None:
    assert repr(results).startswith(f"<Results of {results.label}: small (4 of 4 matrices, 12 of 12 fits)")
    page = results._repr_html_()
    assert "<td style='text-align: right'>12 of 12</td>" in page
    assert "<th style='text-align: left'>small</th>" in page


def test_names_are_escaped(open_store: Any, make_plan: Any) -> None:
    results = Results(open_store(make_plan(name="<script>x</script>")).database)
    assert "<script>" not in results._repr_html_()
    assert "&lt;script&gt;x&lt;/script&gt;" in results._repr_html_()


def test_matrices_have_names(results: Results) -> None:
    row = results.frame("psm_results", target="features").iloc[0]
    T = results.psm(row.psm_key)
    names = results.feature_names(row.target_key)
    assert T.names == names
    assert T.key == row.psm_key
    assert repr(T) == f"<Psm of 3 features (cosine, features): {', '.join(names)}>"
    pairs = results.frame("psm_pairs", psm_key=row.psm_key).drop_duplicates(["feature_a", "feature_b"])
    for pair in pairs.itertuples():
        assert T[pair.feature_a, pair.feature_b] == pair.value
    with pytest.raises(ArgumentError, match=r"^target_key: 'ff' is no target with the matrix"):
        results.psm(row.psm_key, "ff")
    shared = results.frame("psm_results", target="gaussian")
    found = results.psm(shared.psm_key.iloc[0], shared.target_key.iloc[0])
    assert found.target == "gaussian"
    assert found.names == names
