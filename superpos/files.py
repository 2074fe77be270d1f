"""Whether a file is there, and what makes a written one last."""

from __future__ import annotations

import os
from pathlib import Path


def is_there(path: Path) -> bool:
    """Return whether something of this name exists.

    Raises
    ------
    OSError
        Unlike `Path.exists` under some versions of Python: for a name that is too long, a loop of links, or
        a folder that may not be entered.
    ValueError
        For a name that holds NUL.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut; platforms that cannot open a folder do without."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
