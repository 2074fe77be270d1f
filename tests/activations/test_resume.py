"""Passes that end early and damaged shards: only what is missing runs again, bit for bit the same."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from superpos.activations import read_shards, stream
from superpos.activations.batches import probed_sequences, token_batches
from superpos.activations.extract import extract
from superpos.activations.model import default_dtype, load_model
from superpos.activations.stream import _Runner
from superpos.activations.transfer import Transfer
from superpos.errors import StageError
from superpos.specs.models import ModelSpec

SITES = [("embed", -1), ("mlp.act", 0), ("resid", 2)]
STEMS = {site: f"{number:032x}" for number, site in enumerate(SITES)}
SETTINGS = {"token_budget": 60, "shard_bytes": 20 * 40 * 4}
"""Shards of 20 rows of mlp.act and of 50 rows of the others."""


@pytest.fixture
def model(model_folders):
    return load_model(ModelSpec(str(model_folders["gpt_neox"])))


@pytest.fixture
def whole(model, tokens, tmp_path):
    return extract(model, tokens, STEMS, tmp_path / "whole", **SETTINGS)


@pytest.fixture
def short_groups(monkeypatch):
    """Groups of 120 tokens, so that the shared tokens make several."""
    monkeypatch.setattr("superpos.activations.batches.GROUP_BATCHES", 2)


@pytest.fixture
def runs(monkeypatch):
    """First rows of the sequences of every batch that runs."""
    seen = []
    run = _Runner.run

    def watched(self, batch):
        seen.append(tuple(part.first_row for part in batch))
        return run(self, batch)

    monkeypatch.setattr(_Runner, "run", watched)
    return seen


class StoppedError(Exception):
    pass


@pytest.mark.usefixtures("short_groups")
def test_a_pass_that_was_stopped_anywhere_continues_to_the_same_bits(model, tokens, whole, tmp_path, runs):
    n_batches = len(list(token_batches(probed_sequences(tokens), 60)))
    root = tmp_path / "parts"
    attempts = 0
    while True:
        runs.clear()
        left = [2 + attempts]  # a shard is made in one go: attempts that are too short do not get ahead

        def stop_soon(*_, left=left):
            left[0] -= bool(runs)
            if left[0] < 0:
                raise StoppedError

        try:
            infos = extract(model, tokens, STEMS, root, progress=stop_soon, **SETTINGS)
        except StoppedError:
            attempts += 1
            assert attempts < n_batches
            assert not list(root.rglob("*.tmp"))
            continue
        break
    assert attempts >= 2
    assert 0 < len(runs) < n_batches
    assert infos == whole


@pytest.mark.usefixtures("short_groups")
def test_a_damaged_shard_alone_is_made_again(model, tokens, whole, tmp_path, runs):
    root = tmp_path / "whole"
    everything = len(list(token_batches(probed_sequences(tokens), 60)))
    shard = whole[1].shards[1]
    path = root / shard.path
    content = bytearray(path.read_bytes())
    content[-9] ^= 4
    path.write_bytes(bytes(content))
    untouched = {file: file.stat().st_mtime_ns for file in root.rglob("*.safetensors") if file != path}
    runs.clear()
    assert extract(model, tokens, STEMS, root, **SETTINGS) == whole
    assert np.all(np.isfinite(read_shards(root, whole[1].shards)))
    assert {file: file.stat().st_mtime_ns for file in untouched} == untouched
    assert 0 < len(runs) < everything
    part = {row for batch in runs for row in batch}
    firsts = {sequence.first_row: sequence.positions.size for sequence in probed_sequences(tokens)}
    assert {row for row, size in firsts.items() if row < 40 and row + size > 20} <= part
    runs.clear()
    assert extract(model, tokens, STEMS, root, **SETTINGS) == whole
    assert runs == []


@pytest.mark.parametrize("change", ["tokens", "pooling", "weights", "numbers", "dtype", "budget", "threads"])
def test_files_of_another_pass_are_not_taken_for_this_one(model, model_folders, tokens, tmp_path, change):
    extract(model, tokens, STEMS, tmp_path / "a", **SETTINGS)
    settings = dict(SETTINGS)
    if change == "tokens":
        tokens = dataclasses.replace(tokens, token_ids=(tokens.token_ids + 1) % 61)
    elif change == "pooling":
        settings["pooling"] = "max"
        tokens = dataclasses.replace(tokens, sample_lengths=np.minimum(tokens.sample_positions + 1, 2))
    elif change == "weights":
        model = load_model(ModelSpec(str(model_folders["gpt_neox"]), weights="random", seed=0))
    elif change == "numbers":  # as another processor makes them: nothing else says so
        with torch.no_grad():
            model.structure.blocks[2].get_submodule("mlp.dense_4h_to_h").weight.mul_(1.0 + 1e-6)
    elif change == "dtype":
        model = load_model(ModelSpec(str(model_folders["gpt_neox"])), dtype="bfloat16")
    elif change == "budget":
        settings["token_budget"] = 61
    else:
        settings["n_threads"] = 2
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    alone = extract(model, tokens, STEMS, tmp_path / "c", **settings)
    assert extract(model, tokens, STEMS, tmp_path / "b", **settings) == alone


def test_only_missing_bytes_must_fit_on_the_disk(model, tokens, whole, tmp_path, monkeypatch):
    root = tmp_path / "whole"
    (root / whole[1].shards[0].path).unlink()
    usage = shutil.disk_usage(tmp_path)
    need = int(1.1 * 20 * 40 * 4) + 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=need - 20))
    with pytest.raises(StageError, match="free some"):
        extract(model, tokens, STEMS, root, **SETTINGS)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=need))
    assert extract(model, tokens, STEMS, root, **SETTINGS) == whole


def out_of_memory_above(monkeypatch, n_tokens):
    """Let every padded batch of more tokens fail as a full GPU does; return the sizes that were tried."""
    tried = []
    run_until = stream.run_until

    def fail(structure, last, ids, mask):
        tried.append(ids.numel())
        if ids.numel() > n_tokens:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        run_until(structure, last, ids, mask)

    monkeypatch.setattr(stream, "run_until", fail)
    return tried


def test_a_batch_that_does_not_fit_is_halved_and_later_ones_are_cut(model, tokens, tmp_path, monkeypatch):
    (plain,) = extract(model, tokens, {("resid", 2): "ab" * 16}, tmp_path / "a", token_budget=120)
    tried = out_of_memory_above(monkeypatch, 70)
    (cut,) = extract(model, tokens, {("resid", 2): "ab" * 16}, tmp_path / "b", token_budget=120)
    assert sum(size > 70 for size in tried) == 1
    assert cut.agreement < 2e-5
    one, other = (read_shards(tmp_path / name, info.shards) for name, info in (("a", plain), ("b", cut)))
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)


def test_a_sequence_that_does_not_fit_alone_ends_the_pass(model, tokens, tmp_path, monkeypatch):
    out_of_memory_above(monkeypatch, 20)
    with pytest.raises(StageError, match=r"no memory left for one sequence of \d\d tokens; use shorter"):
        extract(model, tokens, STEMS, tmp_path, **SETTINGS)
    assert not list(tmp_path.rglob("*.tmp"))


def test_rows_arrive_with_their_values_and_bad_ones_are_left_out():
    huge = torch.full((4, 2), 3e38)  # finite, but its sum is not
    pending = Transfer(torch.device("cpu")).start(
        {
            ("resid", 0): torch.arange(6.0).reshape(3, 2),
            ("resid", 1): torch.tensor([[1.0, torch.nan]]),
            ("resid", 2): torch.tensor([[torch.inf, -torch.inf]]),
            ("resid", 3): huge,
            ("resid", 4): torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16),
        }
    )
    found = pending.wait()
    assert list(found) == [("resid", 0), ("resid", 3), ("resid", 4)]
    assert found["resid", 0].tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert found["resid", 4].dtype == np.float32
    assert found["resid", 4].tolist() == [[1.5, -2.0]]


def test_rows_that_come_one_batch_late_are_the_same(model, tokens, whole, tmp_path, monkeypatch):
    start = Transfer.start
    waiting = []

    def late(self, taken):
        self.depth = 1  # as on a GPU
        pending = start(self, taken)
        waiting.append(pending)
        return pending

    monkeypatch.setattr(Transfer, "start", late)
    assert extract(model, tokens, STEMS, tmp_path / "late", **SETTINGS) == whole
    assert len(waiting) == len(list(token_batches(probed_sequences(tokens), 60)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_agrees_with_the_cpu(model_folders, tokens, whole, tmp_path):
    spec = ModelSpec(str(model_folders["gpt_neox"]))
    assert load_model(spec, device="cuda", dtype="auto").dtype == "bfloat16"
    infos = extract(load_model(spec, device="cuda"), tokens, STEMS, tmp_path / "gpu", **SETTINGS)
    for here, there in zip(infos, whole, strict=True):
        values, exact = (
            read_shards(tmp_path / "gpu", here.shards),
            read_shards(tmp_path / "whole", there.shards),
        )
        np.testing.assert_allclose(values, exact, rtol=0, atol=1e-2)
        assert here.agreement < 1e-3


def test_the_dtype_follows_the_device():
    assert default_dtype("cpu") == "float32"
    assert load_model(ModelSpec("nano"), dtype="auto").dtype == "float32"


def test_constant_activations_are_said(model, tokens, tmp_path):
    with torch.no_grad():
        model.structure.down_projection(1).weight.zero_()
    same = dataclasses.replace(tokens, token_ids=np.full_like(tokens.token_ids, 7))
    sites = {("embed", -1): "aa" * 16, ("mlp.out", 1): "bb" * 16, ("resid", 1): "cc" * 16}
    infos = {info.hookpoint: info for info in extract(model, tokens, sites, tmp_path / "a")}
    assert [infos[name].status for name in ("embed", "mlp.out", "resid")] == ["ok", "constant", "ok"]
    assert infos["mlp.out"].shards == ()
    assert not list((tmp_path / "a").rglob("bb*.*"))
    assert [infos[name].n_constant for name in ("embed", "mlp.out", "resid")] == [0, 16, 0]
    (embed, *_) = extract(model, same, sites, tmp_path / "b")
    assert (embed.status, embed.n_rows, embed.n_constant) == ("constant", 91, 16)


def test_coordinates_that_do_not_vary_are_counted(model, tokens, tmp_path):
    with torch.no_grad():
        model.structure.embedding.weight[:, [2, 5, 11]] = 0.5
        model.structure.embedding.weight[:, 7] = 0.0
        model.structure.embedding.weight[int(tokens.token_ids[tokens.sequence_starts[-1] - 1]), 7] = 1.0
    everywhere = dataclasses.replace(
        tokens,
        sample_sequences=np.repeat(np.arange(24), np.diff(tokens.sequence_starts)),
        sample_positions=np.concatenate([np.arange(size) for size in np.diff(tokens.sequence_starts)]),
        sample_lengths=np.ones(tokens.token_ids.size, dtype=np.int64),
    )
    (info,) = extract(model, everywhere, {("embed", -1): "ab" * 16}, tmp_path, shard_bytes=2000)
    values = read_shards(tmp_path, info.shards)
    assert info.status == "ok"
    assert info.n_constant == int(np.count_nonzero(np.ptp(values, axis=0) == 0)) == 3
