"""Read what a builder is told from the keys of a TOML table: each field of its options is a key.

A builder whose keys are not simply its fields brings a reader of its own (`Builder.read`), made of the
parts below. The records check the values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from superpos.errors import InputError, allowed, shown
from superpos.kinds.builders import Builder
from superpos.kinds.options import Option, frozen, options_of
from superpos.specs.fields import know_field
from superpos.specs.toml_table import Asked, Table

T = TypeVar("T")


def read_options(builder: Builder, table: Table) -> Any:
    """Return the options of a builder; raises `InputError` naming file, key, value and what is allowed."""
    read = builder.read or (lambda table: read_record(builder.options, table))
    return read(table)


def read_record(record: type[T], table: Table, **values: Any) -> T:
    """Return the record whose fields are keys of a table; `values` are those that are read already."""
    for option in options_of(record):
        if option.name in values:
            continue
        know_field(table, record, option.name)
        if option.required or table.has(option.name):
            values[option.name] = _value(option, table)
    return table.build(record, **values)


def read_features(table: Table, build: Callable[[str, Any, Table], T]) -> tuple[T, ...]:
    """Return one record for each entry of the table `features`, which `build` makes of name and value."""
    values = table.take("features", dict)
    inner = table.inside("features", values)
    found = tuple(build(name, inner.take(name, (str, dict, list)), inner) for name in values)
    inner.finish()
    return found


def read_texts(table: Table, key: str) -> tuple[str, ...]:
    """Return a list of texts, empty where the table has none."""
    return tuple(table.take_list(key, str, []))


def read_bundled(table: Table, read: Callable[[str], tuple[T, ...]]) -> tuple[T, ...]:
    """Return the bundled list that the key `list` names, empty where it names none."""
    table.know("list", Asked((str,), default="", meaning="A list that ships with the package, by its name."))
    name = table.take("list", str, "")
    try:
        return read(name) if name else ()
    except InputError as error:
        raise table.fail("list", str(error)) from error


def _value(option: Option, table: Table) -> Any:
    """Return the value of a key, of the type that the field has; lists as tuples."""
    if option.many:
        values = tuple(table.take_list(option.name, option.type))
    elif option.type is object:
        return frozen(table.take(option.name, _plain_type(option, table)))
    else:
        given = table.peek(option.name)
        if option.choices and option.type is bool and not isinstance(given, bool | str):
            raise table.fail(option.name, f"{shown(given)} is unknown; {allowed(given, option.allowed)}")
        values = (table.take(option.name, option.kinds),)
    for value in values:
        if option.choices and isinstance(value, str) and value not in option.choices:
            raise table.fail(option.name, f"{shown(value)} is unknown; {allowed(value, option.allowed)}")
    return values if option.many else frozen(values[0])


def _plain_type(option: Option, table: Table) -> type[Any] | tuple[type[Any], ...]:
    """Return the type of a value of any type; dates and times, which no key can hold, are none."""
    given = type(table.peek(option.name))
    return given if given in (str, int, float, bool, dict, list) else (str, bool, dict, list, float)
