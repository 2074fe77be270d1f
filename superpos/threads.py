"""One thread for BLAS and OpenMP, for the same bits on any number of cores."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Loads = tuple[int, int]
"""How often this process has loaded and unloaded a library."""
_looked: tuple[Loads, ThreadpoolController] | None = None
"""What was found when the libraries were looked through last."""


class _Loaded(ctypes.Structure):
    """The first members of `dl_phdr_info`, which the loader of Linux hands out for each library."""

    _fields_ = (
        ("addr", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.c_void_p),
        ("n_headers", ctypes.c_uint16),
        ("adds", ctypes.c_ulonglong),
        ("subs", ctypes.c_ulonglong),
    )


_Told = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Loaded), ctypes.c_size_t, ctypes.py_object)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS and OpenMP on one thread.

    Libraries that are first loaded inside are not limited. NumPy and SciPy bring a BLAS each, so SciPy is
    loaded here; whoever loads another library with threads of its own (scikit-learn) enters again after that.
    PyTorch counts its threads itself (`superpos.activations.extract`).
    """
    import scipy.linalg  # noqa: F401 - loads SciPy's BLAS

    with _libraries().limit(limits=1):
        yield


def _libraries() -> ThreadpoolController:
    """Return the libraries that are loaded; they are looked through again when others are."""
    global _looked  # noqa: PLW0603 (a look takes 3 ms, and every task of a few ms needs one)
    from threadpoolctl import ThreadpoolController

    now = loads()
    if now is None:
        return ThreadpoolController()
    if _looked is None or _looked[0] != now:
        _looked = now, ThreadpoolController()
    return _looked[1]


def loads() -> Loads | None:
    """Return how often libraries were loaded and unloaded; None on systems whose loader does not say."""
    iterate = _iterator()
    if iterate is None:
        return None
    found: list[Loads] = []
    iterate(_NOTE, found)
    return found[0] if found else None


def _note(info: Any, size: int, found: Any) -> int:
    if size >= ctypes.sizeof(_Loaded):
        found.append((info.contents.adds, info.contents.subs))
    return 1  # the first library is enough: the counts are those of the process


_NOTE = _Told(_note)


@cache
def _iterator() -> Any:
    if sys.platform != "linux":
        return None
    iterate = getattr(ctypes.CDLL(None), "dl_iterate_phdr", None)
    if iterate is not None:
        iterate.argtypes, iterate.restype = (_Told, ctypes.py_object), ctypes.c_int
    return iterate
