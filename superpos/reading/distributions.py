"""Files of installed distributions, found through their metadata; nothing of them is ever imported.

A study names what a distribution of the package index carries as `package:DIST`, or one file or folder of it
as `package:DIST/inside/path`. The path is the one that the distribution's RECORD lists: relative to the
folder that it is installed in, with forward slashes. The distribution is the first of its name on `sys.path`,
which is the one that Python would import.

Sources: PEP 376 and the packaging user guide's "Recording installed projects" (RECORD), PEP 503 (equal
names), PEP 639 (licences), PEP 610 (`direct_url.json` of editable installations, whose files lie elsewhere).
"""

from __future__ import annotations

import importlib.metadata
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import url2pathname

from superpos.errors import InputError, plain, shown
from superpos.reading.places import is_file, is_folder, resolved, user_path
from superpos.reading.refusals import listed, parsing
from superpos.reading.texts import parsed_json, read_text

PREFIX = "package:"
"""What a name begins with that means an installed distribution."""
_LICENCE_CLASSIFIER = "License ::"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution."""

    name: str
    """As its metadata spells it."""
    version: str
    licence: str
    """What its metadata say of the licence, on one line; empty if they say nothing."""
    files: tuple[tuple[str, Path], ...]
    """Files that exist: the path that RECORD lists, with forward slashes, and where it is; sorted."""

    def within(self, inside: str) -> tuple[tuple[str, Path], ...]:
        """Return the files of a folder of the distribution (all of them for empty text)."""
        start = f"{inside}/" if inside else ""
        return tuple((name, path) for name, path in self.files if name.startswith(start))


def is_package(name: str) -> bool:
    """Whether a name means (a part of) an installed distribution."""
    return name.startswith(PREFIX)


def find_distribution(name: str) -> Distribution:
    """Return the installed distribution of a name, however its dashes, dots and capitals are written.

    Raises
    ------
    InputError
        If the name cannot be one; if none is installed, with the command that installs it; if one folder
        holds the metadata of two versions, or metadata that cannot be read.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{PREFIX}{plain(name)}: {shown(name)} is no name of a distribution; letters, digits, '-', '_' "
            "and '.' are allowed"
        )
    what = f"{PREFIX}{name}"
    with parsing(what, "an installed distribution"):
        found = _first_of_name(name)
    if found is None:
        raise InputError(
            f"{what}: no distribution of this name is installed; install it: pip install --no-deps {name}"
        )
    with parsing(what, "an installed distribution"):
        title, version = found.metadata["Name"], found.metadata["Version"]
        if not title or not version:
            raise ValueError("its metadata lack name or version")
        files = tuple(sorted(dict(_files(found)).items()))
        return Distribution(str(title), str(version), _licence(found), files)


def split_package(text: str) -> tuple[str, str]:
    """Return the distribution and the path inside (empty for none) that `package:DIST/inside/path` names.

    Raises
    ------
    InputError
        If the text does not begin with `package:`, or the path would leave the distribution.
    """
    if not is_package(text):
        raise InputError(f"{shown(text)}: does not begin with {PREFIX}")
    name, _, inside = text.removeprefix(PREFIX).partition("/")
    inside = inside.strip("/")
    if _leaves(inside):
        raise InputError(
            f"{plain(text)}: leaves the distribution; write the path of one of its files, with forward "
            "slashes and without '..'"
        )
    return name, str(PurePosixPath(inside)) if inside else ""


def package_file(text: str) -> Path:
    """Return the file that `package:DIST/inside/path` names.

    Raises
    ------
    InputError
        As `find_distribution` and `split_package`; further if the distribution lists no such file, or lists
        it and it is gone.
    """
    name, inside = split_package(text)
    found = find_distribution(name)
    path = dict(found.files).get(inside)
    if path is None:
        there = [file for file, _ in found.files if not _is_metadata(file)]
        near = [file for file in there if PurePosixPath(file).name == PurePosixPath(inside).name]
        raise InputError(
            f"{plain(text)}: {found.name} {found.version} has no file {shown(inside)}; its files: "
            f"{listed(near or there)}"
        )
    return path


