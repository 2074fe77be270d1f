"""A pool of Ray actors that survives their deaths, and says it when the cluster has ended.

An actor whose call ended in a Ray error is replaced by a new one, for calls sent to an actor that Ray itself
is restarting fail without being run. The payload is sent again, until it has ended `MAX_RETRIES + 1` workers,
then it is an answer with the reason `LOST`. Since the other call in flight dies with its actor, what is sent
again has an actor to itself: only a payload that kills its workers alone is given up. Ray retries nothing. A
node that is lost is not counted among them, until `MAX_LOST_NODES` have gone under one payload.

A payload that takes longer than it may is an answer with the reason `LATE`; its worker is ended. The time of
one that waits behind another begins when the other has answered.

An actor that is due to be replaced (`superpos.cluster.recycling`) gets no more calls and ends with its last.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from superpos.cluster.connect import Pulse, connect, worker_options
from superpos.cluster.local import leave_behind
from superpos.cluster.nodes import is_there
from superpos.cluster.recycling import Age, Recycling
from superpos.cluster.slots import Slots
from superpos.cluster.worker import LiveWorker
from superpos.errors import ClusterLostError, StageError
from superpos.stages.executor import (
    LATE,
    LOST,
    UNLIMITED,
    Answer,
    Careful,
    Limits,
    TaskError,
    task_error,
)
from superpos.stages.tasks import TASKS

MAX_RETRIES = 2
MAX_LOST_NODES = 5
"""Nodes that may be lost under a payload; one that takes its node with it must end somewhere."""
MAX_BAD_STARTS = 3
"""Actors in a row that may die before they answer."""
LOOK_SECONDS = 1.0
"""Time between two looks at the clock and at the cluster while no answer comes."""


DEFAULT = Recycling()


@dataclass(slots=True)
class _Actor:
    handle: Any
    ping: Any
    """Reference to the answer that says it has started; None afterwards."""
    age: Age
    node: str = ""
    """The node that it is on, once it has started."""


@dataclass(slots=True)
class _Call:
    index: int
    payload: Any
    tries: int = MAX_RETRIES + 1
    limits: Limits = UNLIMITED
    deaths: int = 0
    lost_nodes: int = 0
    place: int = -1
    handle: Any = None
    node: str = ""
    began: float = 0.0
    """When it was sent, or when the call before it answered."""


class RayExecutor:
    """Runs tasks on a Ray cluster: a local one on loopback by default, or the one at `address`."""

    def __init__(
        self,
        n_workers: int | None = None,
        address: str = "",
        tasks: Mapping[str, Callable[[Any], Any]] = TASKS,
        recycling: Recycling = DEFAULT,
    ) -> None:
        """Connect; raises `InputError` if the cluster cannot be reached."""
        self._ray, self._owns = connect(n_workers, address)
        self._pulse = Pulse(self._ray, self._owns)
        resources = self._ray.cluster_resources()
        self.n_workers = n_workers or max(int(resources.get("CPU", 1)), 1)
        self._n_gpus = int(resources.get("GPU", 0))
        self._tasks = dict(tasks)
        self._recycling = recycling
        self._actors: dict[str, list[_Actor]] = {}
        self._bad_starts = 0

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        """Yield the answers in the order in which they finish.

        Raises
        ------
        ClusterLostError
            If the cluster has ended.
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
            actor = actors[place]
            call.place, call.handle, call.node = place, actor.handle, actor.node
            call.began = time.monotonic()
            given = (task, call.index, call.payload, call.limits.memory)
            calls[call.handle.call.remote(*given)] = call

        while True:
            while again and (alone := slots.take_alone()) is not None:
                send(again.popleft(), alone)
            while not exhausted and (shared := slots.take(keep_one=bool(again))) is not None:
                try:
                    call, alone_from_now = _call_of(*next(source))
                except StopIteration:
                    exhausted = True
                    slots.give_back(shared)
                    continue
                if alone_from_now:
                    slots.give_back(shared)
                    again.append(call)
                    break
                send(call, shared)
            if exhausted and not calls and not again:
                return
            if again and not exhausted and not calls and slots.any_open:
                continue  # nobody is busy: what is to be alone has its place now
            starting = {actor.ping: place for place, actor in enumerate(actors) if actor.ping is not None}
            ready, _ = self._ray.wait([*calls, *starting], num_returns=1, timeout=LOOK_SECONDS)
            self._pulse.check()
            for reference in _late(calls):
                if self._ray.wait([reference], timeout=0)[0]:
                    continue  # it has answered, while this process was not looking
                call = calls.pop(reference)
                for other in [one for one, mate in calls.items() if mate.handle is call.handle]:
                    again.append(calls.pop(other))  # innocent: it waited behind the late one
                self._replace(kind, call.place, slots)
                reason = f"took longer than {call.limits.seconds:g} s and was ended"
                yield Answer(call.index, None, TaskError(LATE, reason))
            if not ready:
                continue
            if ready[0] in starting:
                self._welcome(kind, starting[ready[0]], slots)
                continue
            if ready[0] not in calls:
                continue  # it was late, or waited behind a late one
            call = calls.pop(ready[0])
            answer, resident = self._answer(ready[0], call)
            actor = actors[call.place]
            if actor.handle is call.handle:
                if answer is None:
                    self._replace(kind, call.place, slots)
                else:
                    slots.give_back(call.place)
                    actor.age.note(task, resident)
                    if actor.age.is_due and slots.retire(call.place):
                        self._replace(kind, call.place, slots)
                    for mate in calls.values():
                        if mate.handle is call.handle:
                            mate.began = time.monotonic()
            if answer is not None:
                yield answer
                continue
            if call.lost_nodes < MAX_LOST_NODES and not is_there(self._ray, call.node):
                call.lost_nodes += 1
            else:
                call.deaths += 1
            if call.deaths >= call.tries:
                times = "once" if call.deaths == 1 else f"{call.deaths} times"
                reason = f"the worker died {times} with it alone"
                yield Answer(call.index, None, TaskError(LOST, reason))
            else:
                again.append(call)

    def _answer(self, reference: Any, call: _Call) -> tuple[Answer | None, int]:
        """Return the answer of a finished call, None if its actor is lost, and the bytes of its actor."""
        try:
            found: tuple[Answer, int] = self._ray.get(reference)
        except (
            self._ray.exceptions.RayTaskError
        ) as error:  # a mistake of the program: `attempt` lets it through
            cause = error.cause if isinstance(error.cause, BaseException) else error
            return Answer(call.index, None, task_error(cause)), 0
        except self._ray.exceptions.RayError:
            return None, 0
        return found

    def _pool(self, kind: str) -> list[_Actor]:
        """Return the actors of a kind: one a GPU for extraction where there are any, else one a worker."""
        if kind not in self._actors:
            count = self._n_gpus if kind == "gpu" else self.n_workers
            self._actors[kind] = [self._start(kind) for _ in range(count)]
        return self._actors[kind]

    def _start(self, kind: str) -> _Actor:
        options: dict[str, Any] = {"num_cpus": 0, "num_gpus": 1} if kind == "gpu" else {"num_cpus": 1}
        options |= worker_options(self._owns)
        remote = self._ray.remote(LiveWorker).options(max_restarts=0, max_task_retries=0, **options)
        handle = remote.remote(self._tasks)
        return _Actor(handle, handle.join.remote(), Age(self._recycling))

    def _replace(self, kind: str, place: int, slots: Slots) -> None:
        slots.close(place)
        self._ray.kill(self._actors[kind][place].handle)
        self._actors[kind][place] = self._start(kind)

    def _welcome(self, kind: str, place: int, slots: Slots) -> None:
        """Open an actor that has started, or start another if it has not."""
        actor = self._actors[kind][place]
        try:
            threads, actor.node = self._ray.get(actor.ping)
        except self._ray.exceptions.RayError as error:
            self._bad_starts += 1
            if self._bad_starts >= MAX_BAD_STARTS and not slots.any_open:
                reason = str(error).strip().splitlines()[-1].strip()  # a traceback ends with what was raised
                raise StageError(f"Ray workers cannot be started: {reason}") from error
            self._replace(kind, place, slots)
            return
        if threads != 1:
            raise StageError(f"Ray workers have {threads} BLAS threads; results are promised for one")
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
        interrupted = self._owns and kind is not None and issubclass(kind, KeyboardInterrupt)
        if interrupted or (kind is not None and issubclass(kind, ClusterLostError)):
            leave_behind()
        else:
            self.close()


def _call_of(index: int, given: Any) -> tuple[_Call, bool]:
    """Return the call of a payload, and whether it is to have a worker to itself."""
    if not isinstance(given, Careful):
        return _Call(index, given), False
    return _Call(index, given.payload, given.tries or MAX_RETRIES + 1, given.limits), given.alone


def _late(calls: Mapping[Any, _Call]) -> list[Any]:
    """Return the calls that have taken longer than they may, one a worker: the first that it was sent."""
    now = time.monotonic()
    first: dict[int, tuple[Any, _Call]] = {}
    for reference, call in calls.items():  # in the order in which they were sent
        first.setdefault(id(call.handle), (reference, call))
    return [
        reference
        for reference, call in first.values()
        if call.limits.seconds is not None and now - call.began > call.limits.seconds
    ]
