"""What the front of a GGUF file says, read without its tensors and without the package `gguf`.

    "GGUF"  version u32  number of tensors u64  number of pairs u64
    pair:   key string, type u32, value            (array: type u32, length u64, values)
    tensor: name string, number of dimensions u32, dimensions u64 (fastest first), type u32, offset u64

Everything is little-endian; a string is its length (u64) and UTF-8. Tensors begin at the next multiple of
`general.alignment` (32); offsets count from there. Source: the specification of GGUF in the repository of
ggml, versions 2 and 3.

The reader of the package `gguf` believes every length: one damaged byte lets it count to 2^60. This one takes
no length that the file cannot hold, and gives one line for each way in which a file is none of these.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from superpos.errors import InputError, shown
from superpos.reading.places import opened
from superpos.reading.refusals import parsing

MAGIC = b"GGUF"
VERSIONS = (2, 3)
LONGEST_ARRAY = 1024
"""Numbers of an array that are kept; of longer ones and of arrays of text the length is."""
MOST_DIMENSIONS = 8
_SCALARS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_TEXT, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class Length:
    """An array that was passed over: how long it is."""

    n: int


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """A tensor as the header describes it."""

    name: str
    shape: tuple[int, ...]
    """In the order of torch, the fastest dimension last."""
    type: int
    """Number of the ggml type."""
    offset: int
    """First byte, counted from the front of the file."""

    @property
    def n_elements(self) -> int:
        """Numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """Metadata and tensors of a GGUF file."""

    path: Path
    size: int
    """Bytes of the file."""
    metadata: Mapping[str, Any]
    """Values by key; arrays of text and long arrays as `Length`."""
    tensors: tuple[GgufTensor, ...]

    @property
    def architecture(self) -> str:
        """`general.architecture`."""
        return str(self.metadata["general.architecture"])

    @property
    def n_elements(self) -> int:
        """Numbers of all tensors together."""
        return sum(tensor.n_elements for tensor in self.tensors)


def is_gguf(path: Path) -> bool:
    """Whether a file is meant to be GGUF, by its name or by its first bytes."""
    if path.suffix.lower() == ".gguf":
        return True
    with opened(path) as stream:
        return stream.read(len(MAGIC)) == MAGIC


def read_gguf_header(path: Path) -> GgufHeader:
    """Return what the front of a GGUF file says.

    Raises
    ------
    InputError
        If there is no such file; it is no GGUF file, of another version or byte order, cut off within its
        header, damaged; or names no architecture.
    """
    with opened(path) as stream:
        front = stream.read(24)
        _check_front(path, front)
        with (
            parsing(path, "GGUF", mend="the file is damaged or cut off"),
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            _, n_tensors, n_pairs = struct.unpack_from("<IQQ", front, 4)
            reader = _Reader(data)
            metadata = {}
            for _ in range(reader.fitting(n_pairs, 13)):
                key = reader.text()
                metadata[key] = reader.value(reader.number("I"))
            entries = [reader.tensor() for _ in range(reader.fitting(n_tensors, 32))]
            start = -reader.place % alignment(metadata) + reader.place
            size = len(data)
    if not isinstance(metadata.get("general.architecture"), str):
        raise InputError(f"{path}: names no architecture (general.architecture), so it is no model")
    tensors = tuple(GgufTensor(name, shape, kind, start + offset) for name, shape, kind, offset in entries)
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise InputError(f"{path}: is damaged: two of its tensors have one name")
    return GgufHeader(path, size, metadata, tensors)


def alignment(metadata: Mapping[str, Any]) -> int:
    """Return the multiple of bytes at which tensors begin."""
    value = metadata.get("general.alignment", 32)
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"general.alignment = {shown(value)}")
    return value


def _check_front(path: Path, front: bytes) -> None:
    """Refuse what is no GGUF of a version that is read."""
    if front[: len(MAGIC)] != MAGIC:
        raise InputError(
            f"{path}: is no GGUF file: it begins with {shown(front[: len(MAGIC)])}, not {MAGIC!r}"
        )
    if len(front) < 24:
        raise InputError(f"{path}: is cut off: {len(front)} bytes are no GGUF file")
    little, big = (int.from_bytes(front[4:8], order) for order in ("little", "big"))
    if little not in VERSIONS:
        allowed = f"versions {VERSIONS[0]} and {VERSIONS[1]} are read"
        if big in (1, *VERSIONS):
            raise InputError(
                f"{path}: its numbers are big-endian; little-endian files are read (gguf-convert-endian, "
                "which comes with the package gguf, converts them)"
            )
        raise InputError(f"{path}: is GGUF of version {little}; {allowed}")


class _Reader:
    """A place in the bytes of a file that goes forward; raises `ValueError` where the file ends too early."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.place = data, 24

    def take(self, n_bytes: int) -> int:
        """Return the current place and go on."""
        place = self.place
        if n_bytes > len(self.data) - place:
            raise ValueError(f"{n_bytes} bytes are promised at {place}, and the file has {len(self.data)}")
        self.place = place + n_bytes
        return place

    def fitting(self, n: int, n_bytes: int) -> int:
        """Return a number of entries if so many of at least `n_bytes` each fit into the rest of the file."""
        if n > (len(self.data) - self.place) // n_bytes:
            raise ValueError(
                f"{n} entries are promised at {self.place}, and the file has {len(self.data)} bytes"
            )
        return n

    def number(self, kind: str) -> Any:
        """Return a number of a kind of `struct`."""
        return struct.unpack_from(f"<{kind}", self.data, self.take(struct.calcsize(f"<{kind}")))[0]

    def text(self) -> str:
        """Return a string."""
        length = self.number("Q")
        place = self.take(length)
        return self.data[place : place + length].decode("utf-8")

    def value(self, kind: int) -> Any:
        """Return a value of a type of GGUF."""
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _TEXT:
            return self.text()
        if kind != _ARRAY:
            raise ValueError(f"type {kind} of a value at {self.place} is unknown")
        kind, n = self.number("I"), self.number("Q")
        if kind in _SCALARS:
            width = struct.calcsize(f"<{_SCALARS[kind]}")
            place = self.take(self.fitting(n, width) * width)
            return (
                list(struct.unpack_from(f"<{n}{_SCALARS[kind]}", self.data, place))
                if n <= LONGEST_ARRAY
                else Length(n)
            )
        if kind != _TEXT:
            raise ValueError(f"an array of type {kind} at {self.place} is unknown")
        for _ in range(self.fitting(n, 8)):
            self.take(self.number("Q"))
        return Length(n)

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        """Return name, shape, type and offset of a tensor."""
        name, n_dimensions = self.text(), self.number("I")
        if n_dimensions > MOST_DIMENSIONS:
            raise ValueError(f"tensor {shown(name)} has {n_dimensions} dimensions")
        shape = tuple(self.number("Q") for _ in range(n_dimensions))[::-1]
        return name, shape, self.number("I"), self.number("Q")
