"""Canonical keys: one text for equal values, another for every changed leaf, frozen for ever."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.errors import ArgumentError
from superpos.hashing import (
    KEY_BYTES,
    array_digest,
    canonical_json,
    content_key,
    file_digest,
    text_digest,
)

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


class Colour(StrEnum):
    RED = "red"


def shuffled(value: Any) -> Any:
    """The same value by other means: keys in another order, lists as tuples, dictionaries as proxies."""
    if isinstance(value, dict):
        return MappingProxyType({key: shuffled(value[key]) for key in reversed(value)})
    if isinstance(value, list):
        return tuple(shuffled(item) for item in value)
    return value


def same(one: Any, other: Any) -> bool:
    """Equality in which 1, 1.0 and True are three values, and -0.0 is 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def changed_leaves(value: Any, leaf: Any) -> Iterator[Any]:
    """Every value that has one leaf replaced."""
    if isinstance(value, dict):
        for key in value:
            for part in changed_leaves(value[key], leaf):
                yield {**value, key: part}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for part in changed_leaves(item, leaf):
                yield [*value[:index], part, *value[index + 1 :]]
    else:
        yield leaf


@given(VALUES)
@settings(deadline=None)
def test_equal_values_have_one_text_whatever_the_order_and_the_container(value: Any) -> None:
    assert canonical_json(shuffled(value)) == canonical_json(value)


@given(VALUES)
@settings(deadline=None)
def test_the_text_is_json_of_the_value(value: Any) -> None:
    text = canonical_json(value)
    assert text.isascii()
    assert same(json.loads(text), value)


@given(VALUES, LEAVES)
@settings(deadline=None)
def test_one_changed_leaf_gives_another_key(value: Any, leaf: Any) -> None:
    key = content_key("row", 1, {"spec": value})
    for other in changed_leaves(value, leaf):
        assert (content_key("row", 1, {"spec": other}) == key) == same(value, other)


def test_minus_zero_is_zero_and_numbers_of_numpy_are_those_of_python() -> None:
    assert canonical_json([-0.0, np.float64(-0.0), np.int64(3), np.float32(0.5)]) == "[0.0,0.0,3,0.5]"


def test_whole_numbers_truth_values_and_fractions_stay_apart() -> None:
    texts = [canonical_json(value) for value in (1, 1.0, True, "1", [1], None, "null")]
    assert texts == ["1", "1.0", "true", '"1"', "[1]", "null", '"null"']


def test_mapping_keys_are_sorted_and_text_is_ascii() -> None:
    assert canonical_json({"b": 1, "a": {"d": "é", "c": ()}}) == '{"a":{"c":[],"d":"\\u00e9"},"b":1}'


def test_words_of_an_enumeration_are_text() -> None:
    assert canonical_json({Colour.RED: Colour.RED}) == '{"red":"red"}'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_what_compares_equal_to_nothing_is_refused(value: float) -> None:
    with pytest.raises(ArgumentError, match="only finite numbers"):
        canonical_json({"a": [value]})


@pytest.mark.parametrize(
    "value", [{1, 2}, b"bytes", bytearray(b"x"), np.zeros(2), 1j, object(), Path("x"), np.True_]
)
def test_what_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match="has no canonical form"):
        canonical_json([value])


def test_mapping_keys_that_are_one_as_text_are_refused() -> None:
    with pytest.raises(ArgumentError, match="one as text"):
        canonical_json({1: "a", "1": "b"})


def test_the_key_function_is_frozen() -> None:
    # Literals on purpose: every database holds keys of this function, so a change of it is a new schema.
    assert content_key("model", 1, {}).hex() == "800061f0a0c4121a7630ae0d253e1ae6"
    spec = {"hookpoint": "mlp.act", "layer": 3, "C": 1.0, "names": ("a", "b"), "none": None, "on": True}
    assert content_key("activations", 1, spec).hex() == "bf38416216aacb918c6892a18c1b3b9a"
    inputs = [bytes(range(16)), bytes(16)]
    assert content_key("activations", 1, spec, inputs).hex() == "17098d29f77a1e6e7d46dda0f52427dc"
    assert content_key("activations", 2, spec, inputs).hex() == "ba60e2e5f25e5f8bae56dd6bbc6cb1cd"


def test_a_key_is_the_head_of_the_digest_of_the_canonical_text() -> None:
    text = '{"inputs":["0102"],"kind":"psm","spec":{"a":0.1},"version":7}'
    wanted = hashlib.sha256(text.encode()).digest()[:16]
    assert content_key("psm", 7, {"a": 0.1}, [b"\x01\x02"]) == wanted
    assert len(wanted) == KEY_BYTES


def test_order_of_inputs_kind_and_version_matter() -> None:
    one, two = b"1" * 16, b"2" * 16
    keys = {
        content_key("a", 1, {}, [one, two]),
        content_key("a", 1, {}, [two, one]),
        content_key("b", 1, {}, [one, two]),
        content_key("a", 2, {}, [one, two]),
        content_key("a", 1, {}, [one]),
    }
    assert len(keys) == 5


def test_digests_of_text_and_files_are_sha256_of_their_bytes(tmp_path: Path) -> None:
    # SHA-256 of "abc", from FIPS 180-2, appendix B.1.
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert text_digest("abc") == text_digest(b"abc") == known
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_digest(path) == known
    assert text_digest("é") == hashlib.sha256(b"\xc3\xa9").hexdigest()


def test_array_digests_depend_on_type_shape_and_values_alone() -> None:
    array = np.arange(6, dtype=np.float64).reshape(2, 3)
    same_bytes = (array.astype(">f8"), np.asfortranarray(array), np.repeat(array, 2, axis=1)[:, ::2])
    assert {array_digest(one) for one in same_bytes} == {array_digest(array)}
    others = (array.reshape(3, 2), array.astype(np.float32), array.view(np.int64), array + 1.0, array[:1])
    assert len({array_digest(one) for one in (array, *others)}) == len(others) + 1
    assert array_digest(np.array(1.0)) != array_digest(np.array([1.0]))
    assert array_digest(array, array) != array_digest(array)
