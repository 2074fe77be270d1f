"""Shard files: readable by safetensors, whole or not there, checked when read."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file

from superpos.activations.shard_writer import ShardWriter
from superpos.activations.shards import read_shards
from superpos.errors import InputError, StageError
from superpos.hashing import file_digest

STEM = "0123456789abcdef" * 2


def written(root, values, shard_bytes=1 << 20, dtype="float32", identity="one"):
    writer = ShardWriter(root, STEM, *values.shape, dtype, shard_bytes, identity)
    writer.write(0, values)
    return writer.shards()


def test_files_are_what_safetensors_reads(tmp_path):
    values = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    (shard,) = written(tmp_path, values)
    assert shard.path == f"activations/01/{STEM}-000.safetensors"
    assert np.array_equal(load_file(tmp_path / shard.path)["activations"], values)
    with safe_open(tmp_path / shard.path, framework="numpy") as stored:
        assert list(stored.keys()) == ["activations"]
    assert shard.sha256 == file_digest(tmp_path / shard.path)
    names = sorted(path.name for path in (tmp_path / shard.path).parent.iterdir())
    assert names == [f"{STEM}-000.safetensors", f"{STEM}.json"]


@settings(max_examples=25, deadline=None)  # files are synced: a busy disk takes its time
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
    shards = writer.shards()
    assert len(shards) == -(-n_rows // rows_per_shard)
    assert np.array_equal(read_shards(root, shards), values)


def test_a_file_of_other_origin_is_replaced(tmp_path):
    written(tmp_path, np.zeros((2, 2), np.float32))
    shards = written(tmp_path, np.ones((2, 2), np.float32), identity="two")
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


def test_closing_removes_what_is_not_finished_and_dropping_everything(tmp_path):
    def files():
        return sorted(path.name for path in tmp_path.rglob("*") if path.is_file())

    writer = ShardWriter(tmp_path, STEM, 4, 2, "float32", 16)
    writer.write(0, np.zeros((3, 2), np.float32))
    assert len(files()) == 3
    writer.close()
    assert files() == [f"{STEM}-000.safetensors", f"{STEM}.json"]
    with pytest.raises(StageError, match="2 rows were never written"):
        writer.shards()
    writer.drop()
    assert files() == []


def test_the_next_writer_keeps_finished_shards_and_makes_the_others(tmp_path):
    values = np.arange(14, dtype=np.float32).reshape(7, 2)
    whole = written(tmp_path / "whole", values, shard_bytes=16)
    first = ShardWriter(tmp_path, STEM, 7, 2, "float32", 16, "one")
    first.write(0, values[:3])
    first.close()
    again = ShardWriter(tmp_path, STEM, 7, 2, "float32", 16, "one")
    assert again.missing_rows().tolist() == [False] * 2 + [True] * 5
    assert again.n_bytes_missing == 5 * 8
    again.write(0, np.full((2, 2), 9.0, np.float32))  # rows of a finished shard: passed over
    again.write(2, values[2:])
    assert again.shards() == whole
    assert np.array_equal(again.read(1, 5), values[1:6])


@pytest.mark.parametrize("damage", ["flip", "remove", "journal", "identity"])
def test_what_is_not_known_to_be_whole_is_made_again(tmp_path, damage):
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    written(tmp_path, values, shard_bytes=16)
    folder = tmp_path / "activations" / STEM[:2]
    path = folder / f"{STEM}-001.safetensors"
    if damage == "flip":
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content))
    elif damage == "remove":
        path.unlink()
    elif damage == "journal":
        (folder / f"{STEM}.json").write_text('{"identity": 3')
    again = ShardWriter(tmp_path, STEM, 4, 2, "float32", 16, "two" if damage == "identity" else "one")
    lost = [False, False, True, True] if damage in ("flip", "remove") else [True] * 4
    assert again.missing_rows().tolist() == lost


def test_files_of_dead_processes_are_removed_and_those_of_living_ones_kept(tmp_path):
    folder = tmp_path / "activations" / STEM[:2]
    folder.mkdir(parents=True)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = socket.gethostname()
    dead, living, elsewhere, other = (
        folder / f".{name}.tmp"
        for name in (
            f"{STEM}-000.safetensors.{host}.{ended.pid}",
            f"{STEM}-000.safetensors.{host}.{os.getppid()}",
            f"{STEM}-000.safetensors.not-{host}.{ended.pid}",
            f"{'f' * 32}-000.safetensors.{host}.{ended.pid}",
        )
    )
    for path in (dead, living, elsewhere, other):
        path.write_bytes(b"")
    ShardWriter(tmp_path, STEM, 4, 2, "float32", 1 << 20)
    assert [path.is_file() for path in (dead, living, elsewhere, other)] == [False, True, True, True]


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
    with pytest.raises(InputError, match=rf"{path.name}: activation file is damaged .*makes it again"):
        read_shards(tmp_path, shards)


def test_missing_files_and_wrong_records_are_refused(tmp_path):
    (shard,) = written(tmp_path, np.ones((3, 2), np.float32))
    with pytest.raises(InputError, match=r"holds float32 \(3, 2\), recorded is float32 \(4, 2\)"):
        read_shards(tmp_path, [dataclasses.replace(shard, n_rows=4)])
    (tmp_path / shard.path).unlink()
    with pytest.raises(InputError, match=r"is missing.*makes it again"):
        read_shards(tmp_path, [shard])
