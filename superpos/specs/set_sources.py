"""Sources of many feature sets: what a TOML file says of a package, or a folder, full of labelled texts.

A source says where its files lie (a folder of an installed distribution, one that the study names, or the
hub), and which keys of a `[datasets.NAME]` table its sets have in common. Sets that have keys of their own
stand under `[sets]`, also those of several files; every other file is a set by its own name. A table of a
study stands on such a set as it does on a bundled one.

A study can be read before the distribution is installed, or the folder there: the keys of a set then name its
files by the pattern of the source, and whoever opens one says what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superpos.errors import InputError, allowed, shown
from superpos.reading.distributions import PREFIX, Distribution, find_distribution
from superpos.reading.places import exists, is_folder, resolved, user_path
from superpos.reading.refusals import cannot_be_read
from superpos.specs.datasets import HUB_PREFIX
from superpos.specs.studies import SOURCES, set_sources
from superpos.specs.toml_file import load_toml
from superpos.specs.toml_table import Table

FILE_KEYS = ("file", "files")
"""Keys of a set whose values name files of the source, without folder and suffix."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source."""

    reference: str
    """How a set file names it."""
    path: Path


@dataclass(frozen=True, slots=True)
class SetSource:
    """A source of many feature sets."""

    name: str
    path: Path
    """The TOML file."""
    meaning: str
    """One line for people."""
    cite: str
    """Whom to cite."""
    distribution: str
    """The distribution whose files they are; empty for a folder that the study names, and for the hub."""
    folder: str
    """Where the files lie in it."""
    suffixes: tuple[str, ...]
    """What names of files may end in, that of the distribution first; empty for the hub."""
    keys: Mapping[str, Any]
    """Keys of every set."""
    sets: Mapping[str, Mapping[str, Any]]
    """Sets by name, with the keys that go before those of every set."""

    def files(self, place: str = "") -> dict[str, SourceFile]:
        """Return the files by their names without suffix; none for the hub.

        Parameters
        ----------
        place
            A folder in the place of the distribution's.

        Raises
        ------
        InputError
            If the distribution is not installed, the folder is not there or not named, or holds no file of
            the kind: another version may have other files.
        """
        if not self.suffixes:
            return {}
        if place:
            return self._in_folder(place)
        if not self.distribution:
            raise InputError(f"source {self.name} is a folder of files; name it with `source_folder`")
        return self._in_distribution(find_distribution(self.distribution))

    def names(self, files: Mapping[str, SourceFile]) -> tuple[str, ...]:
        """Return the names of all sets: those with keys of their own, then the files that none of them is."""
        named = {own.get("file") for own in self.sets.values()}
        return (*self.sets, *(stem for stem in files if stem not in named))

    def table(self, name: str, place: str = "") -> Table:
        """Return the keys of a set, by its name or that of its file, as a table of the source's file.

        Raises
        ------
        InputError
            If there is no such set, with the nearest name, or as `files`; a distribution that is not
            installed, or a folder that is not there, is none of these.
        """
        files = self._known(place)
        label = next((key for key, own in self.sets.items() if name in (key, own.get("file"))), "")
        if not label and files is not None and name not in files:
            choices = (*self.names(files), *files)
            raise InputError(
                f"{shown(name)} is no set of {self.name}; {allowed(name, dict.fromkeys(choices))}"
            )
        keys = {**self.keys, **(self.sets[label] if label else {"file": name})}
        for key in FILE_KEYS:
            if key in keys:
                keys[key] = self._named(keys[key], files, place)
        return Table(self.path, keys, f"sets.{label}." if label else "keys.")

    def _known(self, place: str) -> dict[str, SourceFile] | None:
        """Return the files, None if the distribution or the folder is not there."""
        if place and not is_folder(user_path(place)):
            return None
        if place or not self.distribution:
            return self.files(place)
        try:
            found = find_distribution(self.distribution)
        except InputError:
            return None
        return self._in_distribution(found)

    def _in_folder(self, place: str) -> dict[str, SourceFile]:
        root = user_path(place)
        if not is_folder(root):
            raise InputError(f"{place}: no such folder; source {self.name} is one of {self._kinds} files")
        try:
            inside = [path for path in root.iterdir() if not is_folder(path)]
        except OSError as error:
            raise cannot_be_read(root, error) from None
        return self._by_stem({path.name: SourceFile(str(resolved(path)), path) for path in inside}, place)

    def _in_distribution(self, found: Distribution) -> dict[str, SourceFile]:
        inside = {
            file.removeprefix(f"{self.folder}/"): SourceFile(f"{PREFIX}{self.distribution}/{file}", path)
            for file, path in found.within(self.folder)
        }
        return self._by_stem(inside, f"{found.name} {found.version}: {self.folder}")

    def _by_stem(self, files: Mapping[str, SourceFile], where: str) -> dict[str, SourceFile]:
        """Return the files of the kind that lie in the folder itself."""
        found: dict[str, SourceFile] = {}
        for file in sorted(files):
            end = next((suffix for suffix in self.suffixes if file.endswith(suffix)), "")
            if end and "/" not in file:
                found.setdefault(file.removesuffix(end), files[file])
        if not found:
            raise InputError(f"{where}: holds no {self._kinds} file; another version may have other files")
        return found

    def _named(self, value: Any, files: Mapping[str, SourceFile] | None, place: str) -> Any:
        """Return the names of files as a set file writes them."""
        if isinstance(value, dict):
            return {key: self._named(inner, files, place) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._named(inner, files, place) for inner in value]
        if str(value).startswith(HUB_PREFIX):
            return value
        if files is None:
            where = (place,) if place else (f"{PREFIX}{self.distribution}", self.folder)
            return "/".join((*filter(None, where), f"{value}{self.suffixes[0]}"))
        if value not in files:
            what = f"has no file {shown(value)}; another version may have other files"
            raise InputError(f"source {self.name} {what}; {allowed(value, files)}")
        return files[value].reference

    @property
    def _kinds(self) -> str:
        return " or ".join(self.suffixes)


def load_source(name: str, near: Path | None = None) -> SetSource:
    """Return a source by name, or of a TOML file (also beside `near`).

    Raises
    ------
    InputError
        If there is none, with the nearest name, or for what is wrong in its file.
    """
    if name in set_sources():
        return _read(name, SOURCES / f"{name}.toml")
    own = [user_path(name)] if name.endswith(".toml") else []
    places = [*(near.parent / path for path in own if near is not None), *own]
    file = next((path for path in places if exists(path)), None)
    if file is None:
        raise InputError(f"{shown(name)} is no source; {allowed(name, set_sources())}, or a .toml file")
    return _read(file.stem, resolved(file))


def _read(name: str, file: Path) -> SetSource:
    table = Table(file, load_toml(file))
    sets = table.named_tables("sets", required=False)
    made = SetSource(
        name=name,
        path=file,
        meaning=table.take("meaning", str),
        cite=table.take("cite", str, ""),
        distribution=table.take("distribution", str, ""),
        folder=table.take("folder", str, "").strip("/"),
        suffixes=tuple(table.take_list("suffixes", str, [])),
        keys=table.take("keys", dict, {}),
        sets={label: {key: one.peek(key) for key in one.unread} for label, one in sets.items()},
    )
    table.finish()
    if (made.distribution and not made.suffixes) or "" in made.suffixes:
        raise table.fail("suffixes", "is empty; say what names of files end in, as .csv")
    return made
