"""Values beside the bare results: noise ceilings, chosen penalties, whitened directions, phi of the rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from superpos.db.activations import finish_activations, missing_activations
from superpos.db.ceilings import finish_ceilings, missing_ceilings
from superpos.db.failures import put_back, record_failures
from superpos.db.metadata import metadata
from superpos.db.probes import finish_directions, missing_directions, pass_on_refusals
from superpos.db.progress import study_progress
from superpos.db.psms import missing_targets, target_works
from superpos.db.recompute import psm_row
from superpos.db.results import Results
from superpos.db.tables import psm_measures, psms
from superpos.records.data import ProbeMetrics
from superpos.records.work import CeilingResult, CellFailure
from superpos.stages.executor import SilentReporter
from superpos.stages.measures import lacking, measure


def column(store: Any, table: str, name: str) -> list[Any]:
    rows = metadata.tables[table]
    with store.database.read() as connection:
        return list(connection.scalars(sa.select(rows.c[name]).order_by(*rows.primary_key)))


def trained(open_store: Any, change: Any, **arguments: Any) -> Any:
    """A store up to its probes; `change` makes another result of each set's."""
    store = open_store(**arguments)
    store.datasets()
    store.activations()
    works = missing_directions(store.database, store.study_id)
    finish_directions(store.database, [change(store.direction(work)) for work in works], store.run_id)
    return store


def find_ceilings(store: Any, n_resamples: int = 20, **changes: Any) -> None:
    """Hand in intervals of every matrix whose ceiling is missing; `changes` are of the lower ends."""
    results = []
    for work in missing_ceilings(store.database, store.study_id, n_resamples):
        for psm in work.psms:
            low, error = psm.matrix - 0.25, np.full(psm.matrix.shape, 0.125)
            for place, value in changes.get("low", {}).items():
                low[place] = value
            reliability = changes.get("reliability", 0.875)
            pairs = psm.matrix[np.triu_indices(len(psm.matrix), 1)]
            drawn = pairs + 0.01 * (np.arange(n_resamples) - 0.5 * (n_resamples - 1))[:, None]
            results.append(
                CeilingResult(psm.psm_id, low, psm.matrix + 0.5, error, reliability, n_resamples, drawn)
            )
    finish_ceilings(store.database, results)


def test_the_noise_ceiling_is_stored_with_the_matrix(open_store: Any) -> None:
    store = open_store(controls=("permuted",)).inputs()
    find_ceilings(store)
    assert missing_ceilings(store.database, store.study_id, 20) == ()
    assert len(missing_ceilings(store.database, store.study_id, 21)) == 2  # a probe set a layer
    opened = Results(store.database)
    frame = opened.frame("psm_results", target="features")
    assert frame["reliability"].tolist() == [0.875] * 2
    assert frame["n_resamples"].tolist() == [20] * 2
    assert frame["ceiling_method"].tolist() == ["bias_t"] * 2
    assert frame["n_unknown"].tolist() == [0] * 2
    pairs = opened.frame("psm_pairs")
    assert len(pairs) == 6
    assert ((pairs["value"] - pairs["value_low"]).round(12) == 0.25).all()
    assert ((pairs["value_high"] - pairs["value"]).round(12) == 0.5).all()
    assert set(pairs["standard_error"]) == {0.125}
    controls = opened.frame("psm_results", target="permuted")
    assert controls["reliability"].isna().all()
    assert controls["n_resamples"].tolist() == [0] * 2
    assert controls["ceiling_method"].tolist() == [""] * 2
    for key in frame["psm_key"]:
        found = psm_row(store.database, key)
        assert found is not None
        np.testing.assert_allclose(found[1]["low"], found[1]["entries"] - 0.25)
        np.testing.assert_allclose(found[1]["high"], found[1]["entries"] + 0.5)
        assert set(found[1]["standard_error"]) == {0.125}
    for key in controls["psm_key"]:
        found = psm_row(store.database, key)
        assert found is not None
        assert found[1]["entries"].shape == found[1]["low"].shape == (0,)


def test_intervals_made_in_another_way_are_missing(open_store: Any) -> None:
    store = open_store(layers=(0,)).inputs()
    find_ceilings(store)
    with store.database.write() as connection:
        connection.execute(metadata.tables["psms"].update().values(ceiling_method="percentile"))
    assert len(missing_ceilings(store.database, store.study_id, 20)) == 1


def test_a_matrix_without_a_noise_ceiling_says_so(open_store: Any) -> None:
    store = open_store(layers=(0,)).inputs()
    frame = Results(store.database).frame("psm_pairs")
    assert frame["value_low"].isna().all()
    assert frame["value_high"].isna().all()
    found = psm_row(store.database, frame["psm_key"].iloc[0])
    assert found is not None
    assert found[1]["entries"].tolist() == frame["value"].tolist()
    assert np.isnan(found[1]["low"]).all()
    assert found[1]["reliability"] is None


