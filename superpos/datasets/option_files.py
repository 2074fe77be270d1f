"""Files that the options of a builder name: a path, a file of an installed distribution, a bundled list.

An option holds one name, several (a list, a table), or records that have one each under `file`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

from superpos.errors import InputError
from superpos.facts import FACTS, fact_file
from superpos.hashing import file_digest, text_digest
from superpos.reading.distributions import named_path
from superpos.reading.places import is_file, is_folder, walked


def option_file(value: str) -> Path:
    """Return the file or folder that an option means: a bundled list by its name, else `named_path`."""
    return fact_file(value) if value in FACTS else named_path(value)


def files_of(options: Any, names: Iterable[str]) -> tuple[str, ...]:
    """Return the files that the options of these names hold, empty ones left out."""
    found: list[str] = []

    def note(file: str) -> str:
        found.append(file)
        return file

    for name in names:
        with_files(getattr(options, name), note)
    return tuple(found)


def with_files(value: Any, change: Callable[[str], str]) -> Any:
    """Return the value of an option with its files changed; empty text, which names none, stays."""
    if isinstance(value, str):
        return change(value) if value else value
    if isinstance(value, tuple | list):
        return type(value)(with_files(one, change) for one in value)
    if isinstance(value, dict):
        names = ["file"] if "file" in value else list(value)
        return {**value, **{name: with_files(value[name], change) for name in names}}
    if is_dataclass(value) and not isinstance(value, type):
        record: Any = value  # of any class that has a field `file`
        return replace(record, file=with_files(record.file, change))
    return value


def option_digest(value: str) -> str:
    """Return the SHA-256 of a file, or over names and contents of the files of a folder.

    Raises
    ------
    InputError
        If there is neither, or a file of it cannot be read.
    """
    place = option_file(value)
    if is_file(place):
        return file_digest(place)
    if not is_folder(place):
        raise InputError(f"{value}: no such file or folder")
    return text_digest(
        "".join(
            f"{file.relative_to(place).as_posix()}:{file_digest(file)};" for file in sorted(walked(place))
        )
    )
