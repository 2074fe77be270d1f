"""Whitened directions and noise ceilings through the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_study import Notes, Tiny, count, read_views

from superpos.activations.shards import read_shards
from superpos.datasets.artifacts import load_dataset
from superpos.datasets.splits import split_by_group, split_groups
from superpos.db.activations import read_shard_rows
from superpos.db.engine import Database
from superpos.db.failures import MAX_ATTEMPTS, put_back
from superpos.db.probes import missing_directions
from superpos.db.progress import is_left, study_progress
from superpos.db.results import Results
from superpos.errors import InputError
from superpos.psms import cosine
from superpos.psms.spaces import whiten
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.estimate import estimate
from superpos.stages.executor import Answer, SerialExecutor, TaskError, attempt
from superpos.stages.pipeline import STAGES, run_study
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


def run(database: Database, plan: StudyPlan, folder: Path, stages: Sequence[str] = tuple(STAGES)) -> Notes:
    notes = Notes()
    run_study(database, plan, SerialExecutor(TASKS), notes, data_folder=folder, stages=stages)
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

    # Ceilings: there in every space, and the interval holds the value.
    assert set(own["n_resamples"]) == {20}
    assert set(own["ceiling_method"]) == {"bias_t"}
    assert set(own["n_unknown"]) == {0}
    assert own["reliability"].between(0.0, 1.0).all()
    controls = psms[psms["target"] != "features"]
    assert set(controls["n_resamples"]) == {0}
    pairs = results.frame("psm_pairs", study="tiny", layer=0).dropna(subset=["value_low"])
    assert len(pairs) > 20
    assert pairs["value"].between(pairs["value_low"], pairs["value_high"]).all()
    assert (pairs["value_high"] - pairs["value_low"]).median() > 0.01
    apart = pairs["value"] < 1.0 - 1e-9  # two features of this text are one
    assert (pairs.loc[apart, "standard_error"] > 0.0).all()
    assert apart.mean() > 0.9
    # So do intervals of measures, and of what answers say of them.
    measured = results.frame("geometry_results", study="tiny")
    known = measured.dropna(subset=["value_low"])
    assert set(known["target"]) == {"features"}
    assert set(known["n_bootstraps"]) == {20}
    assert {"own_energy", "simplex_score", "effective_dimension", "value_median"} <= set(known["measure"])
    assert known["value"].between(known["value_low"], known["value_high"]).all()
    answers = results.frame("answers", study="tiny")
    said = answers[answers["n_bootstraps"] > 0]
    assert {"own_energy", "simplex"} <= set(said["question"])
    assert said["estimate"].between(said["estimate_low"], said["estimate_high"]).all()
    assert said["sentence"].str.contains("20 bootstraps of the samples").all()
    assert answers.loc[answers["n_bootstraps"] == 0, ["estimate_low", "estimate_high"]].isna().all(axis=None)
    progress = {row.stage: row for row in study_progress(database, "tiny")}
    assert (progress["whitening"].planned, progress["whitening"].done) == (4, 4)  # shuffled labels too
    assert (progress["ceilings"].planned, progress["ceilings"].done) == (6, 6)

    stages = {stage.stage: stage for stage in estimate(plan, database).stages}
    assert (stages["whitening"].planned, stages["whitening"].done) == (4, 4)
    assert (stages["ceilings"].planned, stages["ceilings"].done) == (6, 6)
    more = estimate(planned(tiny, ceiling=40), database).stages
    assert [(one.planned, one.done, one.seconds > 0) for one in more if one.stage == "ceilings"] == [
        (6, 0, True)
    ]

    # Again: nothing to do. Each alone: the same bits.
    before = read_views(database)
    assert not {stage for stage, _ in run(database, plan, tmp_path).started} & {
        "probes",
        "psms",
        "whitening",
        "ceilings",
    }
    assert read_views(database) == before
    for key in (own.loc["raw", "psm_key"], own.loc["raw", "direction_key"], own.loc["whitened", "psm_key"]):
        found = recompute(database, key, tmp_path)
        assert found.agrees
    compared = recompute(database, own.loc["whitened", "psm_key"], tmp_path).compared
    assert {"low", "high", "standard_error", "ceiling_method", "drawn"} <= set(compared)
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
        assert set(psms[psms["target"] == "features"]["n_resamples"]) == {ceiling}
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


class Broken:
    """Runs tasks, but loses the worker of some."""

    n_workers = 1

    def __init__(self, *lost: str) -> None:
        self._lost = lost

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        for index, payload in enumerate(payloads):
            if task in self._lost:
                yield Answer(index, None, TaskError("worker_lost", f"no {task}"))
            else:
                yield attempt(TASKS[task], index, payload)


def outcomes(database):
    """How every run ended, in order."""
    return list(Results(database).frame("runs").sort_values("run_id")["outcome"])


def counts(database: Database, stage: str) -> tuple[int, int, int, int, int]:
    row = {one.stage: one for one in study_progress(database, "tiny")}[stage]
    return row.planned, row.done, row.failed, row.quarantined, row.not_applicable


@pytest.mark.parametrize(
    ("task", "stage", "n_sets"), [("whiten", "whitening", 4), ("resample", "ceilings", 2)]
)
def test_what_fails_is_counted_found_missing_and_put_back(
    task: str,
    stage: str,
    n_sets: int,
    new_database: Callable[[str], Database],
    tiny: Tiny,
    tmp_path: Path,
) -> None:
    database, plan = new_database("broken"), planned(tiny, spaces='["raw", "whitened"]')
    for number in range(1, MAX_ATTEMPTS + 1):
        notes = Notes()
        run_study(database, plan, Broken(task), notes, data_folder=tmp_path)
        assert any(f"no {task}" in line for line in notes.said)
        failed = (4, 0) if number < MAX_ATTEMPTS else (0, 4)
        assert counts(database, stage) == (4, 0, *failed, 0)
        assert outcomes(database)[-1] == "incomplete"
        assert is_left(study_progress(database, plan.study.name)) == (
            number < MAX_ATTEMPTS or stage == "whitening"
        )
    # Nothing is tried again before it is put back.
    assert (stage, n_sets) not in run(database, plan, tmp_path).started
    assert put_back(database, "tiny") == n_sets
    assert (stage, n_sets) in run(database, plan, tmp_path).started
    assert counts(database, stage) == (4, 4, 0, 0, 0)
    assert count(database, "cell_failures") == 0
    assert outcomes(database)[-1] == "done"
    assert not is_left(study_progress(database, plan.study.name))


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x40
    path.write_bytes(bytes(content))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("harm", [Path.unlink, flip_a_byte, cut_off], ids=["gone", "flipped", "cut"])
@pytest.mark.parametrize("kind", ["activations", "datasets"])
def test_ceilings_and_whitening_make_damaged_files_again(
    kind: str, harm: Callable[[Path], None], copy_of_finished: Database, tiny: Tiny
) -> None:
    folder = copy_of_finished.default_data_folder
    files = sorted((folder / kind).rglob("*.safetensors"))
    before = {file: file.read_bytes() for file in files}
    plan = planned(tiny, spaces='["raw", "whitened"]')
    run(copy_of_finished, plan, folder, stages=("whitening", "psms"))
    for stage in ("whitening", "ceilings"):
        harm(files[0])
        if stage == "whitening":
            run_again(copy_of_finished, "UPDATE direction_sets SET coef_whitened = NULL")
            run_again(copy_of_finished, "UPDATE targets SET status = 'planned' WHERE space = 'whitened'")
        run(copy_of_finished, plan, folder, stages=(stage,))
        assert {file: file.read_bytes() for file in files} == before
        assert counts(copy_of_finished, stage) == (4, 4, 0, 0, 0)
    assert count(copy_of_finished, "cell_failures") == 0


def run_again(database: Database, statement: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(statement)


def test_what_cannot_be_had_is_not_applicable(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    text = tmp_path / "letters.txt"
    text.write_text("a" * 40_000, encoding="utf-8")
    plan = planned(replace(tiny, corpus=text), spaces='["raw", "whitened"]')
    database = new_database("few")
    run(database, plan, tmp_path)
    assert counts(database, "whitening") == (4, 0, 0, 0, 4)
    assert counts(database, "ceilings") == (4, 0, 0, 0, 4)
    assert counts(database, "analysis") == (1, 0, 0, 0, 1)
    assert outcomes(database)[-1] == "done"
    assert not is_left(study_progress(database, plan.study.name))
