"""One register for each family of kinds: it gives a kind by name, lists the rest and says where each is from.

Nothing is imported before it is asked for: the names of own kinds are the names of their modules, those of
other packages stand in their metadata.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar

from superpos.errors import ArgumentError, InputError, allowed, plain, shown
from superpos.kinds.origins import Origin, origin_of_entry, origin_of_module
from superpos.names import unfit_name

ATTRIBUTE = "KIND"
"""Name under which a module of a register's own package holds its kind."""
BY_HAND = Origin("added by hand", "in this process")
"""Origin of kinds that a program registers; no other process can make their rows again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What every kind says of itself; families add what they read and their functions."""

    name: str
    version: int
    """Raised whenever results would change: it is part of the keys from 2 on."""
    meaning: str
    """One sentence for study files, the glossary and the pages."""
    rank: int = 100
    """Place in lists and figures; equal ranks go by name."""

    def __post_init__(self) -> None:
        """Check what can be checked of any kind; raises `ArgumentError`."""
        if why := unfit_name(self.name):
            raise ArgumentError("name", f"{shown(self.name)} is no name of a kind: {why}")
        if type(self.version) is not int or self.version < 1:
            raise ArgumentError("version", f"{shown(self.version)} is no version; use a whole number from 1")
        if not self.meaning.strip():
            raise ArgumentError("meaning", "is empty; say in a sentence what the kind is")

    def check(self) -> None:
        """Try the functions of a kind from elsewhere; raises `ArgumentError` where they disagree."""


K = TypeVar("K", bound=Kind)


