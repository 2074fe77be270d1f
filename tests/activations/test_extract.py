"""Extraction against a forward pass written in NumPy, and what must not change its result."""

from __future__ import annotations

import dataclasses
import errno
import math
import shutil

import numpy as np
import pytest
import torch

from superpos.activations import extract as module
from superpos.activations import read_shards
from superpos.activations.batches import probed_sequences
from superpos.activations.extract import extract
from superpos.activations.model import LoadedModel, load_model
from superpos.activations.oracle import deviation, oracle
from superpos.activations.shard_writer import ShardWriter
from superpos.errors import ArgumentError, InputError, StageError
from superpos.specs.hook_names import HOOKPOINTS
from superpos.specs.models import ModelSpec, expand_sites

EVERYWHERE = tuple(name for name in HOOKPOINTS if name != "resid.mid")
"""Hookpoints of parallel blocks too."""
SITES = expand_sites(EVERYWHERE, None, 3)
STEMS = {site: f"{number:032x}" for number, site in enumerate(SITES)}
SERIAL = expand_sites(HOOKPOINTS, None, 3)
ARCHITECTURES = ["gpt_neox", "gpt_neox_serial", "llama"]


@pytest.fixture(scope="module")
def models(model_folders):
    return {name: load_model(ModelSpec(str(folder))) for name, folder in model_folders.items()}


def by_site(infos, root):
    return {(info.hookpoint, info.layer): read_shards(root, info.shards) for info in infos}


def digests(infos):
    return [shard.sha256 for info in infos for shard in info.shards]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_site_equals_a_forward_pass_in_numpy(
    models, model_folders, tokens, numpy_forward, tmp_path, architecture
):
    sites = SITES if architecture == "gpt_neox" else SERIAL
    stems = {site: f"{number:032x}" for number, site in enumerate(sites)}
    infos = extract(models[architecture], tokens, stems, tmp_path, token_budget=100)
    found = by_site(infos, tmp_path)
    expected = {site: [] for site in sites}
    for sequence in range(len(tokens.documents)):
        ids = tokens.token_ids[tokens.sequence_starts[sequence] : tokens.sequence_starts[sequence + 1]]
        where = tokens.sample_positions[tokens.sample_sequences == sequence]
        for site, values in numpy_forward(model_folders[architecture], ids).items():
            expected[site].append(values[where])
    for site in sites:
        exact = np.concatenate(expected[site])
        assert found[site].dtype == np.float32
        assert found[site].shape == exact.shape
        assert deviation(found[site], exact) < 2e-5, site
    assert all(info.status == "ok" and info.agreement < 2e-5 for info in infos)
    assert [info.d_hook for info in infos] == [found[site].shape[1] for site in sites]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_package_oracle_equals_a_forward_pass_in_numpy(models, model_folders, numpy_forward, architecture):
    ids = np.array([3, 50, 7, 7, 21, 0, 44, 12, 9])
    where = np.array([0, 4, 8])
    expected = numpy_forward(model_folders[architecture], ids)
    sites = SITES if architecture == "gpt_neox" else SERIAL
    found = oracle(models[architecture], ids, where, sites)
    assert set(found) == set(sites)
    for site, values in found.items():
        assert deviation(values, expected[site][where]) < (2e-5 if "attn" in site[0] else 1e-5), site


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_changes_nothing(models, tokens, tmp_path, architecture):
    alone = by_site(
        extract(models[architecture], tokens, STEMS, tmp_path / "a", token_budget=1), tmp_path / "a"
    )
    padded = by_site(
        extract(models[architecture], tokens, STEMS, tmp_path / "b", token_budget=10**6), tmp_path / "b"
    )
    for site in SITES:
        assert deviation(padded[site], alone[site]) < 1e-5


def test_residual_streams_are_the_hidden_states_before_the_final_norm(models, tokens, tmp_path):
    model = models["gpt_neox"]
    sites = {("resid", layer): f"{layer:032x}" for layer in range(3)}
    found = by_site(extract(model, tokens, sites, tmp_path), tmp_path)
    ids = tokens.token_ids[: tokens.sequence_starts[1]].astype(np.int64)
    where = tokens.sample_positions[tokens.sample_sequences == 0]
    with torch.inference_mode():
        states = model.module(input_ids=torch.as_tensor(ids)[None], output_hidden_states=True).hidden_states
    rows = slice(0, where.size)
    for layer in (0, 1):
        assert deviation(found["resid", layer][rows], states[layer + 1][0, where].numpy()) < 1e-5
    assert deviation(found["resid", 2][rows], states[3][0, where].numpy()) > 0.1


def test_the_same_extraction_has_the_same_bits(models, tokens, tmp_path):
    first = extract(models["llama"], tokens, STEMS, tmp_path / "a", token_budget=90)
    second = extract(models["llama"], tokens, STEMS, tmp_path / "b", token_budget=90)
    assert digests(first) == digests(second)


