"""What a path is, before anything is read: a file, a folder, nothing, or something that cannot be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from superpos.errors import InputError, shown
from superpos.names import unfit_character
from superpos.reading.refusals import cannot_be_read


def user_path(text: str | Path) -> Path:
    """Return the path that a user wrote, `~` as the home folder.

    Raises
    ------
    InputError
        If it holds a character that no name may hold (databases, TOML and messages repeat it), or names the
        home of a user who is not there.
    """
    if why := unfit_character(str(text)):
        raise InputError(f"{shown(str(text))}: is no path: {why}; rename it")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(f"{text}: {error}") from None


def resolved(path: Path) -> Path:
    """Return an absolute path without links; raises `InputError` for links that lead to themselves."""
    circle = f"{path}: cannot be read: it is a link that leads to itself"
    try:
        found = path.resolve()
        if found.is_symlink():  # from Python 3.13 on a circle is left as it is
            raise InputError(circle)
    except RuntimeError:
        raise InputError(circle) from None
    except OSError as error:
        raise cannot_be_read(path, error) from None
    return found


def by_its_name(path: Path) -> Path:
    """Return an absolute path that ends as it did, links in its folders resolved; raises as `resolved`.

    A file in the cache of the hub is a link to one that is named by its digest; its own name says what it is.
    """
    return resolved(path) if path.name in ("", "..") else resolved(path.parent) / path.name


def is_there(path: Path) -> bool:
    """Whether there is anything, for callers with words of their own for a name that cannot be asked for.

    Raises
    ------
    OSError
        Unlike `Path.exists` under some versions of Python: for a name that is too long, a loop of links, or
        a folder that may not be entered.
    ValueError
        For a name that holds NUL.
    """
    return bool(_found_mode(path))


def exists(path: Path) -> bool:
    """Whether there is anything; raises as `is_folder`."""
    return bool(_mode(path))


def is_file(path: Path) -> bool:
    """Whether there is a regular file; raises as `is_folder`."""
    mode = _mode(path)
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path}: is neither a file nor a folder but a device, a pipe or a socket")
    return stat.S_ISREG(mode)


def is_folder(path: Path) -> bool:
    """Whether there is a folder.

    Raises
    ------
    InputError
        If the system does not say: links that lead to themselves, a folder that may not be searched, a name
        that is too long.
    """
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    """Return the mode of what is there, links followed; 0 if there is nothing; raises `InputError`."""
    try:
        return _found_mode(path)
    except OSError as error:
        raise cannot_be_read(path, error) from None


def _found_mode(path: Path) -> int:
    """Return the same; raises what the system does."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file for reading.

    Raises
    ------
    InputError
        If there is none, or it cannot be opened, or reading fails while it is open.
    """
    if not is_file(path):
        raise InputError(f"{path}: is a folder, not a file" if is_folder(path) else f"{path}: no such file")
    try:
        with path.open("rb") as stream:
            yield stream
    except InputError:
        raise
    except OSError as error:
        raise cannot_be_read(path, error) from None


def read_bytes(path: Path) -> bytes:
    """Return the content of a file; raises as `opened`."""
    with opened(path) as stream:
        return stream.read()


def walked(root: Path) -> list[Path]:
    """Return every regular file below a folder; links to files are followed, links to folders are not.

    Raises
    ------
    InputError
        For what would otherwise be left out without a word: a folder that may not be read, and a link that
        leads nowhere or to itself.
    """

    def refuse(error: OSError) -> None:
        raise cannot_be_read(error.filename or root, error)

    found: list[Path] = []
    for folder, _, names in os.walk(root, onerror=refuse):
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() and not _mode(path):
                raise InputError(f"{path}: is a link that leads nowhere; mend or remove it")
            if stat.S_ISREG(_mode(path)):
                found.append(path)
    return found
