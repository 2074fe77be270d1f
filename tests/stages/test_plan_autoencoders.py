"""Autoencoders beside the models of a study: what a plan fills in, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import autoencoders as made
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from superpos.errors import InputError
from superpos.records.plan import StudyPlan
from superpos.records.work import SourceWork
from superpos.specs.datasets import DatasetSpec
from superpos.specs.study import Study
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study
from superpos.stages.sources import SourceTask, read_source

WIDTH, N = 128, 160
"""Width of the bundled model, and latents."""


def of_nano(folder: Path, **config: Any) -> Path:
    """Write an autoencoder of the bundled model as dictionary_learning does: vectors are columns."""
    place = made.dictionary_learning(folder, **({"activation_dim": WIDTH, "dict_size": N} | config))
    torch.save(made.linear_layers(N, WIDTH) | {"bias": torch.zeros(WIDTH)}, place / "ae.pt")
    return place


def study(folder: Path, text: str) -> Study:
    (folder / "study.toml").write_text(f"[models.nano]\n[datasets.latents]\n{text}\n[[blocks]]\n", "utf-8")
    return load_study(folder / "study.toml")


def planned(folder: Path, text: str) -> StudyPlan:
    return plan_study(study(folder, text))


def test_a_plan_fills_in_what_the_files_say(tmp_path: Path) -> None:
    of_nano(tmp_path)
    plan = planned(tmp_path, "builder = 'sae'\nfile = 'trainer_0'\nrows = [5, 90]")
    (directions,) = plan.directions
    assert (directions.hookpoint, directions.layer, directions.method) == ("resid", 1, "imported")
    options = plan.datasets[0].spec.options
    assert (options.file, options.tensor, options.orientation, options.d_model) == (
        str(tmp_path / "trainer_0" / "ae.pt"), "decoder.weight", "columns", WIDTH,
    )  # fmt: skip
    (note,) = plan.notes
    assert note == (
        "data set latents: decoder vectors of 128 numbers at resid of layer 1 of "
        "EleutherAI/pythia-70m-deduped; they are columns of decoder.weight, one for each of 160 latents "
        "(layout: dictionary_learning)"
    )
    stored = DatasetSpec.from_json(json.loads(json.dumps(asdict(plan.datasets[0].spec))))
    assert stored == plan.datasets[0].spec
    work = SourceWork(1, directions.key, directions.dataset_key, None, "resid")
    found = read_source(SourceTask(work, stored, None))
    assert found.reason == ""
    assert found.vectors is not None
    np.testing.assert_array_equal(found.vectors, made.decoder(N, WIDTH)[[5, 90]].double().numpy())
    # A configuration that is gone, or says more, changes nothing of what is resolved.
    (tmp_path / "trainer_0" / "config.json").unlink()
    assert read_source(SourceTask(work, stored, None)).feature_names == found.feature_names


def test_the_study_stays_as_it_was_written(tmp_path: Path) -> None:
    of_nano(tmp_path)
    one = study(tmp_path, "builder = 'sae'\nfile = 'trainer_0'\nrows = [5, 90]")
    before = one.as_dict()
    keys = {data.key for data in plan_study(one).datasets}
    assert one.as_dict() == before
    said = "builder = 'sae'\nfile = 'trainer_0/ae.pt'\nrows = [5, 90]\nhookpoint = 'resid_post_layer_1'"
    assert {data.key for data in planned(tmp_path, said).datasets} == keys


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (
        {},
        "hookpoint = 'mlp.out'",
        r"config\.json: trainer\.submodule_name 'resid_post_layer_1', here resid of layer 1, contrad",
    ),
    ({}, "layer = 2", r"contradicts layer = 2 of the set; leave layer out"),
    ({"layer": 2}, "", r"'resid_post_layer_1' contradicts its layer 2; one of them is wrong"),
    (
        {"submodule_name": "resid_post_layer_7", "layer": 7},
        "",
        r"layer 7 \(of EleutherAI.*have as many layers as nano 4",
    ),
    (
        {"submodule_name": "blocks.1.ln2.hook_normalized"},
        "",
        r"submodule_name: 'blocks\.1\.ln2\.hook_normalized' is unknown; allowed: .*; or say in the set",
    ),
    (
        {"submodule_name": "mlp.act"},
        "",
        r"of width 128 .*; the study's models at mlp\.act are as wide as nano 512; d_model = 128 in",
    ),
    ({"submodule_name": 7}, "", r"config\.json: submodule_name = 7 is not text"),
    ({"dict_size": True}, "", r"config\.json: trainer\.dict_size = True is no whole number from 0"),
    ({"dict_size": 95}, "", r"says 95 latents, and no side of \(128, 160\) is that long"),
    ({}, "d_model = 65", r"d_model of the set says 65 wide, and no side of \(128, 160\)"),
    ({}, "part = 'encoder'\ntensor = 'encoder.bias'", r"encoder\.bias has the shape \(160,\); a matrix"),
    ({}, "tensor = 'x'", r"has no array 'x'; it holds bias, decoder\.weight, encoder"),
]


@pytest.mark.parametrize(("config", "text", "says"), REFUSED, ids=[one[2][:50] for one in REFUSED])
def test_what_a_plan_refuses(tmp_path: Path, config: dict[str, Any], text: str, says: str) -> None:
    of_nano(tmp_path, **config)
    with pytest.raises(InputError, match=says) as caught:
        planned(tmp_path, f"builder = 'sae'\nfile = 'trainer_0'\nrows = [5, 90]\n{text}")
    assert "\n" not in str(caught.value)


def test_a_place_that_is_no_hookpoint_here_may_be_said(tmp_path: Path) -> None:
    of_nano(tmp_path, submodule_name="blocks.1.ln2.hook_normalized")
    text = "builder = 'sae'\nfile = 'trainer_0'\nrows = [5, 90]\nhookpoint = 'input of the MLP'\nlayer = 1"
    (directions,) = planned(tmp_path, text).directions
    assert (directions.hookpoint, directions.layer) == ("input of the MLP", 1)


def test_another_models_width_may_be_said(tmp_path: Path) -> None:
    made.dictionary_learning(tmp_path)
    text = "builder = 'sae'\nfile = 'trainer_0'\nrows = [5, 9]\n"
    with pytest.raises(InputError, match=r"width 16 .* at resid are as wide as nano 128; d_model = 16"):
        planned(tmp_path, text)
    (directions,) = planned(tmp_path, f"{text}d_model = 16").directions
    assert directions.hookpoint == "resid"


def test_directions_that_lie_on_their_side(tmp_path: Path) -> None:
    vectors = made.decoder(N, WIDTH)
    save_file({"steering": vectors.T.contiguous()}, tmp_path / "s.safetensors")
    said = "builder = 'directions'\nfile = 's.safetensors'\n"
    with pytest.raises(
        InputError, match=r"steering has 128 rows of 160 numbers, and resid of model nano is 128"
    ):
        planned(tmp_path, f"{said}hookpoint = 'resid'")
    assert planned(tmp_path, said).directions[0].hookpoint == ""
    save_file({"steering": vectors}, tmp_path / "s.safetensors")
    assert planned(tmp_path, f"{said}hookpoint = 'resid'").directions[0].hookpoint == "resid"
