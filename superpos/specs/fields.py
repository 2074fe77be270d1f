"""Read the keys of a study file as fields of records, which have their types, defaults and allowed values."""

from __future__ import annotations

from typing import Any

from superpos.kinds.options import Option, option_of
from superpos.specs.toml_table import Asked, Table

UNSAID: Any = object()
"""Stands for the default of the record."""


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
) -> Option:
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
    option = option_of(record, name)
    asked = Asked(
        kinds or option.kinds,
        option.many if many is None else many,
        option.default if default is UNSAID else default,
        record,
        name,
        instead=instead,
    )
    table.know(key or name, asked)
    return option


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
    option = know_field(table, record, name, key=key, default=default, instead=instead)
    if not table.has(key or name) and not (option.required and default is UNSAID):
        return option.default if default is UNSAID else default
    if option.many:
        return tuple(dict.fromkeys(table.take_list(key or name, option.type)))
    return table.take(key or name, option.kinds)
