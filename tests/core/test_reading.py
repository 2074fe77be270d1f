"""Places, text, JSON, CSV and arrays of any origin: read, or one line that names the file."""

from __future__ import annotations

import os
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from superpos.errors import InputError
from superpos.hashing import file_digest
from superpos.reading import matrices
from superpos.reading.matrices import read_array
from superpos.reading.places import (
    exists,
    is_file,
    is_folder,
    opened,
    read_bytes,
    resolved,
    user_path,
    walked,
)
from superpos.reading.refusals import DAMAGE, listed, one_line, parsing
from superpos.reading.texts import LongNumber, csv_rows, decoded, lines_of, parsed_json, read_json_object

ROWS = np.arange(6.0).reshape(2, 3) + 1.0


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2
    return str(caught.value)


# --- places -------------------------------------------------------------------------------------------------


def test_what_a_path_is(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("x")
    (tmp_path / "link").symlink_to(file)
    assert is_file(file)
    assert is_file(tmp_path / "link")
    assert not is_folder(file)
    assert is_folder(tmp_path)
    assert not is_file(tmp_path)
    for nothing in (tmp_path / "none", file / "below"):
        assert not is_file(nothing)
        assert not is_folder(nothing)
        assert refusal(lambda nothing=nothing: read_bytes(nothing)) == f"{nothing}: no such file"
    assert refusal(lambda: read_bytes(tmp_path)) == f"{tmp_path}: is a folder, not a file"


def test_places_that_cannot_be_read(tmp_path: Path) -> None:
    loop, pipe = tmp_path / "loop", tmp_path / "pipe"
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    long = tmp_path / ("x" * 3000)
    for look in (is_file, read_bytes, file_digest):
        assert refusal(lambda look=look: look(loop)).startswith(f"{loop}: cannot be read: ")
        assert "is neither a file nor a folder" in refusal(lambda look=look: look(pipe))
        assert "characters): cannot be read: File name too long" in refusal(lambda look=look: look(long))
    assert refusal(lambda: resolved(loop)).startswith(f"{loop}: cannot be read: ")
    assert exists(pipe)
    assert not exists(tmp_path / "none")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_reading_that_fails_halfway(tmp_path: Path) -> None:
    (tmp_path / "m.csv").symlink_to("/proc/self/mem")
    assert "m.csv: cannot be read: Input/output error" in refusal(lambda: list(csv_rows(tmp_path / "m.csv")))


def test_a_file_that_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("superpos.reading.places.is_file", lambda _: True)
    assert refusal(lambda: read_bytes(tmp_path / "gone")).endswith(
        "gone: cannot be read: No such file or directory"
    )


def test_mistakes_of_the_package_are_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(ZeroDivisionError), opened(tmp_path / "a"):
        _ = 1 // 0


def test_everything_below_a_folder_or_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b", "sub/a"):
        (tmp_path / name).write_text("x")
    (tmp_path / "again").symlink_to(tmp_path / "sub")  # links to folders are not followed
    (tmp_path / "file").symlink_to(tmp_path / "b")
    assert sorted(walked(tmp_path)) == [tmp_path / "b", tmp_path / "file", tmp_path / "sub" / "a"]
    (tmp_path / "sub" / "dangling").symlink_to(tmp_path / "none")
    assert refusal(lambda: walked(tmp_path)).endswith(
        "sub/dangling: is a link that leads nowhere; mend or remove it"
    )

    def closed(path: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", closed)
    assert refusal(lambda: walked(tmp_path)) == f"{tmp_path}: cannot be read: Permission denied"


def test_paths_that_users_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert user_path("~/a b") == Path("/home/me/a b")
    assert "is no path: it holds the control character U+0000" in refusal(lambda: user_path("a\0b"))
    assert "U+DCFF" in refusal(lambda: user_path(os.fsdecode(b"\xff.npz")))
    assert "home" in refusal(lambda: user_path("~nobody-of-this-name/a"))


# --- messages -----------------------------------------------------------------------------------------------


def test_names_that_are_listed() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b\n", "é"]) == "a, 'b\\n', é"
    assert listed(range(22)) == ", ".join(map(str, range(20))) + " and 2 more"


def test_messages_are_short_single_lines() -> None:
    assert one_line(ValueError("a\n  b\r\nc")) == "a b c"
    assert one_line(ValueError()) == "ValueError"
    assert one_line(KeyError("x")) == "lacks 'x'"
    assert len(one_line(ValueError("x" * 10_000))) == 300


@pytest.mark.parametrize("error", [OSError, *DAMAGE], ids=lambda error: error.__name__)
def test_errors_of_libraries_name_the_file(error: type[Exception]) -> None:
    def parse() -> None:
        with parsing("a.npz", "npz", mend="write it again"):
            raise error("odd\nbytes")

    assert refusal(parse).startswith("a.npz: cannot be read as npz: ")


def test_only_the_listed_errors_are_turned() -> None:
    with pytest.raises(StopIteration), parsing("a", "npz"):
        raise StopIteration


# --- text, JSON, CSV ----------------------------------------------------------------------------------------


def test_other_encodings_are_named() -> None:
    assert refusal(lambda: decoded("a".encode("utf-16"), "a.txt")) == (
        "a.txt: not UTF-8: byte 0xff at offset 0 (it begins like UTF-16; save it as UTF-8)"
    )
    assert refusal(lambda: decoded(b"caf\xe9", "a.txt", 10)) == "a.txt: not UTF-8: byte 0xe9 at offset 13"


def test_json_values() -> None:
    assert parsed_json('\ufeff{"a": 1}', "w") == {"a": 1}
    assert parsed_json('{"a": ' + "9" * 5000 + ', "b": 12}', "w") == {"a": LongNumber("9" * 5000), "b": 12}
    assert repr(LongNumber("9" * 5000)) == "a whole number of 5000 digits"
    assert refusal(lambda: parsed_json("[" * 200_000, "w: line 3")) == (
        "w: line 3: not read: lists or records are nested too deeply"
    )
    assert refusal(lambda: parsed_json("", "w")) == "w: not JSON: Expecting value"
    assert refusal(lambda: parsed_json("[1,\n2,]", "w")).startswith("w: not JSON: ")
    assert "not JSON" in refusal(lambda: parsed_json("9" * 5000 + " x", "w"))


def test_json_objects(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json_object(file) == {"a": 1}
    file.write_text("[1]")
    assert refusal(lambda: read_json_object(file)) == f"{file}: not a JSON object"


def test_csv(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_bytes(b'\xef\xbb\xbfa,"b\nb"\r\n\r\nc,d\n')
    assert list(csv_rows(file)) == [(2, ["a", "b\nb"]), (3, []), (4, ["c", "d"])]
    file.write_bytes(b"a\n" + b"x" * 140_000)  # more than the limit that the library begins with
    assert [len(row[0]) for _, row in csv_rows(file)] == [1, 140_000]
    for content, line in ((b'a\n"b\n', 2), (b'"a"b\n', 1)):
        file.write_bytes(content)
        assert refusal(lambda: list(csv_rows(file))).startswith(f"{file}: line {line}: not CSV: ")


def test_lines_and_their_offsets(tmp_path: Path) -> None:
    file = tmp_path / "l"
    file.write_bytes(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\rc\n")
    assert list(lines_of(file)) == [(1, 3, b"a\n"), (2, 5, b"\xef\xbb\xbfb\rc\n")]


# --- arrays -------------------------------------------------------------------------------------------------


def test_one_array_of_several(tmp_path: Path) -> None:
    """The one that is asked for is read, and damage to another does not matter."""
    file = tmp_path / "a.npz"
    np.savez_compressed(file, w=ROWS.astype(np.float32), other=np.random.default_rng(1).normal(size=500))
    data = bytearray(file.read_bytes())
    info = zipfile.ZipFile(file).getinfo("other.npy")
    for place in range(info.header_offset + 100, info.header_offset + 200):
        data[place] ^= 0xFF
    file.write_bytes(data)
    np.testing.assert_array_equal(read_array(file, "w"), ROWS)
    assert read_array(file, "w").dtype == np.float32
    assert "a.npz: cannot be read as npz without pickle: " in refusal(lambda: read_array(file, "other"))
    assert "holds other, w; name one with `tensor`" in refusal(lambda: read_array(file))
    assert "has no tensor 'x'; it holds other, w" in refusal(lambda: read_array(file, "x"))


def test_members_that_are_no_arrays(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "x")
    assert "holds nothing" in refusal(lambda: read_array(tmp_path / "a.npz"))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("w.npy", "x")
    assert "cannot be read as npz without pickle" in refusal(lambda: read_array(tmp_path / "a.npz"))


def bomb(file: Path, *, promised: int) -> None:
    """Write a small npz whose headers promise `promised` bytes of zeros, as one that unpacks to them does."""
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118)
    head += (
        f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({promised // 8000}, 1000), }}".encode().ljust(
            117
        )
        + b"\n"
    )
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(head + bytes(1 << 20)) + packer.flush()
    size = len(head) + promised
    name, crc = b"w.npy", zlib.crc32(head)
    common = struct.pack("<5H3I2H", 20, 0, 8, 0, 0, crc, len(data), size, len(name), 0)
    local = b"PK\x03\x04" + common + name
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<3H2I", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, len(entry), len(local) + len(data), 0)
    file.write_bytes(local + data + entry + end)


def test_an_archive_that_unpacks_to_gigabytes_is_refused_by_its_headers(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    bomb(file, promised=3_000_000_000)
    assert file.stat().st_size < 10_000
    tracemalloc.start()
    try:
        message = refusal(lambda: read_array(file))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (
        "holds float64 of shape (375000, 1000), 375,000,000 numbers; at most 268,435,456 are read" in message
    )
    assert peak < 10_000_000


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float32"])
def test_of_a_large_file_one_tensor_is_read(tmp_path: Path, kind: str) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    values = torch.arange(-12.0, 12.0).reshape(4, 6).to(getattr(torch, kind))
    save_torch({"a": torch.zeros(3_000_000), "m": values, "z": values[:1] + 1}, tmp_path / "x.safetensors")
    tracemalloc.start()
    try:
        found = read_array(tmp_path / "x.safetensors", "m")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found, values.float().numpy())
    assert peak < 1_000_000


def test_a_header_that_promises_more_than_the_archive_has(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", ROWS)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("w.npy", (tmp_path / "w.npy").read_bytes().replace(b"(2, 3)", b"(9, 9)"))
    message = refusal(lambda: read_array(tmp_path / "a.npz"))
    assert "a.npz: w.npy: its header promises 648 bytes, the archive has 48" in message


def test_the_limit_counts_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", w=ROWS)
    save_file({"w": ROWS}, tmp_path / "a.safetensors")
    for file in (tmp_path / "a.npz", tmp_path / "a.safetensors"):
        monkeypatch.setattr(matrices, "LARGEST_ARRAY", 6)
        np.testing.assert_array_equal(read_array(file), ROWS)
        monkeypatch.setattr(matrices, "LARGEST_ARRAY", 5)
        assert "of shape (2, 3), 6 numbers; at most 5 are read" in refusal(lambda file=file: read_array(file))


@pytest.mark.parametrize("kind", ["bool", "complex128", "<U3", "datetime64[s]", "object"])
def test_arrays_of_anything_but_real_numbers(tmp_path: Path, kind: str) -> None:
    np.savez(tmp_path / "a.npz", np.zeros((2, 2)).astype(kind))
    message = refusal(lambda: read_array(tmp_path / "a.npz"))
    assert "real numbers are needed" in message or "it holds Python objects" in message
