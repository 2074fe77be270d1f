"""How a stage hands out work: tasks by name, payloads and answers as plain data.

An executor knows nothing of stages; the stages know nothing of Ray. Answers come in any order with the number
of their payload; a task that raised is an answer too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from superpos.errors import DataFolderAwayError, DataFolderError, SuperposError
from superpos.threads import one_thread


@dataclass(frozen=True, slots=True)
class TaskError:
    """A payload without an answer."""

    reason: str
    """Name of the exception's class, or `LOST`, `LATE` or `FULL`."""
    message: str
    exit_status: int = 1
    """2 where the user's input is at fault, so that trying again is of no use."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one payload."""

    index: int
    value: Any
    error: TaskError | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a task may take of its worker, where the executor has workers."""

    seconds: float | None = None
    """Time; then its worker is ended."""
    memory: int | None = None
    """Bytes beyond what the worker has before; then the task runs out of memory."""


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Careful:
    """A payload that is handed out with more care than others."""

    payload: Any
    alone: bool = False
    """Whether it has its worker to itself from the beginning: it may end it."""
    tries: int | None = None
    """Workers that it may end before it is given up; None for what the executor does with others."""
    limits: Limits = UNLIMITED


LOST = "worker_lost"
LATE = "time_limit"
FULL = "memory_limit"
"""Reasons of answers that the executor gives itself."""


class Executor(Protocol):
    """Runs tasks somewhere."""

    n_workers: int

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        """Yield an answer for every payload, in the order in which they finish.

        `payloads` may be a generator; no more of it is drawn than there are workers to feed. Each is data, or
        data with limits (`Careful`).
        """
        ...


class Reporter(Protocol):
    """Shows people what happens."""

    def start(self, stage: str, total: int) -> None:
        """Begin a stage of so many steps."""
        ...

    def advance(self, stage: str, steps: int = 1) -> None:
        """Count finished steps."""
        ...

    def finish(self, stage: str) -> None:
        """End a stage."""
        ...

    def note(self, text: str) -> None:
        """Say one line."""
        ...


FAILURES = (
    SuperposError,
    ArithmeticError,
    ValueError,
    RuntimeError,
    OSError,
    LookupError,
    TypeError,
    MemoryError,
)
"""What a computation on unlucky numbers may raise, in this package or in a numerical library."""


def task_error(error: BaseException) -> TaskError:
    """Return an exception as data, in one line."""
    name = type(error).__name__
    if isinstance(error, SuperposError):
        return TaskError(name, str(error), error.exit_status)
    return TaskError(name, f"{name}: {' '.join(str(error).split())}")


def of_store(error: TaskError) -> DataFolderError | None:
    """Return the error of an object store that a task met, which is no failure of the task; else None."""
    kinds = {kind.__name__: kind for kind in (DataFolderError, DataFolderAwayError)}
    return kinds[error.reason](error.message) if error.reason in kinds else None


def attempt(function: Callable[[Any], Any], index: int, payload: Any) -> Answer:
    """Return the answer of a task: its value, or what it raised.

    Errors the package raises on purpose and errors of numerical libraries become data, so that one bad
    payload cannot take a batch with it; an AssertionError is a bug of the program and is raised. Every task
    runs on one thread, so that its bits are the same in a worker, in this process and when made again.
    """
    with one_thread():
        return _try(function, index, payload)


def _try(function: Callable[[Any], Any], index: int, given: Any) -> Answer:
    payload = given.payload if isinstance(given, Careful) else given
    try:
        return Answer(index, function(payload))
    except FAILURES as error:
        return Answer(index, None, task_error(error))


class SerialExecutor:
    """Runs tasks in this process, one after another: for tests, debugging and `trace --recompute`."""

    n_workers = 1

    def __init__(self, tasks: Mapping[str, Callable[[Any], Any]], *, on_one_thread: bool = False) -> None:
        """Take tasks by name, and whether the caller is on one thread already: to ask again takes a while."""
        self._tasks = tasks
        self._attempt = _try if on_one_thread else attempt

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        """Yield answers in order."""
        for index, payload in enumerate(payloads):
            yield self._attempt(self._tasks[task], index, payload)


class SilentReporter:
    """Shows nothing."""

    def start(self, stage: str, total: int) -> None:
        """Ignore."""

    def advance(self, stage: str, steps: int = 1) -> None:
        """Ignore."""

    def finish(self, stage: str) -> None:
        """Ignore."""

    def note(self, text: str) -> None:
        """Ignore."""
