"""Entry points of the engine: compiled on first use, cached on disk under the contents of the whole engine.

numba calls cached code fresh as long as the file that defines the function has its time and size. An entry
point contains the code of a dozen other files, and a wheel sets one time for all versions; so the stamp is
the digest of every module of the engine and of the kinds that it is made of instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

from superpos.fits.compiled.machine.options import ENTRY
from superpos.hashing import text_digest

Function = TypeVar("Function", bound=Callable[..., Any])


@cache
def engine_digest() -> str:
    """Return the SHA-256 over the sources of the engine."""
    fits = Path(__file__).parents[2]
    # The loops are made of the own kinds' formulas and of what says how these are read.
    folders = (
        fits / "compiled", fits / "energies", fits.parent / "psms" / "similarities", fits.parent / "kinds"
    )  # fmt: skip
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return text_digest(b"".join(path.read_bytes() for path in paths))


def entry(function: Function) -> Function:
    """Compile `function` on its first call, GIL released; later processes read it from the cache."""
    dispatcher: Any = njit(**ENTRY)(function)
    # The one place where numba keeps what it compares with the stamp on disk.
    dispatcher._cache._cache_file._source_stamp = engine_digest()  # noqa: SLF001
    compiled: Function = dispatcher
    return compiled
