"""One array of an npz or safetensors file, its type and size known from headers before it is read.

A zip archive of a few megabytes can hold gigabytes of zeros, and any header can promise what is not there:
nothing is allocated before directory and header agree and the size is within `LARGEST_ARRAY`. Other arrays of
the file are not read.
"""

from __future__ import annotations

import json
import math
import tokenize
import warnings
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from superpos.errors import InputError, shown
from superpos.reading.places import opened
from superpos.reading.refusals import listed, parsing

LARGEST_ARRAY = 1 << 28
"""Numbers of an array that is read, 65,536 rows of 4,096: 2 GiB in double precision."""
HALF_PRECISION = "BF16"
"""Type of safetensors that NumPy lacks; it is widened to single precision."""
REAL_TENSORS = ("F64", "F32", "F16", HALF_PRECISION, "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8")
"""Types of safetensors that are real numbers."""
TRUTH = "BOOL"
"""Type of safetensors that is truth values."""
_NPY = ".npy"


def read_array(path: Path, name: str = "", *, truth: bool = False) -> NDArray[Any]:
    """Return an array of real numbers of an npz or safetensors file, in the type it is stored in.

    Parameters
    ----------
    path
        A file that ends in `.npz` or `.safetensors`.
    name
        Which array; empty for the only one.
    truth
        Whether truth values will do too.

    Raises
    ------
    InputError
        If the file cannot be read or is damaged, has no such array or several and none is named, or the
        array holds anything but real numbers, or more than `LARGEST_ARRAY` of them.
    """
    return (_of_npz if path.suffix == ".npz" else _of_safetensors)(path, name, truth)


def bfloat16_values(data: bytes | bytearray, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return little-endian bfloat16 numbers, which NumPy lacks, widened exactly to float32.

    They are the upper halves of float32 numbers.
    """
    halves = np.frombuffer(data, dtype="<u2").astype(np.uint32)
    return (halves << np.uint32(16)).view(np.float32).reshape(shape)


def _of_npz(path: Path, name: str, truth: bool) -> NDArray[Any]:
    with (
        opened(path) as stream,
        parsing(path, "npz without pickle", tokenize.TokenError),
        zipfile.ZipFile(stream) as archive,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # about files of Python 2, which are read all the same
        members = {
            info.filename.removesuffix(_NPY): info
            for info in archive.infolist()
            if info.filename.endswith(_NPY)
        }
        chosen = members[_chosen(path, members, name)]
        with archive.open(chosen) as member:
            shape, kind = _npy_header(member)
            _check(path, shape, str(kind), real=kind.kind in ("fiub" if truth else "fiu"))
            n_bytes, there = math.prod(shape) * kind.itemsize, chosen.file_size - member.tell()
            if n_bytes != there:
                raise InputError(
                    f"{path}: {chosen.filename}: its header promises {n_bytes} bytes, the archive has {there}"
                )
        with archive.open(chosen) as member:
            values: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
            member.read(1)  # the checksum is compared where the member ends
            return values


def _npy_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of an array in NumPy's own format; the stream is left where its data begin."""
    version = np.lib.format.read_magic(member)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"version {version} of the format is that of records with names beyond Latin-1")
    shape, _, kind = read(member)
    if kind.hasobject:
        raise ValueError("it holds Python objects")
    return shape, kind


def _of_safetensors(path: Path, name: str, truth: bool) -> NDArray[Any]:
    from safetensors import SafetensorError, safe_open

    with opened(path), parsing(path, "safetensors", SafetensorError), safe_open(path, "np") as file:
        chosen = _chosen(path, file.keys(), name)
        part = file.get_slice(chosen)
        kind = part.get_dtype()
        _check(path, tuple(part.get_shape()), kind, real=kind in REAL_TENSORS or (truth and kind == TRUTH))
        if kind == HALF_PRECISION:
            return bfloat16_values(_raw(path, chosen), tuple(part.get_shape()))
        values: NDArray[Any] = file.get_tensor(chosen)
        return values


def _raw(path: Path, name: str) -> bytes:
    """Return the bytes of a tensor of a safetensors file whose header the library has compared with its size.

    NumPy has no bfloat16, so the library cannot hand such a tensor over; its bytes alone are read, whatever
    else the file holds.
    """
    with opened(path) as stream:
        length = int.from_bytes(stream.read(8), "little")
        begin, end = json.loads(stream.read(length))[name]["data_offsets"]
        stream.seek(8 + length + begin)
        return stream.read(end - begin)


def _chosen(path: Path, names: Collection[str], asked: str) -> str:
    """Return the name asked for, or the only one."""
    there = listed(sorted(names)) if names else "nothing"
    if asked and asked not in names:
        raise InputError(f"{path}: has no tensor {shown(asked)}; it holds {there}")
    if not asked and len(names) != 1:
        raise InputError(f"{path}: holds {there}; name one with `tensor`")
    return asked or next(iter(names))


def _check(path: Path, shape: tuple[int, ...], kind: str, *, real: bool) -> None:
    """Refuse an array that is not of real numbers or is too large."""
    if not real:
        raise InputError(f"{path}: holds {kind}; real numbers are needed")
    if (count := math.prod(shape)) > LARGEST_ARRAY:
        raise InputError(
            f"{path}: holds {kind} of shape {shape}, {count:,} numbers; at most {LARGEST_ARRAY:,} are read: "
            "save the rows that are needed in a file of their own"
        )