def test_a_bound_that_is_no_number_is_null_and_counted(open_store: Any) -> None:
    store = open_store(layers=(0,), controls=()).inputs()
    find_ceilings(store, low={(0, 1): np.nan}, reliability=float("nan"))
    frame = Results(store.database).frame("psm_pairs")
    assert frame["value_low"].isna().tolist() == [True, False, False]
    assert column(store, "psms", "reliability") == [None]
    assert column(store, "psms", "n_unknown") == [1]


def ceilings_row(store: Any) -> tuple[int, int, int, int, int]:
    row = {one.stage: one for one in study_progress(store.database, "small")}["ceilings"]
    return row.planned, row.done, row.failed, row.quarantined, row.not_applicable


def test_ceilings_are_counted_with_their_failures(open_store: Any, make_plan: Any) -> None:
    plan = make_plan(controls=("permuted",))
    store = open_store(replace(plan, study=replace(plan.study, noise_ceiling=20)))
    assert ceilings_row(store) == (2, 0, 0, 0, 0)
    store.inputs()
    missing = missing_ceilings(store.database, store.study_id, 20)
    key = missing[0].direction.key.hex()
    for attempts in (1, 2, 3):
        record_failures(store.database, [CellFailure("ceilings", key, "worker_lost", "lost")], store.run_id)
        assert ceilings_row(store) == ((2, 0, 1, 0, 0) if attempts < 3 else (2, 0, 0, 1, 0))
    find_ceilings(store)
    assert ceilings_row(store) == (2, 1, 0, 1, 0)
    assert put_back(store.database, "small") == 1
    find_ceilings(store)
    assert ceilings_row(store) == (2, 2, 0, 0, 0)  # a failure of what is there by now does not count
    with store.database.write() as connection:
        connection.execute(metadata.tables["psms"].update().values(n_resamples=19))
    assert ceilings_row(store)[1] == 0


def test_two_classes_are_fitted_where_a_block_says_so(open_store: Any, block: Any, make_plan: Any) -> None:
    blocks = (block("plain", layers=(0,)), block("two", layers=(0,), fit_two_classes=True))
    store = open_store(make_plan(blocks=blocks)).inputs()
    planned = {target.key: target.fit_two_classes for target in store.plan.targets}
    assert sorted(planned.values()) == [False, False, True, True]
    works = target_works(store.database, range(1, 10))
    assert {work.key: work.fit_two_classes for work in works} == planned
    assert all(isinstance(work.fit_two_classes, bool) for work in works)
    assert sorted(column(store, "targets", "fit_two_classes")) == [0, 0, 1, 1]


@pytest.mark.parametrize("left_out", [(), (0,), (1,)])
def test_phi_is_that_of_the_features_that_have_directions(open_store: Any, left_out: tuple[int, ...]) -> None:
    def drop(result: Any) -> Any:
        probes = result.probes
        kept = [row for row in range(3) if row not in left_out]
        metrics = tuple(
            replace(one, status="too_few") if index in left_out else one
            for index, one in enumerate(probes.metrics)
        )
        less = replace(
            probes,
            feature_names=tuple(probes.feature_names[row] for row in kept),
            metrics=metrics,
            coef_raw=probes.coef_raw[kept],
            coef_scaled=probes.coef_scaled[kept],
            intercept=probes.intercept[kept],
        )
        return replace(result, probes=less)

    store = trained(open_store, drop)
    full = {(0, 1): 0.2, (0, 2): 0.3, (1, 2): 0.4}
    kept = [row for row in range(3) if row not in left_out]
    works = missing_targets(store.database, store.study_id, 100)
    assert len(works) == 4
    for work in works:
        assert work.phi is not None
        assert work.phi.shape == (len(kept), len(kept))
        for i, a in enumerate(kept):
            for j, b in enumerate(kept):
                assert work.phi[i, j] == (1.0 if a == b else full[min(a, b), max(a, b)])


def test_whitened_directions_are_kept_and_handed_on(open_store: Any) -> None:
    whitened = np.arange(6.0).reshape(3, 2)
    store = trained(open_store, lambda result: replace(result, whitened=whitened), layers=(0,))
    for work in missing_targets(store.database, store.study_id, 10):
        assert work.directions.whitened is not None
        np.testing.assert_array_equal(work.directions.whitened, whitened)
    store.targets()
    key = Results(store.database).frame("probe_results")["direction_key"].iloc[0]
    np.testing.assert_array_equal(Results(store.database).directions(key).coef_whitened, whitened)


