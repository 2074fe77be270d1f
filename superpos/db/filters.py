"""Filters of a view's rows: a value, several values, or None for what is missing, as conditions of SQL.

A number is compared within a few rounding steps (`ROUNDING` of its size), so that 0.1 + 0.2 finds 0.3 and a
float32 0.1 finds 0.1; whole numbers of whole-number columns are compared exactly. A value that no row of the
column could have, for its type, is refused: it would find nothing on one database system and fail on another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from superpos.catalogue import entry
from superpos.errors import ArgumentError, allowed, shown
from superpos.specs.hook_names import UNKNOWN_LAYER, read_place

ROUNDING = 1e-12
"""Relative difference of two numbers that count as one."""
MOST_VALUES = 10_000
"""Of one filter: database systems limit the parameters of a query."""
NUMBERS = ("integer", "number")
"""Types of the catalogue that are numbers."""

Condition = sa.ColumnElement[bool]


def conditions(view: str, columns: Sequence[str], filters: Mapping[str, Any]) -> list[Condition]:
    """Return what rows of a view have to fulfil.

    Parameters
    ----------
    view
        Name of the view.
    columns
        Its columns.
    filters
        Column to a value, to several values (list, tuple, set, range, array, series), or to None.

    Raises
    ------
    ArgumentError
        For a column that the view lacks, with the nearest name, and for a value that is no value of it.
    """
    for name in filters:
        check_column(view, columns, name)
    found = []
    given = dict(filters)
    if "hookpoint" in given:
        found.append(_at_places(given.pop("hookpoint"), given))
    return found + [_one_of(view, name, value) for name, value in given.items()]


def check_column(view: str, columns: Sequence[str], name: str) -> None:
    """Refuse a column that a view lacks; raises `ArgumentError` with the nearest name."""
    if name not in columns:
        raise ArgumentError(name, f"is no column of {view}; {allowed(name, columns)}")


def several(value: Any) -> list[Any] | None:
    """Return several values as a list, None where it is one."""
    if isinstance(value, str | bytes) or not isinstance(
        value, Sequence | Set | np.ndarray | pd.Series | pd.Index
    ):
        return None
    return [plain_value(one) for one in (value.tolist() if isinstance(value, np.ndarray) else value)]


def plain_value(value: Any) -> Any:
    """Return a value as the drivers of databases take it: NumPy's scalars and booleans as plain numbers."""
    if isinstance(value, np.generic):
        short = value.dtype.kind == "f" and value.dtype.itemsize < 8
        # Of a float32 the shortest decimal number that is it: 0.1, not 0.10000000149.
        value = float(str(value)) if short else value.item()
    return int(value) if isinstance(value, bool) else value


def _one_of(view: str, name: str, value: Any) -> Condition:
    """Return the condition that a column has this value, or one of these."""
    column: sa.ColumnClause[Any] = sa.column(name)
    numeric = entry(view, name).type in NUMBERS
    many = several(value)
    values = [plain_value(value)] if many is None else many
    if len(values) > MOST_VALUES:
        raise ArgumentError(name, f"has {len(values)} values; at most {MOST_VALUES} at once")
    for one in values:
        _check_value(name, one, numeric)
    exact = [one for one in values if one is not None and not isinstance(one, float)]
    parts: list[Condition] = [column.in_(exact)] if exact else []
    parts += [column.is_(None)] if any(one is None for one in values) else []
    parts += [_near(column, one) for one in values if isinstance(one, float)]
    return sa.or_(*parts) if parts else sa.false()


def _check_value(name: str, value: Any, numeric: bool) -> None:
    if value is None:
        return
    if isinstance(value, float) and math.isnan(value):
        raise ArgumentError(name, "NaN equals nothing; None finds what is missing")
    if isinstance(value, float) and math.isinf(value):
        raise ArgumentError(name, "no number in a view is infinite; None finds what is missing")
    if numeric and not isinstance(value, int | float):
        raise ArgumentError(name, f"{shown(value)} is no number")
    if not numeric and not isinstance(value, str):
        raise ArgumentError(name, f"{shown(value)} is no text")


def _near(column: sa.ColumnClause[Any], value: float) -> Condition:
    if value == 0.0:
        return column == 0.0
    step = ROUNDING * abs(value)
    return column.between(value - step, value + step)


def _at_places(value: Any, given: Mapping[str, Any]) -> Condition:
    """Return the condition on the hookpoint; a name of another library may hold a layer."""
    many = several(value)
    layer = given.get("layer", UNKNOWN_LAYER)
    stated = layer if isinstance(layer, int) else UNKNOWN_LAYER
    parts: list[Condition] = []
    for one in [value] if many is None else many:
        _check_value("hookpoint", one, numeric=False)
        name, place = read_place(one, stated) if isinstance(one, str) else (one, UNKNOWN_LAYER)
        here = sa.column("hookpoint") == name
        parts.append(here if place == UNKNOWN_LAYER else sa.and_(here, sa.column("layer") == place))
    return sa.or_(*parts) if parts else sa.false()


def named(values: Iterable[str] | str | None) -> list[str] | None:
    """Return one name or several as a list; None stays."""
    return [values] if isinstance(values, str) else None if values is None else list(values)
