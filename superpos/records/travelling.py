"""Records that travel between processes by the million: pickled as the arguments that make them again.

A frozen dataclass with slots is pickled by a loop over its fields in Python, on either side. That costs more
than all that is pickled of a small record.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any


class Travelling:
    """A dataclass that checks nothing when it is made, and has two fields at least."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the class and its arguments."""
        record: Any = type(self)
        return record, _values(record)(self)


@cache
def _values(record: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Return what gives the fields of a record in their order."""
    values: Callable[[Any], tuple[Any, ...]] = attrgetter(*record.__dataclass_fields__)
    return values
