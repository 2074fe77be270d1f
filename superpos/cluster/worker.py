"""What lives in an actor: it runs tasks by name, within their memory, and sees no secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from superpos.cluster.connect import SECRETS
from superpos.cluster.memory import at_most
from superpos.cluster.recycling import resident_bytes
from superpos.stages.executor import Answer, attempt


class Worker:
    """What lives in an actor; a plain class, so that it can be tested without a cluster."""

    def __init__(self, tasks: Mapping[str, Callable[[Any], Any]]) -> None:
        self._tasks = tasks

    def ping(self) -> int:
        """Answer with the threads of BLAS that a task has, which says that the actor has started."""
        from threadpoolctl import threadpool_info

        from superpos.threads import one_thread

        with one_thread():
            return max((one["num_threads"] for one in threadpool_info()), default=1)

    def run(self, task: str, index: int, payload: Any, memory: int | None = None) -> Answer:
        """Return the answer of one task, which may take so many bytes more than there are taken."""
        with at_most(memory):
            return attempt(self._tasks[task], index, payload)


class LiveWorker(Worker):
    """A worker in an actor: whatever its node was started with, it sees no secret."""

    def __init__(self, tasks: Mapping[str, Callable[[Any], Any]]) -> None:
        import os

        for name in SECRETS:
            os.environ.pop(name, None)
        super().__init__(tasks)

    def call(self, *given: Any) -> tuple[Answer, int]:
        """Return the answer of one task, and the bytes that this process has then."""
        return self.run(*given), resident_bytes()
