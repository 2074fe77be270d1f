"""One catalogue of axes and of columns: name, type, level, default, neutral value, meaning.

Tables, views, their pages, the study reader, the analysis and the report take what they list from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from superpos.catalogue.axes import AXES
from superpos.catalogue.columns import MEASURED
from superpos.catalogue.notes import NOTED
from superpos.catalogue.records import LEVELS, Axis, Column, Level, Role
from superpos.errors import ArgumentError, allowed, shown

__all__ = [
    "AXES",
    "LEVELS",
    "MEASURED",
    "NOTED",
    "Axis",
    "Column",
    "Level",
    "Role",
    "axes",
    "axis",
    "entry",
    "identity",
    "meaning",
    "measured",
    "names",
    "unit",
]

_NEVER = object()
"""What no axis is."""


def axes(*levels: Level, roles: tuple[Role, ...] = ()) -> tuple[Axis, ...]:
    """Return the axes of some levels (of all without any) that have one of some roles (any without)."""
    return tuple(
        one for one in AXES if (not levels or one.level in levels) and (not roles or one.role in roles)
    )


def names(*levels: Level, roles: tuple[Role, ...] = ()) -> tuple[str, ...]:
    """Return the names of `axes`."""
    return tuple(one.name for one in axes(*levels, roles=roles))


def axis(name: str, level: Level | None = None) -> Axis:
    """Return an axis by its name; by its level too where a setting of two steps has one name.

    Raises
    ------
    ArgumentError
        If there is none, with the nearest name.
    """
    for one in AXES:
        if one.name == name and level in (None, one.level):
            return one
    raise ArgumentError("axis", f"{shown(name)} is unknown; {allowed(name, sorted(names()))}")


def identity(values: Mapping[str, Any], *levels: Level) -> dict[str, Any]:
    """Return the values that keys are made from: an axis that came later counts where it is not as before."""
    as_before = _as_before(levels)
    return {name: value for name, value in values.items() if as_before.get(name, _NEVER) != value}


@cache
def _as_before(levels: tuple[Level, ...]) -> Mapping[str, Any]:
    """Return the values of axes that came later where nothing changes."""
    return {one.name: one.older for one in axes(*levels) if one.later}


def measured(table: str) -> tuple[Column, ...]:
    """Return the measured columns of a table, in its order."""
    return tuple(column for column in MEASURED if column.table == table)


def entry(view: str, name: str) -> Axis | Column:
    """Return what the catalogue says of a column of a view.

    Raises
    ------
    ArgumentError
        If it says nothing.
    """
    columns = [column for column in (*MEASURED, *NOTED) if column.name == name]
    found = [column for column in columns if view in column.views] or [c for c in columns if not c.views]
    if found:
        return found[0]
    for one in AXES:
        if one.name == name and one.role != "config":
            return one
    raise ArgumentError("column", f"{view}.{name} has no meaning; add it to superpos.catalogue")


def meaning(view: str, name: str) -> str:
    """Return what a column of a view means, for a page; raises as `entry`."""
    found = entry(view, name)
    return found.said if isinstance(found, Axis) else found.meaning


def unit(view: str, name: str) -> str:
    """Return the unit of a column of a view, empty for one without; raises as `entry`."""
    found = entry(view, name)
    return "" if isinstance(found, Axis) else found.unit
