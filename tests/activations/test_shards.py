"""Shard files: readable by safetensors, whole or not there, checked when read."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file

from superpos.activations.shards import ShardWriter, read_shards
from superpos.errors import InputError, StageError
from superpos.hashing import file_digest

STEM = "0123456789abcdef" * 2


def written(root, values, shard_bytes=1 << 20, dtype="float32"):
    writer = ShardWriter(root, STEM, *values.shape, dtype, shard_bytes)
    writer.write(0, values)
    return writer.finish()


def test_files_are_what_safetensors_reads(tmp_path):
    values = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    (shard,) = written(tmp_path, values)
    assert shard.path == f"activations/01/{STEM}-000.safetensors"
    assert np.array_equal(load_file(tmp_path / shard.path)["activations"], values)
    with safe_open(tmp_path / shard.path, framework="numpy") as stored:
        assert list(stored.keys()) == ["activations"]
    assert shard.sha256 == file_digest(tmp_path / shard.path)
    assert [path.name for path in (tmp_path / shard.path).parent.iterdir()] == [f"{STEM}-000.safetensors"]


@settings(max_examples=25)
@given(
    n_rows=st.integers(1, 40),
    rows_per_shard=st.integers(1, 15),
    cut=st.integers(0, 40),
    dtype=st.sampled_from(["float32", "float16"]),
)
def test_rows_land_where_they_belong_in_any_order(tmp_path_factory, n_rows, rows_per_shard, cut, dtype):
    root = tmp_path_factory.mktemp("shards")
    values = np.arange(n_rows * 4, dtype=dtype).reshape(n_rows, 4)
    writer = ShardWriter(root, STEM, n_rows, 4, dtype, rows_per_shard * 4 * values.itemsize)
    cut = min(cut, n_rows)
    writer.write(cut, values[cut:])
    writer.write(0, values[:cut])
    assert np.array_equal(writer.read(0, n_rows), values)
    shards = writer.finish()
    assert len(shards) == -(-n_rows // rows_per_shard)
    assert np.array_equal(read_shards(root, shards), values)


def test_a_new_file_replaces_a_leftover_of_the_same_name(tmp_path):
    written(tmp_path, np.zeros((2, 2), np.float32))
    shards = written(tmp_path, np.ones((2, 2), np.float32))
    assert np.array_equal(read_shards(tmp_path, shards), np.ones((2, 2)))


def test_data_reach_the_disk_before_the_file_has_its_name(tmp_path, monkeypatch):
    synced = []

    def fsync(descriptor):
        synced.append((os.fstat(descriptor).st_size, [path.name for path in tmp_path.rglob("*.safetensors")]))

    monkeypatch.setattr(os, "fsync", fsync)
    (shard,) = written(tmp_path, np.ones((3, 2), np.float32))
    size = (tmp_path / shard.path).stat().st_size
    assert synced[0] == (size, [])
    assert synced[1][1] == [f"{STEM}-000.safetensors"]  # then the folder, which holds the name


def test_discarded_files_are_gone(tmp_path):
    writer = ShardWriter(tmp_path, STEM, 4, 2, "float32", 16)
    writer.write(0, np.zeros((4, 2), np.float32))
    writer.discard()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_rows_of_another_width_are_refused(tmp_path):
    writer = ShardWriter(tmp_path, STEM, 4, 2, "float32", 1 << 20)
    with pytest.raises(StageError, match=r"rows of shape \(3,\)"):
        writer.write(0, np.zeros((1, 3), np.float32))


def test_one_flipped_bit_is_detected_and_named(tmp_path):
    shards = written(tmp_path, np.ones((3, 2), np.float32))
    path = tmp_path / shards[0].path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=rf"{path.name}: activation file is damaged .*--rebuild"):
        read_shards(tmp_path, shards)


def test_missing_files_and_wrong_records_are_refused(tmp_path):
    (shard,) = written(tmp_path, np.ones((3, 2), np.float32))
    with pytest.raises(InputError, match=r"holds float32 \(3, 2\), recorded is float32 \(4, 2\)"):
        read_shards(tmp_path, [dataclasses.replace(shard, n_rows=4)])
    (tmp_path / shard.path).unlink()
    with pytest.raises(InputError, match=r"is missing.*--rebuild"):
        read_shards(tmp_path, [shard])
