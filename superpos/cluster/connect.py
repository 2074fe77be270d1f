"""Reach a Ray cluster, or have one started that only this machine can reach."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from superpos.cluster.local import handlers_kept, start_ray
from superpos.cpus import usable_cpus
from superpos.errors import ClusterLostError, InputError, shown

CONNECT_SECONDS = 10.0
"""How long the address of a cluster may take to answer."""
OBJECT_STORE_BYTES = 256 * 1024 * 1024
PULSE_SECONDS = 5.0
"""Time between two looks at the cluster."""
PULSE_TRIES = 4
"""Looks in a row at which its head may not answer."""
SECRETS = (
    "SUPERPOS_DB_URL",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGUSER",
    "PGSSLKEY",
    "PGSSLCERT",
)
"""Variables that say how to get into a database: no worker has them."""
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


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
        raise InputError(f"--address: cannot reach a Ray cluster at {shown(address)} ({reason})") from error


def token_file() -> Path:
    """Return where Ray looks for an authentication token."""
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


def has_token() -> bool:
    """Whether Ray finds an authentication token: in the environment, or in its file."""
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or token_file().is_file()


def is_own(address: str) -> bool:
    """Whether an address is one that only this machine reaches; one without a host is."""
    host = address.partition("://")[2] or address
    host = host.rpartition(":")[0].strip("[]")
    return host in ("", "localhost", "::1") or host.startswith("127.")


def check_token(address: str) -> None:
    """Refuse the address of another machine without a token: whoever reaches such a cluster runs code there.

    `RAY_AUTH_MODE=disabled` says that this is meant, where the network keeps others out.

    Raises
    ------
    InputError
        Naming the address.
    """
    if not is_own(address) and not os.environ.get("RAY_AUTH_MODE") and not has_token():
        raise InputError(
            f"--address: {shown(address)} is not of this machine alone and no token is set, so whoever "
            "reaches it can run code there; set RAY_AUTH_MODE=token and the cluster's token "
            "(docs/cluster.md), or RAY_AUTH_MODE=disabled where the network keeps others out"
        )


def connect(n_workers: int | None, address: str) -> tuple[Any, bool]:
    """Return the module `ray`, connected, and whether the connection was made here.

    Raises
    ------
    InputError
        If the cluster at `address` cannot be reached, or anybody could who reaches its machine.
    StageError
        If a local one does not start.
    """
    check_token(address)
    check_address(address)
    _prepare_environment(address)
    import ray

    if ray.is_initialized():
        return ray, False
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray warns of its own plans for later versions
        if address:
            try:
                with handlers_kept():
                    ray.init(address=address, **quiet)
            except (ConnectionError, RuntimeError, ValueError, OSError) as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise InputError(
                    f"--address: cannot reach a Ray cluster at {shown(address)} ({reason})"
                ) from error
            return ray, True
        with secrets_hidden():
            start_ray(  # whatever RAY_ADDRESS says: another cluster is asked for by --address
                ray,
                num_cpus=n_workers or usable_cpus(),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                runtime_env={"env_vars": _worker_environment()},
                **quiet,
            )
    return ray, True


@contextmanager
def secrets_hidden() -> Iterator[None]:
    """Take the secrets out of the environment, which the processes that are started meanwhile inherit."""
    hidden = {name: os.environ.pop(name) for name in SECRETS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def worker_options(owned: bool) -> dict[str, Any]:
    """Return options of actors: on a cluster of others a job may give its workers what it has itself."""
    hidden = {} if owned else {name: "" for name in SECRETS if name in os.environ}
    return {"runtime_env": {"env_vars": hidden}} if hidden else {}


class Pulse:
    """Says when the cluster has ended: Ray itself would wait for it, or end this process on the spot."""

    def __init__(self, ray: Any, owned: bool) -> None:
        """Look at the processes of a cluster of our own, and at the port of its head."""
        import psutil

        self._address = str(ray.get_runtime_context().gcs_address)
        children = psutil.Process().children() if owned else []
        raylets = [child for child in children if child.name() == "raylet"]
        # Of several nodes one may be lost: the others do its work.
        self._processes = [child for child in children if child.name() == "gcs_server"]
        self._processes += raylets if len(raylets) == 1 else []
        self._looked = time.monotonic()
        self._silent = 0

    def check(self) -> None:
        """Raise `ClusterLostError` if the cluster has ended; a look is taken now and then only."""
        import psutil

        if time.monotonic() - self._looked < PULSE_SECONDS:
            return
        for process in self._processes:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                raise _lost("one of its processes has ended")
        self._silent = 0 if answers(self._address) else self._silent + 1
        if self._silent == PULSE_TRIES:
            raise _lost(f"its head at {self._address} does not answer")
        self._looked = time.monotonic()


def _lost(reason: str) -> ClusterLostError:
    return ClusterLostError(f"Ray is gone ({reason}); finished work is kept, the same command continues")


def answers(address: str) -> bool:
    """Whether something listens at host:port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PULSE_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


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


def _worker_environment() -> dict[str, str]:
    """Return the environment of workers: one BLAS thread each, and the modules this process sees."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    environment = dict.fromkeys(THREAD_VARIABLES, "1")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return environment
