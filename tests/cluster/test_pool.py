"""The pool of Ray actors: every payload has its answer, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from superpos.cluster.pool import MAX_RETRIES, RayExecutor
from superpos.cluster.recycling import Recycling
from superpos.cluster.slots import IN_FLIGHT
from superpos.cluster.worker import Worker
from superpos.errors import StageError
from superpos.stages.executor import FULL, LATE, LOST, Answer, Careful, Limits, TaskError

pytestmark = pytest.mark.cluster


def make_tasks() -> dict[str, Any]:
    """Return tasks that travel to the workers by value."""

    def double(x: int) -> int:
        return 2 * x

    def slow(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def wait(path: str) -> str:
        while path and not Path(path).exists():
            time.sleep(0.05)
        return path

    def fail(kind: str) -> None:
        if kind == "value":
            raise ValueError("bad\nnumbers")
        if kind == "bug":
            raise AssertionError
        raise NotImplementedError(kind)

    def lock(_: Any) -> Any:
        import threading

        return threading.Lock()  # cannot travel

    def die(payload: tuple[str, int]) -> int:
        """Kill the worker so many times, then return how often that was."""
        path, deaths = Path(payload[0]), payload[1]
        with path.open("a") as stream:
            stream.write("x")
        if path.stat().st_size <= deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return deaths

    def maybe_die(payload: tuple[str, int] | int) -> int:
        return payload if isinstance(payload, int) else die(payload)

    def surroundings(_: Any) -> dict[str, Any]:
        import numpy as np
        from threadpoolctl import threadpool_info

        np.ones((2, 2)) @ np.ones((2, 2))
        return {"pid": os.getpid(), "threads": [one["num_threads"] for one in threadpool_info()]}

    held: list[bytes] = []

    def leak(size: int) -> int:
        held.append(os.urandom(size))
        return os.getpid()

    def fill(size: int) -> int:
        import numpy as np

        return np.ones(size, dtype=np.uint8).size

    return {
        "fill": fill,
        "leak": leak,
        "double": double,
        "slow": slow,
        "wait": wait,
        "fail": fail,
        "lock": lock,
        "die": die,
        "maybe_die": maybe_die,
        "surroundings": surroundings,
    }


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A local Ray with three CPUs; the executor that starts it runs nothing itself."""
    with RayExecutor(3):
        yield


@pytest.fixture(scope="module")
def pool(cluster: None) -> Iterator[RayExecutor]:  # noqa: ARG001 (starts Ray)
    executor = RayExecutor(2, tasks=make_tasks())
    yield executor
    executor.close()


def answers(executor: RayExecutor, task: str, payloads: Any) -> list[Answer]:
    return sorted(executor.run(task, payloads), key=lambda answer: answer.index)


def test_every_payload_has_its_answer(pool: RayExecutor) -> None:
    found = answers(pool, "double", range(50))
    assert [(answer.index, answer.value, answer.error) for answer in found] == [
        (index, 2 * index, None) for index in range(50)
    ]
    assert answers(pool, "double", []) == []


def test_payloads_are_drawn_as_workers_become_free(pool: RayExecutor) -> None:
    drawn = 0

    def payloads() -> Iterator[int]:
        nonlocal drawn
        for number in range(30):
            drawn += 1
            yield number

    for finished, _ in enumerate(pool.run("double", payloads())):
        assert drawn <= finished + pool.n_workers * IN_FLIGHT
    assert drawn == 30


def test_answers_come_as_they_finish(pool: RayExecutor, tmp_path: Path) -> None:
    """The first one waits for what is made when the second one has come."""
    while len({answer.value["pid"] for answer in pool.run("surroundings", range(8))}) < 2:
        pass  # one of the two is still starting
    order = []
    for answer in pool.run("wait", [str(tmp_path / "go"), "", "", ""]):
        order.append(answer.index)
        if answer.index == 1:
            (tmp_path / "go").touch()
    assert sorted(order) == [0, 1, 2, 3]


