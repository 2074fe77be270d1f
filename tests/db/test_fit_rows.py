"""Rows that a worker makes of its results: the content of the results, in plain values."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from superpos.db import missing
from superpos.db.engine import Database
from superpos.db.fit_rows import ARRAY_NAMES, FIT_NAMES, JOINT_NAMES, JointRows, rows_of
from superpos.db.fits import insert_results
from superpos.db.missing import MissingCells
from superpos.db.tables import fit_arrays, fits, importance, joint_fits
from superpos.db.types import decode_array

PLAIN = {int, float, str, bytes, type(None)}


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the tables of fits, arrays as bytes, ids of joint fits as their places."""
    with database.read() as connection:
        ids = connection.scalars(sa.select(joint_fits.c.joint_id).order_by(joint_fits.c.joint_id)).all()
        return {
            table.name: [
                (
                    ids.index(row[0]),
                    *(one.tobytes() if isinstance(one, np.ndarray) else one for one in row[1:]),
                )
                for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            ]
            for table in (joint_fits, importance, fits, fit_arrays)
        }


def test_rows_that_travelled_are_stored_as_the_results_are(open_store: Any, results_of: Any) -> None:
    store = open_store().inputs()
    results = [results_of(work) for work in store.works()]
    insert_results(store.database, results, store.run_id)
    wanted = content(store.database)
    with store.database.write() as connection:
        for table in (fit_arrays, fits, importance, joint_fits):
            connection.execute(table.delete())
    rows = pickle.loads(pickle.dumps([rows_of(result) for result in results], protocol=5))  # noqa: S301 (made here)
    assert insert_results(store.database, rows, store.run_id) == len(wanted["fits"])
    found = content(store.database)
    for name in ("joint_fits", "importance", "fits", "fit_arrays"):
        assert found[name] == wanted[name]
        assert found[name]


def test_what_has_no_arrays_and_no_joint_fit_has_no_rows_of_them(
    open_store: Any, results_of: Any, without_joint: Any
) -> None:
    store = open_store().inputs()
    result = without_joint(results_of(store.works(keep_vectors=False)[0]))
    rows = rows_of(result)
    assert (rows.joint, rows.weights, rows.arrays) == (None, (), ())
    assert [fit_axes_id for fit_axes_id, _ in rows.fits] == [fit.fit_axes_id for fit in result.fits]


def flat(rows: JointRows) -> list[Any]:
    """Every value of the rows of a result."""
    assert rows.joint is not None
    values = [*rows.joint, *(value for one in rows.weights for value in one)]
    return values + [value for part in (rows.fits, rows.arrays) for _, one in part for value in one]


def test_values_are_plain_and_finite(open_store: Any, results_of: Any) -> None:
    store = open_store().inputs()
    result = results_of(store.works()[0])
    given = {"fun": np.float64("nan"), "angle": np.float64(0.5), "nit": np.int64(3), "energy_final": np.inf}
    fit = replace(result.fits[0], columns={**result.fits[0].columns, **given})
    joint = replace(result.joint, logits=np.array([np.nan, 1.0, -np.inf]), nfev=np.int32(7))
    rows = rows_of(replace(result, fits=(fit, *result.fits[1:]), joint=joint, distance=np.nan))
    assert {type(value) for value in flat(rows)} <= PLAIN
    named = dict(zip(FIT_NAMES, rows.fits[0][1], strict=True))
    assert [named[name] for name in given] == [None, 0.5, 3, None]
    of_joint = dict(zip(JOINT_NAMES, rows.joint or (), strict=True))
    assert (of_joint["nfev"], of_joint["distance"]) == (7, None)
    assert [logit for logit, _ in rows.weights] == [None, 1.0, None]
    assert rows.seconds == pytest.approx(result.seconds + sum(f.columns["seconds"] for f in result.fits))
    np.testing.assert_array_equal(decode_array(rows.arrays[0][1][0]), fit.vectors)


def test_every_column_is_filled_by_somebody() -> None:
    by_driver = {"joint_id", "fit_axes_id", "run_id"}
    assert {*FIT_NAMES, "key"} | by_driver == set(fits.c.keys())
    assert {*ARRAY_NAMES, "joint_id", "fit_axes_id"} == set(fit_arrays.c.keys())
    later = {"energy_bound", "bound_method", "bound_version"}  # by the bounds, when all fits are there
    assert {*JOINT_NAMES, "joint_id", "run_id"} | later == set(joint_fits.c.keys())


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_pages_of_missing_cells_are_all_cells_in_their_order(
    open_store: Any, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    store = open_store().inputs()
    wanted = list(MissingCells(store.database, store.study_id))
    monkeypatch.setattr(missing, "AT_ONCE", at_once)
    missing._pages.cache_clear()
    try:
        assert list(MissingCells(store.database, store.study_id)) == wanted
    finally:
        missing._pages.cache_clear()
    assert len(wanted) == len(set(wanted)) == 6
    assert wanted == sorted(wanted)
