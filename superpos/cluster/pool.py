"""A pool of Ray actors that survives their deaths.

Every actor has at most two calls in flight, so none waits for its next payload and none hoards. A payload
whose actor died is sent again, to another life of an actor, at most `MAX_RETRIES` times; then it is an answer
with the reason `worker_lost`. Ray itself retries nothing.
"""

from __future__ import annotations

import os
import secrets
import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superpos.errors import InputError
from superpos.stages.executor import Answer, TaskError, attempt
from superpos.stages.tasks import TASKS

MAX_RETRIES = 2
IN_FLIGHT = 2
OBJECT_STORE_BYTES = 256 * 1024 * 1024
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Worker:
    """What lives in an actor; a plain class, so that it can be tested without a cluster."""

    def run(self, task: str, index: int, payload: Any) -> Answer:
        """Return the answer of one task."""
        return attempt(TASKS[task], index, payload)


@dataclass(slots=True)
class _Call:
    actor: int
    index: int
    payload: Any
    retries: int


class RayExecutor:
    """Runs tasks on a Ray cluster: a local one on loopback by default, or the one at `address`."""

    def __init__(self, n_workers: int | None = None, address: str = "") -> None:
        """Connect; raises `InputError` if the cluster cannot be reached."""
        _prepare_environment(address)
        import ray

        self._ray = ray
        self._owns = not ray.is_initialized()
        if self._owns:
            _start(ray, n_workers, address)
        resources = ray.cluster_resources()
        self.n_workers = n_workers or max(int(resources.get("CPU", 1)), 1)
        self._has_gpu = resources.get("GPU", 0) >= 1
        self._actors: dict[str, list[Any]] = {}

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        """Yield the answers in the order in which they finish."""
        actors = self._pool(task)
        source = enumerate(payloads)
        calls: dict[Any, _Call] = {}
        again: deque[_Call] = deque()
        load = [0] * len(actors)
        exhausted = False
        while True:
            while (again or not exhausted) and min(load) < IN_FLIGHT:
                actor = load.index(min(load))
                if again:
                    call = again.popleft()
                    call.actor = actor
                else:
                    try:
                        index, payload = next(source)
                    except StopIteration:
                        exhausted = True
                        continue
                    call = _Call(actor, index, payload, 0)
                calls[actors[actor].run.remote(task, call.index, call.payload)] = call
                load[actor] += 1
            if not calls:
                return
            ready, _ = self._ray.wait(list(calls), num_returns=1)
            call = calls.pop(ready[0])
            load[call.actor] -= 1
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
        except exceptions.RayTaskError as error:
            cause = str(error.cause or error).strip().splitlines()[-1]
            return Answer(call.index, None, TaskError(type(error.cause).__name__, cause))
        except exceptions.RayError as error:
            if call.retries < MAX_RETRIES:
                return None
            return Answer(
                call.index,
                None,
                TaskError("worker_lost", f"worker died {MAX_RETRIES + 1} times ({type(error).__name__})"),
            )
        return answer

    def _pool(self, task: str) -> list[Any]:
        """Return the actors for a task: one a GPU for extraction where there are any, else one a worker."""
        on_gpu = task == "extract" and self._has_gpu
        kind = "gpu" if on_gpu else "cpu"
        if kind not in self._actors:
            count = int(self._ray.cluster_resources().get("GPU", 1)) if on_gpu else self.n_workers
            options = {"num_cpus": 0 if on_gpu else 1, "num_gpus": 1 if on_gpu else 0}
            actor = self._ray.remote(Worker).options(max_restarts=-1, max_task_retries=0, **options)
            self._actors[kind] = [actor.remote() for _ in range(count)]
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
