"""Blocks without re-optimisations: many draws of a control are built and measured, and nothing is fitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_study import Notes, Tiny, read_views, run_tiny

from superpos.db.engine import Database
from superpos.db.progress import is_left, study_progress
from superpos.db.results import Results
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

MEASURED = """
[[blocks]]
name = "many-draws"
targets = ["features", "permuted", "gaussian"]
replicates = 39
kernels = ["exp", "log"]
n_dims = [4]
reoptimisations = []
"""


def test_matrices_of_every_draw_are_measured_and_none_is_fitted(
    tiny: Tiny, new_database: Callable[[str], Database]
) -> None:
    database = new_database("one")
    run_tiny(database, tiny.plan(more=MEASURED))
    results = Results(database)
    measured = results.frame("geometry_results")
    draws = measured[measured["target"] == "permuted"].groupby("layer")["replicate"].nunique()
    assert draws.tolist() == [39, 39]
    fitted = results.frame("fit_results")
    assert set(fitted["target"]) == {"features", "gaussian", "shuffled_labels"}
    assert set(fitted.loc[fitted["target"] == "gaussian", "replicate"]) == {0}
    progress = {row.stage: row for row in study_progress(database, "tiny")}
    assert progress["fits"].planned == progress["fits"].done == len(fitted)
    assert not is_left(study_progress(database, "tiny"))


def test_a_study_may_fit_nothing_at_all(tiny: Tiny, new_database: Callable[[str], Database]) -> None:
    text = tiny.text(more="")
    head = text[: text.index("[[blocks]]")]
    file = tiny.file()
    file.write_text(head + MEASURED, encoding="utf-8")
    from superpos.specs.studyfile import load_study
    from superpos.stages.plan import plan_study

    plan = plan_study(load_study(file))
    database = new_database("one")
    run_tiny(database, plan)
    results = Results(database)
    assert results.frame("joint_results").empty
    assert len(results.frame("psm_results")) == 2 * (1 + 2 * 39)
    again = Notes()
    run_tiny(database, plan, reporter=again)
    assert again.started == []


def test_a_block_that_fits_what_another_one_measures_shares_its_matrices(
    tiny: Tiny, new_database: Callable[[str], Database]
) -> None:
    alone, both = new_database("alone"), new_database("both")
    run_tiny(alone, tiny.plan(more=""))
    run_tiny(both, tiny.plan(more=MEASURED))
    columns = ["fit_key", "distance_final", "verdict"]
    first, second = (
        Results(database).frame("fit_results").sort_values("fit_key")[columns].to_numpy().tolist()
        for database in (alone, both)
    )
    assert first == second


def test_matrices_are_announced_and_finished_once(
    tiny: Tiny, new_database: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built in batches, they were a line and a total of their own each."""
    monkeypatch.setattr("superpos.stages.psms.BATCH", 3)
    notes = Notes()
    run_tiny(new_database("one"), tiny.plan(more=""), reporter=notes)
    assert [total for stage, total in notes.started if stage == "psms"] == [6]


def test_what_another_study_asked_of_shared_matrices_is_not_shown(
    tiny: Tiny, new_database: Callable[[str], Database], tmp_path: Path
) -> None:
    """Kernels and dimensions of others would be columns of this one's tests, and change its answers."""
    narrow = tiny.plan(name="narrow", kernels='["exp"]', more="")
    wide = tmp_path / "wide.toml"
    wide.write_text(
        tiny.text(name="wide", more="").replace("n_dims = [4]", "n_dims = [3, 4]"), encoding="utf-8"
    )
    alone, beside = new_database("alone"), new_database("beside")
    run_tiny(alone, narrow)
    run_tiny(beside, plan_study(load_study(wide)))
    run_tiny(beside, narrow)
    assert read_views(beside, "narrow") == read_views(alone, "narrow")
