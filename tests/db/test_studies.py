"""Registering a plan: once, append-only, rows shared between studies, the same study from two threads."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.fits import missing_cells
from superpos.db.metadata import metadata
from superpos.db.planned import count_done, seconds_per_fit
from superpos.db.progress import study_names
from superpos.db.studies import newest_study, register_study
from superpos.db.tables import studies
from superpos.specs.axes import FitAxes
from superpos.specs.study import ModelChoice

IDENTITIES = ("models", "datasets", "activation_sets", "direction_sets", "targets", "joint_axes", "fit_axes")


def counts(store: Any) -> dict[str, int]:
    return {name: store.count(name) for name in metadata.tables}


def test_a_study_is_registered_once(open_store: Any, make_plan: Any) -> None:
    store = open_store(make_plan())
    before = counts(store)
    assert register_study(store.database, make_plan()) == store.study_id
    assert counts(store) == before
    assert {name: before[name] for name in IDENTITIES} == {
        "models": 1, "datasets": 1, "activation_sets": 2, "direction_sets": 2, "targets": 4, "joint_axes": 1,
        "fit_axes": 2,
    }  # fmt: skip
    assert (before["blocks"], before["block_targets"], before["block_fit_axes"]) == (1, 4, 2)


def test_what_was_asked_for_is_kept_as_plain_data(open_store: Any) -> None:
    store = open_store(description="why", store_vectors="best")
    with store.database.read() as connection:
        row = connection.execute(sa.select(studies)).mappings().one()
    assert (row["name"], row["revision"], row["store_vectors"]) == ("small", 1, "best")
    assert row["specification"] == json.loads(json.dumps(store.plan.study.as_dict()))
    assert row["algorithm_versions"] == dict(store.plan.algorithm_versions)


def test_an_edited_study_is_a_new_revision_and_the_old_one_stays(open_store: Any, make_plan: Any) -> None:
    one = open_store(description="first")
    before = counts(one)
    two = register_study(one.database, make_plan(description="second"))
    assert two != one.study_id
    with one.database.read() as connection:
        assert newest_study(connection, "small") == (two, 2, make_plan(description="second").digest)
    after = counts(one)
    assert {name: after[name] for name in IDENTITIES} == {name: before[name] for name in IDENTITIES}
    assert (after["studies"], after["blocks"]) == (2, 2)
    three = register_study(one.database, make_plan(description="first"))  # edited back: a revision of its own
    assert three not in (one.study_id, two)
    assert study_names(one.database) == ("small",)


def test_other_text_under_the_same_file_is_a_new_revision(open_store: Any, make_plan: Any) -> None:
    store = open_store(text="before")
    edited = register_study(store.database, make_plan(text="after"))
    assert edited != store.study_id
    assert store.count("datasets") == 2
    assert register_study(store.database, make_plan(text="after")) == edited


def test_two_studies_share_what_they_have_in_common(open_store: Any) -> None:
    one = open_store(name="one", sigmas=(0.0, 0.1)).everything()
    two = open_store(name="two", layers=(1, 2), energies=("exp", "log"))
    assert two.count("activation_sets") == 3
    assert two.count("fit_axes") == 2
    assert len(two.activations()) == 1  # layer 2; layer 1 is there
    assert len(two.directions()) == 1
    assert len(two.targets()) == 2
    # exp on layer 1 is there (features and the shared gaussian); log is missing on all, both on layer 2.
    works = two.works()
    assert len(works) == 4
    assert sum(len(work.fits) for work in works) == 8
    fits = two.count("fits")
    two.fits()
    assert two.count("fits") == fits + 8
    assert (
        len(missing_cells(one.database, one.study_id)) == len(missing_cells(two.database, two.study_id)) == 0
    )


def test_two_models_of_one_architecture_have_rows_of_their_own(open_store: Any, make_plan: Any) -> None:
    models = (ModelChoice("trained", "tiny"), ModelChoice("random", "tiny", weights="random", seeds=(0, 1)))
    store = open_store(make_plan(models=models)).everything()
    assert store.count("models") == 3
    assert store.count("datasets") == 1  # one tokenizer
    assert store.count("activation_sets") == 3 * 2
    assert store.count("psms") == 3 * 2 + 1  # a cosine gaussian depends on n and the width alone
    assert store.count("fits") == (3 * 2 + 1) * 2


def test_a_plan_is_measured_against_a_database_without_being_registered(
    open_store: Any, make_plan: Any
) -> None:
    wider = make_plan(layers=(0, 1, 2), sigmas=(0.0, 0.1, 0.2))
    store = open_store()
    stages = ("datasets", "activations", "probes", "whitening", "psms", "ceilings", "fits")
    nothing = dict.fromkeys(stages, 0)
    assert count_done(store.database, wider) == nothing
    assert seconds_per_fit(store.database) == {}
    store.everything()
    before = counts(store)
    done = nothing | {"datasets": 1, "activations": 2, "probes": 2, "psms": 4, "fits": 8}
    assert count_done(store.database, wider) == done
    assert count_done(store.database, store.plan) == done
    assert counts(store) == before
    assert seconds_per_fit(store.database) == {
        ("powell", "compiled"): pytest.approx(0.01),
        ("joint", "compiled"): pytest.approx(0.01),
    }


def test_a_database_that_is_not_there_holds_nothing_and_stays_away(make_plan: Any, tmp_path: Any) -> None:
    with Database(f"sqlite:///{tmp_path / 'none.db'}") as database:
        assert set(count_done(database, make_plan()).values()) == {0}
        assert seconds_per_fit(database) == {}
    assert not (tmp_path / "none.db").exists()


def test_axes_carry_the_version_of_their_algorithm(open_store: Any) -> None:
    store = open_store()
    columns = metadata.tables["fit_axes"].c
    with store.database.read() as connection:
        rows = connection.execute(sa.select(columns).order_by(columns.sigma)).mappings().all()
    assert [row["algorithm_version"] for row in rows] == [store.plan.algorithm_versions["fit_axes"]] * 2
    for row in rows:
        axes = FitAxes(**{name: row[name] for name in FitAxes.__dataclass_fields__})
        assert store.plan.fit_axes[row["key"]][0] == axes
