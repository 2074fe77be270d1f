"""Rebuilding drops a row's content with exactly what hangs on it; garbage is what nobody wants."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from superpos.db.activations import finish_activations, missing_activations
from superpos.db.analysis import analysed
from superpos.db.engine import Database
from superpos.db.failures import record_failures
from superpos.db.fits import WorkReader
from superpos.db.gc import collect_garbage
from superpos.db.metadata import metadata
from superpos.db.migrate import check
from superpos.db.probes import pass_on_refusals
from superpos.db.progress import is_left, study_progress
from superpos.db.rebuild import drop_dependants
from superpos.db.results import Results
from superpos.errors import InputError
from superpos.records.work import CellFailure
from superpos.specs.study import MEDIAN_RULE

STAGED = ("datasets", "activation_sets", "direction_sets", "targets")


def planned(store: Any) -> dict[str, set[str]]:
    """Keys of what is planned again, by table."""
    found: dict[str, set[str]] = {}
    with store.database.read() as connection:
        for name in STAGED:
            c = metadata.tables[name].c
            found[name] = {
                key.hex() for key in connection.scalars(sa.select(c.key).where(c.status == "planned"))
            }
    return found


def counts(store: Any) -> dict[str, int]:
    return {name: store.count(name) for name in metadata.tables}


def layer_keys(store: Any, layer: int) -> dict[str, set[str]]:
    """Keys of everything that rests on one layer of the store's study."""
    activations = {a.key for a in store.plan.activations if a.layer == layer}
    directions = {d.key for d in store.plan.directions if d.activation_key in activations}
    targets = {t.key for t in store.plan.targets if t.direction_key in directions}
    return {
        "datasets": set(),
        "activation_sets": {key.hex() for key in activations},
        "direction_sets": {key.hex() for key in directions},
        "targets": {key.hex() for key in targets},
    }


def filled(open_store: Any, **arguments: Any) -> Any:
    store = open_store(**arguments).everything()
    store.analyse()
    return store


def made_again(store: Any, before: dict[str, int]) -> None:
    """Run every stage again and find as many rows as before, with no reference that dangles."""
    assert check(store.database) == []
    store.everything()
    store.analyse()
    assert counts(store) == before
    assert check(store.database) == []
    assert not is_left(study_progress(store.database, store.plan.study.name))


def test_a_data_set_takes_everything_along(open_store: Any) -> None:
    store = filled(open_store)
    before = counts(store)
    said = drop_dependants(store.database, store.plan.datasets[0].key.hex())
    assert said == [
        "dropped 1 data sets",
        "dropped 2 activation sets",
        "dropped 2 probe sets",
        "dropped 4 targets",
        "dropped 3 joint fits",
    ]
    after = counts(store)
    emptied = ["features", "shards", "probes", "direction_rows", "psms", "psm_entries", "psm_measures"]
    emptied += ["joint_fits", "importance", "fits", "fit_arrays"]
    emptied += [
        "target_explained",
        "target_features",
        "best_match",
        "layer_pairs",
        "study_answers",
        "measure_tests",
        "analyses",
    ]
    changed = {name: after[name] for name in before if after[name] != before[name]}
    assert changed == dict.fromkeys(emptied, 0)
    assert {name: len(keys) for name, keys in planned(store).items()} == {
        "datasets": 1, "activation_sets": 2, "direction_sets": 2, "targets": 4,
    }  # fmt: skip
    store.salt = "other content"  # which nothing refuses now
    made_again(store, before)


@pytest.mark.parametrize("level", ["activation_sets", "direction_sets"])
def test_one_layer_goes_and_the_others_and_what_they_share_stay(open_store: Any, level: str) -> None:
    store = filled(open_store, layers=(0, 1, 2))
    before = counts(store)
    mine = layer_keys(store, 1)
    drop_dependants(store.database, next(iter(mine[level])))
    expected = {
        name: keys if STAGED.index(name) >= STAGED.index(level) else set() for name, keys in mine.items()
    }
    assert planned(store) == expected
    # The gaussian matrix rests on n and the width, which the other layers share: it and its fits stay.
    assert before["psms"] - store.count("psms") == 1
    assert before["joint_fits"] - store.count("joint_fits") == 1
    assert before["fits"] - store.count("fits") == 2
    assert is_left(study_progress(store.database, store.plan.study.name))
    made_again(store, before)


