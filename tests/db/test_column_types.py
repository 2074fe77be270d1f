"""Column types: what goes in comes out, on both database systems, in a form that other languages can read."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from superpos.db.engine import Database
from superpos.db.types import Array, Json, Key, Number, Time, decode_array, encode_array
from superpos.errors import ArgumentError

THINGS = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("thing_id", sa.Integer, primary_key=True),
    sa.Column("matrix", Array),
    sa.Column("json", Json),
    sa.Column("number", Number),
    sa.Column("key", Key),
    sa.Column("time", Time),
)
DTYPES = st.sampled_from(["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "u8", "b1", "c16"])
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@pytest.fixture
def things(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    with database.write() as connection:
        THINGS.create(connection)
    yield database
    database.dispose()


def stored(database: Database, column: str, value: Any) -> Any:
    """What comes out of a column that `value` went into."""
    with database.write() as connection:
        connection.execute(THINGS.delete())
        connection.execute(THINGS.insert().values({column: value}))
    with database.read() as connection:
        return connection.scalar(sa.select(THINGS.c[column]))


def raw(database: Database, column: str) -> Any:
    """What lies in a column, untouched by its type."""
    with database.read() as connection:
        return connection.exec_driver_sql(f"SELECT {column} FROM things").scalar()  # noqa: S608 (a column of ours)


@given(hnp.arrays(DTYPES, SHAPES))
@settings(deadline=None)
def test_arrays_come_out_with_their_type_shape_and_bits(array: np.ndarray[Any, Any]) -> None:
    again = decode_array(encode_array(array))
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.tobytes() == array.tobytes()
    assert again.flags.writeable
    assert again.flags.owndata


@given(hnp.arrays(DTYPES, SHAPES))
@settings(deadline=None)
def test_the_byte_order_and_the_layout_in_memory_are_nothing(array: np.ndarray[Any, Any]) -> None:
    data = encode_array(array)
    assert encode_array(array.astype(array.dtype.newbyteorder(">"))) == data
    assert encode_array(np.asfortranarray(array).reshape(array.shape)) == data


def test_the_header_and_the_bytes_are_as_documented() -> None:
    array = np.array([[1.0, -2.5], [0.0, 1e300]], dtype=">f8")
    assert encode_array(array) == b"<f8:2,2;" + struct.pack("<4d", 1.0, -2.5, 0.0, 1e300)
    assert encode_array(np.array(7, dtype=np.int32)) == b"<i4:;" + struct.pack("<i", 7)
    assert encode_array(np.zeros((0, 3))) == b"<f8:0,3;"
    assert encode_array(np.array([True, False])) == b"|b1:2;\x01\x00"


@pytest.mark.parametrize(
    "array", [np.array(["text"]), np.array([object()]), np.array([b"x"]), np.zeros(1, dtype="f8,i4")]
)
def test_arrays_of_anything_else_are_refused(array: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ArgumentError, match="is not stored; allowed: booleans and numbers"):
        encode_array(array)


def test_arrays_in_both_databases(things: Database) -> None:
    for array in (
        np.random.default_rng(0).standard_normal((11, 10)),
        np.float32([[np.nan, -0.0, np.inf]]),
        np.array(3.5),
        np.zeros((0, 4), dtype=np.int64),
        np.arange(5, dtype=np.int32),
        np.array([True, False]),
    ):
        again = stored(things, "matrix", array)
        assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert bytes(raw(things, "matrix")) == encode_array(array)


def test_json_is_stored_in_one_form(things: Database) -> None:
    value = {"b": [1, 2.0, None, True, "é"], "a": {"x": -0.0}}
    assert stored(things, "json", value) == value
    assert raw(things, "json") == '{"a":{"x":0.0},"b":[1,2.0,null,true,"\\u00e9"]}'
    assert json.loads(raw(things, "json")) == value


def test_equal_json_is_found_whatever_the_order_of_its_keys(things: Database) -> None:
    stored(things, "json", {"a": 1, "b": (2, 3)})
    with things.read() as connection:
        query = sa.select(THINGS.c.thing_id).where(THINGS.c.json == {"b": [2, 3], "a": 1})
        assert connection.scalar(query) is not None


def test_numbers_that_are_none_are_null(things: Database) -> None:
    for value in (math.nan, math.inf, -math.inf, None, np.float64("nan")):
        assert stored(things, "number", value) is None
        assert raw(things, "number") is None


def test_numbers_keep_every_bit(things: Database) -> None:
    for value in (0.1, 5e-324, 1.7976931348623157e308, 1 / 3, -2.0, 3):
        again = stored(things, "number", value)
        assert type(again) is float
        assert struct.pack("<d", again) == struct.pack("<d", value)


def test_keys_are_hexadecimal_text_and_found_by_bytes_or_text(things: Database) -> None:
    key = bytes(range(16))
    assert stored(things, "key", key) == key
    assert raw(things, "key") == key.hex()
    with things.read() as connection:
        for given_as in (key, key.hex()):
            query = sa.select(THINGS.c.key).where(THINGS.c.key == given_as)
            assert connection.scalar(query) == key


def test_times_are_utc_text_to_the_millisecond(things: Database) -> None:
    berlin = datetime(2026, 7, 1, 14, 30, 5, 123456, tzinfo=timezone(timedelta(hours=2)))
    again = stored(things, "time", berlin)
    assert raw(things, "time") == "2026-07-01T12:30:05.123+00:00"
    assert again == datetime(2026, 7, 1, 12, 30, 5, 123000, tzinfo=UTC)
    assert again.utcoffset() == timedelta(0)


def test_times_without_a_zone_are_refused(things: Database) -> None:
    with pytest.raises(sa.exc.StatementError, match="has no time zone") as caught:
        stored(things, "time", datetime(2026, 7, 1))  # noqa: DTZ001 (that is the point)
    assert isinstance(caught.value.orig, ArgumentError)


def test_nothing_is_null_in_every_type(things: Database) -> None:
    for column in ("matrix", "json", "number", "key", "time"):
        assert stored(things, column, None) is None
