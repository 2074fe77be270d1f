"""What every scheme that changes trained weights keeps to, whatever it does to an entry."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from loaded_weights import EMBEDDINGS, FAMILIES, same, state
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from superpos.activations import inspect_model, read_shards
from superpos.activations.embeddings import token_rows
from superpos.activations.extract import extract
from superpos.activations.model import load_model
from superpos.activations.oracle import deviation
from superpos.errors import InputError
from superpos.hashing import file_digest
from superpos.kinds.weights import WEIGHTS
from superpos.specs.hook_names import HOOKPOINTS
from superpos.specs.models import ModelSpec, expand_sites

CHANGING = ("shuffled", "rerandomized")
KEEPING = ("random_keep_embeddings", "shuffled_keep_embeddings", "rerandomized_keep_embeddings")
SCHEMES = (*CHANGING, *KEEPING)
WORDS = [[5], [7, 9], [60]]
EVERYWHERE = tuple(name for name in HOOKPOINTS if name != "resid.mid")
"""Hookpoints of parallel blocks too."""
SITES = expand_sites(EVERYWHERE, None, 3)
SERIAL = expand_sites(HOOKPOINTS, None, 3)


def means(matrix):
    exact = matrix.detach().double().numpy()
    return np.stack([exact[5], (exact[7] + exact[9]) / 2, exact[60]])


@pytest.fixture
def tied(tmp_path):
    """A folder of a Llama whose output embedding is its input embedding."""
    config = AutoConfig.for_model(
        "llama", vocab_size=61, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=24, tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "tied")
    assert "lm_head.weight" not in load_file(tmp_path / "tied" / "model.safetensors")
    return tmp_path / "tied"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_embeddings_are_kept_where_the_scheme_says_so_and_nothing_else_is(model_folders, scheme, family):
    kept = EMBEDDINGS if scheme in KEEPING else set()
    own = state(model_folders[family])
    assert same(own, state(model_folders[family], scheme)) == kept & own.keys()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_seed_gives_the_same_weights_and_leaves_the_rest_alone(model_folders, scheme):
    folder = model_folders["gpt_neox"]
    before = file_digest(folder / "model.safetensors")
    torch.manual_seed(1)
    held = torch.get_rng_state()
    first = state(folder, scheme, 0)
    assert torch.equal(torch.get_rng_state(), held)
    torch.manual_seed(2)
    assert same(first, state(folder, scheme, 0)) == first.keys()
    other = same(first, state(folder, scheme, 1))
    matrices = {name for name in first if first[name].ndim == 2}
    assert other & matrices == (EMBEDDINGS if scheme in KEEPING else set()) & matrices
    assert file_digest(folder / "model.safetensors") == before


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme", KEEPING)
def test_the_blocks_are_those_of_the_scheme_without_embeddings(model_folders, scheme, family):
    without = scheme.removesuffix("_keep_embeddings")
    first, other = (state(model_folders[family], name, 4) for name in (scheme, without))
    assert same(first, other) == first.keys() - EMBEDDINGS


@pytest.mark.parametrize("scheme", SCHEMES)
def test_another_dtype_is_the_same_draw_rounded(model_folders, scheme):
    full, half = (state(model_folders["llama"], scheme, 2, dtype) for dtype in ("float32", "bfloat16"))
    assert all(torch.equal(full[name].bfloat16(), half[name]) for name in full)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_buffers_stay(model_folders, scheme):
    spec = ModelSpec(str(model_folders["gpt_neox"]), weights=scheme, seed=0)
    own, changed = (
        dict(load_model(one).module.named_buffers()) for one in (ModelSpec(spec.name), spec)
    )  # fmt: skip
    assert own
    assert same(own, changed) == own.keys()


@pytest.mark.parametrize("scheme", CHANGING)
def test_the_draw_of_a_parameter_does_not_depend_on_the_others(model_folders, tmp_path, scheme):
    shutil.copytree(model_folders["gpt_neox"], tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 2}))
    full, shorter = state(model_folders["gpt_neox"], scheme), state(tmp_path / "model", scheme)
    assert len(shorter) < len(full)
    assert same({name: full[name] for name in shorter}, shorter) == shorter.keys()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("matrix", ["embed", "unembed"])
def test_tied_embeddings_stay_tied(tied, scheme, matrix):
    spec = ModelSpec(str(tied), weights=scheme, seed=0)
    table = load_model(spec).structure.embedding.get_parameter("weight")
    np.testing.assert_array_equal(token_rows(spec, WORDS, matrix), means(table))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_rows_agree_with_the_loaded_model(model_folders, scheme, family):
    spec = ModelSpec(str(model_folders[family]), weights=scheme, seed=5)
    table = load_model(spec).structure.embedding.get_parameter("weight")
    np.testing.assert_array_equal(token_rows(spec, WORDS, "embed"), means(table))
    own = token_rows(ModelSpec(spec.name), WORDS, "unembed")
    rows = token_rows(spec, WORDS, "unembed")
    assert np.array_equal(rows, own) == (scheme in KEEPING)
    assert np.array_equal(rows, token_rows(spec, WORDS, "unembed"))
    other = token_rows(ModelSpec(spec.name, weights=scheme, seed=6), WORDS, "unembed")
    assert np.array_equal(rows, other) == (scheme in KEEPING)
    assert not np.array_equal(rows, token_rows(spec, WORDS, "embed"))


@pytest.mark.parametrize("scheme", CHANGING)
def test_a_head_that_files_hold_beside_tied_embeddings_is_changed_by_itself(tied, scheme):
    path = tied / "model.safetensors"
    head = np.random.default_rng(0).standard_normal((61, 16)).astype(np.float32)
    save_file(load_file(path) | {"lm_head.weight": head}, path, metadata={"format": "pt"})
    spec = ModelSpec(str(tied), weights=scheme, seed=0)
    words = [[token] for token in range(61)]
    np.testing.assert_array_equal(token_rows(ModelSpec(spec.name), words, "unembed"), head)
    changed = token_rows(spec, words, "unembed")
    assert not np.array_equal(changed, token_rows(spec, words, "embed"))
    assert not np.array_equal(changed, head)
    assert changed.std() == pytest.approx(head.std(), rel=0.1)  # of 976 draws: 4.4 standard errors


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme", ["shuffled", "rerandomized_keep_embeddings", "random_keep_embeddings"])
def test_extraction_is_a_forward_pass_with_these_weights(
    model_folders, tokens, numpy_forward, tmp_path, scheme, family
):
    model = load_model(ModelSpec(str(model_folders[family]), weights=scheme, seed=0))
    model.module.save_pretrained(tmp_path / family)
    stems = {site: f"{number:032x}" for number, site in enumerate(SITES)}
    infos = extract(model, tokens, stems, tmp_path / "data", token_budget=100)
    expected = {site: [] for site in SERIAL}
    for sequence in range(len(tokens.documents)):
        ids = tokens.token_ids[tokens.sequence_starts[sequence] : tokens.sequence_starts[sequence + 1]]
        where = tokens.sample_positions[tokens.sample_sequences == sequence]
        for site, values in numpy_forward(tmp_path / family, ids).items():
            expected[site].append(values[where])
    for info in infos:
        found = read_shards(tmp_path / "data", info.shards)
        exact = np.concatenate(expected[info.hookpoint, info.layer])
        assert deviation(found, exact) < 2e-5, (info.hookpoint, info.layer)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_files_are_part_of_the_identity(model_folders, scheme):
    info = inspect_model(ModelSpec(str(model_folders["llama"]), weights=scheme, seed=3))
    assert info.weights_digest == inspect_model(ModelSpec(str(model_folders["llama"]))).weights_digest
    assert (info.weights, info.seed) == (scheme, 3)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_folder_without_weights_is_refused_in_one_line(model_folders, tmp_path, scheme):
    shutil.copytree(model_folders["llama"], tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r'no weights \(\*\.safetensors\); use weights = "random" for'):
        load_model(ModelSpec(str(tmp_path / "model"), weights=scheme, seed=0))


def test_an_embedding_of_another_shape_or_none_is_refused_in_one_line(model_folders, tmp_path):
    shutil.copytree(model_folders["llama"], tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    spec = ModelSpec(str(tmp_path / "model"), weights="random_keep_embeddings", seed=0)
    tensors = load_file(path)
    table = tensors["model.embed_tokens.weight"]
    save_file(tensors | {"model.embed_tokens.weight": table[:60].copy()}, path, metadata={"format": "pt"})
    said = r"tensor model\.embed_tokens\.weight is \(60, 16\) in the weight files, and \(61, 16\) by config"
    with pytest.raises(InputError, match=said):
        load_model(spec)
    del tensors["model.embed_tokens.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"no tensor model\.embed_tokens\.weight in the weight files"):
        load_model(spec)


def test_every_scheme_of_this_page_says_what_it_keeps_and_destroys():
    for name in SCHEMES:
        kind = WEIGHTS.get(name)
        kind.check()
        assert kind.seeded
        assert kind.reads_files
        assert kind.destroys
        assert ("embeddings" in kind.keeps.lower()) == (name in KEEPING)
