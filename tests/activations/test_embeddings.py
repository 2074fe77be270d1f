"""Rows of embedding matrices against the tensors in the files, and against the loaded models."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

from superpos.activations import embeddings
from superpos.activations.embeddings import token_rows
from superpos.activations.model import load_model
from superpos.errors import ArgumentError, InputError
from superpos.specs.models import ModelSpec

WORDS = [[5], [7, 9], [5, 5, 60]]
SHAPE = {
    "vocab_size": 61,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}


def expected(matrix):
    exact = np.asarray(matrix, dtype=np.float64)
    return np.stack([exact[5], (exact[7] + exact[9]) / 2, (2 * exact[5] + exact[60]) / 3])


def save(folder, family, build=AutoModelForCausalLM, dtype=torch.float32, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build.from_config(AutoConfig.for_model(family, **SHAPE | options)).to(dtype)
    model.save_pretrained(folder)
    return model, ModelSpec(str(folder))


@pytest.mark.parametrize("family", ["gpt_neox", "llama", "gptj"])
def test_untied_matrices_are_read_from_the_file(tmp_path, family):
    options = {"n_embd": 16, "n_layer": 1, "n_head": 2, "rotary_dim": 4} if family == "gptj" else {}
    model, spec = save(tmp_path, family, tie_word_embeddings=False, **options)
    table, head = (
        part.weight.detach() for part in (model.get_input_embeddings(), model.get_output_embeddings())
    )
    assert not torch.equal(table, head)
    assert np.array_equal(token_rows(spec, WORDS, "embed"), expected(table))
    rows = token_rows(spec, WORDS, "unembed")
    assert np.array_equal(rows, expected(head))
    assert (rows.shape, rows.dtype) == ((3, 16), np.float64)


@pytest.mark.parametrize(
    ("family", "build"),
    [("gpt2", AutoModelForCausalLM), ("llama", AutoModelForCausalLM), ("bert", AutoModelForMaskedLM)],
)
def test_tied_matrices_are_one(tmp_path, family, build):
    options = {"n_embd": 16, "n_layer": 1, "n_head": 2} if family == "gpt2" else {"tie_word_embeddings": True}
    model, spec = save(tmp_path, family, build, **options)
    table = expected(model.get_input_embeddings().weight.detach())
    assert np.array_equal(token_rows(spec, WORDS, "embed"), table)
    assert np.array_equal(token_rows(spec, WORDS, "unembed"), table)


def test_files_without_the_prefix_of_the_backbone_are_read(tmp_path):
    model, spec = save(tmp_path, "gpt2", AutoModel, n_embd=16, n_layer=1, n_head=2)
    assert "wte.weight" in load_file(tmp_path / "model.safetensors")
    table = expected(model.wte.weight.detach())
    assert np.array_equal(token_rows(spec, WORDS, "embed"), table)
    assert np.array_equal(token_rows(spec, WORDS, "unembed"), table)


@pytest.mark.parametrize("name", ["lm_head.weight", "embed_out.weight"])
def test_the_head_of_gpt_neox_has_two_names(tmp_path, name):
    model, spec = save(tmp_path, "gpt_neox", tie_word_embeddings=False)
    tensors = load_file(tmp_path / "model.safetensors")
    head = tensors.pop("lm_head.weight", None)
    head = tensors.pop("embed_out.weight") if head is None else head
    save_file(tensors | {name: head}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert np.array_equal(
        token_rows(spec, WORDS, "unembed"), expected(model.get_output_embeddings().weight.detach())
    )


def test_half_precision_is_widened_and_averaged_in_float64(tmp_path):
    model, spec = save(tmp_path, "llama", dtype=torch.bfloat16, tie_word_embeddings=False)
    table = model.get_input_embeddings().weight.detach().double()
    assert np.array_equal(token_rows(spec, WORDS, "embed"), expected(table))


def test_only_rows_are_read_and_no_model_is_loaded(tmp_path, monkeypatch):
    _, spec = save(tmp_path, "llama", tie_word_embeddings=False)
    monkeypatch.setattr(AutoModel, "from_pretrained", None)
    monkeypatch.setattr(embeddings._Reader, "_built", None)
    assert token_rows(spec, WORDS, "unembed").shape == (3, 16)


def test_random_matrices_follow_the_seed(tmp_path):
    save(tmp_path, "gpt_neox", tie_word_embeddings=False, initializer_range=0.4)
    first, other = (ModelSpec(str(tmp_path), weights="random", seed=seed) for seed in (0, 1))
    table = load_model(first).structure.embedding.weight
    assert np.array_equal(token_rows(first, WORDS, "embed"), expected(table))
    head = token_rows(first, WORDS, "unembed")
    assert np.array_equal(head, token_rows(first, WORDS, "unembed"))
    assert not np.array_equal(head, token_rows(other, WORDS, "unembed"))
    rows = token_rows(first, [[token] for token in range(61)], "unembed")
    assert rows.std() == pytest.approx(0.4, rel=0.1)
    correlation = np.corrcoef(rows.ravel(), np.asarray(table, dtype=np.float64).ravel())[0, 1]
    assert abs(correlation) < 0.15  # 976 draws: 4.7 standard errors


def test_random_tied_matrices_are_one(tmp_path):
    save(tmp_path, "gpt2", n_embd=16, n_layer=1, n_head=2)
    spec = ModelSpec(str(tmp_path), weights="random", seed=0)
    assert np.array_equal(token_rows(spec, WORDS, "unembed"), token_rows(spec, WORDS, "embed"))


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ([[61]], InputError, r"a word holds token id 61, and the embedding has 61 rows \(0 to 60\)"),
        ([[3], [-1]], InputError, "token id -1, "),
        ([], ArgumentError, "one or more"),
        ([[1], []], ArgumentError, "one or more token ids"),
    ],
)
def test_words_outside_the_vocabulary_are_refused(tmp_path, words, error, message):
    _, spec = save(tmp_path, "llama")
    with pytest.raises(error, match=message):
        token_rows(spec, words, "embed")


def test_missing_and_damaged_matrices_are_refused(tmp_path):
    _, spec = save(tmp_path, "llama", AutoModel, tie_word_embeddings=False)
    with pytest.raises(InputError, match=r"no tensor lm_head\.weight in the weight files"):
        token_rows(spec, WORDS, "unembed")
    with pytest.raises(ArgumentError, match="allowed: embed, unembed"):
        token_rows(spec, WORDS, "out")
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["embed_tokens.weight"][7, 3] = np.inf
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="rows of the embed matrix are NaN or infinite"):
        token_rows(spec, WORDS, "embed")


def test_a_model_without_a_head_has_no_output_embedding(tmp_path):
    config = AutoConfig.for_model("clip_text_model", **SHAPE)
    AutoModel.from_config(config).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "clip_text_model"
    with pytest.raises(InputError, match="clip_text_model has no language-model head"):
        token_rows(ModelSpec(str(tmp_path)), WORDS, "unembed")
    assert token_rows(ModelSpec(str(tmp_path)), WORDS, "embed").shape == (3, 16)
