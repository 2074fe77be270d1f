"""Queries of `docs/sql-cookbook.md`: they run on both engines with the same rows, and pool nothing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

import superpos
from superpos.db.engine import Database
from superpos.export.cookbook import questions

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sql-cookbook.md").read_text(encoding="utf-8")
QUERIES = {one.title: one.sql for one in questions(PAGE)}
MEASURES = (
    "own_energy@exp", "own_energy@log", "force_residual@exp@10", "force_residual_least@exp@10", "coherence",
)  # fmt: skip
USABLE = "('converged', 'polished', 'max_iter', 'stalled')"


@pytest.fixture(scope="module")
def plans(study_plan, place):
    """Sets of different n, a second gauge with unbounded fits, rows without probes; checkpoints."""
    common = {"layers": (1, 2), "weights": ("pretrained", "random"), "n_resamples": 20, "sweep": ()}
    return (
        study_plan(
            name="demo",
            datasets={"text_features": ("a", "b", "c", "d", "e"), "words": ("spring", "summer", "winter")},
            places={"words": place(("embed", "unembed"), (-1,), pooling="", method="embedding")},
            controls=("permuted", "gaussian"),
            replicates=2,
            measures=MEASURES,
            explained=True,
            **common,
        ),
        study_plan(name="nano-checkpoints", datasets={"text_features": ("a", "b", "c", "d", "e")},
                   controls=(), fits=False, match=False, **common),
    )  # fmt: skip


@pytest.fixture(scope="module")
def sqlite_study(make_study, plans):
    return make_study(*plans, pairs=False)


@pytest.fixture
def rows(sqlite_study):
    """Return the rows of a query of the page, by its title, in SQLite."""
    database = Database(sqlite_study)
    yield lambda title: run(database, QUERIES[title])
    database.dispose()


def run(database, query):
    with database.read() as connection:
        return pd.read_sql_query(sa.text(query), connection)


def test_every_query_of_the_page_is_tested_and_explained():
    assert 20 <= len(QUERIES) == PAGE.count("```sql") == PAGE.count("\nHow to read it: ")
    assert len({one.group for one in questions(PAGE)}) == 5
    for part in PAGE.split("```sql\n")[1:]:
        assert part.split("```", 1)[1].startswith("\n\nHow to read it: ")


MAY_BE_EMPTY = {
    "What was counted once?", "What hardly differs?", "What did shuffled labels exchange?", "What is shown?",
}  # fmt: skip
"""About features that a set has twice, shuffled labels and claims: these studies have none."""


def test_both_engines_give_the_same_rows(sqlite_study, make_study, plans, postgres_url):
    make_study(*plans, pairs=False, url=postgres_url)
    engines = [Database(sqlite_study), Database(postgres_url)]
    try:
        for title, query in QUERIES.items():
            first, second = (run(database, query) for database in engines)
            assert len(first) > 0 or title in MAY_BE_EMPTY, title
            first, second = (
                frame.sort_values(list(frame.columns), ignore_index=True) for frame in (first, second)
            )
            pd.testing.assert_frame_equal(first, second, check_dtype=False, rtol=1e-12, obj=title)
    finally:
        for database in engines:
            database.dispose()


def columns_of(query):
    grouped = re.search(r"GROUP BY(.*?)ORDER BY", query, re.DOTALL)
    names = set(re.findall(r"\w+", grouped[1])) if grouped else set()
    return names | set(re.findall(r"(\w+) (?:=|IN|>) ", query.partition("WHERE")[2]))


@pytest.mark.parametrize("title", [title for title, query in QUERIES.items() if "GROUP BY" in query])
def test_no_query_pools_what_must_not_be_pooled(title):
    query = QUERIES[title]
    settled = columns_of(query)
    if "FROM answers" in query:
        assert {"study", "question"} <= settled
        assert "control" in settled or "control = '" in query
        return
    if title == "What did it cost?":  # time is no result
        return
    assert {"study", "dataset", "hookpoint", "model_weights"} <= settled, title
    assert "model" in settled or "revision" in settled
    if re.search(r"(FROM|JOIN) (fit_results|best_matches|joint_results|basins)", query):
        wanted = {"target", "similarity", "gauge", "kernel", "self_energy", "softening", "n_dims", "lambda_d"}
        assert wanted <= settled, title
        assert re.search("FROM (best_matches|basins)", query) or re.search(
            r"\bstatus IN \('converged', 'polished'", query
        ), title
    assert not re.search(r"(AVG|SUM|MIN|MAX)\((\w\.)?distance_", query), title
    if "FROM fit_results" in query:
        assert f"status_joint IN {USABLE}" in query
        assert f"AND status IN {USABLE}" in query
    if re.search(r"FROM (fit_results|best_matches|basins)", query):
        assert {"optimiser", "sigma"} <= settled
    if "FROM geometry_results" in query:
        assert {"measure", "similarity"} <= settled
        assert re.search(r"\btarget\b", query)
        if "own_energy" in query or "force_residual" in query:
            assert {"kernel", "softening"} <= settled
        assert ("n_dims" in settled) == ("force_residual" in query)
    if "FROM probe_results" in query:
        assert {"method", "label_replicate"} <= settled
        assert "layer" in settled or "AVG(" not in query


def test_fits_are_averaged_within_a_set_a_control_and_a_dimension(rows, sqlite_study):
    found = rows("Does re-optimisation keep the distance low?")
    with superpos.connect(sqlite_study) as results:
        fits = results.frame(
            "fit_results", study="demo", model_weights="pretrained", similarity="cosine", gauge="unit"
        )
    usable = ["converged", "polished", "max_iter", "stalled"]
    fits = fits[fits.status.isin(usable) & fits.status_joint.isin(usable)]
    keys = ["dataset", "hookpoint", "kernel", "optimiser", "sigma", "n_dims", "lambda_d", "target"]
    expected = fits.groupby(keys)["rms_moved"].agg(["mean", "size"])
    assert len(found) == len(expected)
    for row in found.itertuples():
        mean, size = expected.loc[tuple(getattr(row, key) for key in keys)]
        assert row.fits == size
        np.testing.assert_allclose(row.moved, mean, rtol=1e-12)
        np.testing.assert_allclose(row.moved, fits[
            (fits.dataset == row.dataset) & (fits.hookpoint == row.hookpoint) & (fits.kernel == row.kernel)
            & (fits.optimiser == row.optimiser) & (fits.sigma == row.sigma) & (fits.n_dims == row.n_dims)
            & (fits.lambda_d == row.lambda_d) & (fits.target == row.target)
        ].distance_moved.mean() / np.sqrt(n_of(row) * (n_of(row) - 1)), rtol=1e-12)  # fmt: skip


def n_of(row):
    return {"text_features": 5, "words": 3}[row.dataset]


def test_places_among_draws_count_every_draw_once(rows, sqlite_study):
    found = rows("Where do the features lie among the draws?")
    with superpos.connect(sqlite_study) as results:
        own = results.frame(
            "geometry_results", study="demo", measure="own_energy", model_weights="pretrained",
            similarity="cosine",
        )  # fmt: skip
    assert set(found.control) == {"permuted", "gaussian"}
    for row in found.itertuples():
        here = own[
            (own.dataset == row.dataset) & (own.hookpoint == row.hookpoint) & (own.layer == row.layer)
            & (own.kernel == row.kernel)
        ]  # fmt: skip
        features = here[here.target == "features"].value_scaled.item()
        draws = here[here.target == row.control].value_scaled
        assert row.features == features
        assert row.draws == len(draws) == 2
        assert (row.not_below, row.not_above) == ((draws >= features).sum(), (draws <= features).sum())


def test_unbounded_fits_are_in_no_average(rows, sqlite_study):
    with superpos.connect(sqlite_study) as results:
        joints = results.frame("joint_results", study="demo", target="features", model_weights="pretrained")
    assert "unbounded" in set(joints.status)
    found = rows("Is importance used at all?")
    usable = joints[joints.status != "unbounded"]
    assert found.fits.sum() == len(usable)
    assert set(found[found.similarity == "cosine"].gauge) == {"unit"}


def test_own_energies_stand_side_by_side(rows, sqlite_study):
    found = rows("The same, a row a set?").set_index("dataset")
    with superpos.connect(sqlite_study) as results:
        own = results.frame("geometry_results", study="demo", measure="own_energy", kernel="exp")
    own = own[own.similarity == "cosine"]
    for dataset, row in found.iterrows():
        here = own[(own.dataset == dataset) & (own.hookpoint == row.hookpoint)]
        for column, target, weights in (
            ("features", "features", "pretrained"),
            ("permuted", "permuted", "pretrained"),
            ("gaussian", "gaussian", "pretrained"),
            ("random_weights", "features", "random"),
        ):
            wanted = here[(here.target == target) & (here.model_weights == weights)].value_scaled.mean()
            assert row[column] == pytest.approx(wanted, rel=1e-12, nan_ok=True)
        assert row.shuffled_labels is None or np.isnan(row.shuffled_labels)
    rows_of_balance = rows("Is a set in equilibrium?")
    assert set(rows_of_balance.n_dims) == {10}
    assert not rows_of_balance[["equal_importance", "best_importance"]].isna().any().any()


def test_a_join_counts_each_pair_once(rows):
    found = rows("How well is each target known?").set_index(["dataset", "hookpoint", "layer"])
    n_pairs = {"text_features": 10, "words": 3}
    assert len(found) == 4
    assert [row.pairs for row in found.itertuples()] == [n_pairs[key[0]] for key in found.index]


def test_the_python_of_the_page(sqlite_study, monkeypatch):
    monkeypatch.setenv("SUPERPOS_DB_URL", sqlite_study)
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    names = {}
    exec(compile(code, "sql-cookbook.md", "exec"), names)  # noqa: S102 (the page's own example)
    assert names["T"].shape == names["S"].shape
    assert names["X"].shape[0] == len(names["w"]) == len(names["T"])
    assert names["P"].ndim == 2


def test_headers_of_arrays(sqlite_study, make_study, plans, postgres_url):
    make_study(*plans, pairs=False, url=postgres_url)
    queries = re.findall(r"`(SELECT .*?)`", PAGE)
    assert len(queries) == 2
    for url, query in zip((sqlite_study, postgres_url), queries, strict=True):
        database = Database(url)
        with database.read() as connection:
            assert re.fullmatch(r"<f8:(\d+),\1;", connection.exec_driver_sql(query).scalar_one())
        database.dispose()


def test_the_way_back_from_a_cell_of_csv():
    from superpos.reporting.csv_text import plain

    (code,) = re.findall(r"`(re\.sub\(.*?\))` in Python", PAGE)
    for text in ("=1+1", "'=x", "-a", "＠x", "plain", "'quoted'", "-1"):
        assert eval(code, {"re": re, "cell": plain(text)}) == text  # noqa: S307 (the page's own example)
