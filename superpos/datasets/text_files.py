"""Text files: single ones, and those of a folder.

Text is decoded as UTF-8 and otherwise left alone (line ends and byte order marks stay), so that offsets in it
are offsets in the file. CoNLL-U is the exception: its text is made of its sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from superpos.datasets.conllu_text import parse_documents
from superpos.datasets.corpus import Document
from superpos.errors import ArgumentError, InputError
from superpos.reading.places import walked
from superpos.reading.texts import read_text
from superpos.specs.datasets import FOLDER_LABEL

TEXT_SUFFIXES = (".md", ".py", ".rst", ".tex", ".txt")
"""Which files of a folder are read."""
CONLLU_SUFFIX = ".conllu"


def file_documents(path: Path, name: str) -> Iterator[Document]:
    """Yield the document of a text file, or the documents of a CoNLL-U file.

    Raises
    ------
    InputError
        If the file cannot be read, is not UTF-8, holds U+0000 (which no text file does, but UTF-16 without a
        mark is full of it), or is not CoNLL-U.
    """
    text = read_text(path)
    if "\0" in text:
        raise InputError(
            f"{path}: holds the character U+0000 at character {text.index(chr(0))}, which is no text; save "
            "the file as UTF-8"
        )
    if path.suffix != CONLLU_SUFFIX:
        yield Document(name, text)
        return
    for found in parse_documents(text, name, str(path)):
        yield Document(found.name, found.text, source=found.source)


def files_below(root: Path, suffixes: tuple[str, ...]) -> list[tuple[str, Path]]:
    """Return files below a folder with their paths relative to it, sorted by these; raises as `walked`."""
    files = [file for file in walked(root) if file.suffix in suffixes]
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
