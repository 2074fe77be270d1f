"""A pool of Ray actors that survives their deaths.

Every actor has at most two calls in flight, so none waits for its next payload and none hoards. A payload
whose actor died is sent again, at most `MAX_RETRIES` times, then it is an answer with the reason
`worker_lost`. Since the other call in flight dies with its actor, what is sent again has an actor to itself:
only a payload that kills its workers alone is given up. Ray itself retries nothing.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superpos.errors import InputError
from superpos.stages.executor import Answer, TaskError, attempt, task_error
from superpos.stages.tasks import TASKS

MAX_RETRIES = 2
IN_FLIGHT = 2
CONNECT_SECONDS = 10.0
"""How long the address of a cluster may take to answer."""
OBJECT_STORE_BYTES = 256 * 1024 * 1024
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Worker:
    """What lives in an actor; a plain class, so that it can be tested without a cluster."""

    def __init__(self, tasks: Mapping[str, Callable[[Any], Any]]) -> None:
        self._tasks = tasks

    def run(self, task: str, index: int, payload: Any) -> Answer:
        """Return the answer of one task."""
        return attempt(self._tasks[task], index, payload)


@dataclass(slots=True)
class _Call:
    actor: int
    index: int
    payload: Any
    retries: int


class _Slots:
    """How many calls each actor has in flight, and which of them share their actor with no other."""

    def __init__(self, n_actors: int) -> None:
        self._load = [0] * n_actors
        self._alone = [False] * n_actors

    def take_alone(self) -> int | None:
        """Take an idle actor for a call that may kill it, None if there is none."""
        if 0 not in self._load:
            return None
        actor = self._load.index(0)
        self._load[actor], self._alone[actor] = 1, True
        return actor

    def take(self, *, keep_one: bool) -> int | None:
        """Take a place on the least busy actor, None if all are busy.

        With `keep_one` the least busy actor gets nothing more, so that it becomes idle.
        """
        shared = [actor for actor, alone in enumerate(self._alone) if not alone]
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


class RayExecutor:
    """Runs tasks on a Ray cluster: a local one on loopback by default, or the one at `address`."""

    def __init__(
        self,
        n_workers: int | None = None,
        address: str = "",
        tasks: Mapping[str, Callable[[Any], Any]] = TASKS,
    ) -> None:
        """Connect; raises `InputError` if the cluster cannot be reached."""
        check_address(address)
        _prepare_environment(address)
        import ray

        self._ray = ray
        self._owns = not ray.is_initialized()
        if self._owns:
            _start(ray, n_workers, address)
        resources = ray.cluster_resources()
        self.n_workers = n_workers or max(int(resources.get("CPU", 1)), 1)
        self._has_gpu = resources.get("GPU", 0) >= 1
        self._tasks = dict(tasks)
        self._actors: dict[str, list[Any]] = {}

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        """Yield the answers in the order in which they finish."""
        actors = self._pool(task)
        source = enumerate(payloads)
        calls: dict[Any, _Call] = {}
        again: deque[_Call] = deque()
        slots = _Slots(len(actors))

        def send(call: _Call) -> None:
            calls[actors[call.actor].run.remote(task, call.index, call.payload)] = call

        while True:
            while again and (alone := slots.take_alone()) is not None:
                call = again.popleft()
                call.actor = alone
                send(call)
            while (actor := slots.take(keep_one=bool(again))) is not None:
                try:
                    index, payload = next(source)
                except StopIteration:
                    slots.give_back(actor)
                    break
                send(_Call(actor, index, payload, 0))
            if not calls:
                return
            ready, _ = self._ray.wait(list(calls), num_returns=1)
            call = calls.pop(ready[0])
            slots.give_back(call.actor)
            answer = self._answer(ready[0], call)
            if answer is None:
                call.retries += 1
                again.append(call)
            else:
                yield answer

    def _answer(self, reference: Any, call: _Call) -> Answer | None:
        """Return the answer of a finished call; None if it must be sent again."""
        exceptions = self._ray.exceptions
        try:
            answer: Answer = self._ray.get(reference)
        except exceptions.RayTaskError as error:  # a mistake of the program, which `attempt` lets through
            cause = error.cause if isinstance(error.cause, BaseException) else error
            return Answer(call.index, None, task_error(cause))
        except exceptions.RayError as error:
            if call.retries < MAX_RETRIES:
                return None
            reason = f"worker died {MAX_RETRIES + 1} times ({type(error).__name__})"
            return Answer(call.index, None, TaskError("worker_lost", reason))
        return answer

    def _pool(self, task: str) -> list[Any]:
        """Return the actors for a task: one a GPU for extraction where there are any, else one a worker."""
        on_gpu = task == "extract" and self._has_gpu
        kind = "gpu" if on_gpu else "cpu"
        if kind not in self._actors:
            count = int(self._ray.cluster_resources().get("GPU", 1)) if on_gpu else self.n_workers
            options = {"num_cpus": 0 if on_gpu else 1, "num_gpus": 1 if on_gpu else 0}
            actor = self._ray.remote(Worker).options(max_restarts=-1, max_task_retries=0, **options)
            self._actors[kind] = [actor.remote(self._tasks) for _ in range(count)]
        return self._actors[kind]

    def close(self) -> None:
        """Let the actors go, and stop the cluster if it was started here."""
        for actors in self._actors.values():
            for actor in actors:
                self._ray.kill(actor)
        self._actors.clear()
        if self._owns:
            self._ray.shutdown()

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_address(address: str) -> None:
    """Refuse an address of the form host:port that nothing listens on: Ray alone would try for minutes.

    Raises
    ------
    InputError
        Naming the address; other forms (`auto`, `local`) are Ray's to judge.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isascii() and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"--address: cannot reach a Ray cluster at {address!r} ({reason})") from error


def _prepare_environment(address: str) -> None:
    """Ask for token authentication on a cluster of our own; Ray reads this when it is first imported."""
    if address or "ray" in sys.modules:
        return
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if os.environ["RAY_AUTH_MODE"] == "token":
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # Named after the systems where it is the default: a node that is to be alone listens on loopback.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


def _start(ray: Any, n_workers: int | None, address: str) -> None:
    """Connect to a cluster, or start one that only this machine can reach."""
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray warns of its own plans for later versions
        if address:
            try:
                ray.init(address=address, **quiet)
            except (ConnectionError, RuntimeError, ValueError, OSError) as error:
                reason = str(error).strip().splitlines()[0]
                raise InputError(
                    f"--address: cannot reach a Ray cluster at {address!r} ({reason})"
                ) from error
            return
        ray.init(
            address="local",  # whatever RAY_ADDRESS says: another cluster is asked for by --address
            num_cpus=n_workers or os.cpu_count() or 1,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            runtime_env={"env_vars": _worker_environment()},
            **quiet,
        )


def _worker_environment() -> dict[str, str]:
    """Return the environment of workers: one BLAS thread each, and the modules this process sees."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    environment = dict.fromkeys(THREAD_VARIABLES, "1")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return environment
