"""A Ray of our own that does not start, or whose folder is too long: one line; signals stay ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from superpos.cluster import connect as connecting
from superpos.cluster import local
from superpos.errors import InputError, StageError

LATE = "The current node timed out during startup. This could happen because of this\nor that."
ROOM = local.SOCKET_BYTES - local.LONGEST_INNER - len("/ray")


class Ray:
    """Stands in for the module: fails so many times, then starts."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.calls: list[dict[str, Any]] = []
        self.shutdowns = 0

    def init(self, **options: Any) -> None:
        self.calls.append(options)
        if self.failures:
            raise self.failures.pop(0)

    def shutdown(self) -> None:
        self.shutdowns += 1

    def is_initialized(self) -> bool:
        return False


@pytest.fixture(autouse=True)
def no_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_TMPDIR", "TMPDIR", *local.WAIT_SECONDS):
        monkeypatch.delenv(name, raising=False)


def test_the_folder_is_where_ray_would_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local.ray_folder() == Path("/tmp/ray")  # noqa: S108 (Ray's own default)
    monkeypatch.setenv("TMPDIR", "/scratch/me")
    if sys.platform.startswith("linux"):
        assert local.ray_folder() == Path("/scratch/me/ray")
    monkeypatch.setenv("RAY_TMPDIR", "/short")
    assert local.ray_folder() == Path("/short/ray")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Ray looks at TMPDIR on Linux only")
def test_a_folder_that_is_too_long_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/" + "x" * (ROOM - 1))
    assert local.ray_folder() == Path("/" + "x" * (ROOM - 1)) / "ray"
    monkeypatch.setenv("TMPDIR", "/" + "x" * ROOM)
    short = local.ray_folder()
    assert len(str(short)) < ROOM
    assert short.parent.stat().st_mode & 0o777 == 0o700  # whatever Ray does within
    assert short.parent.stat().st_uid == os.getuid()
    assert local.ray_folder() == short
    monkeypatch.setenv("TMPDIR", "/" + "é" * (ROOM // 2))  # bytes count, not characters
    assert local.ray_folder() == short


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Ray looks at TMPDIR on Linux only")
def test_a_short_folder_of_somebody_else_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", "/" + "x" * ROOM)
    monkeypatch.setattr(local, "SHORT", tmp_path)
    (tmp_path / f"superpos-ray-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(InputError, match=r"^TMPDIR: '/x+' is too long for Ray.*set RAY_TMPDIR"):
        local.ray_folder()


def test_a_folder_that_was_asked_for_by_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/" + "x" * ROOM)
    with pytest.raises(InputError, match=rf"^RAY_TMPDIR: '/x+' is too long.*up to {ROOM} bytes") as caught:
        local.ray_folder()
    assert "\n" not in str(caught.value)


def test_a_late_start_is_tried_again() -> None:
    ray = Ray(Exception(LATE))
    local.start_ray(ray, num_cpus=3)
    assert [(call["num_cpus"], call["address"]) for call in ray.calls] == [(3, "local")] * 2
    assert ray.shutdowns == 1
    for variable in local.WAIT_SECONDS:  # Ray waits longer than it would
        assert int(os.environ[variable]) > 30


def test_a_start_that_fails_every_time_is_one_line_that_names_the_logs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/short")
    ray = Ray(*(Exception(LATE) for _ in range(9)))
    with pytest.raises(StageError) as caught:
        local.start_ray(ray)
    assert len(ray.calls) == local.TRIES
    said = str(caught.value)
    assert said.startswith(
        f"Ray did not start in {local.TRIES} tries (The current node timed out during startup."
    )
    assert "logs are in /short/ray/session_latest/logs; try again" in said
    assert "\n" not in said
    assert caught.value.exit_status == 1


def test_an_error_without_words_is_named_by_its_kind() -> None:
    with pytest.raises(StageError, match=r"\(AssertionError\)"):
        local.start_ray(Ray(*(AssertionError() for _ in range(9))))


def test_the_executor_says_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def fail(*_: Any, **__: Any) -> None:
        raise Exception(LATE)

    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(StageError, match="Ray did not start"):
        connecting.connect(1, "")


@pytest.mark.parametrize(("n_workers", "n_cpus"), [(None, 3), (7, 7)])
def test_a_cluster_of_our_own_has_the_cpus_that_may_be_used(
    n_workers: int | None, n_cpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    seen: list[int] = []
    monkeypatch.setattr(connecting, "usable_cpus", lambda: 3)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: seen.append(options["num_cpus"]))
    assert connecting.connect(n_workers, "") == (ray, True)
    assert seen == [n_cpus]


def test_what_a_failed_start_left_running_is_stopped() -> None:
    class Leaky(Ray):
        def init(self, **options: Any) -> None:
            if not self.calls:
                self.left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            super().init(**options)

    mine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        ray = Leaky(Exception(LATE))
        local.start_ray(ray)
        ray.left.wait(timeout=240)
        assert mine.poll() is None  # what ran before is none of its business
    finally:
        mine.kill()
        mine.wait()


@pytest.fixture
def handler() -> Any:
    """A handler of SIGTERM of the program's own, and what it has seen."""
    seen: list[int] = []

    def remember(number: int, _: Any) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, remember)
    yield remember, seen
    signal.signal(signal.SIGTERM, before)


def test_the_handler_of_sigterm_stays_the_programs_own(handler: Any) -> None:
    class Greedy(Ray):
        def init(self, **options: Any) -> None:
            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
            super().init(**options)

    local.start_ray(Greedy(Exception(LATE)))
    assert signal.getsignal(signal.SIGTERM) is handler[0]


def test_sigterm_while_ray_starts_reaches_the_program(handler: Any) -> None:
    class Stopped(Ray):
        def init(self, **options: Any) -> None:
            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
            signal.raise_signal(signal.SIGTERM)
            super().init(**options)

    with pytest.raises(KeyboardInterrupt):
        local.start_ray(Stopped())
    assert handler[1] == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is handler[0]


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals of POSIX")
def test_what_ray_starts_does_not_hear_the_signals_of_schedulers() -> None:
    class Listening(Ray):
        def init(self, **options: Any) -> None:
            command = "import time; print('up', flush=True); time.sleep(600)"
            self.child = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE)
            super().init(**options)

    ray = Listening()
    local.start_ray(ray)
    try:
        assert ray.child.stdout is not None
        assert ray.child.stdout.readline() == b"up\n"
        for number in (signal.SIGTERM, signal.SIGHUP):
            ray.child.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            ray.child.wait(timeout=1)
    finally:
        ray.child.kill()
        ray.child.communicate()
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGTERM, signal.SIGHUP}


