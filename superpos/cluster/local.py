"""Start a Ray that only this machine can reach, and say in one line why it did not start.

Ray keeps logs and sockets in a folder whose path must be short: a Unix socket's has at most 107 bytes. On a
busy machine it may miss its own deadline, which says nothing about the next try.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from superpos.errors import InputError, StageError

SOCKET_BYTES = 107 if sys.platform.startswith("linux") else 103
"""Bytes of the path of a Unix socket."""
LONGEST_INNER = len("/session_2026-01-02_03-04-05_123456_4194304/sockets/plasma_store.99")
"""Bytes of what Ray puts behind its folder."""
SHORT = Path("/tmp")  # noqa: S108 (Ray's own default; what is made in it is checked)
TRIES = 3
"""Ray gives its processes 15 and 30 seconds to find each other, not all of which a setting changes."""
WAIT_SECONDS = {"RAY_raylet_start_wait_time_s": 120, "RAY_gcs_server_port_wait_time_s": 60}
"""How long workers wait for their node, and a node for its head, where the environment does not say."""
STOP_SECONDS = 5.0


_left_behind = False


def leave_behind() -> None:
    """Say nothing more to a cluster of our own: a signal ends this process, and Ray's processes with it.

    Who sends a signal often sends it to Ray's processes too. A call to a Ray that is gone waits for it or
    ends this process on the spot, before anything has been said. See `end_process`.
    """
    global _left_behind  # noqa: PLW0603 (the one cluster of this process)
    _left_behind = True


def end_process(status: int) -> None:
    """End this process at once where a cluster was left behind, without Ray's clean-up; else do nothing.

    Ray's processes end with the one that started them: by the kernel's parent-death signal on Linux, by a
    process that watches elsewhere.
    """
    if _left_behind:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)


def ray_folder() -> Path:
    """Return the folder for Ray's sessions: where Ray would put it, or a short one where that is too long.

    Raises
    ------
    InputError
        If `RAY_TMPDIR` is too long, or `TMPDIR` is and there is no short folder to take instead.
    """
    name = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    linux = sys.platform.startswith("linux")  # elsewhere Ray looks at its own variable alone
    given = os.environ.get("RAY_TMPDIR") or (os.environ.get("TMPDIR") if linux else None) or str(SHORT)
    folder = Path(given).absolute() / "ray"
    if _fits(folder):
        return folder
    if name == "TMPDIR":
        # A name of the user's own, and only the user may read it: anyone can write in SHORT.
        short = SHORT / f"superpos-ray-{os.getuid()}"
        try:
            short.mkdir(mode=0o700, exist_ok=True)
            found = short.lstat()
            if found.st_uid == os.getuid() and found.st_mode & 0o170077 == 0o040000:
                return short / "ray"  # Ray opens its own folder to everyone
        except OSError:
            pass  # said below
    raise InputError(
        f"{name}: {given!r} is too long for Ray, whose sockets lie in it; allowed: up to "
        f"{SOCKET_BYTES - LONGEST_INNER - len('/ray')} bytes; set RAY_TMPDIR to a short folder"
    )


def start_ray(ray: Any, **options: Any) -> None:
    """Start Ray on this machine, again where it is not up in time.

    Parameters
    ----------
    ray
        The module.
    options
        Arguments of `ray.init`.

    Raises
    ------
    InputError
        As `ray_folder`.
    StageError
        If it does not start; names the folder of its logs.
    """
    for variable, seconds in WAIT_SECONDS.items():
        os.environ.setdefault(variable, str(seconds))
    folder = ray_folder()
    for remaining in reversed(range(TRIES)):
        before = _children()
        try:
            with stops_held(), handlers_kept(), agent_on_any_port():
                ray.init(address="local", _temp_dir=str(folder), **options)
        except Exception as error:  # Ray raises a bare one when it is late
            ray.shutdown()
            _stop(_children() - before)
            if remaining:
                continue
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            logs = folder / "session_latest" / "logs"
            raise StageError(
                f"Ray did not start in {TRIES} tries ({reason}); its logs are in {logs}; try again when the "
                "machine is less busy, or with fewer --workers"
            ) from error
        return


@contextmanager
def agent_on_any_port() -> Iterator[None]:
    """Let the agent of a local Ray listen on a free port.

    Ray's own is one number for every cluster of a machine (52365), which no argument of `ray.init` changes.
    A head that is started later finds it taken, has no agent and takes no job until the local one has ended.
    Where another Ray has no such default, nothing is done.
    """
    try:
        from ray._private import parameter

        genuine = parameter.RayParams
        parameter.RayParams = partial(genuine, dashboard_agent_listen_port=0)
    except (ImportError, AttributeError):
        yield
        return
    try:
        yield
    finally:
        parameter.RayParams = genuine


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) + LONGEST_INNER <= SOCKET_BYTES


@contextmanager
def stops_held() -> Iterator[None]:
    """Hold back SIGTERM and SIGHUP, for good in the processes that are started meanwhile.

    Slurm, systemd, `timeout` and a closed terminal signal every process of a group. A Ray that ends first
    takes the driver with it, before the driver has written down how its run ended. Ray's processes inherit
    the mask; they end with the driver, by the kernel's parent-death signal or by `ray.shutdown`.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Keep SIGTERM's handler: Ray puts its own there, and its C++ part one that prints a report."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit as error:
        if error.code != signal.SIGTERM or not callable(before):
            raise
        signal.signal(signal.SIGTERM, before)
        before(signal.SIGTERM, None)  # what Ray's handler caught was not meant for it
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _children() -> set[Any]:
    """Return the processes that this one has started."""
    import psutil

    return set(psutil.Process().children())


def _stop(processes: set[Any]) -> None:
    """Stop what a failed start left behind: it would compete with the next try."""
    import psutil

    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()  # SIGTERM is held back in them
    psutil.wait_procs(processes, timeout=STOP_SECONDS)
