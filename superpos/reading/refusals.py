"""What libraries raise about damaged content, as one line.

The list is closed on purpose: it holds what parsers were seen to raise about bytes, and is to be put around a
call of a library, never around code of the package, whose own mistakes must stay visible.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from superpos.errors import InputError

DAMAGE: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""Errors of the standard library and NumPy about content; `RuntimeError` is that of nesting and encryption."""
LONGEST_REASON = 300
"""Characters of a library's message that are passed on."""
LONGEST_VALUE = 60
"""Characters of a value that a message repeats."""


def one_line(error: BaseException) -> str:
    """Return the message of an error on one line, cut where it gets long; its kind if it has none."""
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyError):
        text = f"lacks {text}"
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 3]}..."


def shown(value: object) -> str:
    """Return a value as a message repeats it: ASCII without control characters, cut where it gets long."""
    text = ascii(value if not isinstance(value, str) else value[: LONGEST_VALUE + 1])
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def cannot_be_read(place: Path | str, error: OSError) -> InputError:
    """Return the refusal of a place that the system does not let be read."""
    return InputError(f"{place}: cannot be read: {one_line(error)}")


@contextmanager
def parsing(place: Path | str, what: str, *more: type[Exception], mend: str = "") -> Iterator[None]:
    """Turn what a library raises about damaged content into one line.

    Parameters
    ----------
    place
        File or folder, and line or row where one is known.
    what
        What it should be: `npz`, `Parquet`.
    *more
        Errors of the library's own, beside those of `DAMAGE` and `OSError`.
    mend
        What the user can do, put behind the message.

    Raises
    ------
    InputError
        In the place of each of these; an `InputError` from inside is passed on as it is.
    """
    try:
        yield
    except InputError:
        raise
    except (OSError, *DAMAGE, *more) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise cannot_be_read(place, error) from error
        raise InputError(
            f"{place}: cannot be read as {what}: {one_line(error)}{f'; {mend}' if mend else ''}"
        ) from error
