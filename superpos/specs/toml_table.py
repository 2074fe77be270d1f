"""A TOML table that is read key by key: wrong types and keys nobody asked for become one clear message."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from superpos.errors import ArgumentError, InputError, allowed
from superpos.reading.places import exists, resolved
from superpos.reading.refusals import shown

T = TypeVar("T")
LONGEST_KEY = 300
"""Characters of a full key that a message repeats."""


def load_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not UTF-8 or not TOML, or nested or with numbers beyond measure.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such study file; give a path or a bundled name") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is not TOML ({error})") from error
    except RecursionError as error:
        raise InputError(f"{path}: is not read: lists or tables are nested too deeply") from error
    except ValueError as error:
        raise InputError(f"{path}: holds a whole number of too many digits") from error


class Table:
    """One table of a study file; every message it raises names the file and the full key."""

    def __init__(self, path: Path, data: dict[str, Any], prefix: str = "") -> None:
        self.path = path
        self.prefix = prefix
        self._data = dict(data)
        self._known: list[str] = []

    def fail(self, key: str, message: str) -> InputError:
        """Return the error for a key of this table."""
        name = f"{self.prefix}{key}"
        if len(name) > LONGEST_KEY or not name.isprintable():
            name = shown(name)
        return InputError(f"{self.path}: {name}: {message}")

    def has(self, key: str) -> bool:
        """Whether the file sets this key."""
        return key in self._data

    def know(self, key: str) -> None:
        """Let a key appear among the allowed ones, though the file does not set it."""
        self._known.append(key)

    def over(self, below: Table, without: tuple[str, ...] = ()) -> Table:
        """Return this table's values over those of another without some keys; messages name this one."""
        under = {key: value for key, value in below._data.items() if key not in without}
        return type(self)(self.path, {**under, **self._data}, self.prefix)

    def peek(self, key: str) -> Any:
        """Return what the file says of a key, unchecked; None if it says nothing."""
        return self._data.get(key)

    def near_file(self, keys: tuple[str, ...], names: Iterable[str] = ()) -> Table:
        """Return the table with the relative paths under these keys that exist beside its file made absolute.

        A study started from two folders is then one study. A value that is one of `names` is no path.
        """
        own = tuple(names)
        return type(self)(
            self.path,
            {
                key: self.beside(value) if key in keys and value not in own else value
                for key, value in self._data.items()
            },
            self.prefix,
        )

    def beside(self, value: Any) -> Any:
        """Return text that names something beside the file as an absolute path, anything else as it is."""
        if not isinstance(value, str) or not value or Path(value).is_absolute():
            return value
        beside = self.path.parent / value
        return str(resolved(beside)) if exists(beside) else value

    def take(self, key: str, kind: type[T] | tuple[type, ...], default: T | None = None) -> Any:
        """Return the value of a key, or the default; None as default makes the key required.

        Raises
        ------
        InputError
            If the key is missing without a default, or its value has another type.
        """
        self._known.append(key)
        if key not in self._data:
            if default is None:
                raise self.fail(key, "is missing")
            return default
        value = self._data.pop(key)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if float in kinds and isinstance(value, int) and not isinstance(value, bool):
            try:
                value = float(value)
            except OverflowError as error:
                raise self.fail(key, "is beyond the largest double") from error
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            names = " or ".join(_NAMES.get(k, k.__name__) for k in kinds)
            raise self.fail(key, f"{value!r} is not {names}")
        return value

    def take_list(
        self, key: str, kind: type[T] | tuple[type, ...], default: list[T] | None = None
    ) -> list[Any]:
        """Return a list (a single value counts as a list of one), its elements checked as in `take`."""
        self._known.append(key)
        if key not in self._data:
            if default is None:
                raise self.fail(key, "is missing")
            return list(default)
        value = self._data.pop(key)
        elements = value if isinstance(value, list) else [value]
        one = Table(self.path, {f"{key}[{i}]": element for i, element in enumerate(elements)}, self.prefix)
        return [one.take(f"{key}[{i}]", kind) for i in range(len(elements))]

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables, empty where the file has none."""
        values = self.take_list(key, dict, [])
        return [Table(self.path, value, f"{self.prefix}{key}[{i}].") for i, value in enumerate(values)]

    def named_tables(self, key: str, *, required: bool = True) -> dict[str, Table]:
        """Return a table of tables by name; at least one if they are required."""
        values: dict[str, Any] = self.take(key, dict, None if required else {})
        if required and not values:
            raise self.fail(key, "is empty; add a table")
        for name, value in values.items():
            if not isinstance(value, dict):
                raise self.fail(f"{key}.{name}", f"{value!r} is not a table")
        return {
            name: Table(self.path, value, f"{self.prefix}{key}.{name}.") for name, value in values.items()
        }

    def finish(self) -> None:
        """Refuse keys that nothing asked for.

        Raises
        ------
        InputError
            Naming the first unknown key, what is allowed and the nearest known key.
        """
        for key in self._data:
            raise self.fail(key, f"unknown key; {allowed(key, sorted(set(self._known)))}")

    def build(self, make: Callable[..., T], keys: Mapping[str, str] | None = None, /, **values: Any) -> T:
        """Make a record; its complaint about an argument gets the file and the key in front.

        Parameters
        ----------
        make
            The record's constructor.
        keys
            Arguments whose key in the file has another name.
        **values
            Arguments.

        Raises
        ------
        InputError
            For what the constructor refuses.
        """
        try:
            return make(**values)
        except ArgumentError as error:
            key = error.argument.removeprefix(self.prefix)
            raise self.fail((keys or {}).get(key, key), error.reason) from error


_NAMES: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
}
