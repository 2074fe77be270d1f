"""Presets of the Pythia suite: published shapes, no network, one identity, the tokenizer's place."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from transformers import GPTNeoXConfig

from superpos.activations import inspect_model
from superpos.activations.inspection import tokenizer_file
from superpos.activations.locating import locate
from superpos.activations.model import load_model
from superpos.activations.presets import PRESETS, preset_size, training_steps
from superpos.activations.shape import read_shape
from superpos.errors import InputError
from superpos.hashing import file_digest
from superpos.specs.models import ModelSpec

SHARED = Path(os.environ.get("SUPERPOS_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))

PARAMETERS = {
    "pythia-70m": 70_426_624,
    "pythia-160m": 162_322_944,
    "pythia-410m": 405_334_016,
    "pythia-1b": 1_011_781_632,
    "pythia-1.4b": 1_414_647_808,
    "pythia-2.8b": 2_775_208_960,
    "pythia-6.9b": 6_857_302_016,
    "pythia-12b": 11_846_072_320,
}
"""Parameters with both embeddings, as the model cards of the suite state them."""


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """No network, an empty hub cache, a folder of models of the test's own."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("SUPERPOS_MODELS", str(tmp_path / "models"))
    return tmp_path


def random(name, seed=0):
    return ModelSpec(f"EleutherAI/{name}", weights="random", seed=seed)


@pytest.mark.parametrize("size", PARAMETERS)
def test_every_size_has_the_published_number_of_parameters(size):
    info = inspect_model(random(size))
    attention_and_norms = 4 * info.d_model**2 + 4 * info.d_model + 4 * info.d_model
    mlp = 2 * info.d_model * info.d_mlp + info.d_mlp + info.d_model
    total = info.n_layers * (attention_and_norms + mlp) + 2 * info.vocab_size * info.d_model
    assert total + 2 * info.d_model == PARAMETERS[size]


@pytest.mark.parametrize("size", ["pythia-14m", "pythia-1b", "pythia-12b"])
def test_the_configuration_is_what_transformers_builds(size):
    folder, commit = locate(random(size))
    shape, info = read_shape(folder), inspect_model(random(size))
    assert commit == info.commit == ""
    assert info.family == "gpt_neox"
    assert (shape.n_layers, shape.d_model, shape.d_mlp) == (info.n_layers, info.d_model, info.d_mlp)
    assert (shape.vocab_size, shape.max_positions) == (info.vocab_size, info.max_positions)
    config = GPTNeoXConfig.from_pretrained(folder)
    assert config.use_parallel_residual
    assert config.rope_parameters["partial_rotary_factor"] == 0.25
    assert config.num_attention_heads == PRESETS[size].n_heads


def test_shapes_are_those_of_the_published_table():
    table = SHARED / "pythia" / "pythia_configs.csv"
    if not table.is_file():
        pytest.skip(f"{table} is not there")
    with table.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["model"] for row in rows} == set(PRESETS)
    for row in rows:
        preset = PRESETS[row["model"]]
        assert (preset.n_layers, preset.d_model, preset.n_heads) == tuple(
            int(row[key]) for key in ("n_layers", "d_model", "n_heads")
        )
        assert 4 * preset.d_model == int(row["d_mlp"])
        assert (row["rotary_pct"], row["parallel_residual"], row["max_pos"]) == ("0.25", "true", "2048")


def test_random_weights_are_built_offline_from_the_seed():
    first, again, other = (load_model(random("pythia-14m", seed)).module for seed in (0, 0, 1))
    assert sum(parameter.numel() for parameter in first.parameters()) == 7_628_800
    name = "layers.3.mlp.dense_4h_to_h.weight"
    assert torch.equal(first.get_parameter(name), again.get_parameter(name))
    assert not torch.equal(first.get_parameter(name), other.get_parameter(name))
    assert first.get_parameter(name).std().item() == pytest.approx(0.02, rel=0.02)


def test_identity_is_the_same_wherever_it_is_made(tmp_path, monkeypatch):
    here = inspect_model(random("pythia-70m"))
    monkeypatch.setenv("SUPERPOS_MODELS", str(tmp_path / "elsewhere"))
    there = inspect_model(random("pythia-70m"))
    assert here == there
    deduped = inspect_model(random("pythia-70m-deduped"))
    assert deduped.config_digest == here.config_digest
    frozen = "5f0a7023177233013a4777cfebf0bd28e467f8a458674aa51ba0f268f57c129f"
    assert here.config_digest == frozen  # keys of stored results hang on it


def test_a_changed_file_in_the_cache_is_written_anew():
    folder, _ = locate(random("pythia-70m"))
    before = file_digest(folder / "config.json")
    (folder / "config.json").write_text("{}")
    assert inspect_model(random("pythia-70m")).config_digest == before


def test_without_a_tokenizer_the_message_says_what_goes_where(tmp_path, model_folders):
    spec = random("pythia-160m")
    assert inspect_model(spec).tokenizer_digest == ""
    with pytest.raises(InputError, match=r"hf download EleutherAI/pythia-160m tokenizer\.json") as caught:
        tokenizer_file(spec)
    place = tmp_path / "models" / "pythia" / "tokenizer.json"
    assert str(place) in str(caught.value)
    assert "\n" not in str(caught.value)
    shutil.copy(model_folders["llama"] / "tokenizer.json", place)
    assert inspect_model(spec).tokenizer_digest == file_digest(place)
    assert file_digest(tokenizer_file(spec)) == file_digest(place)


def test_the_tokenizer_of_another_size_in_the_hub_cache_will_do(tmp_path, model_folders):
    cached = tmp_path / "hub" / "models--EleutherAI--pythia-410m-deduped"
    commit = "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(model_folders["llama"], cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    digest = file_digest(model_folders["llama"] / "tokenizer.json")
    assert inspect_model(random("pythia-70m")).tokenizer_digest == digest


def test_a_model_folder_without_tokenizer_says_so(model_folders, tmp_path):
    shutil.copytree(model_folders["llama"], tmp_path / "model")
    spec = ModelSpec(str(tmp_path / "model"))
    assert tokenizer_file(spec) == tmp_path / "model" / "tokenizer.json"
    (tmp_path / "model" / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.json is missing; put the model's"):
        tokenizer_file(spec)


@pytest.mark.parametrize("revision", ["step0", "step512", "step143000"])
def test_published_steps_go_to_the_hub(revision):
    with pytest.raises(InputError, match=f"EleutherAI/pythia-70m at revision {revision}: no such folder"):
        inspect_model(ModelSpec("EleutherAI/pythia-70m", revision=revision))


def test_steps_must_be_published():
    assert len(training_steps()) == 154
    with pytest.raises(InputError, match=r"no revision 'step1500'.*nearest: step1000"):
        inspect_model(ModelSpec("EleutherAI/pythia-70m", revision="step1500"))


def test_other_names_are_the_hubs_and_revisions_of_random_weights_are_refused():
    for name in ("pythia-71m", "pythia-160m-seed1"):
        with pytest.raises(InputError, match=f"EleutherAI/{name}: no such folder, and the hub does"):
            inspect_model(random(name))
    with pytest.raises(InputError, match="random weights have no revision 'step1000'"):
        inspect_model(ModelSpec("EleutherAI/pythia-70m", revision="step1000", weights="random", seed=0))
    assert preset_size("EleutherAI/gpt-neo-125m") == preset_size("owner/pythia-70m") == ""


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SUPERPOS_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(InputError, match=r"cannot be written .*set SUPERPOS_MODELS"):
        inspect_model(random("pythia-70m"))
