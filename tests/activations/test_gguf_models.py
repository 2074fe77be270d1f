"""GGUF models against the same weights as safetensors: bit for bit, at every hookpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf_files import CASES, QUANTIZED, write_pair

from superpos.activations.embeddings import token_rows
from superpos.activations.extract import extract
from superpos.activations.inspection import inspect_model
from superpos.activations.locating import locate
from superpos.activations.model import load_model
from superpos.hashing import file_digest
from superpos.specs.models import ModelSpec, expand_sites


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models of our own."""
    monkeypatch.setenv("SUPERPOS_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def logits(folder: Path) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()
    with torch.inference_mode():
        out: torch.Tensor = model(torch.arange(3, 33)[None]).logits
    return out


@pytest.mark.parametrize("case", CASES)
def test_weights_and_logits_are_those_of_the_same_model_as_a_folder(case: str, tmp_path: Path) -> None:
    write_pair(case, tmp_path / "tiny.gguf", tmp_path / "folder")
    made = ModelSpec(str(tmp_path / "tiny.gguf"))
    one, two = (load_model(spec) for spec in (made, ModelSpec(str(tmp_path / "folder"))))
    theirs = dict(two.module.named_parameters())
    for name, parameter in one.module.named_parameters():
        assert torch.equal(parameter, theirs.pop(name)), name
    assert not theirs
    ours, wanted = logits(locate(made)[0]), logits(tmp_path / "folder")
    # Products of experts at once depend on where in memory the weights lie, in their last bits.
    assert torch.allclose(ours, wanted, atol=1e-5) if case == "qwen3moe" else torch.equal(ours, wanted)
    for matrix in ("embed", "unembed"):
        rows = [
            token_rows(spec, [[3], [5, 7]], matrix) for spec in (made, ModelSpec(str(tmp_path / "folder")))
        ]
        np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize("quantized", QUANTIZED)
@pytest.mark.parametrize("weights", ["pretrained", "shuffled"])
def test_activations_are_those_of_the_same_model_as_a_folder(tokens, tmp_path, quantized, weights):
    write_pair("llama", tmp_path / "tiny.gguf", tmp_path / "folder", quantized)
    found = []
    for place in ("tiny.gguf", "folder"):
        spec = ModelSpec(str(tmp_path / place), weights=weights, seed=-1 if weights == "pretrained" else 3)
        model = load_model(spec)
        sites = expand_sites(model.structure.hookpoints, None, 2)
        stems = {site: f"{number:032x}" for number, site in enumerate(sites)}
        found.append([info.shards[0].sha256 for info in extract(model, tokens, stems, tmp_path / place[:4])])
    assert len(found[0]) >= 7
    assert found[0] == found[1]


def test_llama3_positions_are_found_in_their_factors(tmp_path):
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    settings = {"rope_scaling": rope | {"original_max_position_embeddings": 8192}, "rope_theta": 5e5}
    write_pair("llama", tmp_path / "tiny.gguf", tmp_path / "folder", **settings)
    folder, _ = locate(ModelSpec(str(tmp_path / "tiny.gguf")))
    assert json.loads((folder / "config.json").read_text())["rope_scaling"]["factor"] == 8.0
    assert torch.equal(logits(folder), logits(tmp_path / "folder"))
    write_pair("llama", tmp_path / "plain.gguf", tmp_path / "plain", **(settings | {"rope_scaling": None}))
    assert not torch.equal(logits(tmp_path / "plain"), logits(tmp_path / "folder"))


@pytest.mark.parametrize("kind", ["linear", "yarn"])
def test_scaled_positions_are_carried_over(tmp_path, kind):
    own = {"original_max_position_embeddings": 20} if kind == "yarn" else {}
    said = {"llama.rope.scaling.type": kind, "llama.rope.scaling.factor": 2.0}
    if kind == "yarn":
        said["llama.rope.scaling.original_context_length"] = 20
    scaling = {"rope_type": kind, "factor": 2.0} | own
    write_pair("llama", tmp_path / "tiny.gguf", tmp_path / "folder", metadata=said, rope_scaling=scaling)
    assert torch.equal(logits(locate(ModelSpec(str(tmp_path / "tiny.gguf")))[0]), logits(tmp_path / "folder"))


def test_numbers_of_the_configuration_are_what_the_author_wrote(tmp_path):
    write_pair("llama", tmp_path / "tiny.gguf", tmp_path / "folder")
    folder, _ = locate(ModelSpec(str(tmp_path / "tiny.gguf")))
    assert json.loads((folder / "config.json").read_text())["rms_norm_eps"] == 1e-5


def test_what_a_model_was_made_of_is_known(tmp_path):
    write_pair("llama", tmp_path / "tiny.gguf", tmp_path / "folder", "q4_1")
    info = inspect_model(ModelSpec(str(tmp_path / "tiny.gguf")))
    assert info.quantization == "Q4_1, F32"
    assert info.file_digest == file_digest(tmp_path / "tiny.gguf")
    assert info.tokenizer_digest == info.distribution == ""
    plain = inspect_model(ModelSpec(str(tmp_path / "folder")))
    assert plain.quantization == plain.file_digest == ""
    assert (plain.n_layers, plain.d_model, plain.d_mlp) == (info.n_layers, info.d_model, info.d_mlp)


def test_a_copy_of_the_made_folder_is_the_same_model(tmp_path):
    write_pair("llama", tmp_path / "tiny.gguf", tmp_path / "folder")
    made = inspect_model(ModelSpec(str(tmp_path / "tiny.gguf")))
    shutil.copytree(locate(ModelSpec(str(tmp_path / "tiny.gguf")))[0], tmp_path / "copy")
    (tmp_path / "copy" / "gguf.json").unlink()
    copy = inspect_model(ModelSpec(str(tmp_path / "copy")))
    assert (copy.config_digest, copy.weights_digest) == (made.config_digest, made.weights_digest)