def test_a_site_alone_has_the_bits_it_has_among_all(models, tokens, tmp_path):
    together = extract(models["gpt_neox"], tokens, STEMS, tmp_path / "a")
    for number, site in enumerate(SITES):
        (alone,) = extract(models["gpt_neox"], tokens, {site: "ab" * 16}, tmp_path / "b")
        assert digests([alone]) == digests([together[number]])


@pytest.mark.parametrize(("site", "n_run"), [(("embed", -1), 0), (("mlp.act", 0), 1), (("resid", 1), 2)])
def test_blocks_behind_the_last_site_do_not_run(models, tokens, tmp_path, monkeypatch, site, n_run):
    monkeypatch.setattr(module, "fingerprint", lambda *_: "")  # which runs every block on four tokens
    model = models["gpt_neox"]
    seen = set()
    handles = [
        block.register_forward_pre_hook(lambda *_, number=number: seen.add(number))
        for number, block in enumerate(model.structure.blocks)
    ]
    try:
        extract(model, tokens, {site: "ab" * 16}, tmp_path, oracle_sequences=0)
    finally:
        for handle in handles:
            handle.remove()
    assert seen == set(range(n_run))


def test_agreement_sees_a_forward_pass_that_differs_from_the_weights(model_folders, tokens, tmp_path):
    model = load_model(ModelSpec(str(model_folders["llama"])))
    handle = model.structure.down_projection(1).register_forward_hook(lambda *args: 1.01 * args[2])
    infos = extract(model, tokens, STEMS, tmp_path)
    handle.remove()
    agreement = {(info.hookpoint, info.layer): info.agreement for info in infos}
    assert agreement["mlp.out", 1] > 1e-3
    assert agreement["resid", 2] > 1e-3
    assert agreement["mlp.act", 1] < 1e-5
    assert agreement["mlp.out", 0] < 1e-5


