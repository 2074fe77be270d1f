"""Whitened directions and noise ceilings through the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_study import Notes, Tiny, read_views

from superpos.activations.shards import read_shards
from superpos.datasets.artifacts import load_dataset
from superpos.datasets.splits import split_by_group, split_groups
from superpos.db.directions import missing_directions
from superpos.db.engine import Database
from superpos.db.inputs import read_shard_rows
from superpos.db.results import Results
from superpos.errors import InputError
from superpos.psms import cosine
from superpos.psms.spaces import whiten
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.recompute import recompute
from superpos.stages.tasks import TASKS


def planned(tiny: Tiny, *, ceiling: int = 20, spaces: str = '["raw", "scaled", "whitened"]') -> StudyPlan:
    path = tiny.file(more="")
    text = path.read_text(encoding="utf-8")
    text = text.replace('name = "tiny"', f'name = "tiny"\nnoise_ceiling = {ceiling}', 1)
    text = text.replace('gauges = ["unit"]', f'gauges = ["unit"]\nspaces = {spaces}', 1)
    path.write_text(text, encoding="utf-8")
    return plan_study(load_study(path))


def run(database: Database, plan: StudyPlan, folder: Path) -> Notes:
    notes = Notes()
    run_study(database, plan, SerialExecutor(TASKS), notes, data_folder=folder)
    return notes


def probe_inputs(database: Database, plan: StudyPlan, folder: Path) -> tuple[Any, Any]:
    """Activations and training rows of the first activation set, by plain means."""
    tokens = load_dataset(folder / "datasets" / f"{plan.datasets[0].key.hex()}.safetensors")
    with database.read() as connection:
        values = read_shards(folder, read_shard_rows(connection, 1))
    statuses = tokens.labels.sum(axis=0)
    usable = (statuses >= 10) & (len(tokens.labels) - statuses >= 10)
    return values, split_by_group(tokens.labels[:, usable], split_groups(tokens))


def test_whitened_directions_and_ceilings(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    database, plan = new_database("whitened"), planned(tiny)
    run(database, plan, tmp_path)
    results = Results(database)
    psms = results.frame("psm_results", study="tiny", layer=0)
    own = psms[(psms["target"] == "features") & (psms["similarity"] == "cosine")].set_index("space")

    # Whitened by the plain formula: Sigma^(1/2) p with the covariance of the training samples.
    directions = results.directions(own.loc["raw", "direction_key"])
    values, train = probe_inputs(database, plan, tmp_path)
    sigma = np.cov(values[train].astype(np.float64), rowvar=False, bias=True)
    expected = cosine(whiten(directions.coef_raw, sigma, covector=True))
    np.testing.assert_allclose(results.psm(own.loc["whitened", "psm_key"]), expected, atol=1e-6)

    # Ceilings: there for raw and scaled, the interval is one, and it is about the value.
    assert set(own.loc[["raw", "scaled"], "n_resamples"]) == {20}
    assert own.loc["whitened", "n_resamples"] == 0
    assert own.loc[["raw", "scaled"], "reliability"].between(0.0, 1.0).all()
    controls = psms[psms["target"] != "features"]
    assert set(controls["n_resamples"]) == {0}
    pairs = results.frame("psm_pairs", study="tiny", layer=0).dropna(subset=["value_low"])
    assert len(pairs) > 20
    assert (pairs["value_low"] <= pairs["value_high"]).all()
    assert (pairs["value_high"] - pairs["value_low"]).median() > 0.01
    middle = 0.5 * (pairs["value_low"] + pairs["value_high"])
    assert np.corrcoef(middle, pairs["value"])[0, 1] > 0.7

    # Again: nothing to do. Each alone: the same bits.
    before = read_views(database)
    assert not {stage for stage, _ in run(database, plan, tmp_path).started} & {
        "probes",
        "psms",
        "whitening",
        "noise ceilings",
    }
    assert read_views(database) == before
    for key in (own.loc["raw", "psm_key"], own.loc["raw", "direction_key"], own.loc["whitened", "psm_key"]):
        found = recompute(database, key, tmp_path)
        assert found.agrees
    assert "reliability" in recompute(database, own.loc["raw", "psm_key"], tmp_path).compared
    assert "coef_whitened" in recompute(database, own.loc["raw", "direction_key"], tmp_path).compared


def test_asked_for_later_and_with_more_resamples(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    database = new_database("later")
    run(database, planned(tiny, ceiling=0, spaces='["raw"]'), tmp_path)
    results = Results(database)
    assert set(results.frame("psm_results", study="tiny")["n_resamples"]) == {0}
    probed = results.frame("probe_results", study="tiny")
    for path in (tmp_path / "activations").rglob("*.safetensors"):
        path.unlink()  # files that are gone are made again
    for ceiling in (20, 30):
        plan = planned(tiny, ceiling=ceiling)
        run(database, plan, tmp_path)
        psms = results.frame("psm_results", study="tiny")
        assert set(psms[(psms["target"] == "features") & (psms["space"] != "whitened")]["n_resamples"]) == {
            ceiling
        }
    assert set(psms["space"]) == {"raw", "scaled", "whitened"}
    assert results.frame("probe_results", study="tiny").equals(probed)  # no probe was trained again
    assert missing_directions(database, 1) == ()


@pytest.mark.parametrize(("value", "says"), [("5", "5 resamples give no interval"), ("-1", "at least 0")])
def test_a_ceiling_that_is_none(tiny: Tiny, value: str, says: str) -> None:
    path = tiny.file(more="")
    text = path.read_text(encoding="utf-8")
    path.write_text(f"noise_ceiling = {value}\n{text}", encoding="utf-8")
    with pytest.raises(InputError, match=says):
        load_study(path)


def test_a_ceiling_that_fails_is_counted_and_tried_again(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    def broken(_: Any) -> Any:
        raise ZeroDivisionError("no ceiling")

    database, plan = new_database("broken"), planned(tiny, spaces='["raw"]')
    notes = Notes()
    executor = SerialExecutor({**TASKS, "resample": broken})
    run_study(database, plan, executor, notes, data_folder=tmp_path)
    results = Results(database)
    failed = results.frame("study_progress", study="tiny").set_index("stage")["failed"]
    assert failed["probes"] == 2  # one for each layer
    assert any("no ceiling" in line for line in notes.said)
    assert ("noise ceilings", 2) in run(database, plan, tmp_path).started
    assert not results.frame("study_progress", study="tiny")["failed"].any()
    assert set(results.frame("psm_results", study="tiny")["n_resamples"]) == {0, 20}