class Register(Generic[K]):
    """The kinds of one family.

    Parameters
    ----------
    what
        The family in the singular, for messages: `energy`.
    record
        Class of its kinds.
    package
        Package whose public modules hold one own kind each, of the module's name.
    group
        Group of the entry points by which other packages add kinds.
    wrap
        Makes a kind of a plain function that a reference `package.module:function` or an entry point names;
        None where a function says too little to be a kind.
    """

    def __init__(
        self,
        what: str,
        record: type[K],
        *,
        package: str,
        group: str,
        wrap: Callable[[str, Callable[..., Any]], K] | None = None,
    ) -> None:
        self.what = what
        self.record = record
        self.package = package
        self.group = group
        self._wrap = wrap
        self._found: dict[str, tuple[K, Origin | None]] = {}

    @cached_property
    def _modules(self) -> tuple[str, ...]:
        """Names of the modules that hold own kinds."""
        path = importlib.import_module(self.package).__path__
        return tuple(module.name for module in pkgutil.iter_modules(path) if module.name[0] != "_")

    @cached_property
    def _entries(self) -> dict[str, EntryPoint]:
        """Entry points of other packages by name; raises `InputError` for two kinds of one name."""
        found: dict[str, EntryPoint] = {}
        for entry in entry_points(group=self.group):
            here = f"{_package(entry)} ({entry.value})"
            if entry.name in self._modules:
                raise InputError(f"{here}: {self.what} {shown(entry.name)} has the name of one of superpos")
            if entry.name in found and found[entry.name].value != entry.value:
                other = _package(found[entry.name])
                raise InputError(f"{here}: {self.what} {shown(entry.name)} has the name of one of {other}")
            found[entry.name] = entry
        return found

    def register(self, kind: K) -> K:
        """Add a kind by hand, for this process; workers find it only through a package or a reference.

        Raises
        ------
        InputError
            If it is no kind of this family, its functions disagree, or its name is taken by another one.
        """
        self._accept(kind, f"{self.what} {shown(getattr(kind, 'name', kind))}")
        known = self._found.get(kind.name)
        if (known and known[0] != kind) or (not known and kind.name in (*self._modules, *self._entries)):
            raise InputError(f"{self.what} {shown(kind.name)}: the name is taken; choose another")
        self._found[kind.name] = kind, BY_HAND
        return kind

    def get(self, name: str, argument: str = "") -> K:
        """Return the kind of this name.

        Parameters
        ----------
        name
            Name of a kind, or `package.module:attribute`.
        argument
            What the message calls it; the family by default.

        Raises
        ------
        ArgumentError
            If there is none, with the nearest name.
        InputError
            If its package cannot be imported or what it gives is no kind of this family.
        """
        return self._look_up(name, argument)[0]

    def own(self) -> tuple[K, ...]:
        """Return the project's own kinds by rank; no package is imported."""
        return tuple(
            sorted((self.get(name) for name in self._modules), key=lambda kind: (kind.rank, kind.name))
        )

    def names(self) -> tuple[str, ...]:
        """Return the names of all kinds: own ones and those added by hand by rank, then those of packages."""
        for name in self._modules:
            self.get(name)
        known = {name: kind for name, (kind, _) in self._found.items() if ":" not in name}
        loaded = tuple(sorted(known, key=lambda name: (known[name].rank, name)))
        return (*loaded, *sorted(set(self._entries) - set(loaded)))

    def __iter__(self) -> Iterator[K]:
        """Give every kind, in the order of `names`; packages are imported."""
        return (self.get(name) for name in self.names())

    def __contains__(self, name: object) -> bool:
        """Whether a kind has this name; no package is imported."""
        return isinstance(name, str) and (
            name in self._found or name in self._modules or name in self._entries
        )

    def origin(self, name: str) -> Origin | None:
        """Return where a kind is from; None for the project's own."""
        return self._look_up(name, "")[1]

    def identity(self, name: str) -> dict[str, Any]:
        """Return what a kind adds to the keys of what is made with it: nothing for own kinds of version 1."""
        kind, origin = self._look_up(name, "")
        said: dict[str, Any] = {} if origin is None else {"from": origin.label}
        return said if kind.version == 1 and origin is None else {**said, "version": kind.version}

    def _look_up(self, name: str, argument: str) -> tuple[K, Origin | None]:
        if not isinstance(name, str):
            raise ArgumentError(
                argument or self.what, f"{shown(name)} is unknown; {allowed(name, self.names())}"
            )
        if name not in self._found:
            if name in self._modules:
                self._found[name] = self._own(name), None
            elif name in self._entries:
                self._found[name] = self._foreign(self._entries[name])
            elif ":" in name and name.partition(":")[0]:
                self._found[name] = self._reference(name)
        if name not in self._found:
            said = f"{shown(name)} is unknown; {allowed(name, self.names())}"
            raise ArgumentError(argument or self.what, said)
        return self._found[name]

    def _own(self, name: str) -> K:
        kind = getattr(importlib.import_module(f"{self.package}.{name}"), ATTRIBUTE, None)
        if not isinstance(kind, self.record) or kind.name != name:
            raise InputError(f"{self.package}.{name}: holds no {self.what} {name} under {ATTRIBUTE}")
        return kind

    def _foreign(self, entry: EntryPoint) -> tuple[K, Origin]:
        where = f"{_package(entry)}: {self.what} {shown(entry.name)} ({entry.value})"
        try:
            kind = entry.load()
        except Exception as error:  # whatever a stranger's module does when it is imported
            raise InputError(f"{where} cannot be imported: {_said(error)}") from error
        kind = self._wrapped(entry.name, kind, where)
        self._accept(kind, where)
        if kind.name != entry.name:
            raise InputError(f"{where} calls itself {shown(kind.name)}; give both the same name")
        return kind, origin_of_entry(entry)

    def _reference(self, name: str) -> tuple[K, Origin]:
        module, _, attribute = name.partition(":")
        where = f"{self.what} {shown(name)}"
        try:
            found: Any = importlib.import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except Exception as error:
            raise InputError(f"{where} cannot be imported: {_said(error)}") from error
        found = self._wrapped(name, found, where)
        self._accept(found, where)
        return found, origin_of_module(module)

    def _wrapped(self, name: str, found: Any, where: str) -> Any:
        """Return the kind that a plain function makes; anything else as it is."""
        if self._wrap is None or isinstance(found, Kind | type) or not callable(found):
            return found
        try:
            return self._wrap(name, found)
        except Exception as error:  # whatever is wrong with a stranger's function
            raise InputError(f"{where}: {_said(error)}") from error

    def _accept(self, kind: object, where: str) -> None:
        """Refuse what is no kind of this family, or one from elsewhere whose functions disagree."""
        if not isinstance(kind, self.record):
            raise InputError(f"{where} is no {self.record.__name__}, but {_class(kind)}")
        try:
            kind.check()
        except Exception as error:
            raise InputError(f"{where}: {_said(error)}") from error


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module


def _said(error: Exception) -> str:
    """Return an error as a message of ours says it: its class unless the message is ours already."""
    return str(error) if isinstance(error, InputError) else plain(f"{type(error).__name__}: {error}", 300)


def _class(value: object) -> str:
    return f"the module {value.__name__}" if isinstance(value, ModuleType) else type(value).__qualname__
