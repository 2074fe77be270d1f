"""What libraries raise about damaged content, as one line.

The list is closed on purpose: it holds what parsers were seen to raise about bytes, and is to be put around a
call of a library, never around code of the package, whose own mistakes must stay visible.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from superpos.errors import InputError, shown

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
"""Errors of the standard library and NumPy about content; a `RuntimeError` is about nesting or encryption."""
LONGEST_REASON = 300
"""Characters of a library's message that are passed on."""
LONGEST_VALUE = 60
"""Characters of a value that a message repeats."""
LONGEST_PATH = 1000
"""Characters of a path that a message repeats."""
LONGEST_LIST = 20
"""Names that a message lists."""


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


def listed(names: Iterable[object]) -> str:
    """Return names as a message lists them, the first `LONGEST_LIST` of them; `none` if there are none."""
    texts = [str(name) for name in names]
    parts = [text if text.isprintable() and len(text) <= LONGEST_VALUE else shown(text) for text in texts]
    more = f" and {len(parts) - LONGEST_LIST} more" if len(parts) > LONGEST_LIST else ""
    return (", ".join(parts[:LONGEST_LIST]) or "none") + more


def cannot_be_read(place: Path | str, error: OSError) -> InputError:
    """Return the refusal of a place, or of a file below it, that the system does not let be read."""
    below = str(error.filename or "")
    path = below if below.startswith(str(place)) else str(place)
    if len(path) > LONGEST_PATH:
        path = f"{path[:LONGEST_VALUE]}... ({len(path)} characters)"
    return InputError(f"{path}: cannot be read: {one_line(error)}")


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
    kinds: tuple[type[Exception], ...] = (OSError, *DAMAGE, *more)
    try:
        yield
    except InputError:
        raise
    except kinds as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise cannot_be_read(place, error) from error
        raise InputError(
            f"{place}: cannot be read as {what}: {one_line(error)}{f'; {mend}' if mend else ''}"
        ) from error
