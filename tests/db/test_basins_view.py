"""The view `basins` on both engines: which ends return, how many minima there are, which lie deeper."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from superpos.db.results import Results

# sigma, trial: verdict, energy_final, energy_bound, distance_return, distance_moved, rms_final
ZERO = ("strict", 2.0, 1.5, 0.0, 1.0, 0.3)
AWAY = ("degenerate", 2.0, 1.5, 0.7, 1.6, 0.4)  # as deep, but another matrix
TRIALS = {
    (0.1, 0): ("strict", 2.0 + 1e-12, 1.5, 1e-5, 1.0, 0.3),
    (0.1, 1): AWAY,
    (0.1, 2): ("strict", 1.8, 1.5, 0.9, 1.2, 0.5),
    (0.1, 3): ("saddle", 1.7, 1.5, 0.0, 1.0, 0.3),
    (0.5, 0): ("strict", 1.9, 1.5, 0.9, 1.2, 0.5),
    (0.5, 1): ("strict", 1.9, 1.5, 0.9, 1.2, 0.5 + 1e-6),
    (0.5, 2): ("strict", 1.9, 1.5, 0.9, 1.2, 0.6),
    (0.5, 3): ("not_critical", 1.9, 1.5, 0.9, 1.2, 0.6),
}
COLUMNS = ("verdict", "energy_final", "energy_bound", "distance_return", "distance_moved", "rms_final")


def plant(database: Any, ends: dict[tuple[float, int], tuple[Any, ...]]) -> None:
    """Overwrite what fits of a sigma and trial say, and the place of the fit with it."""
    with database.write() as connection:
        for (sigma, trial), values in ends.items():
            said = ", ".join(f"{name} = :{name}" for name in COLUMNS)
            query = (
                f"UPDATE fits SET {said} WHERE fit_axes_id IN "  # noqa: S608 (constants)
                "(SELECT fit_axes_id FROM fit_axes WHERE sigma = :sigma AND trial = :trial)"
            )
            given = dict(zip(COLUMNS, values, strict=True))
            connection.execute(sa.text(query), {**given, "sigma": sigma, "trial": trial})


@pytest.fixture
def results(open_store: Any) -> Results:
    store = open_store(sigmas=(0.0, 0.1, 0.5), trials=4).everything()
    plant(store.database, {(0.0, 0): ZERO, **TRIALS})
    return Results(store.database)


def test_ends_are_counted_by_what_they_are(results: Results) -> None:
    frame = results.frame("basins", layer=0, target="features").set_index("sigma")
    assert frame.index.tolist() == [0.1, 0.5]
    wanted = {
        "n_ends": [4, 4], "n_certified": [3, 3], "n_strict": [2, 3], "n_returned": [1, 0],
        "n_distinct": [3, 2], "n_energies": [2, 1], "n_deeper": [1, 3],
    }  # fmt: skip
    for name, values in wanted.items():
        assert frame[name].tolist() == values, name
    assert frame["share_returned"].tolist() == pytest.approx([1.0 / 3.0, 0.0])
    # The best of all sigmas; a saddle below it is no minimum.
    assert frame["gap_to_best"].tolist() == pytest.approx([0.2, 0.2])
    assert frame["gap_to_bound"].tolist() == pytest.approx([0.5, 0.5])


def test_nothing_returns_where_there_is_no_minimum_to_return_to(results: Results) -> None:
    with results.database.write() as connection:
        zero = "SELECT fit_axes_id FROM fit_axes WHERE sigma = 0.0"
        query = f"UPDATE fits SET verdict = 'saddle' WHERE fit_axes_id IN ({zero})"  # noqa: S608 (a constant)
        connection.execute(sa.text(query))
    frame = results.frame("basins", layer=0, target="features")
    assert frame[["share_returned", "gap_to_best", "gap_to_bound"]].isna().all(axis=None)
    assert frame["n_returned"].tolist() == [0, 0]
    assert frame["n_certified"].tolist() == [3, 3]


def test_there_is_one_row_for_each_target_joint_fit_and_sigma(results: Results) -> None:
    frame = results.frame("basins")
    assert len(frame) == 2 * 2 * 2
    assert not frame.duplicated(["study", "target_key", "joint_key", "optimiser", "sigma"]).any()
