"""Column types of our own: arrays, canonical JSON, keys, numbers that are never NaN, times that know UTC."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.types import TypeDecorator

from superpos.errors import ArgumentError
from superpos.hashing import KEY_BYTES, canonical_json


def encode_array(array: NDArray[Any]) -> bytes:
    """Return `<dtype>:<shape>;` in ASCII followed by the little-endian bytes in C order.

    The header makes the column readable from any language: `<f8:11,10;` opens 110 doubles, 11 rows of 10.

    Raises
    ------
    ArgumentError
        For arrays of anything but booleans and numbers.
    """
    if array.dtype.kind not in "biufc":
        raise ArgumentError("array", f"dtype {array.dtype} is not stored; allowed: booleans and numbers")
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return _header(little.dtype.str, array.shape) + little.tobytes()


@lru_cache(maxsize=256)
def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return what stands before the bytes of an array; most arrays of a study have one of a few shapes."""
    return f"{dtype}:{','.join(map(str, shape))};".encode("ascii")


def decode_array(data: bytes) -> NDArray[Any]:
    """Return the array that `encode_array` wrote; it is writable and owns its memory."""
    header, _, body = bytes(data).partition(b";")
    dtype, _, shape = header.decode("ascii").partition(":")
    lengths = tuple(int(length) for length in shape.split(",") if length)
    return np.frombuffer(body, dtype=np.dtype(dtype)).reshape(lengths).copy()


class Array(TypeDecorator[NDArray[Any]]):
    """A NumPy array with its type and shape."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: NDArray[Any] | None, dialect: sa.Dialect) -> bytes | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Encode."""
        return None if value is None else encode_array(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> NDArray[Any] | None:  # noqa: ARG002
        """Decode."""
        return None if value is None else decode_array(value)


class Json(TypeDecorator[Any]):
    """Canonical JSON text: equal values are equal texts."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """Encode."""
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        """Decode."""
        return None if value is None else json.loads(value)


def finite(value: float | None) -> float | None:
    """Return a number as a double is kept: None for NaN and infinities."""
    return None if value is None or not math.isfinite(value) else float(value)


class Number(TypeDecorator[float]):
    """A double; NaN and infinities become NULL, for the status beside them says what happened."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: sa.Dialect) -> float | None:  # noqa: ARG002
        """Encode."""
        return finite(value)


class Key(TypeDecorator[bytes]):
    """A 16-byte content key, kept as 32 hexadecimal digits so that people can copy it."""

    impl = sa.String(2 * KEY_BYTES)
    cache_ok = True

    def process_bind_param(self, value: bytes | str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """Encode."""
        if value is None:
            return None
        return value if isinstance(value, str) else value.hex()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> bytes | None:  # noqa: ARG002
        """Decode."""
        return None if value is None else bytes.fromhex(value)


class Time(TypeDecorator[datetime]):
    """A moment as ISO 8601 text in UTC; naive values are refused."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """Encode."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ArgumentError("time", f"{value} has no time zone")
        return value.astimezone(UTC).isoformat(timespec="milliseconds")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Decode."""
        return None if value is None else datetime.fromisoformat(value)
