"""A TOML table that is read key by key: wrong types and keys nobody asked for become one clear message.

A table may stand on others: a key that it does not set is theirs. Messages about such a key name the file and
the table that set it, and who inherits it; relative paths are relative to the file that says them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from superpos.errors import ArgumentError, InputError, allowed, plain, shown
from superpos.reading.places import is_there
from superpos.specs.limits import MOST_TABLES
from superpos.specs.names import check_text

T = TypeVar("T")
LONGEST_KEY = 200
"""Characters of a key in a message."""


class Asked(NamedTuple):
    """What a reader asks of a key; pages and `superpos plan --explain` show it."""

    kinds: tuple[type, ...] = ()
    """Types of its value, or of its values."""
    many: bool = False
    """Whether it holds a list."""
    default: Any = None
    """None for a key that has to be there."""
    record: type | None = None
    """The record whose field it fills."""
    field: str = ""
    meaning: str = ""
    """Where no record says it."""
    instead: str = ""
    """The default in words, where it depends on something else."""


class Place(NamedTuple):
    """Where a key is set."""

    path: Path
    prefix: str
    """What stands before the key in messages: `blocks[2].`."""
    heir: str = ""
    """The table that inherits it, empty for the one that sets it."""


class Table:
    """One table of a study file; every message it raises names the file and the full key."""

    def __init__(
        self,
        path: Path,
        data: Mapping[str, Any],
        prefix: str = "",
        heir: str = "",
        *,
        places: Mapping[str, Place] | None = None,
        asked: dict[str, Asked] | None = None,
    ) -> None:
        self.path = path
        self.prefix = prefix
        self.heir = heir
        self._data = dict(data)
        self._places = dict(places or {})
        self._asked = {} if asked is None else asked

    @property
    def label(self) -> str:
        """The table's own name in messages: `blocks[2]`; empty for a whole file."""
        return self.prefix.rstrip(".")

    def place(self, key: str) -> Place:
        """Return where a key of this table, or a part of its value, is set."""
        top = re.split(r"[.\[]", key, maxsplit=1)[0]
        return self._places.get(top, Place(self.path, self.prefix, self.heir))

    def inside(self, key: str, value: Mapping[str, Any]) -> Table:
        """Return the table that is the value of a key, or a part of it (`kernels[0]`)."""
        path, prefix, heir = self.place(key)
        return Table(path, value, f"{prefix}{key}.", heir)

    def fail(self, key: str, message: str) -> InputError:
        """Return the error for a key of this table."""
        path, prefix, heir = self.place(key)
        where = plain(f"{prefix}{key}".rstrip("."), LONGEST_KEY)
        said = f"{message} (inherited by {plain(heir, 2 * LONGEST_KEY)})" if heir else message
        return InputError(f"{path}: {where}: {said}" if where else f"{path}: {said}")

    def has(self, key: str) -> bool:
        """Whether the file sets this key."""
        return key in self._data

    def know(self, key: str, asked: Asked | None = None) -> None:
        """Let a key appear among the allowed ones, though the file does not set it."""
        self._asked.setdefault(key, asked or Asked())

    @property
    def asked(self) -> Mapping[str, Asked]:
        """What has been asked of this table, by key."""
        return self._asked

    def over(self, below: Table, without: tuple[str, ...] = ()) -> Table:
        """Return this table's values over those of another without some keys."""
        under = {key: value for key, value in below._data.items() if key not in without}
        heir = ": ".join(part for part in (str(self.path) * (self.path != below.path), self.label) if part)
        inherited = {key: below.place(key)._replace(heir=self.heir or heir) for key in under}
        return type(self)(
            self.path,
            {**under, **self._data},
            self.prefix,
            self.heir,
            places={**inherited, **{key: self.place(key) for key in self._data}},
            asked={**below._asked, **self._asked},
        )

    @property
    def unread(self) -> tuple[str, ...]:
        """Return the keys that the file sets and that nothing has read yet."""
        return tuple(self._data)

    def inherits(self, key: str) -> bool:
        """Whether another table than this one sets a key."""
        return bool(self.place(key).heir)

    def peek(self, key: str) -> Any:
        """Return what the file says of a key, unchecked; None if it says nothing."""
        return self._data.get(key)

    def near_file(self, keys: tuple[str, ...], names: Iterable[str] = ()) -> Table:
        """Return the table with the relative paths under these keys that exist beside its file made absolute.

        A study started from two folders is then one study. A value that is one of `names` is no path. Keys
        may hold lists and tables of paths.
        """
        own = tuple(names)

        def near(key: str, value: Any) -> Any:
            if isinstance(value, list):
                return [near(key, one) for one in value]
            if isinstance(value, dict):
                return {name: near(key, one) for name, one in value.items()}
            return value if value in own else self.beside(key, value)

        data = {key: near(key, value) if key in keys else value for key, value in self._data.items()}
        return type(self)(self.path, data, self.prefix, self.heir, places=self._places, asked=self._asked)

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
            beside = self.place(key).path.parent / Path(value).expanduser()
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
        kinds = kind if isinstance(kind, tuple) else (kind,)
        self.know(key, Asked(kinds, default=default))
        if key not in self._data:
            if default is None:
                raise self.fail(key, "is missing")
            return default
        value = self._data.pop(key)
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
        self.know(key, Asked(kind if isinstance(kind, tuple) else (kind,), many=True, default=default))
        if key not in self._data:
            if default is None:
                raise self.fail(key, "is missing")
            return list(default)
        value = self._data.pop(key)
        elements = value if isinstance(value, list) else [value]
        path, prefix, heir = self.place(key)
        one = Table(path, {f"{key}[{i}]": element for i, element in enumerate(elements)}, prefix, heir)
        return [one.take(f"{key}[{i}]", kind) for i in range(len(elements))]

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables, empty where the file has none."""
        values = self.take_list(key, dict, [])
        self._check_number(key, len(values))
        return [self.inside(f"{key}[{i}]", value) for i, value in enumerate(values)]

    def named_tables(self, key: str, *, required: bool = True) -> dict[str, Table]:
        """Return a table of tables by name; at least one if they are required."""
        values: dict[str, Any] = self.take(key, dict, None if required else {})
        if required and not values:
            raise self.fail(key, "is empty; add a table")
        self._check_number(key, len(values))
        for name, value in values.items():
            if not isinstance(value, dict):
                raise self.fail(f"{key}.{name}", f"{shown(value)} is not a table")
        return {name: self.inside(f"{key}.{name}", value) for name, value in values.items()}

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
            raise self.fail(key, f"unknown key; {allowed(key, sorted(self._asked))}")

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
        except InputError as error:  # a kind that cannot be imported, say: a record knows no file
            raise self.fail("", str(error)) from error


_NAMES: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
}
