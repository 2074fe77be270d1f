"""Fields of records as keys of a study file: type, default and allowed values stand at the record, once."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from superpos.specs.toml_table import Table

UNSAID: Any = object()
"""Stands for the default of the record."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a record says of one of its fields."""

    name: str
    kinds: tuple[type, ...]
    """Types of its value, or of its values."""
    many: bool
    """Whether it holds a tuple of values."""
    default: Any
    """`MISSING` for a key that has to be there."""
    choices: tuple[str, ...] = ()
    """What a `Literal` allows."""


@cache
def field_of(record: type, name: str) -> Field:
    """Return what a record says of a field.

    Parameters
    ----------
    record
        A data class whose annotations are `str`, `int`, `float`, `bool`, a `Literal` of texts, one of these
        or None, another record, or a tuple of any length of one of these.
    name
        The field.
    """
    given = next(field for field in fields(record) if field.name == name)
    default = given.default if given.default_factory is MISSING else given.default_factory()
    hint = get_type_hints(record)[name]
    many = get_origin(hint) is tuple
    if many:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        hint = next(part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is Literal:
        return Field(name, (str,), many, default, get_args(hint))
    return Field(name, (hint,), many, default)


def read_field(table: Table, record: type, name: str, *, key: str = "", default: Any = UNSAID) -> Any:
    """Return the value of a key that fills a field, or its default; a tuple holds each value once.

    Parameters
    ----------
    table
        The table with the key.
    record, name
        The field.
    key
        The key, where it is not called as the field.
    default
        Instead of the record's own.

    Raises
    ------
    InputError
        If the key is missing without a default, or its value has another type.
    """
    field = field_of(record, name)
    given = field.default if default is UNSAID else default
    if not table.has(key or name) and given is not MISSING:
        table.know(key or name)
        return given
    if field.many:
        return tuple(dict.fromkeys(table.take_list(key or name, field.kinds)))
    return table.take(key or name, field.kinds)
