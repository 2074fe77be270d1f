"""What `superpos doctor` looks at, one function each: what is found, and how to mend what is wrong.

Nothing is written but what opening a database writes, no secret is read into a finding, and every check
stands alone: one that fails says so and the others go on.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

from superpos.cpus import cpu_quota, usable_cpus
from superpos.errors import SuperposError

State = Literal["ok", "warning", "problem"]
OLDEST = {"ray": (2, 54)}
"""Oldest versions that are safe: earlier Rays have no token authentication."""
PACKAGES = (
    "superpos", "numpy", "scipy", "numba", "scikit-learn", "torch", "transformers", "sqlalchemy", "ray",
)  # fmt: skip
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Of BLAS."""
MOST_PROBLEMS = 5
"""Of a database, shown one by one."""
LITTLE_DISK, TOO_LITTLE_DISK = 2e9, 2e8
"""Free bytes below which there is a warning, and a problem."""


class Finding(NamedTuple):
    """What one check found."""

    name: str
    state: State
    said: str
    mend: str = ""
    """What to do; empty where nothing is wrong."""


def checkup(url: str | None, address: str) -> Iterator[Finding]:
    """Yield what every check finds.

    Parameters
    ----------
    url
        Database, as `--db` says it.
    address
        Ray cluster, as `--address` says it; empty for a local one.
    """
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("versions", versions),
        ("devices", devices),
        ("cpus", cpus),
        ("threads", threads),
        ("shared memory", shared_memory),
        ("temporary folder", temporary_folder),
        ("database", lambda: database(url)),
        ("ray", lambda: ray(address)),
        ("data folder", lambda: data_folder(url)),
        ("disk", lambda: disk(url)),
    )
    for name, check in checks:
        try:
            yield from check()
        except SuperposError as error:
            yield Finding(name, "problem", str(error), "see the message")
        except Exception as error:  # a doctor does not faint: what is wrong with the machine is a finding
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            yield Finding(
                name, "problem", f"cannot be looked at ({type(error).__name__}: {reason})", "report it"
            )


def versions() -> Iterator[Finding]:
    """Look at Python and the packages that results or safety depend on."""
    found, missing = [f"python {sys.version.split()[0]}"], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    yield Finding("versions", "ok", ", ".join(found))
    if missing:
        mend = f"pip install {' '.join(missing)}"
        yield Finding("versions", "problem", f"missing: {', '.join(missing)}", mend)
    for name, oldest in OLDEST.items():
        if name not in missing and _numbers(version(name)) < oldest:
            wanted = ".".join(map(str, oldest))
            yield Finding(
                "versions",
                "problem",
                f"{name} {version(name)} is older than {wanted}",
                f"pip install '{name}>={wanted}'",
            )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def devices() -> Iterator[Finding]:
    """Look at what activations can be computed on."""
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        yield Finding("devices", "ok", f"{len(names)} GPU: {', '.join(dict.fromkeys(names))}")
    else:
        yield Finding("devices", "ok", "no GPU: activations are computed on the CPU")


def cpus() -> Iterator[Finding]:
    """Look at how many CPUs this process may use, and what limits them."""
    n_cpus, n_usable, quota = os.cpu_count() or 1, usable_cpus(), cpu_quota()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else n_cpus
    said = f"{n_usable} of {n_cpus} (affinity {allowed}, quota {'none' if quota is None else f'{quota:g}'})"
    if quota is not None and quota < 1.0:
        yield Finding("cpus", "warning", said, "give the container or the job at least one whole CPU")
    else:
        yield Finding("cpus", "ok", f"{said}: as many workers by default")


def threads() -> Iterator[Finding]:
    """Look at BLAS: workers run it on one thread whatever it says here."""
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))  # loads it
    pools = ", ".join(f"{one['internal_api']} {one['num_threads']}" for one in threadpool_info())
    given = ", ".join(f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ)
    given = given or "no variable set"
    yield Finding("threads", "ok", f"{pools or 'no BLAS found'} here ({given}); one in each worker")


def shared_memory() -> Iterator[Finding]:
    """Look at /dev/shm, where Ray keeps its objects."""
    from superpos.cluster.connect import OBJECT_STORE_BYTES

    place = Path("/dev/shm")  # noqa: S108 (the system's own, only looked at)
    if not place.is_dir():
        return
    free = shutil.disk_usage(place).free
    said = f"{place} has {_size(free)} free, Ray takes {_size(OBJECT_STORE_BYTES)}"
    if free < OBJECT_STORE_BYTES:
        yield Finding("shared memory", "warning", said, "a container: docker run --shm-size=1g")
    else:
        yield Finding("shared memory", "ok", said)


def temporary_folder() -> Iterator[Finding]:
    """Look at TMPDIR: writable, and short enough for Ray's sockets."""
    from superpos.cluster.local import ray_folder

    place = Path(tempfile.gettempdir())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        mend = "set TMPDIR to a folder that you may write to"
        yield Finding("temporary folder", "problem", f"{place} cannot be written to ({error.strerror})", mend)
        return
    yield Finding("temporary folder", "ok", f"{place}; Ray's sessions lie in {ray_folder()}")


