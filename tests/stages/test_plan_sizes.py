"""Plans of large studies: counted by arithmetic, refused in one line where there is too much."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.errors import InputError
from superpos.kinds.optimisers import OPTIMISERS
from superpos.records.plan import StudyPlan
from superpos.specs.study import Study
from superpos.specs.studyfile import load_study
from superpos.stages import plan as planning
from superpos.stages import plan_models
from superpos.stages.estimate import JOINT_SECONDS, MEAN_SECONDS, PROBE_SECONDS, estimate
from superpos.stages.plan import plan_study

HEAD = 'name = "large"\n[models.nano]\n[datasets.digits]\nmatrices = ["embed"]\n'
REOPTIMISATION = '[[blocks.reoptimisations]]\noptimiser = "manifold"\nsigmas = [0.1]\n'


def study_of(folder: Path, text: str) -> Study:
    path = folder / "large.toml"
    path.write_text(text, encoding="utf-8")
    return load_study(path)


def refusal(study: Study) -> str:
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        plan_study(study)
    assert time.process_time() - began < 60.0
    assert caught.value.exit_status == 2
    return str(caught.value)


def pairs(plan: StudyPlan) -> set[tuple[bytes, bytes]]:
    """Every joint fit, listed one by one."""
    return {(a, b) for block in plan.blocks for a in block.parts[0] for b in block.parts[1]}


def test_a_hundred_million_cells_are_counted_and_not_listed(tmp_path: Path) -> None:
    controls = 'targets = ["gaussian"]\nreplicates = 50\n'
    text = f"{HEAD}[[blocks]]\n{controls}restarts = 1000\n{REOPTIMISATION}trials = 1999\n"
    plan = plan_study(study_of(tmp_path, text))
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    ensure_current(database)
    found = estimate(plan, database)
    database.dispose()
    assert (plan.n_cells, found.n_fits, found.n_joint) == (10**8, 10**8, 50_000)


def test_joint_fits_of_overlapping_blocks_are_counted_once(tmp_path: Path) -> None:
    text = HEAD
    grids = (("[2, 3]", "['exp']"), ("[3, 4]", "['exp', 'log']"), ("3", "['log']"))
    for number, (dims, energies) in enumerate(grids):
        text += f"[[blocks]]\nname = 'b{number}'\ngauges = 'unit'\nn_dims = {dims}\nkernels = {energies}\n"
        text += f"targets = ['features', 'gaussian']\nreplicates = {number + 1}\n{REOPTIMISATION}"
    plan = plan_study(study_of(tmp_path, text))
    found = estimate(plan, Database(f"sqlite:///{tmp_path / 'none.db'}"))
    listed = pairs(plan)
    assert found.n_joint == len(listed) > 0
    seconds = found.n_joint * JOINT_SECONDS["compiled"]
    seconds += found.n_fits * OPTIMISERS.get("manifold").seconds_of("compiled")
    assert {stage.stage: stage.seconds for stage in found.stages}["fits"] == pytest.approx(seconds)


def test_differences_of_means_are_not_planned_as_if_they_were_probes(tmp_path: Path) -> None:
    seconds = {}
    for method in ("logistic", "mean_difference"):
        head = 'name = "large"\n[models.nano]\n[datasets.text_features]\n'
        text = f"{head}[[blocks]]\nmethod = '{method}'\nreoptimisations = []\n"
        found = estimate(plan_study(study_of(tmp_path, text)), Database(f"sqlite:///{tmp_path / 'none.db'}"))
        seconds[method] = {stage.stage: stage.seconds for stage in found.stages}["probes"]
    assert seconds["mean_difference"] / seconds["logistic"] == pytest.approx(MEAN_SECONDS / PROBE_SECONDS)


def test_too_many_cells_are_refused_with_the_largest_block(tmp_path: Path) -> None:
    controls = 'targets = ["gaussian"]\nreplicates = 1000\n'
    head = f"{HEAD}[[blocks]]\nname = 'wide'\n{controls}"
    text = f"{head}restarts = 1000\n{REOPTIMISATION}trials = 1999\n"
    assert refusal(study_of(tmp_path, text)) == (
        "study large: 2,000,000,000 cells, 2,000,000,000 of them in blocks.wide (1,000 targets x 1,000 joint "
        "settings x 2,000 re-optimisations); at most 1,000,000,000: lower replicates, restarts or trials, "
        "use shorter lists, or split the study"
    )


def test_too_many_targets_are_refused_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MOST_TARGETS", 1_000)
    block = f"[[blocks]]\ntargets = ['gaussian', 'spectrum']\nreplicates = 300\n{REOPTIMISATION}"
    said = refusal(study_of(tmp_path, HEAD + block * 2))
    assert said.startswith("study large: blocks.block-1: 1,200 targets, 600 replicates of all kinds of them")
    assert said.endswith("at most 1,000: use shorter lists, or split the study")


def test_too_many_sets_of_activations_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_TARGETS", 5)
    (tmp_path / "text.txt").write_text("The cat saw 3 of the dogs.\n" * 200, encoding="utf-8")
    text = (
        "[models.nano]\n[datasets.text_features]\ncorpus = 'text.txt'\nn_sequences = 8\nctx_len = 16\n"
        "n_samples = 40\n[[blocks]]\nhookpoints = ['resid', 'mlp.out', 'mlp.act']\n"
    )
    assert "6 sets of activations; at most 5: use shorter lists" in refusal(study_of(tmp_path, text))


def test_models_that_differ_in_their_seed_are_inspected_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'{HEAD}[models.drawn]\nname = "nano"\nweights = "random"\nseeds = {list(range(20))}\n'
    study = study_of(tmp_path, f"{text}[[blocks]]\n{REOPTIMISATION}")
    seen = []
    inspect = plan_models.inspect_model
    monkeypatch.setattr(plan_models, "inspect_model", lambda spec: seen.append(spec) or inspect(spec))
    plan = plan_study(study)
    assert len(seen) == 2
    assert [model.info for model in plan.models[1:]] == [
        inspect(replace(model.spec, seed=seed)) for seed, model in enumerate(plan.models[1:])
    ]