def test_a_process_ends_at_once_only_where_a_cluster_was_left_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from superpos.cli.ending import left

    ends: list[int] = []
    monkeypatch.setattr(local.os, "_exit", ends.append)
    monkeypatch.setattr(local, "_left_behind", False)
    assert left(143) == 143
    assert ends == []
    local.leave_behind()
    left(143)
    assert ends == [143]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("owns", "error", "asked"), [
    (True, KeyboardInterrupt, False), (True, ValueError, True), (True, None, True),
    (False, KeyboardInterrupt, True),
])  # fmt: skip
def test_a_cluster_of_our_own_is_not_asked_anything_after_a_signal(
    owns: bool, error: type[BaseException] | None, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have had the signal too; a cluster of others still has to be told that its actors go."""
    from superpos.cluster.pool import RayExecutor

    closed: list[bool] = []
    monkeypatch.setattr(local, "_left_behind", False)
    executor = object.__new__(RayExecutor)
    executor._owns = owns
    monkeypatch.setattr(RayExecutor, "close", lambda _: closed.append(True))
    executor.__exit__(error, None, None)
    assert closed == [True] * asked
    assert local._left_behind is not asked


ALONE = """
from superpos.cluster.pool import RayExecutor
with RayExecutor(1) as pool:
    print("answers", len(list(pool.run("fits", [[]]))))
"""
LISTENS = """
import psutil
from superpos.cluster.pool import RayExecutor
with RayExecutor(1) as pool:
    for process in psutil.Process().children(recursive=True):
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                print(*connection.laddr)
"""


@pytest.mark.cluster
def test_a_local_cluster_is_alone_and_leaves_the_port_of_agents_to_others() -> None:
    """A head that takes jobs needs 52365, unless it is told otherwise; a local cluster may not hold it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, "-c", LISTENS]
    done = subprocess.run(command, env=kept, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    listening = [line.rsplit(" ", 1) for line in done.stdout.splitlines()]
    assert len(listening) > 3
    assert {host for host, _ in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert "52365" not in {port for _, port in listening}


@pytest.mark.parametrize(
    ("address", "variables", "refused"),
    [
        ("10.0.0.1:6379", {}, True),
        ("ray://node:10001", {}, True),
        ("10.0.0.1:6379", {"RAY_AUTH_MODE": "token"}, False),
        ("10.0.0.1:6379", {"RAY_AUTH_MODE": "disabled"}, False),
        ("10.0.0.1:6379", {"RAY_AUTH_TOKEN": "a"}, False),
        ("127.0.0.1:6379", {}, False),
        ("[::1]:6379", {}, False),
        ("localhost:6379", {}, False),
        ("auto", {}, False),
        ("", {}, False),
    ],
)
def test_a_cluster_that_anyone_can_use_is_refused(
    address: str, variables: dict[str, str], refused: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if refused:
        with pytest.raises(InputError, match=r"^--address: '.*' is not of this machine alone.*RAY_AUTH_MODE"):
            connecting.check_token(address)
    else:
        connecting.check_token(address)


@pytest.mark.cluster
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Ray looks at TMPDIR on Linux only")
def test_ray_starts_under_a_long_tmpdir(tmp_path: Path) -> None:
    long = tmp_path / ("l" * 120)
    long.mkdir()
    environment = {**os.environ, "TMPDIR": str(long)}
    command = [sys.executable, "-c", ALONE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert (done.returncode, done.stdout) == (0, "answers 1\n"), done.stderr
    assert "Traceback" not in done.stderr
