"""From a study file to keys: what they depend on, what is refused before anything runs."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_study import Tiny

from superpos.errors import InputError
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study


def all_keys(plan: StudyPlan) -> list[bytes]:
    rows: list[Any] = [*plan.models, *plan.datasets, *plan.activations, *plan.directions, *plan.targets]
    return [*(row.key for row in rows), *plan.joint_axes, *plan.fit_axes]


def test_keys_depend_on_content_and_not_on_names_or_places(tiny: Tiny, tmp_path: Path) -> None:
    plan = tiny.plan()
    shutil.copytree(tiny.model, tmp_path / "elsewhere" / "other-name")
    shutil.copytree(tiny.corpus, tmp_path / "elsewhere" / "prose")
    moved = tiny.plan(
        name="renamed", model=tmp_path / "elsewhere/other-name", corpus=tmp_path / "elsewhere/prose"
    )
    assert all_keys(moved) == all_keys(plan)
    assert moved.models[0].name == "other-name"
    assert moved.datasets[0].corpus == "prose"
    assert len(set(all_keys(plan))) == len(all_keys(plan))


def test_a_changed_setting_changes_its_keys_and_those_below(tiny: Tiny) -> None:
    plan, other = tiny.plan(), tiny.plan(probe_C=0.5, more="")
    assert [a.key for a in plan.activations] == [a.key for a in other.activations]
    assert not {d.key for d in plan.directions} & {d.key for d in other.directions}
    assert not {t.key for t in plan.targets} & {t.key for t in other.targets}
    assert set(other.joint_axes) < set(plan.joint_axes)


def test_relative_paths_are_those_of_the_study_file_and_become_absolute(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(tiny.model, folder / "model")
    shutil.copytree(tiny.corpus, folder / "text")
    (folder / "study.toml").write_text(tiny.text(model="model", corpus="text"), encoding="utf-8")
    monkeypatch.chdir(folder)
    here = plan_study(load_study(Path("study.toml")))
    monkeypatch.chdir(tmp_path)
    above = plan_study(load_study(Path("project/study.toml")))
    assert all_keys(here) == all_keys(above) == all_keys(tiny.plan())
    for plan in (here, above):  # workers, and `trace` in another folder, find them
        assert Path(plan.models[0].spec.name) == folder / "model"
        assert Path(plan.datasets[0].spec.corpus.path) == folder / "text"


def test_the_counts_of_the_plan(tiny: Tiny) -> None:
    plan = tiny.plan()
    assert len(plan.activations) == 2
    assert len(plan.directions) == 2 * 2  # true and shuffled labels
    assert len(plan.targets) == 2 * (3 + 2)
    assert len(plan.joint_axes) == 2 + 1
    assert len(plan.fit_axes) == 2 + 1  # sigma 0 comes with every optimiser
    assert plan.n_cells == 6 * 2 * 3 + 4 * 1 * 2


def test_blocks_that_overlap_are_counted_once(tiny: Tiny) -> None:
    first = tiny.plan(more="")
    text = tiny.text(more="")
    block = text[text.index("[[blocks]]") :].replace('name = "cosine"', 'name = "again"')
    doubled = tiny.file()
    doubled.write_text(text + block, encoding="utf-8")
    assert plan_study(load_study(doubled)).n_cells == first.n_cells


def test_two_seeds_of_random_weights_are_two_models(tiny: Tiny) -> None:
    study = tiny.plan(more="").study
    random = replace(study.models[0], weights="random", seeds=(0, 1))
    plan = plan_study(replace(study, models=(random,)))
    assert [(model.info.weights, model.info.seed) for model in plan.models] == [("random", 0), ("random", 1)]
    assert len(plan.datasets) == 1
    assert len({a.key for a in plan.activations}) == 4


def test_every_model_must_take_the_sequences_of_a_data_set(tiny: Tiny, tmp_path: Path) -> None:
    short = tmp_path / "short"
    shutil.copytree(tiny.model, short)
    config = json.loads((short / "config.json").read_text(encoding="utf-8"))
    (short / "config.json").write_text(
        json.dumps({**config, "max_position_embeddings": 16}), encoding="utf-8"
    )
    study = tiny.plan(more="").study
    second = replace(study.models[0], label="short", name=str(short))
    block = replace(study.blocks[0], models=("tiny", "short"))
    with pytest.raises(InputError, match="ctx_len: 24 is longer than the 16 positions of model short"):
        plan_study(replace(study, models=(*study.models, second), blocks=(block,)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "corpus too small: 0 documents with text"),
        ("three short words\n", r"corpus too small: 0 sequences"),
        ("def f(x):\n    return x + 1\n" * 60, r"corpus too small: \d+ sequences .* 40 asked for"),
        ("def f(x):\n    return x + 1\n" * 70, r"corpus too small: \d+ sequences .* 40 asked for"),
    ],
)
def test_a_text_that_is_too_small_is_refused_when_it_is_planned(
    text: str, message: str, tiny: Tiny, tmp_path: Path
) -> None:
    (tmp_path / "small.txt").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"small\.txt: {message}"):
        tiny.plan(corpus=tmp_path / "small.txt")


def test_a_small_text_that_is_large_enough_is_planned(tiny: Tiny, tmp_path: Path) -> None:
    text = "def f(x):\n    return x + 1\n" * 200
    (tmp_path / "enough.txt").write_text(text, encoding="utf-8")
    assert len(text) < 8 * 40 * 24
    assert len(tiny.plan(corpus=tmp_path / "enough.txt").datasets) == 1


def test_a_layer_that_the_model_lacks(tiny: Tiny) -> None:
    study = tiny.plan(more="").study
    with pytest.raises(InputError, match=r"blocks\.cosine: model .*tiny: layer: 2 .*allowed: 0 to 1"):
        plan_study(replace(study, blocks=(replace(study.blocks[0], layers=(0, 2)),)))


def test_shuffled_labels_under_median_need_the_features(tiny: Tiny) -> None:
    block = '[[blocks]]\ntargets = ["shuffled_labels"]\nsimilarities = ["rbf"]\nrbf_scales = ["median"]\n'
    with pytest.raises(InputError, match="use the C of the features; add 'features'"):
        tiny.plan(more=block)


def test_a_model_without_a_tokenizer(tiny: Tiny, tmp_path: Path) -> None:
    shutil.copytree(tiny.model, tmp_path / "bare")
    os.remove(tmp_path / "bare" / "tokenizer.json")  # noqa: PTH107 (one line)
    with pytest.raises(
        InputError, match=r"bare: feature sets need its tokenizer, .*bare/tokenizer\.json is missing"
    ):
        tiny.plan(model=tmp_path / "bare")
