"""Errors: exit statuses of the command line, one line a message, a safe trip between processes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from superpos.errors import (
    LONGEST_MESSAGE,
    LONGEST_VALUE,
    MOST_CHOICES,
    ArgumentError,
    ContentChangedError,
    DatabaseError,
    InputError,
    NonFiniteError,
    ShapeError,
    StageError,
    SuperposError,
    SymmetryError,
    allowed,
    plain,
    shown,
)


@pytest.mark.parametrize(
    ("kind", "status"),
    [(SuperposError, 1), (StageError, 1), (InputError, 2), (ContentChangedError, 2), (DatabaseError, 3)],
)
def test_exit_statuses_are_those_of_the_contract(kind: type[SuperposError], status: int) -> None:
    assert kind("text").exit_status == status


@pytest.mark.parametrize("kind", [ArgumentError, ShapeError, NonFiniteError, SymmetryError])
def test_wrong_arguments_are_value_errors_that_name_the_argument(kind: type[ArgumentError]) -> None:
    error = kind("target", "is not square")
    assert isinstance(error, ValueError)
    assert error.exit_status == 2
    assert (str(error), error.argument, error.reason) == ("target: is not square", "target", "is not square")


@pytest.mark.parametrize("kind", [ArgumentError, ShapeError, NonFiniteError, SymmetryError])
def test_wrong_arguments_survive_the_trip_from_a_worker(kind: type[ArgumentError]) -> None:
    error = kind("target", "is not square")
    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 (bytes of our own)
        assert type(twin) is kind
        assert (str(twin), twin.argument, twin.reason) == (str(error), error.argument, error.reason)


def test_input_and_argument_errors_are_caught_as_one() -> None:
    assert issubclass(ArgumentError, InputError)
    assert not issubclass(DatabaseError, InputError)


def test_what_is_allowed_comes_with_the_nearest_choice() -> None:
    assert allowed("cosin", ("cosine", "rbf")) == "allowed: cosine, rbf (did you mean 'cosine'?)"
    assert allowed("zzz", ("cosine", "rbf")) == "allowed: cosine, rbf"
    assert allowed(3, (1, 2)) == "allowed: 1, 2"


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("exp", "'exp'"),
        (3, "3"),
        (0.1, "0.1"),
        (True, "True"),
        ([1, 2], "[1, 2]"),
        ("a\nb\x1b\u202ec\ud800\0", r"'a\nb\x1b\u202ec\ud800\x00'"),
        (10**39, f"1{'0' * 39}"),
        (10**5_000, "a whole number of about 5001 digits"),
        ([-(10**5_000)], "[a whole number of about 5001 digits]"),
        (list(range(9)), "[0, 1, 2, 3, 4, 5, 6, 7, ...]"),
        (nested(5_000), "[[[[...]]]]"),
        (np.zeros(2), "array([0., 0.])"),
    ],
    ids=lambda value: type(value).__name__,  # pytest writes no number of so many digits either
)
def test_values_are_shown_short_and_printable(value: object, said: str) -> None:
    assert shown(value) == said


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000, ["x" * 10_000] * 3, {"x" * 10_000: "y"}, np.zeros((99, 99)), b"x" * 10_000, object],
)
def test_no_value_is_shown_at_length(value: object) -> None:
    said = shown(value)
    assert len(said) <= 2 * LONGEST_VALUE
    assert said.isprintable()


def test_a_long_value_says_how_long_it_is() -> None:
    assert shown("x" * 10_000).endswith("x' (10000 characters)")
    short = plain("x" * 10_000, 50)
    assert len(short) <= 50
    assert short.endswith("x (10000 characters)")
    assert plain(short, 50) == short
    assert plain("a\u2066b\n") == r"a\u2066b\n"


@pytest.mark.parametrize("kind", [InputError, DatabaseError, StageError])
def test_messages_are_one_printable_line_that_ends(kind: type[SuperposError]) -> None:
    error = kind("first\nsecond \x1b[31m" + "x" * 10_000)
    assert str(error).startswith(r"first second \x1b[31m")
    assert len(str(error)) <= LONGEST_MESSAGE
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 (bytes of our own)


def test_many_choices_are_not_all_listed() -> None:
    said = allowed("name_77", [f"name_{i}" for i in range(500)])
    assert said.endswith("… (500 in all) (did you mean 'name_77'?)")
    assert said.count(",") == MOST_CHOICES
    assert len(allowed("y" * 10_000, ["x" * 10_000])) < 3 * LONGEST_VALUE