def test_errors_become_answers_of_one_line(pool: RayExecutor) -> None:
    found = answers(pool, "fail", ["value", "bug", "unheard of"])
    assert [answer.error.reason for answer in found if answer.error] == [
        "ValueError",
        "AssertionError",
        "NotImplementedError",
    ]
    assert found[0].error is not None
    assert found[0].error.message == "ValueError: bad numbers"
    assert all(answer.error is not None and "\n" not in answer.error.message for answer in found)


def test_an_answer_that_cannot_travel_is_an_error(pool: RayExecutor) -> None:
    (found,) = answers(pool, "lock", [0])
    assert found.error is not None
    assert "\n" not in found.error.message
    assert answers(pool, "double", [4])[0].value == 8  # the worker lives on


def test_work_of_a_worker_that_died_is_done_by_another_life(pool: RayExecutor, tmp_path: Path) -> None:
    payloads: list[Any] = [*range(6), (str(tmp_path / "deaths"), MAX_RETRIES), *range(7, 12)]
    found = answers(pool, "maybe_die", payloads)
    assert [answer.error for answer in found] == [None] * 12
    assert [answer.value for answer in found] == [*range(6), MAX_RETRIES, *range(7, 12)]
    assert (tmp_path / "deaths").stat().st_size == MAX_RETRIES + 1


def test_only_what_kills_its_workers_is_given_up(pool: RayExecutor, tmp_path: Path) -> None:
    """With one actor everything waits behind the killer; nothing is lost with it."""
    del pool
    alone = RayExecutor(1, tasks=make_tasks())
    path = tmp_path / "deaths"
    found = answers(alone, "maybe_die", [(str(path), 99), *range(1, 6)])
    alone.close()
    assert found[0].error is not None
    assert found[0].error.reason == "worker_lost"
    assert "died 3 times" in found[0].error.message
    assert path.stat().st_size == MAX_RETRIES + 1
    assert [(answer.value, answer.error) for answer in found[1:]] == [(n, None) for n in range(1, 6)]


def test_workers_have_one_blas_thread_and_processes_of_their_own(pool: RayExecutor) -> None:
    found = answers(pool, "surroundings", range(8))
    assert {answer.value["pid"] for answer in found} != {os.getpid()}
    assert all(answer.value["threads"] for answer in found)
    assert {count for answer in found for count in answer.value["threads"]} == {1}


def test_a_payload_that_takes_too_long_is_ended_and_those_behind_it_are_not(pool: RayExecutor) -> None:
    seconds = (0.0, 600.0, *[0.0] * 6)
    payloads = [Careful(one, limits=Limits(seconds=2.0 if one else 250.0)) for one in seconds]
    found = answers(pool, "slow", payloads)
    assert [answer.index for answer in found] == list(range(8))
    assert found[1].error == TaskError(LATE, "took longer than 2 s and was ended")
    assert [answer.error for answer in found if answer.index != 1] == [None] * 7


def test_a_payload_that_takes_too_much_memory_fails_alone(pool: RayExecutor) -> None:
    limits = Limits(memory=2**28)
    found = answers(pool, "fill", [Careful(size, limits=limits) for size in (2**20, 2**30, 2**20)])
    assert [answer.value for answer in found] == [2**20, None, 2**20]
    assert found[1].error is not None
    assert found[1].error.reason == FULL
    assert found[1].error.message.startswith("asked for more than 256 MiB beyond what its worker had (")
    assert answers(pool, "fill", [2**29])[0].value == 2**29  # the limit was that payload's


def test_a_suspect_has_its_worker_to_itself_and_dies_as_often_as_it_may(
    pool: RayExecutor, tmp_path: Path
) -> None:
    path = tmp_path / "deaths"
    suspect = Careful((str(path), 99), alone=True, tries=1)
    found = answers(pool, "maybe_die", [1, suspect, *range(2, 6)])
    assert found[1].error == TaskError(LOST, "the worker died once with it alone")
    assert path.stat().st_size == 1
    assert [answer.value for answer in found if answer.index != 1] == list(range(1, 6))


def test_a_consumer_that_stops_leaves_the_pool_usable(pool: RayExecutor) -> None:
    stream = pool.run("double", range(20))
    assert next(stream).error is None
    stream.close()  # type: ignore[attr-defined] # it is a generator
    assert [answer.value for answer in answers(pool, "double", [1, 2])] == [2, 4]


