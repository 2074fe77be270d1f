"""Places on actors: who can take another call, and who must be left alone."""

from __future__ import annotations

IN_FLIGHT = 2
"""Calls an actor has at most, so that none waits for its next payload and none hoards."""


class Slots:
    """How many calls each actor has in flight, and which of them share their actor with no other.

    An actor is closed until it answers, so that one that finds no room on the cluster keeps no work.
    """

    def __init__(self, n_actors: int) -> None:
        self._load = [0] * n_actors
        self._alone = [False] * n_actors
        self._open = [False] * n_actors

    @property
    def any_open(self) -> bool:
        """Whether an actor takes calls."""
        return any(self._open)

    def open(self, actor: int) -> None:
        """Give calls to an actor from now on."""
        self._open[actor] = True

    def close(self, actor: int) -> None:
        """Give no more calls to an actor, and forget those it had."""
        self._load[actor], self._alone[actor], self._open[actor] = 0, False, False

    def retire(self, actor: int) -> bool:
        """Give no more calls to an actor; whether it has none left."""
        self._open[actor] = False
        return self._load[actor] == 0

    def take_alone(self) -> int | None:
        """Take an idle actor for a call that may kill it, None if there is none."""
        for actor, is_open in enumerate(self._open):
            if is_open and self._load[actor] == 0:
                self._load[actor], self._alone[actor] = 1, True
                return actor
        return None

    def take(self, *, keep_one: bool) -> int | None:
        """Take a place on the least busy actor, None if all are busy.

        With `keep_one` the least busy actor gets nothing more, so that it becomes idle.
        """
        shared = [a for a, is_open in enumerate(self._open) if is_open and not self._alone[a]]
        shared.sort(key=lambda actor: self._load[actor])
        for actor in shared[1:] if keep_one else shared:
            if self._load[actor] < IN_FLIGHT:
                self._load[actor] += 1
                return actor
        return None

    def give_back(self, actor: int) -> None:
        """Count a finished call."""
        self._load[actor] -= 1
        self._alone[actor] = False