def named_path(text: str) -> Path:
    """Return the path that a user wrote, or that of a file of a distribution; raises as either does."""
    return package_file(text) if is_package(text) else user_path(text)


def _is_metadata(file: str) -> bool:
    """Whether a file is there for installers or written by the interpreter: no content."""
    first = PurePosixPath(file).parts[0]
    return first.endswith((".dist-info", ".egg-info", ".pth")) or "__pycache__" in file


def _licence(found: importlib.metadata.Distribution) -> str:
    """Return the SPDX expression, the free text, or the classifiers, of which metadata may have each."""
    classified = [
        line.rpartition("::")[2].strip()
        for line in found.metadata.get_all("Classifier", ())
        if line.startswith(_LICENCE_CLASSIFIER)
    ]
    said = found.metadata["License-Expression"] or found.metadata["License"] or "; ".join(classified)
    # Old packages put the whole text of the licence there; its first line is the name of it.
    return plain(next((line.strip() for line in str(said).splitlines() if line.strip()), ""))


def _first_of_name(name: str) -> importlib.metadata.Distribution | None:
    """Return the first distribution of a name on `sys.path`."""
    found = list(importlib.metadata.distributions(name=name))
    if not found:
        return None
    folder = _folder(found[0])
    versions = {str(other.version) for other in found if _folder(other) == folder}
    if len(versions) > 1:
        raise InputError(
            f"{PREFIX}{name}: {folder} holds the metadata of versions {listed(sorted(versions))}; install "
            f"one anew: pip install --force-reinstall --no-deps {name}"
        )
    return found[0]


def _folder(found: importlib.metadata.Distribution) -> Path:
    """Return the folder that a distribution is installed in."""
    return resolved(Path(str(found.locate_file(""))))


def _files(found: importlib.metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Yield the files of a distribution that lie below its folder and exist."""
    link_files: list[Path] = []
    for file in found.files or ():
        name = file.as_posix()
        if _leaves(name):  # scripts and manual pages are installed beside the library
            continue
        path = Path(str(found.locate_file(file)))
        if is_file(path):
            if name.endswith(".pth") and "/" not in name:
                link_files.append(path)
            yield name, path
    yield from _editable_files(found, link_files)


def _leaves(name: str) -> bool:
    """Whether a path is not one below the folder that it is relative to."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name or Path(name).is_absolute()


def _origin(found: importlib.metadata.Distribution) -> Path | None:
    """Return the project folder of an editable installation, None for any other."""
    text = found.read_text("direct_url.json")
    if not text:
        return None
    content = parsed_json(text, f"{PREFIX}{found.metadata['Name']}: direct_url.json")
    if not content.get("dir_info", {}).get("editable", False):
        return None
    return Path(url2pathname(urlsplit(content["url"]).path))


def _editable_files(
    found: importlib.metadata.Distribution, link_files: list[Path]
) -> Iterator[tuple[str, Path]]:
    """Yield the files of an editable installation, relative to the folder that is put on `sys.path`."""
    origin = _origin(found)
    if origin is None:
        return
    lines = [line.strip() for path in link_files for line in read_text(path).splitlines()]
    linked = [Path(line) for line in lines if line and not line.startswith(("#", "import ", "import\t"))]
    roots = [root for root in linked if root.is_absolute() and is_folder(root)]
    source = origin / "src"
    for root in roots or [source if is_folder(source) else origin]:
        for folder, below, names in os.walk(root):
            below[:] = sorted(name for name in below if _is_source(Path(folder, name)))
            for path in (Path(folder, name) for name in names):
                if not path.name.startswith(".") and is_file(path):
                    yield path.relative_to(root).as_posix(), path


def _is_source(folder: Path) -> bool:
    """Whether a folder of a project can hold its own files: none of version control, caches, environments."""
    other = folder.name.startswith((".", "__pycache__", "node_modules"))
    return not other and not is_file(folder / "pyvenv.cfg")
