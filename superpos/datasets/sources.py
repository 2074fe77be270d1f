"""Where text comes from: the standard library of the running Python, a text file, a folder, a JSONL file.

digest of a corpus = SHA-256 over, for each document in order, the UTF-8 bytes of its name and of its text,
each preceded by its length as eight little-endian bytes. Text is decoded as UTF-8 and otherwise left alone
(line ends and byte order marks stay), so that offsets in it are offsets in the file.
"""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from superpos.errors import InputError
from superpos.hashing import text_digest
from superpos.specs.datasets import CorpusSpec

TEXT_SUFFIXES = (".md", ".py", ".rst", ".tex", ".txt")
"""Which files of a folder are read."""
FALLBACK_TEXT_KEY = "content"
"""Read where a line of JSONL lacks the default key."""
_FOREIGN = ("site-packages", "dist-packages", "__pycache__")
# Written when the interpreter was built: compiler flags and paths of one machine, not library text.
_BUILD_OUTPUT = ("_sysconfigdata", "config-")


@dataclass(frozen=True, slots=True)
class Document:
    """One text with its name: a path below the corpus root, or file and line number."""

    name: str
    text: str
    label: str = ""
    """Class of the document, where the corpus names one."""
    source: str = ""
    """What the text was made of where it was not plain text: the lines of CoNLL-U."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents in order with the digest of their names and texts."""

    documents: tuple[Document, ...]
    digest: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Where the text came from and what was left out; JSON data for people."""


def load_corpus(spec: CorpusSpec, min_documents: int = 1) -> Corpus:
    """Read all documents of a corpus.

    Raises
    ------
    InputError
        If the path is missing, a file of the user's is not UTF-8 or not JSON, or there are fewer documents
        than `min_documents`.
    """
    skipped: dict[str, int] = {}
    source = _stdlib_documents(skipped) if spec.kind == "stdlib" else _text_documents(spec, skipped)
    documents = []
    for document in source:
        documents.append(document)
        if len(documents) == spec.max_documents:
            break
    where = "the standard library" if spec.kind == "stdlib" else spec.path
    if len(documents) < max(1, min_documents):
        raise InputError(
            f"{where}: corpus too small: {len(documents)} documents with text, "
            f"at least {max(1, min_documents)} needed"
        )
    provenance = {
        "corpus": spec.label,
        "n_documents": len(documents),
        "n_bytes": sum(len(document.text.encode("utf-8")) for document in documents),
        "skipped": skipped,
    }
    if spec.kind == "stdlib":
        provenance["python"] = sys.version
    return Corpus(tuple(documents), corpus_digest(documents), provenance)


def corpus_digest(documents: list[Document] | tuple[Document, ...]) -> str:
    """Return the SHA-256 over names and texts in order, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for document in documents:
        for part in (document.name.encode("utf-8"), document.text.encode("utf-8")):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def source_digest(spec: CorpusSpec) -> str:
    """Return what stands for the content of a corpus in a key: its digest; empty if there is no corpus."""
    return "" if spec.kind == "none" else load_corpus(spec).digest


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


def _is_foreign(parts: tuple[str, ...]) -> bool:
    return any(part in _FOREIGN or part.startswith(_BUILD_OUTPUT) for part in parts)


def _stdlib_documents(skipped: dict[str, int]) -> Iterator[Document]:
    root, files = stdlib_files()
    skipped |= {"not_utf8": 0, "empty": 0, "duplicate": 0}
    seen: set[str] = set()
    for path in files:
        data = path.read_bytes()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            skipped["not_utf8"] += 1
            continue
        digest = text_digest(data)
        if not text.strip():
            skipped["empty"] += 1
        elif digest in seen:
            skipped["duplicate"] += 1
        else:
            seen.add(digest)
            yield Document(path.relative_to(root).as_posix(), text)


def _text_documents(spec: CorpusSpec, skipped: dict[str, int]) -> Iterator[Document]:
    path = Path(spec.path).expanduser()
    skipped["empty"] = 0
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.is_file() and file.suffix in TEXT_SUFFIXES]
        named = sorted((file.relative_to(path).as_posix(), file) for file in files)
        source: Iterator[Document] = (Document(name, read_text(file)) for name, file in named)
    elif path.suffix == ".jsonl" and path.is_file():
        source = _jsonl_documents(path, spec.text_key)
    elif path.is_file():
        source = iter([Document(path.name, read_text(path))])
    else:
        raise InputError(f"{spec.path}: no such file or folder; a corpus is 'stdlib', a file or a folder")
    for document in source:
        if document.text.strip():
            yield document
        else:
            skipped["empty"] += 1


def read_text(path: Path) -> str:
    """Return a file's text, line ends untouched.

    Raises
    ------
    InputError
        If it cannot be read or is not UTF-8; names the file and the first offending byte.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError(f"{path}: not UTF-8: byte 0x{byte:02x} at offset {error.start}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _jsonl_documents(path: Path, text_key: str) -> Iterator[Document]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}: line {number}: not JSON: {error.msg}") from None
        keys = (text_key, FALLBACK_TEXT_KEY) if text_key == "text" else (text_key,)
        values = [record[key] for key in keys if key in record] if isinstance(record, dict) else []
        if not values or not isinstance(values[0], str):
            raise InputError(f"{path}: line {number}: no text under {' or '.join(map(repr, keys))}")
        yield Document(f"{path.name}:{number}", values[0])
