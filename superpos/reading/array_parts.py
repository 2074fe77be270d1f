"""Some rows, or some columns, of one matrix of a file that may be larger than the memory.

| file                  | how the part is read                                                              |
|-----------------------|-----------------------------------------------------------------------------------|
| `.safetensors`        | the file is mapped into memory; pages of other numbers are not touched            |
| `.pt`, `.pth`, `.bin` | the same, by torch (`superpos.reading.torch_files`)                               |
| `.npz`                | a member of an archive has no place in memory of its own: it is read through once, |
|                       | block by block, compressed or not, and its checksum is compared                   |

What is kept is the part, in double precision. bfloat16 and float16 are widened exactly.

Sources: the format of safetensors (8 bytes of header length, a JSON header of types, shapes and offsets, the
numbers), NumPy's `.npy` format, version 1.0 and 2.0.
"""

from __future__ import annotations

import json
import math
import mmap
import tokenize
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from superpos.errors import InputError, shown
from superpos.reading.matrices import LARGEST_ARRAY, bfloat16_values
from superpos.reading.places import opened
from superpos.reading.refusals import listed, parsing
from superpos.reading.torch_files import torch_heads, torch_vectors

TORCH_SUFFIXES = (".pt", ".pth", ".bin")
SUFFIXES = (".safetensors", ".npz", *TORCH_SUFFIXES)
"""What the names of files end in that can be read in parts."""
BLOCK_BYTES = 1 << 24
"""Bytes of a member of an archive that are in memory at a time."""
_NPY = ".npy"
_SAFETENSORS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArrayHead:
    """What a file says of an array before it is read."""

    shape: tuple[int, ...]
    kind: str
    """Its type, as the file calls it."""
    real: bool
    """Whether it holds floating-point numbers that can be read."""


def array_heads(path: Path) -> dict[str, ArrayHead]:
    """Return the arrays of a file by name, none of them read.

    Raises
    ------
    InputError
        If the file ends in none of `SUFFIXES`, cannot be read or is damaged.
    """
    if path.suffix == ".npz":
        return _npz_heads(path)
    if path.suffix in TORCH_SUFFIXES:
        return {name: ArrayHead(*head) for name, head in torch_heads(path).items()}
    if path.suffix == ".safetensors":
        return _safetensors_heads(path)
    raise InputError(f"{path}: cannot be read in parts; allowed: files that end in {', '.join(SUFFIXES)}")


def read_vectors(path: Path, name: str, chosen: Sequence[int], *, columns: bool) -> NDArray[np.float64]:
    """Return some rows or columns of a matrix of a file, each as a row.

    Parameters
    ----------
    path
        A file that ends in one of `SUFFIXES`.
    name
        The matrix.
    chosen
        Numbers of the rows or columns, counted from 0, in the order wanted.
    columns
        Whether they are columns.

    Returns
    -------
    NDArray[np.float64]
        (k, d) for k numbers and vectors of d.

    Raises
    ------
    InputError
        As `array_heads`; if there is no such array, it is no matrix of floating-point numbers, a number is
        outside of it, or the part has more than `LARGEST_ARRAY` numbers.
    """
    head = _matrix_head(path, name)
    count, width = head.shape[::-1] if columns else head.shape
    if outside := [index for index in chosen if not 0 <= index < count]:
        what = "column" if columns else "row"
        raise InputError(f"{path}: {name}: {what} {outside[0]} is not there; {what}s are 0 to {count - 1}")
    if len(chosen) * width > LARGEST_ARRAY:
        raise InputError(
            f"{path}: {name}: {len(chosen):,} vectors of {width:,} are asked for; at most "
            f"{LARGEST_ARRAY:,} numbers are read: ask for fewer"
        )
    indices = np.asarray(chosen, dtype=np.int64)
    if path.suffix == ".npz":
        return _of_npz(path, name, indices, columns=columns)
    if path.suffix == ".safetensors":
        return _of_safetensors(path, name, head, indices, columns=columns)
    return _widened(torch_vectors(path, name, indices, columns=columns))


def _matrix_head(path: Path, name: str) -> ArrayHead:
    """Return what the file says of a matrix; raises `InputError` for anything else."""
    heads = array_heads(path)
    if name not in heads:
        raise InputError(f"{path}: has no array {shown(name)}; it holds {listed(sorted(heads))}")
    head = heads[name]
    if not head.real:
        raise InputError(f"{path}: {name} holds {head.kind}; floating-point numbers are needed")
    if len(head.shape) != 2:
        raise InputError(f"{path}: {name} has the shape {head.shape}; a matrix is needed")
    return head


