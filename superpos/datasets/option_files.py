"""Files that the options of a builder name: a path, or a list that ships with the package."""

from __future__ import annotations

from pathlib import Path

from superpos.errors import InputError
from superpos.facts import FACTS, fact_file
from superpos.hashing import file_digest, text_digest
from superpos.reading.places import is_file, is_folder, user_path, walked


def option_file(value: str) -> Path:
    """Return the file or folder that an option means: a bundled list by its name, else a path."""
    return fact_file(value) if value in FACTS else user_path(value)


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
