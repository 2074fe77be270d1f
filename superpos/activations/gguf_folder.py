"""A GGUF model as a model folder: dequantised once to single precision and kept.

    SUPERPOS_MODELS/gguf/SHA256-FORMAT/    config.json  model.safetensors  tokenizer.json
                                           tokenizer_config.json  gguf.json

transformers dequantises and undoes what llama.cpp did to names and layouts (permuted queries and keys,
transposed maps, norms stored as 1 + w). Before minutes are spent, the header is checked; afterwards, that no
parameter is missing and that the model holds as many numbers as the file. The folder depends on the content
of the file, on the tokenizer beside it and on `FORMAT`, and it is the same bytes each time. It is written
under another name and renamed, under a lock: processes that ask at once wait for the first, and what a killed
one left is removed by the next.

A `tokenizer.json` beside the file, with its `tokenizer_config.json`, counts instead of the file's own.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from superpos.activations.gguf_header import GgufHeader, read_gguf_header
from superpos.activations.gguf_types import check_tensors, gguf_package, quantization
from superpos.activations.presets import models_folder
from superpos.arrays import Float
from superpos.errors import InputError
from superpos.files import sync_folder
from superpos.hashing import file_digest, text_digest
from superpos.reading.places import is_file, resolved
from superpos.reading.refusals import one_line
from superpos.reading.texts import read_json_object

FORMAT = 1
"""Version of what is made of a GGUF file; raised when the same file would give another folder."""
RECORD = "gguf.json"
"""Where a folder says what it was made of; written last."""
BESIDE = ("tokenizer.json", "tokenizer_config.json")
BYTES_OF_A_NUMBER = 4
SETTLED_NS = 2_000_000_000
"""Age of a file from which on a later change is sure to change its time."""


@dataclass(frozen=True, slots=True)
class GgufRecord:
    """What a folder was made of."""

    digest: str
    """SHA-256 of the GGUF file."""
    architecture: str
    quantization: str
    """Types of its tensors by name, that of most numbers first."""
    no_tokenizer: str
    """Why the folder has no tokenizer; empty if it has one."""
    transformers: str
    gguf: str
    """Versions of the packages that made it."""


def gguf_folder(path: Path) -> Path:
    """Return the model folder of a GGUF file, made now if there is none yet.

    Raises
    ------
    InputError
        For a file that is no GGUF, damaged, cut off, a part of several, an adapter or a part that reads
        images; for an architecture or a type of numbers that cannot be read; without the packages that read
        GGUF; without room for the folder. Nothing is left behind.
    """
    from filelock import FileLock

    path = resolved(path.parent) / path.name  # of a link its own place: a tokenizer may lie beside it
    if not is_file(path):
        raise InputError(f"{path}: no such file")
    digest = gguf_digest(path)
    beside = _tokenizer_beside(path)
    name = f"{digest}-{FORMAT}"
    if beside:
        name += f"-{text_digest(''.join(map(file_digest, beside)))[:16]}"
    folder = models_folder() / "gguf" / name
    if (folder / RECORD).is_file():
        return folder
    header = read_gguf_header(path)
    check_kind(header)
    check_tensors(header, gguf_package(path))
    with _in_place(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not (folder / RECORD).is_file():
                _make(header, digest, beside, folder)
    return folder


def _tokenizer_beside(path: Path) -> list[Path]:
    """Return the files of the tokenizer that lies beside a file; none without a `tokenizer.json`."""
    files = [path.parent / name for name in BESIDE]
    return [file for file in files if is_file(file)] if is_file(files[0]) else []


def read_record(folder: Path) -> GgufRecord | None:
    """Return what a folder was made of, None if it was not made of a GGUF file; raises if damaged."""
    if not is_file(folder / RECORD):
        return None
    content = read_json_object(folder / RECORD)
    return GgufRecord(**{name: str(content.get(name, "")) for name in GgufRecord.__slots__})


def gguf_digest(path: Path) -> str:
    """Return the SHA-256 of a file; remembered until size, inode or a time of the file changes.

    A file that was changed within the last two seconds is hashed each time: its times could be those of a
    change that is still to come.
    """
    found = path.stat()
    known = models_folder() / "gguf" / "digests" / f"{text_digest(str(path))}.json"
    state = [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(known.read_text(encoding="utf-8"))
        if kept["state"] == state:
            return str(kept["digest"])
    digest = file_digest(path)
    newest = max(found.st_mtime_ns, found.st_ctime_ns)
    if time.time_ns() - newest > SETTLED_NS:
        with suppress(OSError):  # a folder that cannot be written costs time, no more
            known.parent.mkdir(parents=True, exist_ok=True)
            _replace(known, json.dumps({"state": state, "digest": digest}))
    return digest


def check_kind(header: GgufHeader) -> None:
    """Refuse GGUF files that hold something else than one whole language model."""
    path, said = header.path, header.metadata
    kind = said.get("general.type", "model")
    if kind == "adapter" or "adapter.type" in said:
        raise InputError(f"{path}: is an adapter (LoRA); merge it into its model and convert that")
    if kind == "mmproj" or header.architecture == "clip":
        raise InputError(
            f"{path}: reads images for another model (mmproj); name the language model's own file"
        )
    if kind not in ("model", "base"):
        raise InputError(f"{path}: holds no model: general.type = {kind!r}; allowed: model")
    if (n_parts := said.get("split.count", 1)) not in (0, 1):
        raise InputError(
            f"{path}: is one of {n_parts} parts; join them (llama-gguf-split --merge FIRST.gguf WHOLE.gguf) "
            "and name the whole"
        )
    if not header.tensors:
        raise InputError(f"{path}: holds no weights (a vocabulary alone)")


def _make(header: GgufHeader, digest: str, beside: list[Path], folder: Path) -> None:
    """Write the folder of a file, whole or not at all."""
    _check_room(header, folder.parent)
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed: the lock is ours
    temporary.mkdir()
    try:
        _fill(header, digest, beside, temporary)
        for path in temporary.iterdir():
            path.chmod((temporary / RECORD).stat().st_mode & 0o777)  # safetensors' own are its writer's alone
            with path.open("r+b") as stream:
                os.fsync(stream.fileno())
        shutil.rmtree(folder, ignore_errors=True)  # without record, so never whole
        temporary.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fill(header: GgufHeader, digest: str, beside: list[Path], folder: Path) -> None:
    # Imported here: they need torch, which planning from a folder that is there does without.
    from superpos.activations.gguf_config import FACTORS, gguf_config
    from superpos.activations.gguf_tokenizer import write_tokenizer
    from superpos.activations.gguf_weights import check_architecture, write_weights

    package = gguf_package(header.path)
    factors = next((one for one in header.tensors if one.name == FACTORS), None)
    config = gguf_config(header, None if factors is None else _values(header, factors.name, package))
    _replace(folder / "config.json", json.dumps(config, indent=2, sort_keys=True) + "\n")
    check_architecture(header.path, folder)
    no_tokenizer = ""
    if beside:
        for path in beside:
            shutil.copyfile(path, folder / path.name)
    else:
        try:
            write_tokenizer(header, folder)
        except InputError as error:
            no_tokenizer = str(error).removeprefix(f"{header.path}: ")
    write_weights(header, folder)
    record = GgufRecord(
        digest=digest,
        architecture=header.architecture,
        quantization=quantization(header, package),
        no_tokenizer=no_tokenizer,
        transformers=version("transformers"),
        gguf=version("gguf"),
    )
    _replace(folder / RECORD, json.dumps(asdict(record), indent=2, sort_keys=True) + "\n")


def _values(header: GgufHeader, name: str, package: Any) -> Float:
    """Return the numbers of a tensor, flat."""
    tensor = next(one for one in header.tensors if one.name == name)
    n_block, n_bytes = package.GGML_QUANT_SIZES[package.GGMLQuantizationType(tensor.type)]
    raw = np.fromfile(header.path, np.uint8, tensor.n_elements // n_block * n_bytes, offset=tensor.offset)
    values: Float = package.dequantize(raw, package.GGMLQuantizationType(tensor.type)).astype(float)
    return values


def _check_room(header: GgufHeader, folder: Path) -> None:
    """Refuse what does not fit on the disk, before anything is written."""
    needed, free = header.n_elements * BYTES_OF_A_NUMBER, shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{header.path}: its weights in float32 take {needed / 1e9:.1f} GB, and {folder} has "
            f"{free / 1e9:.1f} GB left; SUPERPOS_MODELS names another folder"
        )


@contextmanager
def _in_place(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into one line."""
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{folder}: there is not enough memory for its weights in float32") from error
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({one_line(error)}); SUPERPOS_MODELS names another folder"
        ) from error


def _replace(path: Path, text: str) -> None:
    """Write a small file; other processes see the old or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
