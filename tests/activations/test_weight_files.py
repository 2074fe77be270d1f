"""One set of weights in a study: what activations, rows, digests and checks read is what transformers reads.

The reference is transformers itself: the model with its head that `from_pretrained` makes of the same folder.
"""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file, save_model
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
)

from superpos.activations import inspect_model
from superpos.activations.embeddings import token_rows
from superpos.activations.extract import extract
from superpos.activations.model import load_model
from superpos.activations.weight_files import check_finite_weights, stored_tensors, weight_files
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.specs.models import ModelSpec

SHAPE = {
    "vocab_size": 61,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 40,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
CONFIGS = {
    "llama": LlamaConfig(**SHAPE, tie_word_embeddings=True),
    "gpt2": GPT2Config(
        vocab_size=61, n_embd=16, n_layer=2, n_head=2, n_positions=40, bos_token_id=0, eos_token_id=0
    ),
    "bert": AutoConfig.for_model("bert", **SHAPE),
}
HEADS = {"llama": "lm_head.weight", "gpt2": "lm_head.weight", "bert": "cls.predictions.decoder.weight"}
EMBEDDINGS = {
    "llama": "model.embed_tokens.weight",
    "gpt2": "transformer.wte.weight",
    "bert": "bert.embeddings.word_embeddings.weight",
}


def auto(family):
    return AutoModelForMaskedLM if family == "bert" else AutoModelForCausalLM


def saved(folder, family, *, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        auto(family).from_config(CONFIGS[family]).save_pretrained(folder)
    return ModelSpec(str(folder))


def edit(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def shard(folder, names=("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")):
    """Split the one weight file into two shards with an index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    parts = [dict(list(tensors.items())[part::2]) for part in range(2)]
    for name, part in zip(names, parts, strict=True):
        save_file(part, folder / name, metadata={"format": "pt"})
    index = {key: name for name, part in zip(names, parts, strict=True) for key in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def same_as_transformers(spec, family, tmp_path, tokens):
    """Compare rows of both matrices and a residual stream with the model that transformers loads."""
    reference = auto(family).from_pretrained(spec.name).eval()
    matrices = {"embed": reference.get_input_embeddings(), "unembed": reference.get_output_embeddings()}
    for matrix, part in matrices.items():
        exact = part.weight.detach().double().numpy()
        assert np.array_equal(token_rows(spec, [[5], [60]], matrix), exact[[5, 60]]), matrix
    model = load_model(spec)
    expected = {f"{key}": value for key, value in reference.base_model.state_dict().items()}
    own = model.module.state_dict()
    assert all(torch.equal(own[name], value) for name, value in expected.items())
    (info,) = extract(model, tokens, {("resid", 1): "ab" * 16}, tmp_path / "activations")
    assert info.agreement < 5e-5
    return reference


@pytest.mark.parametrize("family", CONFIGS)
def test_a_head_of_its_own_in_a_tied_model(tmp_path, tokens, family):
    spec = saved(tmp_path / "model", family)
    head = torch.randn(61, 16, generator=torch.Generator().manual_seed(3))
    edit(tmp_path / "model", lambda tensors: tensors.update({HEADS[family]: head}))
    reference = same_as_transformers(spec, family, tmp_path, tokens)
    assert not torch.equal(reference.get_output_embeddings().weight, reference.get_input_embeddings().weight)


@pytest.mark.parametrize("family", CONFIGS)
def test_a_shared_tensor_under_the_name_of_the_head_alone(tmp_path, tokens, family):
    spec = saved(tmp_path / "model", family)
    before = load_file(tmp_path / "model" / "model.safetensors")[EMBEDDINGS[family]]
    edit(
        tmp_path / "model",
        lambda tensors: tensors.update({HEADS[family]: tensors.pop(EMBEDDINGS[family])}),
    )
    assert EMBEDDINGS[family] not in load_file(tmp_path / "model" / "model.safetensors")
    same_as_transformers(spec, family, tmp_path, tokens)
    assert np.array_equal(token_rows(spec, [[7]], "embed")[0], before[7].double().numpy())


def test_a_model_that_safetensors_saved_itself(tmp_path, tokens):
    spec = saved(tmp_path / "model", "llama")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    save_model(model, str(tmp_path / "model" / "model.safetensors"), metadata={"format": "pt"})
    names = set(load_file(tmp_path / "model" / "model.safetensors"))
    assert len(names & {"lm_head.weight", "model.embed_tokens.weight"}) == 1
    same_as_transformers(spec, "llama", tmp_path, tokens)


def test_an_untied_model_with_its_head_alone_is_refused(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = LlamaConfig(**SHAPE, tie_word_embeddings=False)
        AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    edit(tmp_path, lambda tensors: tensors.pop("model.embed_tokens.weight"))
    with pytest.raises(InputError, match=r"1 parameters are not in the weight files, embed_tokens\.weight"):
        load_model(ModelSpec(str(tmp_path)))
    with pytest.raises(InputError, match=r"no tensor model\.embed_tokens\.weight in the weight files"):
        token_rows(ModelSpec(str(tmp_path)), [[1]], "embed")


def test_names_of_older_files(tmp_path, tokens):
    spec = saved(tmp_path / "model", "bert")

    def rename(tensors):
        for name in [name for name in tensors if "LayerNorm" in name]:
            old = name.replace("weight", "gamma").replace("bias", "beta")
            tensors[old] = tensors.pop(name)

    edit(tmp_path / "model", rename)
    same_as_transformers(spec, "bert", tmp_path, tokens)


@pytest.mark.parametrize("sharded", [False, True])
def test_files_beside_the_weights_are_no_part_of_the_model(tmp_path, tokens, sharded):
    spec = saved(tmp_path / "model", "llama")
    if sharded:
        shard(tmp_path / "model")
    before = inspect_model(spec)
    # Sorted by name, both stand before the files that count; one holds a NaN as well.
    other = tmp_path / "other"
    saved(other, "llama", seed=1)
    tensors = load_file(other / "model.safetensors")
    save_file(tensors, tmp_path / "model" / "consolidated.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"] * torch.nan
    save_file(tensors, tmp_path / "model" / "model-00000-of-00002.safetensors")
    if not sharded:  # an index beside the one file is not read either
        (tmp_path / "model" / "model.safetensors.index.json").write_text("{")
    assert inspect_model(spec) == before
    files = weight_files(tmp_path / "model")
    assert {path.name for path in files}.isdisjoint(
        {"consolidated.safetensors", "model-00000-of-00002.safetensors"}
    )
    assert set(stored_tensors(files)) == set(load_file(other / "model.safetensors"))
    same_as_transformers(spec, "llama", tmp_path, tokens)


def test_of_a_tensor_in_two_shards_the_later_one_counts(tmp_path, tokens):
    spec = saved(tmp_path / "model", "llama")
    names = ("b.safetensors", "a.safetensors")
    shard(tmp_path / "model", names)
    for number, name in enumerate(sorted(names)):
        tensors = load_file(tmp_path / "model" / name)
        tensors["model.embed_tokens.weight"] = torch.full((61, 16), float(number))
        save_file(tensors, tmp_path / "model" / name, metadata={"format": "pt"})
    reference = same_as_transformers(spec, "llama", tmp_path, tokens)
    assert reference.get_input_embeddings().weight[0, 0] == 1.0


def test_digests_follow_every_shard_and_nothing_else(tmp_path):
    spec = saved(tmp_path, "llama")
    shard(tmp_path)
    before = inspect_model(spec).weights_digest
    (tmp_path / "notes.safetensors").write_bytes(b"")
    assert inspect_model(spec).weights_digest == before
    for path in weight_files(tmp_path):
        tensors = load_file(path)
        save_file({name: value + 1 for name, value in tensors.items()}, path, metadata={"format": "pt"})
        changed = inspect_model(spec).weights_digest
        assert changed != before
        before = changed


def test_the_file_that_the_configuration_names(tmp_path, tokens):
    spec = saved(tmp_path / "model", "llama")
    saved(tmp_path / "other", "llama", seed=1)
    shutil.copy(tmp_path / "other" / "model.safetensors", tmp_path / "model" / "second.safetensors")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"transformers_weights": "second.safetensors"}))
    assert [file.name for file in weight_files(tmp_path / "model")] == ["second.safetensors"]
    same_as_transformers(spec, "llama", tmp_path, tokens)
    path.write_text(json.dumps(config | {"transformers_weights": "../other/model.safetensors"}))
    with pytest.raises(InputError, match=r"transformers_weights = .* is no file beside it"):
        weight_files(tmp_path / "model")


def only(name):
    def change(folder):
        (folder / "model.safetensors").rename(folder / name)

    return change


def index_of(content):
    def change(folder):
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(content)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            only("model.fp16.safetensors"),
            r"has neither model\.safetensors nor .*\(model\.fp16\.safetensors is",
        ),
        (only("model.gguf"), r"its weights are GGUF; name the file as the model: .*model\.gguf"),
        (only("Q4.GGUF"), r"its weights are GGUF; name the file as the model: .*Q4\.GGUF"),
        (only("pytorch_model.bin"), "holds pickled weights"),
        (index_of("{"), r"index\.json: not JSON"),
        (index_of("{}"), "cannot be read as an index of safetensors files"),
        (index_of('{"weight_map": {}}'), "cannot be read as an index of safetensors files"),
        (index_of('{"weight_map": {"a": 3}}'), "cannot be read as an index of safetensors files"),
        (index_of('{"weight_map": {"a": "gone.safetensors"}}'), "names gone.safetensors, which is no file"),
        (index_of('{"weight_map": {"a": "../config.json"}}'), "names .*config.json, which is no file"),
        (
            lambda folder: (folder / "adapter_config.json").write_text("{}"),
            r"holds an adapter .*merge_and_unload",
        ),
    ],
)
def test_folders_without_weights_that_are_read(tmp_path, change, message):
    spec = saved(tmp_path, "llama")
    change(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        inspect_model(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.gguf", r"model\.gguf: is cut off"),
        ("absent.gguf", r"absent\.gguf: no such file"),
        ("owner/name.GGUF", r"name\.GGUF: no such file"),
        ("gguf-only", r"x\.gguf: is cut off"),
        ("weights.bin", r"is a file, and none of GGUF; name its folder, which holds config\.json"),
    ],
)
def test_names_that_are_no_folder(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    (tmp_path / "weights.bin").write_bytes(b"")
    (tmp_path / "gguf-only").mkdir()
    (tmp_path / "gguf-only" / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(InputError, match=message) as caught:
        inspect_model(ModelSpec(name))
    assert "\n" not in str(caught.value)


def test_bfloat16_is_read_wherever_tensors_are(tmp_path, tokens):
    saved(tmp_path / "model", "llama")
    edit(
        tmp_path / "model",
        lambda tensors: tensors.update({name: value.bfloat16() for name, value in tensors.items()}),
    )
    spec = ModelSpec(str(tmp_path / "model"))
    check_finite_weights(weight_files(tmp_path / "model"))
    exact = load_file(tmp_path / "model" / "model.safetensors")["model.embed_tokens.weight"].double()
    for matrix in ("embed", "unembed"):
        assert np.array_equal(token_rows(spec, [[5]], matrix)[0], exact[5].numpy())
    (info,) = extract(load_model(spec), tokens, {("embed", -1): "ab" * 16}, tmp_path)
    assert info.agreement == 0.0


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16, torch.float16])
def test_what_is_not_finite_is_found_in_every_type(tmp_path, kind):
    values = torch.full((3, 5), 2.0).to(kind)
    save_file({"a": values}, tmp_path / "model.safetensors")
    check_finite_weights((tmp_path / "model.safetensors",))
    save_file(
        {"a": values.float().index_fill(1, torch.tensor([2]), torch.nan).to(kind)}, tmp_path / "b.safetensors"
    )
    with pytest.raises(InputError, match="tensor a holds 3 values that are NaN or infinite"):
        check_finite_weights((tmp_path / "b.safetensors",))


def extra_token(folder):
    """A model of 61 rows whose tokenizer knows one token more, as those of Gemma 3 and Code Llama do."""
    config = Gemma3TextConfig(**SHAPE, num_key_value_heads=1, head_dim=8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer = {
        "added_tokens": [{"id": 61, "content": "<image>", "special": True}],
        "model": {"type": "WordLevel", "vocab": {f"t{index}": index for index in range(61)}},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return ModelSpec(str(folder))


def test_a_tokenizer_may_know_more_tokens_than_the_embedding_has_rows(tmp_path, tokens):
    spec = extra_token(tmp_path / "model")
    assert inspect_model(spec).vocab_size == 61
    site = {("resid", 1): "ab" * 16}
    model = load_model(spec)
    (info,) = extract(model, tokens, site, tmp_path / "a")
    assert info.status == "ok"
    ids = tokens.token_ids.copy()
    ids[tokens.sequence_starts[2]] = 61  # the sequence without samples is not read
    (same,) = extract(model, dataset(tokens, ids), site, tmp_path / "b")
    assert same.shards[0].sha256 == info.shards[0].sha256
    ids[tokens.sequence_starts[1]] = 61
    message = (
        r"model .*: sequence 1 of the feature set \(document document 1\) holds token id 61 \('<image>'\), "
        r"and the embedding has 61 rows \(0 to 60\)"
    )
    with pytest.raises(InputError, match=message) as caught:
        extract(model, dataset(tokens, ids), site, tmp_path / "c")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"a word holds token id 61 \('<image>'\)"):
        token_rows(spec, [[61]], "embed")


def dataset(tokens, ids):
    return dataclasses.replace(tokens, token_ids=ids)


def test_the_bundled_model_is_one_file():
    assert [path.name for path in weight_files(bundled_model("nano"))] == ["model.safetensors"]
