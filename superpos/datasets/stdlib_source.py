"""The standard library of the running Python as a corpus: text that every installation has."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path

from superpos.datasets.corpus import Document
from superpos.errors import InputError
from superpos.specs.datasets import FOLDER_LABEL

_FOREIGN = ("site-packages", "dist-packages", "__pycache__")
# Written when the interpreter was built: compiler flags and paths of one machine, not library text.
_BUILD_OUTPUT = ("_sysconfigdata", "config-")


def stdlib_files() -> tuple[Path, list[Path]]:
    """Return the root of the standard library and its text files, sorted by relative path.

    Raises
    ------
    InputError
        If this interpreter carries no library sources (a zipped or stripped installation).
    """
    root = Path(sysconfig.get_path("stdlib"))
    files = [
        path
        for path in [*root.rglob("*.py"), *root.glob("LICENSE.txt")]
        if path.is_file() and not _is_foreign(path.relative_to(root).parts)
    ]
    if not files:
        raise InputError(
            f"{root}: no standard library sources there; name a text file or folder as the corpus"
        )
    return root, sorted(files, key=lambda path: path.relative_to(root).as_posix())


def stdlib_documents(skipped: dict[str, int], label_key: str = "") -> Iterator[Document]:
    """Yield the files of the standard library; what is not UTF-8 (test data) is counted and left out.

    With `label_key` `folder` the top-level package is the label; modules outside of packages have none.
    """
    root, files = stdlib_files()
    skipped["not_utf8"] = 0
    for path in files:
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            skipped["not_utf8"] += 1
            continue
        parts = path.relative_to(root).parts
        label = parts[0] if label_key == FOLDER_LABEL and len(parts) > 1 else ""
        yield Document("/".join(parts), text, label)


def _is_foreign(parts: tuple[str, ...]) -> bool:
    return any(part in _FOREIGN or part.startswith(_BUILD_OUTPUT) for part in parts)
