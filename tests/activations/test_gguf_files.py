"""GGUF files that are damaged, or not what is read: one line each, and nothing left behind."""

from __future__ import annotations

import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf_files import write_pair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from superpos.activations import gguf_folder as made
from superpos.activations import gguf_types, gguf_weights
from superpos.activations.gguf_folder import gguf_digest
from superpos.activations.gguf_header import Length, read_gguf_header
from superpos.activations.inspection import inspect_model, tokenizer_file
from superpos.activations.locating import locate
from superpos.errors import InputError
from superpos.hashing import file_digest
from superpos.models import bundled_model
from superpos.specs.models import ModelSpec

NANO = bundled_model("nano") / "tokenizer.json"


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SUPERPOS_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama of 4096 tokens with the tokenizer of the bundled model."""
    folder = tmp_path_factory.mktemp("tiny")
    write_pair("llama", folder / "tiny.gguf", folder / "plain", tokenizer=NANO, vocab_size=4096)
    return folder / "tiny.gguf"


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def located(path: Path) -> Callable[[], object]:
    return lambda: locate(ModelSpec(str(path)))


def left_behind(models: Path) -> list[str]:
    """Folders that stand in the cache, finished or not."""
    return sorted(
        path.name for path in (models / "gguf").glob("*") if path.is_dir() and path.name != "digests"
    )


def test_the_header_is_what_the_package_reads(tiny: Path) -> None:
    header, theirs = read_gguf_header(tiny), gguf.GGUFReader(tiny)
    assert [(t.name, t.shape, t.type, t.offset) for t in header.tensors] == [
        (t.name, tuple(map(int, t.shape[::-1])), int(t.tensor_type), t.data_offset) for t in theirs.tensors
    ]
    assert {*header.metadata} == {key for key in theirs.fields if not key.startswith("GGUF.")}
    for key, value in header.metadata.items():
        field = theirs.fields[key].contents()
        assert len(field) == value.n if isinstance(value, Length) else field == value


def test_short_arrays_and_every_type_of_number_are_read(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "llama")
    for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"):
        getattr(writer, f"add_{name}")(name, 7)
    writer.add_float64("float64", 0.1)
    writer.add_bool("bool", True)
    writer.add_array("short", [1, 2, 3])
    writer.add_array("long", list(range(5000)))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    said = read_gguf_header(tmp_path / "x.gguf").metadata
    assert said["float64"] == 0.1
    assert said["int64"] == said["uint8"] == 7
    assert said["short"] == [1, 2, 3]
    assert said["long"] == Length(5000)
    assert "holds no weights" in refusal(located(tmp_path / "x.gguf"))


def test_every_cut_is_seen(tiny: Path, tmp_path: Path, models: Path) -> None:
    data = tiny.read_bytes()
    for size in (0, 3, 10, 23, 24, 40, 200, 30_000, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.gguf").write_bytes(data[:size])
        assert "cut.gguf" in refusal(located(tmp_path / "cut.gguf"))
    assert left_behind(models) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 3000), byte=st.integers(0, 255))
def test_no_damaged_byte_hangs_or_ends_the_reader(tiny: Path, tmp_path: Path, place: int, byte: int) -> None:
    data = bytearray(tiny.read_bytes())
    data[place] = byte
    (tmp_path / "damaged.gguf").write_bytes(data)
    start = time.process_time()
    with suppress(InputError):
        gguf_types.check_tensors(read_gguf_header(tmp_path / "damaged.gguf"), gguf)
    assert time.process_time() - start < 2


def altered(**changes: Any) -> Callable[[Path], None]:
    """Return what writes a tiny model with other metadata."""
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    return lambda path: write_pair("llama", path, path.parent / "plain", metadata=keys)


def patched(at: int, text: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        altered()(path)
        data = bytearray(path.read_bytes())
        data[at : at + len(text)] = text
        path.write_bytes(data)

    return write


def of_type(number: int) -> Callable[[Path], None]:
    """Return what writes a model whose first tensor claims a type."""

    def write(path: Path) -> None:
        altered()(path)
        data = bytearray(path.read_bytes())
        place = data.index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 16
        data[place : place + 4] = struct.pack("<I", number)
        path.write_bytes(data)

    return write


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (patched(0, b"GGML"), "is no GGUF file: it begins with b'GGML'"),
        (patched(4, b"\x01\0\0\0"), "is GGUF of version 1; versions 2 and 3 are read"),
        (patched(4, b"\0\0\0\x03"), "its numbers are big-endian"),
        (patched(8, b"\xff" * 8), "entries are promised"),
        (patched(16, b"\xff" * 8), "entries are promised"),
        (of_type(28), "tensor token_embd.weight is F64, which the installed package gguf cannot dequantise"),
        (of_type(24), "is I8, which"),
        (of_type(999), "is type 999, which"),
        (of_type(12), "is not made of blocks of 256 numbers"),
        (altered(general__type="adapter"), "is an adapter (LoRA)"),
        (altered(adapter__type="lora"), "is an adapter (LoRA)"),
        (altered(general__type="mmproj"), "reads images for another model"),
        (altered(general__type="imatrix"), "holds no model"),
        (altered(split__count=3), "is one of 3 parts"),
        (altered(general__architecture="rwkv7"), "architecture 'rwkv7' is not one that the installed"),
        (altered(llama__attention__scale=0.5), "llama.attention.scale = 0.5 is not carried over"),
        (altered(llama__attention__causal=False), "llama.attention.causal = False is not carried over"),
        (altered(llama__rope__scaling__type="longrope"), "llama.rope.scaling.type = 'longrope'"),
        (altered(llama__something__new=3), "llama.something.new = 3 is not carried over"),
        (altered(llama__feed_forward_length=64), "have another shape than the parameters"),
        (altered(llama__block_count=3), "parameters of the model are not in the file"),
        (altered(llama__block_count=1), "it would not be the same model"),
        (altered(llama__attention__head_count=0), "tiny.gguf"),
        (altered(llama__block_count=100_000), "tiny.gguf"),
    ],
)
def test_what_is_not_read_is_refused_in_one_line(
    tmp_path: Path, models: Path, write: Callable[[Path], None], message: str
) -> None:
    write(tmp_path / "tiny.gguf")
    said = refusal(located(tmp_path / "tiny.gguf"))
    assert message in said
    assert str(models) not in said
    assert left_behind(models) == []


def test_the_weights_are_not_touched_before_the_rest_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered(llama__attention__scale=0.5)(tmp_path / "tiny.gguf")
    monkeypatch.setattr(gguf_weights, "write_weights", lambda *_: pytest.fail("weights were read"))
    assert "is not carried over" in refusal(located(tmp_path / "tiny.gguf"))


def test_a_type_that_is_refused_names_all_that_are_read(tmp_path: Path) -> None:
    of_type(28)(tmp_path / "tiny.gguf")
    said = refusal(located(tmp_path / "tiny.gguf"))
    assert {"F32", "BF16", "Q4_0", "Q8_0", "Q4_K", "IQ2_XXS"} <= set(
        said.rpartition("allowed: ")[2].split(", ")
    )


def test_dequantised_types_are_those_that_the_package_dequantises() -> None:
    for number, (n_block, n_bytes) in gguf_types.dequantized_types(gguf).items():
        values = gguf.dequantize(np.zeros((2, n_bytes), np.uint8), gguf.GGMLQuantizationType(number))
        assert values.shape[-1] in (n_block, n_bytes // 4, n_bytes // 2)


def test_a_folder_is_the_same_bytes_each_time_and_made_once(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digests() -> dict[str, str]:
        folder, _ = locate(ModelSpec(str(tiny)))
        return {path.name: file_digest(path) for path in sorted(folder.iterdir())}

    first = digests()
    assert set(first) == {
        "config.json", "gguf.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    monkeypatch.setattr(made, "_make", lambda *_: pytest.fail("made twice"))
    assert digests() == first
    monkeypatch.undo()
    monkeypatch.setenv("SUPERPOS_MODELS", str(tmp_path / "elsewhere"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other-name.gguf").write_bytes(tiny.read_bytes())
    folder, _ = locate(ModelSpec(str(tmp_path / "sub" / "other-name.gguf")))
    assert {path.name: file_digest(path) for path in sorted(folder.iterdir())} == first
    assert (folder / "model.safetensors").stat().st_mode == (folder / "gguf.json").stat().st_mode


def test_what_a_killed_process_left_is_removed(tiny: Path, models: Path) -> None:
    name = f"{file_digest(tiny)}-{made.FORMAT}"
    for left in (models / "gguf" / f".{name}.tmp", models / "gguf" / name):
        left.mkdir(parents=True)
        (left / "model.safetensors").write_bytes(b"half")
    folder, _ = locate(ModelSpec(str(tiny)))
    assert left_behind(models) == [name]
    assert (folder / "model.safetensors").stat().st_size > 1000


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), MemoryError(), KeyboardInterrupt()]
)
def test_what_fails_halfway_leaves_nothing(
    tiny: Path, models: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(gguf_weights, "write_weights", fail)
    kind = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else InputError
    with pytest.raises(kind):
        locate(ModelSpec(str(tiny)))
    assert left_behind(models) == []


def test_a_full_disk_is_seen_before_anything_is_written(
    tiny: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = made.shutil.disk_usage(tiny.parent)
    monkeypatch.setattr(made.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert "GB left; SUPERPOS_MODELS names another folder" in refusal(located(tiny))
    assert left_behind(models) == []


def test_two_that_ask_at_once_make_one_folder(
    tiny: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, made_now = made._make, []

    def slowly(*arguments: Any) -> None:
        made_now.append(threading.get_ident())
        time.sleep(0.3)
        make(*arguments)

    monkeypatch.setattr(made, "_make", slowly)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: locate(ModelSpec(str(tiny)))[0], range(2)))
    assert len(set(found)) == len(made_now) == len(left_behind(models)) == 1


def test_a_digest_is_remembered_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(b"one")
    first = gguf_digest(file)
    monkeypatch.setattr(made, "SETTLED_NS", -(10**12))  # a file just written counts as old
    assert gguf_digest(file) == first
    monkeypatch.setattr(made, "file_digest", lambda _: pytest.fail("read again"))
    assert gguf_digest(file) == first
    monkeypatch.setattr(made, "file_digest", file_digest)
    stamp = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # the same size and time of change
    assert gguf_digest(file) == file_digest(file) != first


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path, models: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"one")
    gguf_digest(tmp_path / "x.gguf")
    assert not list((models / "gguf").rglob("*.json"))


def test_without_the_packages_one_line_says_what_installs_them(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert "pip install 'superpos[gguf]'" in refusal(located(tiny))


def test_files_without_a_suffix_and_links_are_read(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(tiny.read_bytes())
    (tmp_path / "link.gguf").symlink_to(tmp_path / "blob")
    first = locate(ModelSpec(str(tiny)))
    assert (
        locate(ModelSpec(str(tmp_path / "blob"))) == locate(ModelSpec(str(tmp_path / "link.gguf"))) == first
    )


def test_a_folder_with_one_gguf_file_is_that_model_and_one_of_two_is_asked_for(
    tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "a.gguf").write_bytes(tiny.read_bytes())
    assert locate(ModelSpec(str(folder))) == locate(ModelSpec(str(tiny)))
    (folder / "b.GGUF").write_bytes(tiny.read_bytes())
    assert "holds several GGUF files; name one of them as the model: a.gguf, b.GGUF" in refusal(
        located(folder)
    )


def test_a_revision_of_a_file_is_refused(tiny: Path) -> None:
    said = refusal(lambda: locate(ModelSpec(str(tiny), revision="step1")))
    assert "is local and has no revision 'step1'" in said


def test_the_tokenizer_of_the_file_is_that_of_the_model(tiny: Path) -> None:
    from tokenizers import Tokenizer

    made_of_file, own = (
        Tokenizer.from_file(str(tokenizer_file(ModelSpec(str(tiny))))),
        Tokenizer.from_file(str(NANO)),
    )
    text = "def f(x):\n    return x ** 2  # naïve, 1995 and <|endoftext|>\t\n\n'It’s' 3.14 ∑"
    assert made_of_file.encode(text).ids == own.encode(text).ids
    assert made_of_file.decode(own.encode(text).ids) == own.decode(own.encode(text).ids)


@pytest.mark.parametrize("pre", ["nobodys", None])
def test_a_tokenizer_that_cannot_be_made_leaves_the_model_readable(tmp_path: Path, pre: str | None) -> None:
    write_pair("llama", tmp_path / "tiny.gguf", tmp_path / "plain", tokenizer=NANO, vocab_size=4096)
    data = bytearray((tmp_path / "tiny.gguf").read_bytes())
    at = data.index(b"gpt-2") if pre else data.index(b"tokenizer.ggml.pre")
    data[at + 3 : at + 5] = b"xx"
    (tmp_path / "tiny.gguf").write_bytes(data)
    spec = ModelSpec(str(tmp_path / "tiny.gguf"))
    assert inspect_model(spec).tokenizer_digest == ""
    said = refusal(lambda: tokenizer_file(spec))
    assert "how a tokenizer of this name splits text is not known" in said
    assert "put the model's own tokenizer.json" in said
    (tmp_path / "tokenizer.json").write_bytes(NANO.read_bytes())
    assert inspect_model(spec).tokenizer_digest == file_digest(NANO)
    assert tokenizer_file(spec).read_bytes() == NANO.read_bytes()


def test_a_file_without_a_tokenizer_says_so(tmp_path: Path) -> None:
    write_pair("llama", tmp_path / "tiny.gguf", tmp_path / "plain")
    assert "holds no tokenizer" in refusal(lambda: tokenizer_file(ModelSpec(str(tmp_path / "tiny.gguf"))))


def test_no_such_file(tmp_path: Path) -> None:
    assert "absent.gguf: no such file" in refusal(located(tmp_path / "absent.gguf"))
