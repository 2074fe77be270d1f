"""Text files: decoding, single files, and the files of a folder.

Text is decoded as UTF-8 and otherwise left alone (line ends and byte order marks stay), so that offsets in it
are offsets in the file. CoNLL-U is the exception: its text is made of its sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from superpos.datasets.conllu_text import parse_documents
from superpos.datasets.corpus import Document
from superpos.errors import ArgumentError, InputError
from superpos.specs.datasets import FOLDER_LABEL

TEXT_SUFFIXES = (".md", ".py", ".rst", ".tex", ".txt")
"""Which files of a folder are read."""
CONLLU_SUFFIX = ".conllu"


def decoded(data: bytes, where: str, offset: int = 0) -> str:
    """Return bytes as text.

    Raises
    ------
    InputError
        If they are not UTF-8; names the first offending byte and its place in the file.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise InputError(f"{where}: not UTF-8: byte 0x{byte:02x} at offset {offset + error.start}") from None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file; raises `InputError` if it cannot be read."""
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def read_text(path: Path) -> str:
    """Return a file's text, line ends untouched; raises as `decoded`, or if it cannot be read."""
    with opened(path) as stream:
        data = stream.read()
    return decoded(data, str(path))


def file_documents(path: Path, name: str) -> Iterator[Document]:
    """Yield the document of a text file, or the documents of a CoNLL-U file."""
    text = read_text(path)
    if path.suffix != CONLLU_SUFFIX:
        yield Document(name, text)
        return
    for found in parse_documents(text, name, str(path)):
        yield Document(found.name, found.text, source=found.source)


def files_below(root: Path, suffixes: tuple[str, ...]) -> list[tuple[str, Path]]:
    """Return files below a folder with their paths relative to it, sorted by these."""
    files = [file for file in root.rglob("*") if file.suffix in suffixes and file.is_file()]
    return sorted((file.relative_to(root).as_posix(), file) for file in files)


def folder_documents(root: Path, label_key: str) -> Iterator[Document]:
    """Yield the documents of a folder in the order of their paths.

    A folder with CoNLL-U files gives these, any other its text files. With `label_key` `folder`, the first
    folder below the root is the label.

    Raises
    ------
    ArgumentError
        If `label_key` is something else.
    InputError
        If a file lies in no folder below the root while folders are labels, is not UTF-8, or not CoNLL-U.
    """
    if label_key not in ("", FOLDER_LABEL):
        raise ArgumentError(
            "label_key", f"{label_key!r} is a key of records; {root} holds text files: use {FOLDER_LABEL!r}"
        )
    for name, file in files_below(root, (CONLLU_SUFFIX,)) or files_below(root, TEXT_SUFFIXES):
        first, slash, _ = name.partition("/")
        if label_key and not slash:
            raise InputError(f"{file}: lies in no folder below {root}, which would be its label")
        for document in file_documents(file, name):
            yield replace(document, label=first) if label_key else document
