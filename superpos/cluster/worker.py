"""What lives in an actor: it runs tasks by name, within their memory, and sees no secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from superpos.cluster.connect import SECRETS
from superpos.cluster.memory import at_most
from superpos.cluster.recycling import resident_bytes
from superpos.stages.executor import FULL, Answer, TaskError, attempt


class Worker:
    """What lives in an actor; a plain class, so that it can be tested without a cluster."""

    def __init__(self, tasks: Mapping[str, Callable[[Any], Any]]) -> None:
        self._tasks = tasks

    def ping(self) -> int:
        """Answer with the threads of BLAS that a task has, which says that the actor has started.

        What fits import and compile is there then: no time limit is used up by it.
        """
        from threadpoolctl import threadpool_info

        from superpos.threads import one_thread

        if "fits" in self._tasks:
            from superpos.fits.compiled import warm_up
            from superpos.stages import fits  # noqa: F401 - with all that it imports

            warm_up()
        with one_thread():
            return max((one["num_threads"] for one in threadpool_info()), default=1)

    def run(self, task: str, index: int, payload: Any, memory: int | None = None) -> Answer:
        """Return the answer of one task, which may take so many bytes more than there are taken."""
        with at_most(memory):
            answer = attempt(self._tasks[task], index, payload)
        if memory is None or answer.error is None or not answer.error.reason.endswith("MemoryError"):
            return answer
        allowed = f"{memory / 2**20:,.0f} MiB beyond what its worker had"
        return Answer(index, None, TaskError(FULL, f"asked for more than {allowed} ({answer.error.message})"))


class LiveWorker(Worker):
    """A worker in an actor: whatever its node was started with, it sees no secret."""

    def __init__(self, tasks: Mapping[str, Callable[[Any], Any]]) -> None:
        import os

        for name in SECRETS:
            os.environ.pop(name, None)
        super().__init__(tasks)

    def join(self) -> tuple[int, str]:
        """Return what `ping` does, and the node that this is on."""
        import ray

        return self.ping(), str(ray.get_runtime_context().get_node_id())

    def call(self, *given: Any) -> tuple[Answer, int]:
        """Return the answer of one task, and the bytes that this process has then."""
        return self.run(*given), resident_bytes()
