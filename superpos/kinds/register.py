"""One register for each family of kinds: it gives a kind by name, lists the rest and says where each is from.

Nothing is imported before it is asked for: the names of own kinds are the names of their modules, those of
other packages stand in their metadata.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar

from superpos.errors import ArgumentError, InputError, allowed, shown
from superpos.kinds.origins import Origin, origin_of_entry, origin_of_module
from superpos.kinds.strangers import strangers
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
        self._broken: dict[str, str] = {}

    @cached_property
    def _modules(self) -> tuple[str, ...]:
        """Names of the modules that hold own kinds."""
        path = importlib.import_module(self.package).__path__
        return tuple(module.name for module in pkgutil.iter_modules(path) if module.name[0] != "_")

    @cached_property
    def _scanned(self) -> tuple[dict[str, EntryPoint], dict[str, str]]:
        """Entry points of other packages by name, and what is wrong where two kinds have one name."""
        found: dict[str, EntryPoint] = {}
        clashes: dict[str, str] = {}
        for entry in entry_points(group=self.group):
            before = found.setdefault(entry.name, entry)
            own = entry.name in self._modules
            if own or before.value != entry.value:
                here, there = _package(entry), "superpos" if own else _package(before)
                clashes[entry.name] = (
                    f"{here} ({entry.value}): {self.what} {shown(entry.name)} has the name of one of {there}"
                    "; rename or uninstall one of them"
                )
        return found, clashes

    @property
    def _entries(self) -> dict[str, EntryPoint]:
        return self._scanned[0]

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
        # A fit asks some forty times, and by then the kind is nearly always found.
        known = self._found.get(name) if type(name) is str else None
        return known[0] if known is not None else self._look_up(name, argument)[0]

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
        """Give every kind, in the order of `names`; raises `InputError` for those of broken packages."""
        return (self._one_of(name) for name in self.names())

    def usable(self) -> Iterator[K]:
        """Give the kinds as `iter` does, without those of broken packages: for messages and pages."""
        for name in self.names():
            with contextlib.suppress(InputError):
                yield self._one_of(name)

    def __contains__(self, name: object) -> bool:
        """Whether a kind has this name; no package is imported."""
        return isinstance(name, str) and (
            name in self._found or name in self._modules or name in self._entries
        )

    def origin(self, name: str) -> Origin | None:
        """Return where a kind is from; None for the project's own."""
        return self._look_up(name, "")[1]

    def identity(self, name: str) -> dict[str, Any]:
        """Return what a kind adds to the keys of what is made with it: nothing for own kinds of version 1.

        Raises
        ------
        InputError
            As `get`, and if a package has a kind of the same name: nobody knows which of them a study means.
        """
        self._one_of(name)
        kind, origin = self._look_up(name, "")
        said: dict[str, Any] = {} if origin is None else {"from": origin.label}
        return said if kind.version == 1 and origin is None else {**said, "version": kind.version}

    def _one_of(self, name: str) -> K:
        """Return the only kind of this name; raises `InputError` if another package has one, too."""
        if name in self._scanned[1]:
            raise InputError(self._scanned[1][name])
        return self.get(name)

    def _look_up(self, name: str, argument: str) -> tuple[K, Origin | None]:
        if not isinstance(name, str):
            raise ArgumentError(
                argument or self.what, f"{shown(name)} is unknown; {allowed(name, self.names())}"
            )
        if name not in self._found:
            if name in self._modules:
                self._found[name] = self._own(name), None
            elif name in self._entries:
                self._found[name] = self._of_package(name)
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

    def _of_package(self, name: str) -> tuple[K, Origin]:
        """Return the kind of an entry point; a broken one is not run again by the next who asks."""
        if name not in self._broken:
            try:
                if name in self._scanned[1]:
                    raise InputError(self._scanned[1][name])
                return self._foreign(self._entries[name])
            except InputError as error:
                self._broken[name] = str(error)
                raise
        raise InputError(self._broken[name])

    def _foreign(self, entry: EntryPoint) -> tuple[K, Origin]:
        where = f"{_package(entry)}: {self.what} {shown(entry.name)} ({entry.value})"
        if not entry.pattern.match(entry.value):
            raise InputError(f"{where} is no entry point; its package writes `module:attribute`")
        with strangers(where, "cannot be imported"):
            kind = entry.load()
        kind = self._wrapped(entry.name, kind, where)
        self._accept(kind, where)
        if kind.name != entry.name:
            raise InputError(f"{where} calls itself {shown(kind.name)}; give both the same name")
        return kind, origin_of_entry(entry)

    def _reference(self, name: str) -> tuple[K, Origin]:
        module, _, attribute = name.partition(":")
        where = f"{self.what} {shown(name)}"
        with strangers(where, "cannot be imported"):
            found: Any = importlib.import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        found = self._wrapped(name, found, where)
        self._accept(found, where)
        return found, origin_of_module(module)

    def _wrapped(self, name: str, found: Any, where: str) -> Any:
        """Return the kind that a plain function makes; anything else as it is."""
        if self._wrap is None or isinstance(found, Kind | type) or not callable(found):
            return found
        with strangers(where):
            return self._wrap(name, found)

    def _accept(self, kind: object, where: str) -> None:
        """Refuse what is no kind of this family, or one from elsewhere whose functions disagree."""
        if not isinstance(kind, self.record):
            raise InputError(f"{where} is no {self.record.__name__}, but {_class(kind)}")
        with strangers(where, limited=True):
            kind.check()


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module


def _class(value: object) -> str:
    return f"the module {value.__name__}" if isinstance(value, ModuleType) else type(value).__qualname__
