"""Types of the numbers of a GGUF file: names, sizes, and which of them the package `gguf` makes floats of.

All that is asked of the package is asked through its public names. Whether a type can be dequantised is
tried on one block of zeros.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from superpos.activations.gguf_header import GgufHeader
from superpos.errors import InputError

EXTRA = "pip install 'superpos[gguf]'"
"""What installs all that reading GGUF needs."""


def gguf_package(what: object) -> ModuleType:
    """Return the package `gguf`, if all that transformers needs to read GGUF with is installed.

    Raises
    ------
    InputError
        If it or `accelerate` is missing, with the command that installs both.
    """
    try:
        import accelerate  # noqa: F401 (transformers asks for it only after a minute of work)
        import gguf
    except ImportError as error:
        raise InputError(f"{what}: GGUF is read with the package {error.name}: {EXTRA}") from error
    package: ModuleType = gguf
    return package


def type_name(number: int, package: ModuleType) -> str:
    """Return the name of a ggml type, its number where the installed package does not know it."""
    try:
        return str(package.GGMLQuantizationType(number).name)
    except ValueError:
        return f"type {number}"


def quantization(header: GgufHeader, package: ModuleType) -> str:
    """Return the types of a file's tensors by name, that of the most numbers first: `Q4_1, Q8_0, F32`."""
    counts: Counter[int] = Counter()
    for tensor in header.tensors:
        counts[tensor.type] += tensor.n_elements
    order = sorted(counts, key=lambda number: (-counts[number], number))
    return ", ".join(type_name(number, package) for number in order)


def check_tensors(header: GgufHeader, package: ModuleType) -> None:
    """Check that every tensor can be dequantised and lies within the file.

    Raises
    ------
    InputError
        For a type that cannot be dequantised, naming those that can; for rows that are no whole blocks; for a
        file that is cut off.
    """
    readable = dequantized_types(package)
    for tensor in header.tensors:
        if tensor.type not in readable:
            names = ", ".join(type_name(number, package) for number in sorted(readable))
            raise InputError(
                f"{header.path}: tensor {tensor.name} is {type_name(tensor.type, package)}, which the "
                f"installed package gguf cannot dequantise; allowed: {names}"
            )
        n_block, n_bytes = readable[tensor.type]
        if not tensor.shape or tensor.shape[-1] % n_block or 0 in tensor.shape:
            raise InputError(
                f"{header.path}: is damaged: tensor {tensor.name} of shape {tensor.shape} is not made of "
                f"blocks of {n_block} numbers ({type_name(tensor.type, package)})"
            )
        end = tensor.offset + tensor.n_elements // n_block * n_bytes
        if end > header.size:
            raise InputError(
                f"{header.path}: is cut off: tensor {tensor.name} ends at byte {end:,}, and the file has "
                f"{header.size:,}"
            )


@cache
def dequantized_types(package: ModuleType) -> dict[int, tuple[int, int]]:
    """Return numbers and bytes of a block of every type that the package makes floats of."""
    sizes: dict[Any, tuple[int, int]] = package.GGML_QUANT_SIZES
    found: dict[int, tuple[int, int]] = {}
    for kind, (n_block, n_bytes) in sizes.items():
        try:
            package.dequantize(np.zeros((1, n_bytes), dtype=np.uint8), kind)
        except (NotImplementedError, ValueError):
            continue
        found[int(kind)] = (int(n_block), int(n_bytes))
    return found
