"""A pool of Ray actors that survives their deaths.

An actor whose call ended in a Ray error is replaced by a new one, for calls sent to an actor that Ray itself
is restarting fail without being run. The payload is sent again, at most `MAX_RETRIES` times, then it is an
answer with the reason `worker_lost`. Since the other call in flight dies with its actor, what is sent again
has an actor to itself: only a payload that kills its workers alone is given up. Ray itself retries nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from superpos.cluster.connect import connect
from superpos.cluster.local import leave_behind
from superpos.cluster.slots import Slots
from superpos.errors import StageError
from superpos.stages.executor import Answer, TaskError, attempt, task_error
from superpos.stages.tasks import TASKS

MAX_RETRIES = 2
MAX_BAD_STARTS = 3
"""Actors in a row that may die before they answer."""


class Worker:
    """What lives in an actor; a plain class, so that it can be tested without a cluster."""

    def __init__(self, tasks: Mapping[str, Callable[[Any], Any]]) -> None:
        self._tasks = tasks

    def ping(self) -> bool:
        """Answer, which says that the actor has started."""
        return True

    def run(self, task: str, index: int, payload: Any) -> Answer:
        """Return the answer of one task."""
        return attempt(self._tasks[task], index, payload)


@dataclass(slots=True)
class _Actor:
    handle: Any
    ping: Any
    """Reference to the answer that says it has started; None afterwards."""


@dataclass(slots=True)
class _Call:
    index: int
    payload: Any
    retries: int = 0
    place: int = -1
    handle: Any = None


class RayExecutor:
    """Runs tasks on a Ray cluster: a local one on loopback by default, or the one at `address`."""

    def __init__(
        self,
        n_workers: int | None = None,
        address: str = "",
        tasks: Mapping[str, Callable[[Any], Any]] = TASKS,
    ) -> None:
        """Connect; raises `InputError` if the cluster cannot be reached."""
        self._ray, self._owns = connect(n_workers, address)
        resources = self._ray.cluster_resources()
        self.n_workers = n_workers or max(int(resources.get("CPU", 1)), 1)
        self._n_gpus = int(resources.get("GPU", 0))
        self._tasks = dict(tasks)
        self._actors: dict[str, list[_Actor]] = {}
        self._bad_starts = 0

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        """Yield the answers in the order in which they finish.

        Raises
        ------
        StageError
            If no worker can be started.
        """
        kind = "gpu" if task == "extract" and self._n_gpus else "cpu"
        actors = self._pool(kind)
        slots = Slots(len(actors))
        for place, actor in enumerate(actors):
            if actor.ping is None:
                slots.open(place)
        source = enumerate(payloads)
        calls: dict[Any, _Call] = {}
        again: deque[_Call] = deque()
        exhausted = False

        def send(call: _Call, place: int) -> None:
            call.place, call.handle = place, actors[place].handle
            calls[call.handle.run.remote(task, call.index, call.payload)] = call

        while True:
            while again and (alone := slots.take_alone()) is not None:
                send(again.popleft(), alone)
            while not exhausted and (shared := slots.take(keep_one=bool(again))) is not None:
                try:
                    send(_Call(*next(source)), shared)
                except StopIteration:
                    exhausted = True
                    slots.give_back(shared)
            if exhausted and not calls and not again:
                return
            starting = {actor.ping: place for place, actor in enumerate(actors) if actor.ping is not None}
            ready, _ = self._ray.wait([*calls, *starting], num_returns=1)
            if ready[0] in starting:
                self._welcome(kind, starting[ready[0]], slots)
                continue
            call = calls.pop(ready[0])
            answer = self._answer(ready[0], call)
            if actors[call.place].handle is call.handle:
                if answer is None:
                    self._replace(kind, call.place, slots)
                else:
                    slots.give_back(call.place)
            if answer is not None:
                yield answer
            elif call.retries == MAX_RETRIES:
                reason = f"the worker died {MAX_RETRIES + 1} times with it alone"
                yield Answer(call.index, None, TaskError("worker_lost", reason))
            else:
                call.retries += 1
                again.append(call)

    def _answer(self, reference: Any, call: _Call) -> Answer | None:
        """Return the answer of a finished call; None if its actor is lost."""
        try:
            answer: Answer = self._ray.get(reference)
        except (
            self._ray.exceptions.RayTaskError
        ) as error:  # a mistake of the program: `attempt` lets it through
            cause = error.cause if isinstance(error.cause, BaseException) else error
            return Answer(call.index, None, task_error(cause))
        except self._ray.exceptions.RayError:
            return None
        return answer

    def _pool(self, kind: str) -> list[_Actor]:
        """Return the actors of a kind: one a GPU for extraction where there are any, else one a worker."""
        if kind not in self._actors:
            count = self._n_gpus if kind == "gpu" else self.n_workers
            self._actors[kind] = [self._start(kind) for _ in range(count)]
        return self._actors[kind]

    def _start(self, kind: str) -> _Actor:
        options = {"num_cpus": 0, "num_gpus": 1} if kind == "gpu" else {"num_cpus": 1}
        remote = self._ray.remote(Worker).options(max_restarts=0, max_task_retries=0, **options)
        handle = remote.remote(self._tasks)
        return _Actor(handle, handle.ping.remote())

    def _replace(self, kind: str, place: int, slots: Slots) -> None:
        slots.close(place)
        self._ray.kill(self._actors[kind][place].handle)
        self._actors[kind][place] = self._start(kind)

    def _welcome(self, kind: str, place: int, slots: Slots) -> None:
        """Open an actor that has started, or start another if it has not."""
        actor = self._actors[kind][place]
        try:
            self._ray.get(actor.ping)
        except self._ray.exceptions.RayError as error:
            self._bad_starts += 1
            if self._bad_starts >= MAX_BAD_STARTS and not slots.any_open:
                reason = str(error).strip().splitlines()[-1].strip()  # a traceback ends with what was raised
                raise StageError(f"Ray workers cannot be started: {reason}") from error
            self._replace(kind, place, slots)
            return
        self._bad_starts = 0
        actor.ping = None
        slots.open(place)

    def close(self) -> None:
        """Let the actors go, and stop the cluster if it was started here."""
        for actors in self._actors.values():
            for actor in actors:
                self._ray.kill(actor.handle)
        self._actors.clear()
        if self._owns:
            self._ray.shutdown()

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._owns and kind is not None and issubclass(kind, KeyboardInterrupt):
            leave_behind()
        else:
            self.close()
