"""Tasks and their answers without a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from superpos.errors import ArgumentError, InputError, StageError
from superpos.stages.executor import SerialExecutor, TaskError, attempt, task_error
from superpos.stages.tasks import TASKS


def fail_with(error: BaseException) -> Any:
    def task(_: Any) -> None:
        raise error

    return task


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InputError("file x: is bad"), TaskError("InputError", "file x: is bad", 2)),
        (ArgumentError("sigma", "-1 is bad"), TaskError("ArgumentError", "sigma: -1 is bad", 2)),
        (StageError("disk full"), TaskError("StageError", "disk full", 1)),
        (FloatingPointError("overflow"), TaskError("FloatingPointError", "FloatingPointError: overflow", 1)),
        (np.linalg.LinAlgError("no\nend"), TaskError("LinAlgError", "LinAlgError: no end", 1)),
        (
            PermissionError(13, "denied"),
            TaskError("PermissionError", "PermissionError: [Errno 13] denied", 1),
        ),
        (KeyError("missing"), TaskError("KeyError", "KeyError: 'missing'", 1)),
    ],
)
def test_errors_become_one_line_of_data(error: BaseException, expected: TaskError) -> None:
    answer = attempt(fail_with(error), 7, None)
    assert (answer.index, answer.value, answer.error) == (7, None, expected)
    assert "\n" not in expected.message


def test_an_error_without_words_still_has_a_line() -> None:
    assert task_error(AssertionError()).message == "AssertionError: "


@pytest.mark.parametrize("error", [AssertionError("bug"), KeyboardInterrupt(), SystemExit(1)])
def test_bugs_and_interruptions_are_raised(error: BaseException) -> None:
    with pytest.raises(type(error)):
        attempt(fail_with(error), 0, None)


def test_serial_answers_come_in_order_and_payloads_are_drawn_one_by_one() -> None:
    drawn: list[int] = []

    def payloads() -> Iterator[int]:
        for number in range(5):
            drawn.append(number)
            yield number

    executor = SerialExecutor({"half": lambda x: 10 // (x - 2)})
    seen = []
    for answer in executor.run("half", payloads()):
        assert drawn[-1] == answer.index
        seen.append((answer.index, answer.value, answer.error and answer.error.reason))
    assert seen == [
        (0, -5, None),
        (1, -10, None),
        (2, None, "ZeroDivisionError"),
        (3, 10, None),
        (4, 5, None),
    ]


def test_every_task_of_the_stages_is_known() -> None:
    assert set(TASKS) == {
        "dataset",
        "extract",
        "probes",
        "source",
        "whiten",
        "resample",
        "sampled",
        "fits",
        "bounds",
    }