def _safetensors_heads(path: Path) -> dict[str, ArrayHead]:
    from safetensors import SafetensorError, safe_open

    with opened(path), parsing(path, "safetensors", SafetensorError), safe_open(path, "np") as file:
        parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        return {
            name: ArrayHead(tuple(one.get_shape()), one.get_dtype(), one.get_dtype() in _SAFETENSORS)
            for name, one in parts.items()
        }


def _of_safetensors(
    path: Path, name: str, head: ArrayHead, indices: NDArray[np.int64], *, columns: bool
) -> NDArray[np.float64]:
    kind = np.dtype(_SAFETENSORS[head.kind])
    with opened(path) as stream, parsing(path, "safetensors"):  # the library has compared header and size
        length = int.from_bytes(stream.read(8), "little")
        begin = 8 + length + int(json.loads(stream.read(length))[name]["data_offsets"][0])
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            _advise(mapped, "MADV_RANDOM")  # nothing is read ahead
            part = _mapped_part(mapped, begin, kind, head.shape, indices, columns=columns)
    if head.kind == "BF16":
        part = bfloat16_values(part.tobytes(), part.shape)
    return _widened(part)


def _mapped_part(
    mapped: mmap.mmap,
    begin: int,
    kind: np.dtype[Any],
    shape: tuple[int, ...],
    indices: NDArray[np.int64],
    *,
    columns: bool,
) -> NDArray[Any]:
    """Return rows or columns, (k, d); of columns the pages are given back block by block."""
    whole = np.frombuffer(mapped, kind, math.prod(shape), begin).reshape(shape)
    if not columns:
        return whole[indices]
    part = np.empty((len(indices), shape[0]), kind)
    step = max(1, BLOCK_BYTES // (mmap.PAGESIZE * max(1, len(indices))))
    for start in range(0, shape[0], step):
        part[:, start : start + step] = whole[start : start + step, indices].T
        _advise(mapped, "MADV_DONTNEED")
    return part


def _advise(mapped: mmap.mmap, advice: str) -> None:
    """Tell the system how a mapping is used, where it can be told."""
    if hasattr(mmap, advice):
        mapped.madvise(getattr(mmap, advice))


def _npz_heads(path: Path) -> dict[str, ArrayHead]:
    heads: dict[str, ArrayHead] = {}
    with _archive(path) as archive:
        for info in archive.infolist():
            if info.filename.endswith(_NPY):
                heads[info.filename.removesuffix(_NPY)] = _npz_head(archive, info)
    return heads


def _npz_head(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ArrayHead:
    """Return what a member says of itself; one that is damaged matters to those who ask for it only."""
    try:
        with archive.open(info) as member:
            shape, _, kind = _npy_header(member)
    except (ValueError, tokenize.TokenError):
        return ArrayHead((), "what cannot be read", real=False)
    return ArrayHead(shape, str(kind), kind.kind == "f")


def _of_npz(path: Path, name: str, indices: NDArray[np.int64], *, columns: bool) -> NDArray[np.float64]:
    """Return the part of an array, which is read through in blocks of its slow axis."""
    with _archive(path) as archive, archive.open(name + _NPY) as member:
        shape, fortran, kind = _npy_header(member)
        promised = math.prod(shape) * kind.itemsize
        there = archive.getinfo(name + _NPY).file_size - member.tell()
        if promised != there:
            raise InputError(f"{path}: {name}: its header promises {promised} bytes, the archive has {there}")
        n_slow, n_fast = shape[::-1] if fortran else shape
        along_slow = columns == fortran  # the vectors asked for follow one another in the file
        found = np.empty((len(indices), n_fast if along_slow else n_slow), dtype=kind)
        step = max(1, BLOCK_BYTES // max(1, n_fast * kind.itemsize))
        for start in range(0, n_slow, step):
            size = min(step, n_slow - start)
            block = np.frombuffer(member.read(size * n_fast * kind.itemsize), kind).reshape(size, n_fast)
            if along_slow:
                here = np.flatnonzero((indices >= start) & (indices < start + size))
                found[here] = block[indices[here] - start]
            else:
                found[:, start : start + size] = block[:, indices].T
        member.read(1)  # the checksum is compared where the member ends
    return _widened(found)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    with (
        opened(path) as stream,
        parsing(path, "npz without pickle", tokenize.TokenError),
        zipfile.ZipFile(stream) as archive,
    ):
        yield archive


def _npy_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether columns follow one another, and type; the stream stands where the data begin."""
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(member))
    if read is None:
        raise ValueError("its format is that of records with names beyond Latin-1")
    shape, fortran, kind = read(member)
    return shape, bool(fortran), kind


def _widened(values: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):  # of more than double precision: infinite, and refused as such
        return np.ascontiguousarray(values, dtype=np.float64)