@pytest.fixture
def _one_thread():
    """As many threads as extraction takes: the last bits depend on them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread")
def test_agreement_is_the_worst_of_the_compared_sequences(models, tokens, tmp_path):
    site = ("mlp.act", 2)
    (info,) = extract(models["llama"], tokens, {site: "ab" * 16}, tmp_path, oracle_sequences=23)
    written = read_shards(tmp_path, info.shards)
    gaps = []
    for part in probed_sequences(tokens):
        rows = written[part.first_row : part.first_row + part.positions.size]
        gaps.append(deviation(rows, oracle(models["llama"], part.token_ids, part.positions, [site])[site]))
    assert info.agreement == max(gaps) > min(gaps)


def test_deviation_is_the_largest_gap_over_the_root_mean_square():
    assert deviation([[3.0, 4.5]], [[3.0, 4.0]]) == pytest.approx(0.5 / math.sqrt(12.5))
    assert deviation([[0.0, 0.25]], [[0.0, 0.0]]) == 0.25


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_kept_exactly_and_is_near_float32(model_folders, tokens, tmp_path, dtype):
    model = load_model(ModelSpec(str(model_folders["gpt_neox"])), dtype=dtype)
    infos = extract(model, tokens, STEMS, tmp_path)
    found = by_site(infos, tmp_path)
    for info in infos:
        values = torch.as_tensor(found[info.hookpoint, info.layer].astype(np.float32))
        assert torch.equal(values.to(getattr(torch, dtype)).float(), values)
        assert info.dtype == dtype
        assert info.shards[0].dtype == ("float16" if dtype == "float16" else "float32")
        assert info.agreement < (0.2 if dtype == "bfloat16" else 0.02)


def test_a_layer_that_overflows_is_non_finite_and_the_others_go_on(model_folders, tokens, tmp_path):
    model = load_model(ModelSpec(str(model_folders["gpt_neox"])), dtype="float16")
    with torch.no_grad():
        model.structure.blocks[1].get_submodule("mlp.dense_h_to_4h").weight.mul_(3e4)
    infos = {(info.hookpoint, info.layer): info for info in extract(model, tokens, STEMS, tmp_path)}
    bad = infos["mlp.act", 1]
    assert (bad.status, bad.shards, bad.n_rows) == ("non_finite", (), len(tokens.sample_positions))
    assert math.isnan(bad.agreement)
    assert infos["mlp.act", 0].status == "ok"
    assert infos["resid", 0].status == "ok"
    kept = sum(len(info.shards) for info in infos.values())
    assert len(list(tmp_path.rglob("*.safetensors"))) == kept
    assert len(list(tmp_path.rglob("*.json"))) == sum(info.status == "ok" for info in infos.values())
    with pytest.raises(InputError, match="no shards"):
        read_shards(tmp_path, bad.shards)


def test_number_of_files_does_not_change_the_rows(models, tokens, tmp_path):
    site = ("mlp.act", 2)
    (whole,) = extract(models["gpt_neox"], tokens, {site: "ab" * 16}, tmp_path / "a")
    (parts,) = extract(
        models["gpt_neox"], tokens, {site: "ab" * 16}, tmp_path / "b", shard_bytes=40 * 4 * 7 + 3
    )
    assert [shard.n_rows for shard in parts.shards[:-1]] == [7] * (len(parts.shards) - 1)
    assert len(parts.shards) == math.ceil(whole.n_rows / 7)
    assert np.array_equal(
        read_shards(tmp_path / "a", whole.shards), read_shards(tmp_path / "b", parts.shards)
    )
    assert parts.agreement == whole.agreement


def test_progress_ends_at_the_number_of_sequences(models, tokens, tmp_path):
    calls = []
    extract(
        models["llama"],
        tokens,
        {("embed", -1): "ab" * 16},
        tmp_path,
        token_budget=64,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls[-1] == (23, 23)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_ids": np.full(10**4, 61, np.int32)}, r"sequence 0 .* holds token id 61, .*0 to 60"),
        ({"token_ids": np.full(10**4, -1, np.int32)}, "holds token id -1, and the embedding has 61 rows"),
        ({"tokenizer_digest": "f" * 64}, "its tokenizer .* is not the one"),
    ],
)
def test_tokens_the_model_cannot_read_are_refused(models, tokens, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        extract(models["gpt_neox"], dataclasses.replace(tokens, **change), STEMS, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_sequence_longer_than_the_model_is_refused(models, tokens, tmp_path):
    long = dataclasses.replace(
        tokens,
        token_ids=np.zeros(41, np.int32),
        sequence_starts=np.array([0, 41]),
        sample_sequences=np.array([0]),
        sample_positions=np.array([40]),
        sample_lengths=np.array([1]),
    )
    with pytest.raises(InputError, match="reads 40 positions, a sequence has 41"):
        extract(models["gpt_neox"], long, STEMS, tmp_path)
    fits = dataclasses.replace(long, sample_positions=np.array([39]))
    assert extract(models["gpt_neox"], fits, {("resid", 2): "ab" * 16}, tmp_path)[0].status == "ok"


def test_sites_have_the_names_of_other_libraries(models, tokens, tmp_path):
    site = {("mlp.hook_post", 1): "ab" * 16, ("hook_resid_post", 0): "cd" * 16}
    act, resid = extract(models["gpt_neox"], tokens, site, tmp_path)
    assert [(one.hookpoint, one.layer) for one in (act, resid)] == [("mlp.act", 1), ("resid", 0)]
    with pytest.raises(ArgumentError, match=r"'layers\.1' holds a layer; name resid and the layer"):
        extract(models["gpt_neox"], tokens, {("layers.1", 1): "ab" * 16}, tmp_path)


def test_unknown_sites_are_refused_before_anything_is_written(models, tokens, tmp_path):
    with pytest.raises(InputError, match=r"no hookpoint resid\.mid \(attention and the MLP read the same"):
        extract(models["gpt_neox"], tokens, {("resid.mid", 0): "ab" * 16}, tmp_path)
    with pytest.raises(ArgumentError, match=r"allowed: 0 to 2"):
        extract(models["gpt_neox"], tokens, {("resid", 3): "ab" * 16}, tmp_path)
    with pytest.raises(ArgumentError, match=r"did you mean 'mlp.act'"):
        extract(models["gpt_neox"], tokens, {("mlp.atc", 0): "ab" * 16}, tmp_path)
    with pytest.raises(ArgumentError, match="its layer is -1"):
        extract(models["gpt_neox"], tokens, {("embed", 0): "ab" * 16}, tmp_path)
    with pytest.raises(ArgumentError, match="is empty"):
        extract(models["gpt_neox"], tokens, {}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_seen_before_and_told_during_writing(models, tokens, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(StageError, match=r"need .* GB and the disk has 0\.00 GB free"):
            extract(models["gpt_neox"], tokens, STEMS, tmp_path)

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ShardWriter, "write", fail)
    with pytest.raises(StageError, match="No space left on device"):
        extract(models["gpt_neox"], tokens, STEMS, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_interrupted_extraction_leaves_no_files(models, tokens, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(models["gpt_neox"], tokens, STEMS, tmp_path, token_budget=60, progress=interrupt)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("model_type", "window"),
    [("mistral", 5), ("mistral", None), ("qwen2", 5), ("qwen3", None)],
)
def test_other_llama_like_models_agree_with_the_oracle(tokens, tmp_path, model_type, window):
    from transformers import AutoConfig, AutoModel

    shape = {
        "vocab_size": 61,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 40,
        "initializer_range": 0.4,
        "sliding_window": window,
    }
    if model_type == "qwen2":
        shape |= {"use_sliding_window": True, "max_window_layers": 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.for_model(model_type, **shape)).save_pretrained(tmp_path / "model")
    model: LoadedModel = load_model(ModelSpec(str(tmp_path / "model")))
    infos = extract(model, tokens, STEMS, tmp_path / "data", oracle_sequences=23)
    assert max(info.agreement for info in infos) < 2e-5
