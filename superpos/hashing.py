"""Canonical content keys: equal specifications have equal keys on every machine.

key = first 16 bytes of SHA-256(canonical JSON of {kind, algorithm_version, spec, inputs}), shown as 32
hexadecimal digits. Canonical JSON: keys sorted, no white space, ASCII, numbers as Python's shortest repr with
-0.0 written 0.0; NaN and infinities are refused, for they compare equal to nothing. Callers coerce values to
the type of their field first (2 and 2.0 are different on purpose: a field has one type).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.errors import ArgumentError
from superpos.reading.places import opened

KEY_BYTES = 16
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical(value: Any) -> Any:
    """Return `value` as plain JSON data: tuples as lists, -0.0 as 0.0, mapping keys as text.

    Raises
    ------
    ArgumentError
        For NaN, infinities, types that JSON does not have, and mapping keys that are one as text.
    """
    plain = type(value)
    if value is None or plain is str or plain is int or plain is bool:  # most values: a plan has 10^6
        return value
    if isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        if not math.isfinite(number):
            raise ArgumentError("value", f"{number} has no canonical form; only finite numbers are hashed")
        return number + 0.0
    if isinstance(value, Mapping):
        named = {str(key): canonical(item) for key, item in value.items()}
        if len(named) != len(value):
            raise ArgumentError("value", f"has keys that are one as text: {sorted(map(str, value))}")
        return named
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [canonical(item) for item in value]
    raise ArgumentError("value", f"{type(value).__name__} has no canonical form")


def canonical_json(value: Any) -> str:
    """Return the one JSON text that stands for `value`."""
    return _ENCODER.encode(canonical(value))


def content_key(
    kind: str, algorithm_version: int, spec: Mapping[str, Any], inputs: Sequence[bytes] = ()
) -> bytes:
    """Return the 16-byte key of what `spec` asks for, made from `inputs`, by one version of a stage."""
    text = canonical_json(
        {"kind": kind, "version": algorithm_version, "spec": spec, "inputs": [key.hex() for key in inputs]}
    )
    return text_key(text)


def text_key(text: str) -> bytes:
    """Return the 16-byte key whose canonical JSON, ASCII, this is."""
    return hashlib.sha256(text.encode("ascii")).digest()[:KEY_BYTES]


def text_digest(text: str | bytes) -> str:
    """Return the SHA-256 of a text (UTF-8) or bytes as 64 hexadecimal digits."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    return hashlib.sha256(data).hexdigest()


def array_digest(*arrays: NDArray[Any]) -> str:
    """Return the SHA-256 over type, shape and little-endian bytes of arrays, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for array in arrays:
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{little.dtype.str}{array.shape}".encode("ascii"))
        digest.update(little.tobytes())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits; raises `InputError` if it cannot be read."""
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
