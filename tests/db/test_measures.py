"""Measures in the store: which matrices lack one, values of another version, what a later run fills in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from superpos.db.measures import (
    Measured,
    Place,
    dimensions,
    finish_measures,
    kernels,
    matrices,
    similarities,
    unmeasured,
)
from superpos.db.results import Results
from superpos.db.tables import psm_measures, psms
from superpos.kinds.energies import ENERGIES
from superpos.kinds.measures import MEASURES, Measure
from superpos.kinds.potentials import Potential
from superpos.stages.executor import SilentReporter
from superpos.stages.measures import lacking, measure

VERSIONS = {"first": 1, "second": 3}


class Notes(SilentReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def bare(open_store: Any) -> Any:
    """Matrices of two similarities that an older version made: without measures."""
    store = open_store(similarities=("cosine", "rbf"), controls=("permuted",)).inputs()
    with store.database.write() as connection:
        connection.execute(psm_measures.delete())
    return store


@pytest.fixture
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures that a test registers go with it."""
    monkeypatch.setattr(MEASURES, "_found", dict(MEASURES._found))


def measured(name: str, version: int, value: np.ndarray, place: Place = Place()) -> Measured:  # noqa: B008
    return Measured(name, place, version, value, np.full(len(value), np.nan), np.full(len(value), np.nan))


def stored(store: Any) -> dict[tuple[int, str], tuple[int, float | None]]:
    m = psm_measures.c
    with store.database.read() as connection:
        rows = connection.execute(sa.select(m.psm_id, m.measure, m.version, m.value)).all()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def test_matrices_without_a_measure_are_found(bare: Any) -> None:
    database, study = bare.database, bare.study_id
    assert similarities(database, study) == ("cosine", "rbf")
    found = unmeasured(database, study, "cosine", VERSIONS)
    with database.read() as connection:
        query = sa.select(psms.c.psm_id, psms.c.matrix).where(psms.c.similarity == "cosine")
        rows = {row[0]: row[1] for row in connection.execute(query.order_by(psms.c.psm_id))}
    assert found == list(rows)
    assert unmeasured(database, study, "cosine", VERSIONS, limit=2) == found[:2]
    given = matrices(database, found[::-1])
    for matrix, expected in zip(given.matrices, list(rows.values())[::-1], strict=True):
        np.testing.assert_array_equal(matrix, expected)
    assert given.widths == [5.0] * len(found)
    assert unmeasured(database, study, "cosine", {}) == []
    assert unmeasured(database, study + 1, "cosine", VERSIONS) == []


def test_a_value_counts_once_it_is_there_and_null_is_a_value(bare: Any) -> None:
    database, study = bare.database, bare.study_id
    first, *others = unmeasured(database, study, "cosine", VERSIONS)
    finish_measures(database, [first], [measured("first", 1, np.array([0.5]))])
    assert unmeasured(database, study, "cosine", VERSIONS, limit=1) == [first]
    finish_measures(database, [first], [measured("second", 3, np.array([np.nan]))])
    assert unmeasured(database, study, "cosine", VERSIONS) == others
    assert stored(bare) == {(first, "first"): (1, 0.5), (first, "second"): (3, None)}


def test_a_value_of_another_version_is_found_anew(bare: Any) -> None:
    database, study = bare.database, bare.study_id
    ids = unmeasured(database, study, "cosine", VERSIONS)
    for factor in (1.0, 2.0):
        ones = [measured(name, version, np.full(len(ids), factor)) for name, version in VERSIONS.items()]
        finish_measures(database, ids, ones)
    assert set(stored(bare).values()) == {(1, 1.0), (3, 1.0)}  # equal work is written once
    raised = {"first": 2, "second": 3}
    assert len(unmeasured(database, study, "cosine", raised)) == len(ids)
    finish_measures(database, ids, [measured("first", 2, np.full(len(ids), 7.0))])
    assert set(stored(bare).values()) == {(2, 7.0), (3, 1.0)}
    assert unmeasured(database, study, "cosine", raised) == []


def test_a_run_fills_in_what_older_matrices_lack(bare: Any) -> None:
    database, study = bare.database, bare.study_id
    assert lacking(database, study)
    measure(database, study, SilentReporter())
    assert not lacking(database, study)
    frame, matrices = (Results(database).frame(view) for view in ("geometry_results", "psm_results"))
    for _, row in matrices.iterrows():
        own = frame[frame["target_key"] == row["target_key"]].set_index("measure")["value"]
        kinds = [kind for kind in MEASURES if kind.reads != "intervals"]  # there is no noise ceiling
        names = {kind.name for kind in kinds if kind.applies_to(row["similarity"])}
        assert set(own.index) == names
        for name in ("min_eigenvalue", "rank", "value_q25", "value_median", "value_q75"):
            assert own[name] == row[name], name
    assert set(frame["target"]) == {"features", "permuted"}
    before = stored(bare)
    measure(database, study, SilentReporter())
    assert stored(bare) == before


