"""The releases of numba that the engine works with.

`pointers.py`, `vectors.py`, `columns.py` and `entry.py` are written against parts of numba that it does not
promise to keep: data models, lowering, the stamp of a cached file. Another release may lack them, and then
compiled code would be missing, or stale. `pyproject.toml` names the same bounds.
"""

from __future__ import annotations

from superpos.errors import ArgumentError

OLDEST, BEYOND = (0, 62), (0, 69)
"""First release that has what is used; first one that has not been tried."""


def check_numba(version: str, *, disabled: bool = False) -> None:
    """Raise ArgumentError (`backend`) unless this release of numba, such as `0.68.1`, is a known one.

    Likewise if compilation is `disabled` (NUMBA_DISABLE_JIT): pointers exist in compiled code alone.
    """
    if disabled:
        raise ArgumentError("backend", "there is no compiled engine under NUMBA_DISABLE_JIT; take 'scipy'")
    numbers = version.split(".")[:2]
    oldest, beyond = (".".join(map(str, release)) for release in (OLDEST, BEYOND))
    if not all(number.isdecimal() for number in numbers) or not OLDEST <= tuple(map(int, numbers)) < BEYOND:
        raise ArgumentError(
            "backend",
            f"the compiled engine works with numba >={oldest},<{beyond} and {version} is installed: "
            f"pip install 'numba>={oldest},<{beyond}', or take backend 'scipy'",
        )
