"""Compile the engine, or read it from numba's cache, before the work starts.

Processes that start together on one machine share the work: each compiles what no other is compiling, and
reads the rest from the cache when the others have put it there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from superpos.fits.compiled import powell
from superpos.fits.compiled.certificate import certify_compiled
from superpos.fits.compiled.distances import MatrixStack
from superpos.fits.compiled.joint import fit_joint_compiled
from superpos.fits.compiled.manifold import minimise_on_spheres_compiled
from superpos.fits.compiled.reoptimise import powell_compiled
from superpos.fits.compiled.verdict import quick_verdict
from superpos.fits.joint_curvature import JointCurvature
from superpos.fits.problem import JointProblem
from superpos.specs.axes import Kernel

LONGEST = 600.0
"""Seconds that are waited for another process; then this one compiles, too."""
Step = Callable[[], object]

_KERNEL = Kernel("riesz", 1.0)
_VECTORS = np.array([[1.0, 0.0], [-0.5, 0.8], [-0.5, -0.9]])
_WEIGHTS, _NORMS = np.full(3, 1.0 / 3.0), np.linalg.norm(_VECTORS, axis=1)


def _joint() -> None:
    fit_joint_compiled(_problem(), _VECTORS, np.zeros(3), max_iter=2, gtol=1e-3)


def _powell() -> None:
    powell_compiled(_VECTORS, _WEIGHTS, _NORMS, _KERNEL, lambda_x=1.0, xtol=1e-2, ftol=1e-2, max_iter=1)


def _manifold() -> None:
    minimise_on_spheres_compiled(_VECTORS, _WEIGHTS, _NORMS, _KERNEL, gtol=1e-4, max_iter=1)


def _curvature() -> None:
    JointCurvature(_problem(), compiled=True).at(_VECTORS / _NORMS[:, None], np.sqrt(_WEIGHTS))


def _certificate() -> None:
    certify_compiled(_VECTORS, _WEIGHTS, _KERNEL)


def _verdict() -> None:
    angles = 2.0 * np.pi * np.arange(3) / 3.0
    triangle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    quick_verdict(triangle, _WEIGHTS, _KERNEL)
    quick_verdict(triangle, np.array([0.5, 0.5, 0.0]), _KERNEL)


def _distances() -> None:
    stack = MatrixStack(2, 3)
    stack.matrices[:] = np.eye(3)
    stack.off_diagonal(0, 1), stack.distances([(0, 1)])


STEPS: tuple[Step, ...] = (_powell, _joint, _manifold, _curvature, _certificate, _verdict, _distances)
"""Every entry point once on a problem of three features; those that take longest first."""


def warm_up() -> float:
    """Call every entry point once; return the seconds that took."""
    start = time.perf_counter()
    in_turns(STEPS, _cache_folder())
    return time.perf_counter() - start


def in_turns(steps: Sequence[Step], folder: Path | None) -> None:
    """Take every step, those first that no other process is taking.

    Parameters
    ----------
    steps
        Each puts what it compiles into a cache that the processes share.
    folder
        Of the cache, where a file says that a step is being taken; None without one: nothing is shared then.
    """
    if folder is None:
        for step in steps:
            step()
        return
    left = []
    for step in steps:
        with _turn(folder, step, 0.0) as mine:
            if mine:
                step()
            else:
                left.append(step)
    for step in left:
        with _turn(folder, step, LONGEST):
            pass  # the other process is done
        step()


@contextmanager
def _turn(folder: Path, step: Step, seconds: float) -> Iterator[bool]:
    """Yield whether no other process takes a step, after having waited; the system frees a dead one's."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / f"{getattr(step, '__name__', 'step').strip('_')}.compiling")
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        yield False
        return
    except OSError:  # a folder without locks
        yield True
        return
    try:
        yield True
    finally:
        lock.release()


def _cache_folder() -> Path | None:
    """Return where numba keeps compiled code; None where it may not write."""
    cache = getattr(powell.powell, "_cache", None)
    path = getattr(cache, "cache_path", None)
    return Path(path) if path and Path(path).is_dir() else None


def _problem() -> JointProblem:
    return JointProblem(np.eye(3), _KERNEL, 2, 1.0, "cosine", 1.0, "unit", True, 1.0)
