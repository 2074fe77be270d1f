"""Which weight files and tensors a model folder has: one answer for activations, rows, digests and checks.

The files are those that transformers reads: `model.safetensors`, else the shards that
`model.safetensors.index.json` names, or what `transformers_weights` of the configuration names. Other
safetensors files of a folder (`consolidated.safetensors`, other precisions, older shards) are no part of the
model. Of a tensor that two shards hold, the later shard's counts.

A safetensors file is an 8-byte little-endian header length, a JSON header {tensor: {dtype, shape,
data_offsets}} and the raw tensors. A floating-point number is finite unless all its exponent bits are set, so
that one mask per dtype finds NaN and infinities in any of them, bfloat16 included. (E4M3 has no infinities;
it is NaN where its mantissa is full as well.)
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.activations.folders import read_config
from superpos.errors import InputError
from superpos.hashing import canonical_json, file_digest, text_digest
from superpos.reading.places import is_file, opened
from superpos.reading.refusals import parsing
from superpos.reading.texts import decoded, parsed_json, read_json_object

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
EXPONENTS: dict[str, tuple[type[np.unsignedinteger[Any]], int]] = {
    "F8_E5M2": (np.uint8, 0x7C),
    "F8_E4M3": (np.uint8, 0x7F),
    "F16": (np.uint16, 0x7C00),
    "BF16": (np.uint16, 0x7F80),
    "F32": (np.uint32, 0x7F800000),
    "F64": (np.uint64, 0x7FF0000000000000),
}
"""Unsigned type and mask of each floating-point dtype of safetensors: not finite where all of it is set."""
CHUNK = 1 << 22
"""Numbers that are checked at a time."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a safetensors file."""

    name: str
    dtype: str
    offset: int
    """Byte at which its data begin in the file."""
    n_bytes: int


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the safetensors files of a folder that transformers reads, sorted by name.

    Raises
    ------
    InputError
        If there is none (a folder with pickled weights is told how to convert them, one with GGUF to name
        the file), an index is damaged or names files that are not there, or an adapter lies beside them.
    """
    if is_file(folder / "adapter_config.json"):
        raise InputError(
            f"{folder}: holds an adapter (adapter_config.json), which is not read; merge it into the weights "
            "(merge_and_unload().save_pretrained(new_folder)), or name a folder without it"
        )
    named = read_config(folder).get("transformers_weights")
    for name in (str(named),) if named else (SINGLE, INDEX):
        path = folder / name
        if Path(name).name == name and is_file(path):
            return _shards(path) if name.endswith(".index.json") else (path,)
    if named:
        raise InputError(f"{folder / 'config.json'}: transformers_weights = {named!r} is no file beside it")
    raise InputError(_no_weights(folder))


def _shards(index: Path) -> tuple[Path, ...]:
    """Return the files that an index names, sorted by name."""
    content = read_json_object(index)
    with parsing(index, "an index of safetensors files"):
        names = set(content["weight_map"].values())
        if not names or not all(isinstance(name, str) for name in names):
            raise TypeError("weight_map names no files")
    for name in sorted(names):
        if Path(name).name != name or not is_file(index.parent / name):
            raise InputError(f"{index}: names {name}, which is no file of this folder")
    return tuple(index.parent / name for name in sorted(names))


def _no_weights(folder: Path) -> str:
    """Return why a folder has no weights, and what to do."""
    names = sorted(path.name for path in folder.iterdir())
    others = [name for name in names if name.endswith(".safetensors")]
    if others:
        return (
            f"{folder}: has neither {SINGLE} nor {INDEX}, which are read ({others[0]} is not); save the "
            "model with save_pretrained, or rename the file if it holds all of it"
        )
    pickles = [name for name in names if name.endswith(PICKLES)]
    if pickles:
        return (
            f"{folder}: holds pickled weights ({pickles[0]}), which can run code when they are read; convert "
            "them where you trust them: AutoModelForCausalLM.from_pretrained(folder)"
            ".save_pretrained(new_folder, safe_serialization=True)"
        )
    ggufs = [name for name in names if name.lower().endswith(".gguf")]
    if ggufs:
        return f"{folder}: its weights are GGUF; name the file as the model: {folder / ggufs[0]}"
    return f'{folder}: no weights (*.safetensors); use weights = "random" for the architecture alone'


def stored_tensors(files: tuple[Path, ...]) -> dict[str, tuple[Path, Tensor]]:
    """Return the tensors that files hold by name, each with its file; raises as `read_header`."""
    return {tensor.name: (path, tensor) for path in files for tensor in read_header(path)}


def read_header(path: Path) -> tuple[Tensor, ...]:
    """Return the tensors of a safetensors file; raises `InputError` if it is damaged."""
    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            raise InputError(f"{path}: is not a complete safetensors file")
        header = parsed_json(decoded(stream.read(length), f"{path}: header", 8), f"{path}: header")
    with parsing(path, "safetensors"):
        tensors = tuple(
            Tensor(name, str(entry["dtype"]), 8 + length + begin, end - begin)
            for name, entry in header.items()
            if name != "__metadata__"
            for begin, end in [map(operator.index, entry["data_offsets"])]
        )
    if any(tensor.n_bytes < 0 or tensor.offset < 8 + length for tensor in tensors):
        raise InputError(f"{path}: has a damaged safetensors header: a tensor ends before it begins")
    if any(tensor.offset + tensor.n_bytes > size for tensor in tensors):
        raise InputError(f"{path}: is cut off; its header promises more data than the file holds")
    return tensors


def check_finite_weights(files: tuple[Path, ...]) -> None:
    """Check every floating-point tensor of safetensors files.

    Raises
    ------
    InputError
        Naming the first file and tensor with a NaN or an infinity.
    """
    for path, tensor in stored_tensors(files).values():
        if tensor.dtype not in EXPONENTS or tensor.name.endswith("masked_bias"):
            continue  # integers are finite; masked_bias is a constant of old GPT-NeoX files, never loaded
        _, mask = EXPONENTS[tensor.dtype]
        bad = sum(int(np.count_nonzero(bits & mask == mask)) for bits in _chunks(path, tensor))
        if bad:
            raise InputError(f"{path}: tensor {tensor.name} holds {bad} values that are NaN or infinite")


def _chunks(path: Path, tensor: Tensor) -> Iterator[NDArray[Any]]:
    """Yield the raw bits of a tensor, at most `CHUNK` numbers at a time."""
    kind, _ = EXPONENTS[tensor.dtype]
    little = np.dtype(kind).newbyteorder("<")
    left = tensor.n_bytes // little.itemsize
    with opened(path) as stream:
        stream.seek(tensor.offset)
        while left > 0:
            yield np.frombuffer(stream.read(min(left, CHUNK) * little.itemsize), dtype=little)
            left -= min(left, CHUNK)


def files_digest(files: tuple[Path, ...]) -> str:
    """Return the SHA-256 over names and contents of files, as 64 hexadecimal digits."""
    return text_digest(canonical_json([[path.name, file_digest(path)] for path in files]))
