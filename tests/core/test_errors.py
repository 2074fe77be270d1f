"""Errors: exit statuses of the command line, one line a message, a safe trip between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from superpos.errors import (
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