def test_more_workers_than_the_cluster_has_room_for(pool: RayExecutor) -> None:
    """Two of three CPUs are taken: the one worker that starts does all the work."""
    del pool
    crowded = RayExecutor(3, tasks=make_tasks())
    assert [answer.value for answer in answers(crowded, "double", range(9))] == [2 * x for x in range(9)]
    crowded.close()


def test_an_actor_that_has_grown_is_replaced_and_loses_nothing(pool: RayExecutor) -> None:
    """After the first call it may grow by two and a half of them; the next call may be on its way already."""
    del pool
    size = 2**25
    growing = RayExecutor(1, tasks=make_tasks(), recycling=Recycling(growth=5 * size // 2))
    found = answers(growing, "leak", [size] * 8)
    growing.close()
    assert [answer.error for answer in found] == [None] * 8
    pids = [answer.value for answer in found]
    assert len(set(pids)) == 2
    assert pids.count(pids[0]) in (4, 5)


def test_workers_that_cannot_start_are_an_error(pool: RayExecutor) -> None:
    del pool

    class Unloadable:
        """Raises wherever it is read back, as code does that a node lacks."""

        def __reduce__(self) -> Any:
            return exec, ("raise ImportError('no such module there')",)

    broken = RayExecutor(1, tasks={"unloadable": Unloadable()})
    with pytest.raises(StageError, match=r"^Ray workers cannot be started: .*no such module there"):
        answers(broken, "unloadable", [1, 2])
    broken.close()


def descendants(root: int) -> set[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = {root}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {root}


def listening_addresses(processes: set[int]) -> list[str]:
    inodes = set()
    for process in processes:
        try:
            links = [str(fd.readlink()) for fd in Path(f"/proc/{process}/fd").iterdir()]
        except OSError:
            continue
        inodes |= {link[8:-1] for link in links if link.startswith("socket:[")}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                listening.append(fields[1].partition(":")[0])
    return listening


ALONE = """
import os, sys, time
from pathlib import Path
from superpos.cli.ending import left
from superpos.cluster.pool import RayExecutor
from superpos.errors import ClusterLostError

def look(names):
    begun_with = Path("/proc/self/environ").read_text()
    return [name for name in names if name in os.environ or name in begun_with]

tasks = {"look": look, "wait": time.sleep}
try:
    with RayExecutor(1, tasks=tasks) as pool:
        (seen,) = pool.run("look", [["SUPERPOS_DB_URL", "PGPASSWORD", "OMP_NUM_THREADS"]])
        print(*seen.value, os.environ["SUPERPOS_DB_URL"], flush=True)
        sys.stdin.readline()
        list(pool.run("wait", [600]))
except ClusterLostError as error:
    print(error, flush=True)
    sys.exit(left(error.exit_status))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_cluster_of_our_own_is_on_loopback_knows_no_secret_and_its_end_is_said() -> None:
    """In a process of its own: Ray reads where to listen when it is first imported."""
    command = [sys.executable, "-c", ALONE]
    secrets = {"SUPERPOS_DB_URL": "postgresql+psycopg://me@host/name", "PGPASSWORD": "sesame"}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **secrets},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"OMP_NUM_THREADS {secrets['SUPERPOS_DB_URL']}\n"
        processes = descendants(process.pid)
        listening = listening_addresses(processes)
        (head,) = [pid for pid in processes if Path(f"/proc/{pid}/comm").read_text() == "gcs_server\n"]
        os.kill(head, signal.SIGKILL)
        said, _ = process.communicate("\n", timeout=120)
    reason = "one of its processes has ended"
    assert said == f"Ray is gone ({reason}); finished work is kept, the same command continues\n"
    assert process.returncode == 1
    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
    assert len(processes) > 3
    assert len(listening) > 3
    assert set(listening) <= loopback


def test_the_plain_worker() -> None:
    worker = Worker({"half": lambda x: 1 / x})
    assert worker.run("half", 3, 2) == Answer(3, 0.5)
    failed = worker.run("half", 4, 0)
    assert failed.error is not None
    assert failed.error.reason == "ZeroDivisionError"