def test_a_target_takes_its_matrix_from_all_that_share_it(open_store: Any) -> None:
    store = filled(open_store, layers=(0, 1, 2))
    before = counts(store)
    gaussians = {t.key.hex() for t in store.plan.targets if t.kind == "gaussian"}
    said = drop_dependants(store.database, min(gaussians))
    assert said == ["dropped 3 targets", "dropped 1 joint fits"]
    assert planned(store)["targets"] == gaussians
    assert before["fits"] - store.count("fits") == 2
    made_again(store, before)


def test_a_joint_fit_goes_with_its_fits_by_its_own_key_or_one_of_theirs(open_store: Any) -> None:
    store = filled(open_store, energies=("exp", "log"))
    before = counts(store)
    frame = Results(store.database).frame("fit_results", target="features", layer=0)
    for key in (
        frame["joint_key"].iloc[0],
        frame["fit_key"].iloc[0].upper(),
        f" {frame['joint_key'].iloc[0]} ",
    ):
        assert drop_dependants(store.database, key) == ["dropped 1 joint fits"]
        assert planned(store) == {name: set() for name in STAGED}
        assert before["fits"] - store.count("fits") == 2
        assert [len(work.fits) for work in store.works()] == [2]
        made_again(store, before)


def test_directions_that_give_their_median_take_the_controls_along(
    open_store: Any, make_plan: Any, block: Any
) -> None:
    one = block(
        layers=(0,), controls=("shuffled_labels",), similarities=("rbf",), rbf_scales=(MEDIAN_RULE, 200.0)
    )
    store = filled(open_store, plan=make_plan(blocks=(one,)))
    before = counts(store)
    true_labels = next(d for d in store.plan.directions if d.label_replicate == -1)
    drop_dependants(store.database, true_labels.key.hex())
    expected = {
        t.key.hex()
        for t in store.plan.targets
        if t.direction_key == true_labels.key or t.rbf_scale == MEDIAN_RULE
    }
    assert len(expected) == 3
    assert planned(store)["targets"] == expected
    assert planned(store)["direction_sets"] == {true_labels.key.hex()}
    made_again(store, before)


def test_the_analysis_of_studies_that_read_none_of_it_stays(open_store: Any) -> None:
    one = filled(open_store, name="one", layers=(0,), controls=())
    two = filled(open_store, name="two", layers=(1,), controls=("permuted",))
    three = filled(open_store, name="three", layers=(0, 1), controls=())
    drop_dependants(one.database, one.plan.activations[0].key.hex())
    assert analysed(one.database, one.study_id) is None
    assert analysed(one.database, three.study_id) is None
    assert analysed(one.database, two.study_id) is not None
    assert not is_left(study_progress(two.database, two.plan.study.name))
    assert set(Results(one.database).frame("best_matches")["study"]) == {"two"}


def test_refused_rows_are_planned_again_too(open_store: Any) -> None:
    store = open_store(layers=(0,), controls=())
    store.datasets()
    work = missing_activations(store.database, store.study_id)[0]
    finish_activations(store.database, [(work, store.activation(work, "non_finite"))], "d", store.run_id)
    pass_on_refusals(store.database)
    assert planned(store) == {name: set() for name in STAGED}
    drop_dependants(store.database, work.key.hex())
    assert planned(store) == layer_keys(store, 0)
    with store.database.read() as connection:
        assert set(connection.exec_driver_sql("SELECT reason FROM targets").scalars()) == {""}


@pytest.mark.parametrize("key", ["", "0" * 32, "zz", "' OR 1=1", "0" * 31])
def test_a_key_that_names_nothing_is_refused(sqlite: Database, key: str) -> None:
    with pytest.raises(InputError, match=r"^--rebuild: .* names no data set, .*copy a key from a view$"):
        drop_dependants(sqlite, key)


def test_axes_and_models_cannot_be_rebuilt(open_store: Any) -> None:
    store = open_store()
    for key in (store.plan.models[0].key, *store.plan.joint_axes, *store.plan.fit_axes):
        with pytest.raises(InputError, match="names no data set"):
            drop_dependants(store.database, key.hex())


# --- garbage ------------------------------------------------------------------------------------------------


