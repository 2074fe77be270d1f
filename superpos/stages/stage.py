"""What a stage is: a record that says what is missing, what does it, and where its values go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from superpos.records.work import CellFailure
from superpos.stages.executor import UNLIMITED, Executor, Limits, TaskError

W = TypeVar("W")
Done = Sequence[tuple[W, Any]]
"""Units of work, each with the value of its task."""


def _never(*_: Any) -> bool:
    """Take no error as anything but a failure."""
    return False


@dataclass(frozen=True, slots=True)
class Remake(Generic[W]):
    """How files that a task has not found, or found damaged, are made again."""

    make: Callable[[Sequence[W]], None]
    """Makes the files of some units of work again, which are then tried once more."""
    lost_again: Callable[[W], str]
    """What is said of a unit whose files are lost again."""


@dataclass(frozen=True, slots=True)
class Leasing(Generic[W]):
    """What of a unit of work is leased, so that no two runs do the same."""

    keys: Callable[[W], Sequence[str]]
    """Keys of the parts of a unit, of which a run may get some."""
    part: Callable[[W, Collection[str]], W]
    """The part of a unit under some of these keys."""
    missing: Callable[[W, Collection[str]], W | None]
    """Reads a unit again once it is leased: what of it has no result now, without failures of these keys."""


def leasing_of(key: Callable[[W], str], missing: Callable[[W], bool]) -> Leasing[W]:
    """Return how units of one part are leased, by the key that also names their failures."""

    def still(work: W, failed: Collection[str]) -> W | None:
        return work if key(work) not in failed and missing(work) else None

    return Leasing(lambda work: (key(work),), lambda work, _: work, still)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Generic[W]):
    """What a stage has to do in this run."""

    name: str
    """What its work counts under."""
    task: str
    """Name of the task that its executor runs."""
    works: Iterable[W]
    """What is missing; drawn one by one if it is an iterator."""
    total: int
    """Steps of all of it."""
    payload: Callable[[W], Any]
    """What the task is given for a unit."""
    insert: Callable[[Done[W]], Iterable[CellFailure] | None]
    """Stores values; returns what failed within a unit, if anything did."""
    keys: Callable[[W], Sequence[str]]
    """Keys of a unit's failures."""
    leasing: Leasing[W] | None = None
    """How runs share the work; None for work that each run does for itself."""
    steps: Callable[[W], int] = lambda _: 1
    batch: int = 1
    """Units that are leased, and whose values are stored, together."""
    prepare: Callable[[], Any] = lambda: None
    """Called once before anything is handed out."""
    refuse: Callable[[W, TaskError], bool] = _never
    """Takes note of an error; whether it says something of the input, and is no failure."""
    notes: Callable[[Sequence[CellFailure]], Iterable[str]] | None = None
    """Lines on failures; one each by default."""
    failed_before: Collection[str] | None = None
    """Keys with failures, where work is too much to ask for each; None to forget failures unseen."""
    remake: Remake[W] | None = None
    split: Callable[[W], Sequence[W]] | None = None
    """Cuts a unit that cannot be done as a whole, until what is at fault stands alone; () if it does."""
    limits: Limits = UNLIMITED
    """What a unit may take."""
    executor: Executor | None = None
    """Where its task runs; None for that of the run."""
