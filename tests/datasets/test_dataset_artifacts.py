from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from superpos.datasets.artifacts import content_digest, load_dataset, save_dataset
from superpos.errors import InputError
from superpos.records.data import LabelledTokens

pytestmark = pytest.mark.stdlib


def test_round_trip(text_set: LabelledTokens, tmp_path: Path) -> None:
    path = tmp_path / "sets" / "a.safetensors"
    digest = save_dataset(path, text_set)
    back = load_dataset(path)
    for field in dataclasses.fields(LabelledTokens):
        before, after = getattr(text_set, field.name), getattr(back, field.name)
        if isinstance(before, np.ndarray):
            assert before.dtype == after.dtype
            assert np.array_equal(before, after)
        else:
            assert before == after
    assert content_digest(back) == digest
    assert [item.name for item in path.parent.iterdir()] == ["a.safetensors"]
    first = path.read_bytes()
    save_dataset(path, back)
    assert path.read_bytes() == first


def test_digest_sees_content_and_not_provenance(text_set: LabelledTokens) -> None:
    labels = text_set.labels.copy()
    labels[0, 0] = ~labels[0, 0]
    names = ("x", *text_set.feature_names[1:])
    digests = {
        content_digest(text_set),
        content_digest(dataclasses.replace(text_set, labels=labels)),
        content_digest(dataclasses.replace(text_set, feature_names=names)),
    }
    assert len(digests) == 3
    assert content_digest(dataclasses.replace(text_set, provenance={}, examples=())) in digests


def test_failed_write_leaves_the_old_file(
    text_set: LabelledTokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    save_dataset(path, text_set)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_dataset(path, dataclasses.replace(text_set, feature_names=tuple("abcdefghijk")))
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["a.safetensors"]


def test_bad_files(text_set: LabelledTokens, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(InputError, match="no such feature set"):
        load_dataset(path)
    save_dataset(path, text_set)
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cannot be read as a feature set"):
        load_dataset(path)
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        load_dataset(path)
    save_file({"x": np.zeros(3)}, path)
    with pytest.raises(InputError, match="cannot be read as a feature set"):
        load_dataset(path)