def test_what_is_wanted_is_no_garbage(open_store: Any) -> None:
    store = filled(open_store, energies=("exp", "log"))
    filled(open_store, name="other", layers=(1, 2))
    before = counts(store)
    assert collect_garbage(store.database) == {}
    assert counts(store) == before


def test_what_an_edited_study_no_longer_asks_for_is_dropped_and_nothing_else(open_store: Any) -> None:
    old = filled(
        open_store,
        layers=(0, 1),
        energies=("exp", "log"),
        sigmas=(0.0, 0.1, 0.2),
        controls=("permuted", "gaussian"),
    )
    reader = WorkReader(old.database, keep_vectors=False)
    new = filled(open_store, layers=(1, 2), energies=("log",), sigmas=(0.0, 0.1), controls=("gaussian",))
    log_axes = next(iter(new.plan.joint_axes))
    exp_axes = next(key for key in old.plan.joint_axes if key != log_axes)
    with old.database.read() as connection:
        psm = connection.scalar(
            sa.text(
                "SELECT p.key FROM psms p JOIN targets t ON t.psm_id = p.psm_id WHERE t.kind = 'gaussian'"
            )
        )
    sigma = {axes.sigma: key for key, (axes, _) in old.plan.fit_axes.items()}
    gone = [
        reader.key_text(bytes.fromhex(psm), exp_axes, sigma[0.1]),
        reader.key_text(bytes.fromhex(psm), log_axes, sigma[0.2]),
    ]
    stays = reader.key_text(bytes.fromhex(psm), log_axes, sigma[0.1])
    failures = [CellFailure("fits", key, "ValueError", "") for key in (*gone, stays)]
    failures += [CellFailure("activations", a.key.hex(), "ValueError", "") for a in old.plan.activations]
    record_failures(old.database, failures, old.run_id)

    dropped = collect_garbage(new.database)
    assert check(new.database) == []
    assert counts(new) == {
        "runs": 2,
        "studies": 1,
        "models": 1,
        "datasets": 1,
        "study_models": 1,
        "study_datasets": 1,
        "features": 4,
        "activation_sets": 2,
        "shards": 2,
        "direction_sets": 2,
        "probes": 8,
        "direction_rows": 6,
        "targets": 4,
        "psms": 3,
        "psm_measures": 6,
        "psm_entries": 6,
        "psm_resamples": 0,
        "joint_axes": 1,
        "joint_fits": 3,
        "importance": 9,
        "fit_axes": 2,
        "fits": 6,
        "fit_arrays": 6,
        "blocks": 1,
        "block_targets": 4,
        "block_joint_axes": 1,
        "block_fit_axes": 2,
        "best_match": 8,
        "layer_pairs": 1,
        "study_answers": 1,
        "measure_tests": 1,
        "analyses": 1,
        "leases": 0,
        "target_explained": 18,  # of layer 1 under both kernels
        "target_features": 12,
        "cell_failures": 2,
    }
    assert dropped["studies"] == 1
    assert dropped["cell_failures"] == len(gone) + 1
    assert not is_left(study_progress(new.database, new.plan.study.name))
    assert len(Results(new.database).frame("fit_results")) == 8
    assert collect_garbage(new.database) == {}


def test_other_text_leaves_the_old_text_behind_as_garbage(open_store: Any) -> None:
    filled(open_store, text="before")
    new = filled(open_store, text="after")
    assert new.count("datasets") == 2
    dropped = collect_garbage(new.database)
    assert (dropped["datasets"], dropped["activation_sets"], dropped["features"]) == (1, 2, 4)
    assert "models" not in dropped
    assert dropped["fits"] == 4  # those of `features`; the gaussian does not read the text
    assert len(Results(new.database).frame("fit_results")) == 8


def test_what_another_study_wants_stays(open_store: Any) -> None:
    filled(open_store, name="one", sigmas=(0.0, 0.1, 0.2))
    two = filled(open_store, name="two", sigmas=(0.0, 0.2))
    edited = filled(open_store, name="one", sigmas=(0.0,))
    assert collect_garbage(two.database)["fits"] == 3  # sigma 0.1 alone
    assert len(Results(two.database).frame("fit_results", study="two")) == 8
    assert len(Results(two.database).frame("fit_results", study="one")) == 4
    assert not is_left(study_progress(edited.database, edited.plan.study.name))