def database(url: str | None) -> Iterator[Finding]:
    """Look at the database: reachable, its file system, its revision, and whether it is as that makes it."""
    from superpos.db.engine import Database
    from superpos.db.file_systems import file_system_of
    from superpos.db.migrate import check, current_revision, newest_revision

    with Database(url) as handle:
        place = Path(handle.url.database or "")
        on = f" on {file_system_of(place) or 'an unknown file system'}" if handle.is_sqlite else ""
        if handle.is_sqlite and not place.exists():
            yield Finding("database", "ok", f"{handle.label}{on}: not made yet; a run makes it")
            return
        revision = current_revision(handle)
        if revision is None:
            yield Finding("database", "ok", f"{handle.label}{on}: empty; a run makes its tables")
            return
        if revision != newest_revision():
            said = f"{handle.label}{on}: at revision {revision}, this version needs {newest_revision()}"
            yield Finding("database", "problem", said, "superpos db upgrade")
            return
        problems = check(handle)
        for problem in problems[:MOST_PROBLEMS]:
            mend = "restore a copy, or make the database anew: what is stored can no longer be relied on"
            yield Finding("database", "problem", f"{handle.label}: {problem}", mend)
        if len(problems) > MOST_PROBLEMS:
            said = f"{handle.label}: {len(problems) - MOST_PROBLEMS} more"
            yield Finding("database", "problem", said, "superpos db check shows all")
        if not problems:
            yield Finding("database", "ok", f"{handle.label}{on}: at revision {revision}, as it should be")
        try:
            handle.require_writable()
        except SuperposError as error:
            yield Finding("database", "warning", str(error), "reports need no more; runs need to write")


def ray(address: str) -> Iterator[Finding]:
    """Look at the cluster's address and at its token, whose value is never read."""
    from superpos.cluster.connect import check_address, has_token, is_own, token_file

    asked = address or os.environ.get("RAY_ADDRESS", "")
    check_address(asked)
    mode = os.environ.get("RAY_AUTH_MODE", "")
    file = token_file()
    has_file = file.is_file()
    if not asked:
        yield Finding(
            "ray", "ok", "no address: a cluster of this machine alone is started, with a token of its own"
        )
    else:
        place = (
            "from the environment"
            if os.environ.get("RAY_AUTH_TOKEN")
            else "in a file"
            if has_file
            else "none"
        )
        said = f"{asked} answers; token {place}"
        if mode in ("", "token") and has_token():
            yield Finding("ray", "ok", said)
        elif is_own(asked):
            mend = "RAY_AUTH_MODE=token and `ray get-auth-token --generate` on every node"
            yield Finding("ray", "warning", f"{said}; anyone on this machine can run code there", mend)
        else:
            mend = "RAY_AUTH_MODE=token and `ray get-auth-token --generate` on every node (docs/cluster.md)"
            yield Finding("ray", "problem", f"{said}; anyone who reaches it can run code there", mend)
    if has_file and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding("ray", "problem", f"{file} can be read by others", f"chmod 600 {file}")


def data_folder(url: str | None) -> Iterator[Finding]:
    """Try an object store out where files are kept in one: write, read, list and remove a small object."""
    from superpos.db.engine import Database
    from superpos.storage import ObjectPlace, chosen

    with Database(url) as handle:
        place = chosen(handle.default_data_folder)
    if not isinstance(place, ObjectPlace):
        return
    try:
        place.try_out()
    except SuperposError as error:
        mend = "bucket, endpoint, credentials and permissions of this node (docs/cluster.md, Files)"
        yield Finding("data folder", "problem", str(error), mend)
    else:
        said = f"{place}: objects can be written, read, listed and removed from here"
        yield Finding("data folder", "ok", f"{said}; every node needs credentials of its own")


def disk(url: str | None) -> Iterator[Finding]:
    """Look at the free space where results, files and Ray's sessions go."""
    from superpos.db.engine import Database
    from superpos.storage import chosen
    from superpos.storage.files import disk_under

    with Database(url) as handle:
        files = disk_under(chosen(handle.default_data_folder))
        places = {"files": files, "temporary": Path(tempfile.gettempdir())}
        if handle.is_sqlite:
            places["database"] = Path(handle.url.database or "").resolve().parent
    for what, place in places.items():
        there = next(folder for folder in (place, *place.parents) if folder.is_dir())
        free = shutil.disk_usage(there).free
        said = f"{_size(free)} free for {what} in {place}"
        if free < LITTLE_DISK:
            state: State = "problem" if free < TOO_LITTLE_DISK else "warning"
            yield Finding(
                "disk",
                state,
                said,
                "make room, or use another folder (SUPERPOS_DATA_DIR, SUPERPOS_CACHE_DIR, --db, TMPDIR)",
            )
        else:
            yield Finding("disk", "ok", said)


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
