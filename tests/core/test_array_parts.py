"""Rows and columns of matrices in files: the same numbers from every format, little memory, damage."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from superpos.errors import InputError
from superpos.reading import array_parts
from superpos.reading.array_parts import ArrayHead, array_heads, read_vectors

SHAPE = (11, 7)
VALUES = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
TYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def written(folder: Path, suffix: str, values: torch.Tensor, **more: torch.Tensor) -> Path:
    path = folder / f"w{suffix}"
    arrays = {"other": torch.zeros(3), "w": values, **more}
    if suffix == ".safetensors":
        save_file(arrays, path)
    elif suffix == ".npz":
        np.savez(path, **{name: one.numpy() for name, one in arrays.items()})
    elif suffix == ".zip.npz":
        np.savez_compressed(path, **{name: one.numpy() for name, one in arrays.items()})
    else:
        torch.save(arrays, path, _use_new_zipfile_serialization=suffix != ".old.pt")
    return path


FORMATS = (".safetensors", ".npz", ".zip.npz", ".pt", ".pth", ".bin", ".old.pt")


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (suffix, kind)
        for suffix in FORMATS
        for kind in TYPES
        if not (suffix.endswith("npz") and kind == "bfloat16")  # which NumPy lacks
    ],
)
def test_every_format_and_type_gives_the_same_part(tmp_path: Path, suffix: str, kind: str) -> None:
    values = VALUES.to(TYPES[kind])
    path = written(tmp_path, suffix, values)
    exact = values.double().numpy()
    for chosen in ([4], [10, 0, 3], list(range(7))):
        found = read_vectors(path, "w", chosen, columns=False)
        np.testing.assert_array_equal(found, exact[chosen])
        assert found.dtype == np.float64
        assert found.flags.c_contiguous
    np.testing.assert_array_equal(read_vectors(path, "w", [6, 2, 2], columns=True), exact.T[[6, 2, 2]])
    assert read_vectors(path, "w", [], columns=True).shape == (0, 11)
    assert array_heads(path)["w"].shape == SHAPE
    assert array_heads(path)["other"].shape == (3,)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=5), st.booleans(), st.booleans(), st.integers(1, 500))
def test_a_member_of_an_archive_in_any_order_and_blocks(
    chosen: list[int], columns: bool, fortran: bool, block: int
) -> None:
    values = np.arange(77.0).reshape(11, 7).astype(">f4")
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(array_parts, "BLOCK_BYTES", block)
        path = Path(folder) / "a.npz"
        np.savez(path, w=np.asfortranarray(values) if fortran else values)
        expected = (values.T if columns else values)[chosen]
        np.testing.assert_array_equal(read_vectors(path, "w", chosen, columns=columns), expected)


def test_only_what_is_asked_for_is_in_memory(tmp_path: Path) -> None:
    """A file of 34 GB, nearly all of it a hole that takes no disk."""
    n, d = 1 << 24, 512
    path = tmp_path / "w.safetensors"
    header = f'{{"w":{{"dtype":"F32","shape":[{n},{d}],"data_offsets":[0,{4 * n * d}]}}}}'.encode()
    with path.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        stream.truncate(8 + len(header) + 4 * n * d)
        stream.seek(8 + len(header) + 4 * (5 * d))
        stream.write(np.arange(d, dtype="<f4").tobytes())
    found = read_vectors(path, "w", [5, n - 1], columns=False)
    np.testing.assert_array_equal(found, [np.arange(d), np.zeros(d)])
    assert path.stat().st_blocks * 512 < 1 << 20
    with pytest.raises(InputError, match=r"1,048,576 vectors of 512 are asked for; at most 268,435,456"):
        read_vectors(path, "w", range(1 << 20), columns=False)


# --- what cannot be read ------------------------------------------------------------------------------------


class Evil:
    """What a pickle can do when it is opened."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch owned",)


def test_a_pickle_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"w": VALUES, "evil": Evil()}, "w.pt")
    Path("old.pt").write_bytes(pickle.dumps({"w": Evil()}))
    for name in ("w.pt", "old.pt"):
        with pytest.raises(
            InputError,
            match=rf"^{name}: is no file of tensors and plain data .*safetensors",
        ):
            array_heads(Path(name))
    with pytest.raises(InputError, match=r"it asks for (posix|nt)\.system; save its tensors"):
        array_heads(Path("w.pt"))
    assert not Path("owned").exists()


def test_torch_files_that_are_something_else(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    for content, says in (
        (VALUES, r"w\.pt: holds Tensor; a dictionary of tensors is needed"),
        ({"lr": 0.1}, r"w\.pt: holds a dictionary without tensors"),
    ):
        torch.save(content, path)
        with pytest.raises(InputError, match=says):
            array_heads(path)
    torch.save({"sae": {"w": VALUES}, "version": "2.0"}, path)  # as Language-Model-SAEs writes it
    assert array_heads(path) == {"w": ArrayHead(SHAPE, "float32", real=True)}


def test_a_compressed_torch_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ".pt", VALUES)
    with (
        zipfile.ZipFile(path) as archive,
        zipfile.ZipFile(tmp_path / "z.pt", "w", zipfile.ZIP_DEFLATED) as other,
    ):
        for info in archive.infolist():
            other.writestr(info.filename, archive.read(info))
    with pytest.raises(InputError, match=r"z\.pt: .* is compressed, as torch\.save writes none"):
        array_heads(tmp_path / "z.pt")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_is_cut_off_or_empty(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix, VALUES)
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError) as caught:
            read_vectors(path, "w", [0, 10], columns=False)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_damage_within_an_archive_is_found(tmp_path: Path) -> None:
    path = written(tmp_path, ".npz", VALUES)
    data = bytearray(path.read_bytes())
    place = data.index(VALUES.numpy().tobytes()[:16])
    data[place + 8] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"w\.npz: cannot be read as npz without pickle: Bad CRC-32"):
        read_vectors(path, "w", [0], columns=False)


def test_headers_that_promise_too_much(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f4", "fortran_order": False, "shape": (1 << 20, 1 << 20)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("w.npy", buffer.getvalue() + bytes(64))
        archive.writestr("broken.npy", b"nothing")
    with pytest.raises(InputError, match=r"w: its header promises 4398046511104 bytes, the archive has 64"):
        read_vectors(tmp_path / "a.npz", "w", [0], columns=False)
    with pytest.raises(InputError, match=r"broken holds what cannot be read; floating-point numbers"):
        read_vectors(tmp_path / "a.npz", "broken", [0], columns=False)


def test_what_is_no_matrix_of_real_numbers(tmp_path: Path) -> None:
    more = {"eight": VALUES.to(torch.float8_e4m3fn), "cube": torch.ones(2, 2, 2)}
    path = written(tmp_path, ".safetensors", VALUES, **more)
    for name, says in (
        ("eight", r"eight holds F8_E4M3; floating-point numbers are needed"),
        ("cube", r"cube has the shape \(2, 2, 2\); a matrix is needed"),
        ("x", r"has no array 'x'; it holds cube, eight, other, w"),
    ):
        with pytest.raises(InputError, match=says):
            read_vectors(path, name, [0], columns=False)
    with pytest.raises(InputError, match=r"w: column 7 is not there; columns are 0 to 6"):
        read_vectors(path, "w", [7], columns=True)
    with pytest.raises(InputError, match=r"w\.csv: cannot be read in parts; allowed: files that end in"):
        array_heads(tmp_path / "w.csv")