@dataclass(frozen=True, slots=True)
class ChosenPenalty(ProbeMetrics):
    """Metrics with the penalty that was chosen, and with what has no column."""

    C: float | None = None
    seconds: float = 0.0


def test_the_penalty_that_was_chosen_is_shown(open_store: Any) -> None:
    def choose(result: Any) -> Any:
        base = [{**asdict(one), "C": None, "seconds": 1.0} for one in result.probes.metrics]
        metrics = tuple(
            ChosenPenalty(**{**one, "C": C}) for one, C in zip(base, (0.5, 2.0, None, None), strict=True)
        )
        return replace(result, probes=replace(result.probes, metrics=metrics))

    store = trained(open_store, choose, layers=(0,))
    frame = Results(store.database).frame("probe_results").set_index("feature")
    assert frame.loc[["digit", "capital"], "C"].tolist() == [0.5, 2.0]
    assert frame.loc[["space", "absent"], "C"].isna().all()
    assert set(frame["probe_C"]) == {1.0}  # as asked for


def test_scalers_of_features_with_samples_of_their_own(open_store: Any) -> None:
    scale = np.arange(1.0, 16.0).reshape(3, 5)

    def own(result: Any) -> Any:
        coef = result.probes.coef_scaled
        return replace(result, probes=replace(result.probes, scale=scale, coef_raw=coef / scale))

    store = trained(open_store, own, layers=(0,))
    frame = Results(store.database).frame("probe_results")
    assert set(frame["d_hook"]) == {5}
    found = Results(store.database).directions(frame["direction_key"].iloc[0])
    assert found.scale is not None
    np.testing.assert_array_equal(found.scale, scale)
    np.testing.assert_array_equal(found.coef_raw, found.coef_scaled / scale)


def test_a_layer_that_does_not_vary_is_refused_and_constant_coordinates_are_counted(open_store: Any) -> None:
    store = open_store()
    store.datasets()
    works = missing_activations(store.database, store.study_id)
    infos = [store.activation(works[0], "constant"), replace(store.activation(works[1]), n_constant=3)]
    finish_activations(store.database, list(zip(works, infos, strict=True)), "digest", store.run_id)
    pass_on_refusals(store.database)
    assert column(store, "activation_sets", "n_constant") == [None, 3]
    assert column(store, "activation_sets", "status") == ["not_applicable", "done"]
    said = "constant: every sample has the same activations"
    frame = Results(store.database).frame("activation_results").set_index("layer")
    assert frame["status"].to_dict() == {0: "not_applicable", 1: "done"}
    assert frame["reason"].to_dict() == {0: said, 1: ""}
    assert frame.loc[1, ["d_hook", "n_rows", "n_constant", "agreement"]].tolist() == [5, 100, 3, 1e-6]
    assert set(frame["activation_key"]) == {work.key.hex() for work in works}
    assert column(store, "direction_sets", "reason") == [said, ""]


def test_pooling_is_part_of_the_work(open_store: Any, make_plan: Any) -> None:
    plan = make_plan()
    pooled = replace(plan, activations=tuple(replace(a, pooling="max") for a in plan.activations))
    store = open_store(pooled)
    store.datasets()
    works = missing_activations(store.database, store.study_id)
    assert [(work.layer, work.pooling, work.dtype) for work in works] == [
        (0, "max", "float32"),
        (1, "max", "float32"),
    ]


def test_what_is_measured_of_the_ceiling_is_found_anew_with_it(open_store: Any) -> None:
    store = open_store(controls=("gaussian",)).inputs()

    def measured() -> dict[int, float | None]:
        measure(store.database, store.study_id, SilentReporter())
        assert not lacking(store.database, store.study_id)
        with store.database.read() as connection:
            query = sa.select(psm_measures.c.psm_id, psm_measures.c.value)
            rows = connection.execute(query.where(psm_measures.c.measure == "distinct_values")).all()
        return {row[0]: row[1] for row in rows}

    assert measured() == {}  # no ceiling is known
    find_ceilings(store)
    first = measured()
    with store.database.read() as connection:
        known = connection.execute(sa.select(psms.c.psm_id).where(psms.c.n_resamples > 0)).scalars().all()
    assert set(first) == set(known)
    assert all(value is not None and 1.0 <= value <= 3.0 for value in first.values())
    with store.database.write() as connection:
        connection.execute(psm_measures.update().values(value=99.0))
    find_ceilings(store, n_resamples=40)
    assert lacking(store.database, store.study_id)
    assert measured() == first  # intervals are as before, what was measured of them was not
