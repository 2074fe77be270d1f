"""TOML text as data: what is no study file, too large or nested too deeply becomes one clear message."""

from __future__ import annotations

import codecs
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from superpos.errors import InputError, plain

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