@pytest.mark.usefixtures("_own")
def test_a_measure_from_elsewhere_is_stored_and_raised(bare: Any) -> None:
    database, study = bare.database, bare.study_id
    measure(database, study, SilentReporter())
    before = stored(bare)

    def largest(version: int, factor: float) -> Measure:
        return Measure(
            name="largest",
            version=version,
            meaning="Largest similarity.",
            formula="max T_ij, i < j",
            reads="entries",
            function=lambda entries: factor * entries.max(axis=1),
        )

    MEASURES.register(largest(1, 1.0))
    assert lacking(database, study)
    measure(database, study, SilentReporter())
    added = {key: row for key, row in stored(bare).items() if key not in before}
    assert {key[1] for key in added} == {"largest"}
    assert {key: row for key, row in stored(bare).items() if key in before} == before
    MEASURES._found["largest"] = (largest(2, 10.0), None)
    measure(database, study, SilentReporter())
    again = {key: row for key, row in stored(bare).items() if key not in before}
    assert again == {key: (2, 10.0 * row[1]) for key, row in added.items()}  # type: ignore[operator]


@pytest.mark.usefixtures("_own")
def test_a_measure_that_fails_is_said_and_tried_again(bare: Any) -> None:
    database, study = bare.database, bare.study_id

    def fails(matrices: np.ndarray) -> np.ndarray:
        if failing:
            raise ZeroDivisionError("no luck")
        return np.asarray(matrices[:, 0, 1])

    failing: list[bool] = []
    kind = Measure(
        name="unlucky", version=1, meaning="Of mine.", formula="T_12", reads="matrix", function=fails
    )
    MEASURES.register(kind)
    failing.append(True)
    reporter = Notes()
    measure(database, study, reporter)
    assert set(reporter.notes) == {"measures: unlucky failed: ZeroDivisionError: no luck"}
    assert {name for _, name in stored(bare)} == {kind.name for kind in MEASURES} - {
        "unlucky",
        "distinct_values",
    }
    failing.clear()
    measure(database, study, reporter)
    assert {name for _, name in stored(bare)} == {kind.name for kind in MEASURES} - {"distinct_values"}


def test_kernels_and_dimensions_are_those_of_the_fits(open_store: Any) -> None:
    store = open_store(controls=("permuted",), energies=("exp", "log"), n_dims=(2, 5)).inputs()
    database, study = store.database, store.study_id
    assert kernels(database, study) == (Potential("exp"), Potential("log"))
    assert dimensions(database, study) == (2, 5)
    with database.write() as connection:
        connection.execute(psm_measures.delete())
    measure(database, study, SilentReporter())
    assert not lacking(database, study)
    frame = Results(database).frame("geometry_results")
    assert not frame[["energy", "s", "kernel", "softening", "n_dims"]].isna().any().any()
    for name, kernel_labels, depths in (
        ("rank", {""}, {0}),
        ("own_energy", {"exp", "log"}, {0}),
        ("rms_configuration", {""}, {2}),  # three features: f = 5 is not below n
        ("force_residual", {"exp", "log"}, {2}),
    ):
        rows = frame[frame["measure"] == name]
        assert set(rows["kernel"]) == kernel_labels
        assert set(rows["n_dims"]) == depths
        assert len(rows) == frame["psm_key"].nunique() * len(kernel_labels)
    for _, row in frame[(frame["measure"] == "own_energy") & (frame["kernel"] == "log")].iterrows():
        entries = Results(database).psm(row["psm_key"])[np.triu_indices(3, 1)]
        assert row["value"] == pytest.approx(np.mean(-0.5 * np.log(2.0 - 2.0 * entries)), rel=1e-12)


@pytest.mark.usefixtures("_own")
def test_a_raised_energy_has_its_measures_found_anew(
    open_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(energies=("exp", "log")).inputs()
    database, study = store.database, store.study_id
    measure(database, study, SilentReporter())
    assert not lacking(database, study)
    monkeypatch.setattr(ENERGIES, "_found", dict(ENERGIES._found))
    ENERGIES._found["log"] = (replace(ENERGIES.get("log"), version=2), None)
    assert lacking(database, study)
    measure(database, study, SilentReporter())
    m = psm_measures.c
    with database.read() as connection:
        query = sa.select(m.kernel, m.version).where(m.measure == "own_energy").distinct()
        assert sorted(tuple(row) for row in connection.execute(query)) == [("exp", 1), ("log", 2)]
