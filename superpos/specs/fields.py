"""Fields of records as keys of a study file: type, default and allowed values stand at the record, once.

A field whose values are names of kinds is annotated with the register that has them:
`Annotated[str, CONTROLS]`.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from superpos.kinds.register import Register
from superpos.specs.toml_table import Asked, Table

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
    register: Register[Any] | None = None
    """The kinds of which it names one, or several."""


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
    hint = get_type_hints(record, include_extras=True)[name]
    many = get_origin(hint) is tuple
    if many:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        hint = next(part for part in get_args(hint) if part is not NoneType)
    register = None
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        register = next((note for note in notes if isinstance(note, Register)), None)
    if get_origin(hint) is Literal:
        return Field(name, (str,), many, default, get_args(hint))
    return Field(name, (hint,), many, default, register=register)


def know_field(
    table: Table,
    record: type,
    name: str,
    *,
    key: str = "",
    kinds: tuple[type, ...] = (),
    many: bool | None = None,
    default: Any = UNSAID,
    instead: str = "",
) -> Field:
    """Say which field a key fills; return what the record says of it.

    Parameters
    ----------
    table
        The table with the key.
    record, name
        The field.
    key
        The key, where it is not called as the field.
    kinds, many, default
        Where the file writes it otherwise than the record.
    instead
        The default in words, where it depends on something else.
    """
    field = field_of(record, name)
    value = field.default if default is UNSAID else default
    table.know(
        key or name,
        Asked(
            kinds or field.kinds,
            field.many if many is None else many,
            None if value is MISSING else value,
            record,
            name,
            instead=instead,
        ),
    )
    return field


def read_field(
    table: Table, record: type, name: str, *, key: str = "", default: Any = UNSAID, instead: str = ""
) -> Any:
    """Return the value of a key that fills a field, or its default; a tuple holds each value once.

    Parameters
    ----------
    table
        The table with the key.
    record, name, key, instead
        As in `know_field`.
    default
        Instead of the record's own.

    Raises
    ------
    InputError
        If the key is missing without a default, or its value has another type.
    """
    field = know_field(table, record, name, key=key, default=default, instead=instead)
    given = field.default if default is UNSAID else default
    if not table.has(key or name) and given is not MISSING:
        return given
    if field.many:
        return tuple(dict.fromkeys(table.take_list(key or name, field.kinds)))
    return table.take(key or name, field.kinds)
