"""What a model folder holds, checked without torch: configuration, safetensors weights, tokenizer.

A safetensors file is an 8-byte little-endian header length, a JSON header {tensor: {dtype, shape,
data_offsets}} and the raw tensors. A floating-point number is finite unless all its exponent bits are set, so
that one mask per dtype finds NaN and infinities in any of them, bfloat16 included.
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

from superpos.errors import InputError
from superpos.hashing import canonical_json, file_digest, text_digest
from superpos.reading.places import is_file, is_folder, opened
from superpos.reading.refusals import parsing
from superpos.reading.texts import decoded, parsed_json, read_json_object

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
EXPONENTS: dict[str, tuple[type[np.unsignedinteger[Any]], int]] = {
    "F16": (np.uint16, 0x7C00),
    "BF16": (np.uint16, 0x7F80),
    "F32": (np.uint32, 0x7F800000),
    "F64": (np.uint64, 0x7FF0000000000000),
}
"""Unsigned type and exponent mask of each floating-point dtype of safetensors."""
LAYER_COUNTS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
"""Keys under which configurations say how many blocks there are: each is built and planned one by one."""
MOST_LAYERS = 10_000
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


def read_config(folder: Path) -> dict[str, Any]:
    """Return the content of `config.json`.

    Raises
    ------
    InputError
        If the folder or the file is missing, is not JSON, asks for code of its own (`auto_map`), or the
        weights are quantised.
    """
    if not is_folder(folder):
        raise InputError(f"{folder}: no such model folder")
    path = folder / "config.json"
    if not is_file(path):
        raise InputError(
            f"{folder}: no config.json; a model folder holds config.json, *.safetensors and tokenizer.json"
        )
    config = read_json_object(path)
    if "auto_map" in config:
        raise InputError(
            f"{path}: auto_map asks for code that comes with the weights (trust_remote_code), which is never "
            "run; use a model whose classes are part of transformers (where its model_type is one of them, a "
            "copy of the folder without the key auto_map will do)"
        )
    for key in LAYER_COUNTS:
        if isinstance(count := config.get(key), int) and count > MOST_LAYERS:
            raise InputError(f"{path}: {key} = {count} layers; at most {MOST_LAYERS} are built")
    if config.get("quantization_config"):
        raise InputError(
            f"{path}: the weights are quantised (quantization_config); use the model's own float weights"
        )
    return config


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the safetensors files of a folder, sorted by name.

    Raises
    ------
    InputError
        If there is none; a folder with pickled weights is told how to convert them.
    """
    files = tuple(sorted(folder.glob("*.safetensors")))
    if files:
        return files
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise InputError(
            f"{folder}: holds pickled weights ({pickles[0]}), which can run code when they are read; convert "
            "them where you trust them: AutoModelForCausalLM.from_pretrained(folder)"
            ".save_pretrained(new_folder, safe_serialization=True)"
        )
    raise InputError(
        f'{folder}: no weights (*.safetensors); use weights = "random" for the architecture alone'
    )


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
    for path in files:
        for tensor in read_header(path):
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


def tokenizer_size(path: Path) -> int:
    """Return one more than the largest token id of a `tokenizer.json`; raises `InputError` if unreadable."""
    content = read_json_object(path)
    with parsing(path, "a tokenizer file of the tokenizers library"):
        vocabulary = content["model"]["vocab"]
        ids = list(vocabulary.values()) if isinstance(vocabulary, dict) else list(range(len(vocabulary)))
        ids += [entry["id"] for entry in content.get("added_tokens", [])]
        return 1 + max(map(operator.index, ids), default=-1)
