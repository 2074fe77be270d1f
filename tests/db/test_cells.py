"""Cells as numbers against the view that shows them as words: the same groups, the same choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from superpos.analysis.best_match import SEARCH_AXES, best_matches
from superpos.catalogue import names
from superpos.db import view_rows
from superpos.db.cells import CELL_AXES, n_results, read_cells
from superpos.db.results import Results
from superpos.db.view_rows import SET, plain, read_rows, sets_of
from superpos.stages.executor import SilentReporter
from superpos.stages.measures import measure

GROUPS = ("target_key", *names("kernel", "joint", "fit", roles=("compared", "setting")), "config_key")
GRID: dict[str, Any] = {
    "energies": ("exp", "log"),
    "gauges": ("unit",),
    "n_dims": (2, 3),
    "restarts": 2,
    "trials": 3,
    "sigmas": (0.0, 0.1, 0.3),
    "controls": ("gaussian", "permuted"),
}


def chosen(rows: pd.DataFrame, key: list[Any]) -> list[tuple[Any, ...]]:
    counts = zip(rows["n_cells"].tolist(), rows["n_usable"].tolist(), strict=True)
    return sorted(zip(key, counts, strict=True))


def test_best_matches_of_numbers_are_those_of_the_view(open_store: Any) -> None:
    store = open_store(**GRID).everything()
    rng = np.random.default_rng(0)
    with store.database.write() as connection:
        for joint_id in connection.scalars(sa.text("SELECT joint_id FROM joint_fits")).all():
            place = {"id": joint_id, "fun": float(rng.integers(0, 3)), "bad": bool(rng.random() < 0.2)}
            connection.execute(sa.text("UPDATE joint_fits SET fun = :fun WHERE joint_id = :id"), place)
            if place["bad"]:
                query = "UPDATE fits SET status = 'unbounded', distance_final = NULL WHERE joint_id = :id"
                connection.execute(sa.text(query), place)
    view = Results(store.database).frame("fit_results", study="small")
    (cells,) = read_cells(store.database, store.study_id)
    assert len(view) == len(cells) > 300
    assert n_results(store.database, store.study_id) == len(view) + view["target_key"].nunique()
    wanted = best_matches(view, GROUPS).rows
    found = best_matches(cells, CELL_AXES).rows
    with store.database.read() as connection:
        targets, joints, fits = (
            {row[0]: row[1] for row in connection.execute(sa.text(f"SELECT {number}, key FROM {table}"))}  # noqa: S608
            for number, table in (
                ("target_id", "targets"), ("joint_id", "joint_fits"), ("fit_axes_id", "fit_axes"),
            )
        )  # fmt: skip
    keys = [
        (targets[a], f"{joints[b]}.{fits[c]}")
        for a, b, c in found[["target_id", "joint_id", "fit_axes_id"]].itertuples(index=False)
    ]
    assert chosen(found, keys) == chosen(
        wanted, list(wanted[["target_key", "fit_key"]].itertuples(index=False, name=None))
    )
    parts = list(
        read_cells(store.database, store.study_id, most=2 * len(cells) // view["target_key"].nunique())
    )
    assert len(parts) > 2
    pd.testing.assert_frame_equal(
        pd.concat([best_matches(one, CELL_AXES).rows for one in parts], ignore_index=True), found
    )
    assert set(SEARCH_AXES) <= set(cells.columns)
    assert not [name for name in cells.columns if cells[name].dtype == object]


def test_rows_of_a_view_keep_values_and_missing_ones(open_store: Any, monkeypatch: Any) -> None:
    store = open_store().everything()
    columns = ["fit_key", "layer", "sigma", "distance_final", "distance_polish", "status", "n_negative"]
    monkeypatch.setattr("superpos.db.view_rows.AT_ONCE", 3)  # several pieces
    with store.database.write() as connection:
        connection.execute(sa.text("UPDATE fits SET n_negative = NULL WHERE fit_axes_id = 1"))
    found = plain(read_rows(store.database, store.study_id, "fit_results", columns))
    wanted = Results(store.database).frame("fit_results", study="small")[columns]
    key = "fit_key"
    pd.testing.assert_frame_equal(
        found.sort_values(key, ignore_index=True),
        wanted.sort_values(key, ignore_index=True).assign(distance_polish=np.nan),  # None in every row
        check_dtype=False,
    )
    assert wanted["distance_polish"].isna().all()
    empty = read_rows(store.database, -1, "fit_results", columns)
    assert empty.empty
    assert list(empty.columns) == columns


@pytest.mark.parametrize("view", ["fit_results", "joint_results", "geometry_results", "psm_results"])
def test_what_a_row_has_from_another_view_is_what_its_own_view_says(open_store: Any, view: str) -> None:
    store = open_store(**GRID).everything()
    measure(store.database, store.study_id, SilentReporter())
    wanted = Results(store.database).frame(view, study="small")
    rows = read_rows(store.database, store.study_id, view, list(wanted.columns))
    words = [name for name in wanted.columns if isinstance(rows[name].dtype, pd.CategoricalDtype)]
    assert {"target_key", "model", "target"} <= set(words)
    for name in words:
        assert rows[name].cat.categories.is_monotonic_increasing
    wide = plain(rows)
    assert not [name for name in wide.columns if wide[name].dtype in ("category", "int32")]
    empty = [name for name in wanted.columns if wanted[name].isna().all()]
    wanted = wanted.assign(**dict.fromkeys(empty, np.nan))  # None in every row
    keys = sorted(wanted.columns)
    pd.testing.assert_frame_equal(
        wide[keys].sort_values(keys, ignore_index=True),
        wanted[keys].sort_values(keys, ignore_index=True),
        check_dtype=False,
    )
    sets = sets_of(store.database, store.study_id)
    parts = [read_rows(store.database, store.study_id, view, list(wanted.columns), one) for one in sets]
    assert sum(map(len, parts)) == len(wanted)
    for one, part in zip(sets, parts, strict=True):
        assert {name: set(part[name]) for name in SET} == {name: {value} for name, value in one.items()}


def test_rows_that_another_run_stores_meanwhile_are_left_out(open_store: Any, monkeypatch: Any) -> None:
    store = open_store(**GRID).everything()
    columns = ["target_key", "joint_key", "layer", "n_dims", "distance_final"]
    wanted = plain(read_rows(store.database, store.study_id, "fit_results", columns))
    read = view_rows._read

    def earlier(database: Any, study_id: int, view: str, *rest: Any, **options: Any) -> Any:
        rows = read(database, study_id, view, *rest, **options)
        if view == "joint_results":  # as they were before the last of them
            rows = {name: column[:-1] for name, column in rows.items()}
        return rows

    monkeypatch.setattr(view_rows, "_read", earlier)
    found = plain(read_rows(store.database, store.study_id, "fit_results", columns))
    assert 0 < len(found) < len(wanted)
    both = found.merge(wanted, on=["target_key", "joint_key", "layer", "n_dims", "distance_final"])
    assert len(both) >= len(found)
