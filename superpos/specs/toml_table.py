"""A TOML table that is read key by key: wrong types and keys nobody asked for become one clear message."""

from __future__ import annotations

import codecs
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from superpos.errors import ArgumentError, InputError, allowed, plain, shown
from superpos.files import is_there
from superpos.specs.limits import MOST_TABLES
from superpos.specs.names import check_text

T = TypeVar("T")
LONGEST_KEY = 200
"""Characters of a key in a message."""


LARGEST_FILE = 1 << 20
"""Bytes of a study file or set file; the parser takes seconds for so many."""
DEEPEST_KEY = 64
"""Parts of a dotted key; the parser's memory grows with their square."""
_KEY_PART = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s.=,\[\]{}"'#]+)[ \t]*"""
# Where a key may begin: a line, a header, an inline table. Prose in quotes begins at none of them.
_DEEP_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*(?:{_KEY_PART}\.[ \t]*){{{DEEPEST_KEY}}}", re.MULTILINE)


def load_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file, with or without a byte order mark.

    Raises
    ------
    InputError
        If the file is missing, unreadable, larger than `LARGEST_FILE`, not UTF-8 or not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such study file; give a path or a bundled name") from error
    except (OSError, ValueError) as error:  # the second for names that no file can have
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', error)})") from error
    if len(content) > LARGEST_FILE:
        raise InputError(f"{path}: is larger than {LARGEST_FILE:,} bytes; no study file is")
    marked = content.startswith(codecs.BOM_UTF8)
    try:
        text = content.decode("utf-8").removeprefix("\ufeff" if marked else "")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    return parse_toml(path, text.replace("\r\n", "\n").replace("\r", "\n"))


def parse_toml(path: Path, text: str) -> dict[str, Any]:
    """Return the content of TOML text; `path` is for the message of the `InputError`."""
    if found := _DEEP_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(f"{path}: line {line}: a key of more than {DEEPEST_KEY} parts, nested too deeply")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is not TOML ({error})") from error
    except RecursionError as error:
        raise InputError(f"{path}: is nested too deeply to be a study file") from error
    except ValueError as error:  # a whole number of more digits than Python reads
        raise InputError(f"{path}: {_long_number(text) or plain(str(error))}") from error


def _long_number(text: str) -> str:
    """Say in which line and after which key the first whole number stands that Python does not read."""
    limit = sys.get_int_max_str_digits()
    found = re.search(rf"[0-9][0-9_]{{{limit},}}", text)
    if found is None:
        return ""
    start = text.rfind("\n", 0, found.start()) + 1
    key, equals, _ = text[start : found.start()].partition("=")
    place = f"line {text.count(chr(10), 0, start) + 1}: {f'{plain(key.strip())}: ' if equals else ''}"
    return f"{place}a whole number of more than {limit} digits"


class Table:
    """One table of a study file; every message it raises names the file and the full key."""

    def __init__(self, path: Path, data: dict[str, Any], prefix: str = "") -> None:
        self.path = path
        self.prefix = prefix
        self._data = dict(data)
        self._known: list[str] = []

    def fail(self, key: str, message: str) -> InputError:
        """Return the error for a key of this table."""
        place = plain(f"{self.prefix}{key}".rstrip("."), LONGEST_KEY)
        return InputError(f"{self.path}: {place}: {message}" if place else f"{self.path}: {message}")

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
                key: self.beside(key, value) if key in keys and value not in own else value
                for key, value in self._data.items()
            },
            self.prefix,
        )

    def beside(self, key: str, value: Any) -> Any:
        """Return text that names something beside the file as an absolute path, anything else as it is.

        Raises
        ------
        InputError
            For text that no file system takes as a name, and for a user (`~name`) that there is not.
        """
        if not isinstance(value, str) or not value:
            return value
        try:
            beside = self.path.parent / Path(value).expanduser()
            there = is_there(beside)
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise self.fail(key, f"{shown(value)} is no name and no path ({reason})") from error
        return value if not there or Path(value).expanduser().is_absolute() else str(beside.resolve())

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
            raise self.fail(key, f"{shown(value)} is not {names}")
        return self.build(check_text, None, argument=key, text=value) if isinstance(value, str) else value

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
        self._check_number(key, len(values))
        return [Table(self.path, value, f"{self.prefix}{key}[{i}].") for i, value in enumerate(values)]

    def named_tables(self, key: str, *, required: bool = True) -> dict[str, Table]:
        """Return a table of tables by name; at least one if they are required."""
        values: dict[str, Any] = self.take(key, dict, None if required else {})
        if required and not values:
            raise self.fail(key, "is empty; add a table")
        self._check_number(key, len(values))
        for name, value in values.items():
            if not isinstance(value, dict):
                raise self.fail(f"{key}.{name}", f"{shown(value)} is not a table")
        return {
            name: Table(self.path, value, f"{self.prefix}{key}.{name}.") for name, value in values.items()
        }

    def _check_number(self, key: str, count: int) -> None:
        if count > MOST_TABLES:
            raise self.fail(key, f"holds {count:,} tables; at most {MOST_TABLES:,}")

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
