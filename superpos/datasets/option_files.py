"""Files that the options of a builder name: a path, or a list that ships with the package."""

from __future__ import annotations

from pathlib import Path

from superpos.errors import InputError
from superpos.facts import FACTS, fact_file
from superpos.hashing import file_digest, text_digest


def option_file(value: str) -> Path:
    """Return the file or folder that an option means: a bundled list by its name, else a path."""
    return fact_file(value) if value in FACTS else Path(value).expanduser()


def option_digest(value: str) -> str:
    """Return the SHA-256 of a file, or over names and contents of the files of a folder.

    Raises
    ------
    InputError
        If there is neither.
    """
    place = option_file(value)
    if place.is_file():
        return file_digest(place)
    if not place.is_dir():
        raise InputError(f"{value}: no such file or folder")
    files = sorted(file for file in place.rglob("*") if file.is_file())
    return text_digest(
        "".join(f"{file.relative_to(place).as_posix()}:{file_digest(file)};" for file in files)
    )
