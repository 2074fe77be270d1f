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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from superpos.errors import ArgumentError, InputError, allowed
from superpos.hashing import text_digest

CORPUS_KINDS = ("stdlib", "text")
TEXT_SUFFIXES = (".md", ".py", ".rst", ".txt")
TEXT_KEYS = ("text", "content")
_FOREIGN = ("site-packages", "dist-packages", "__pycache__")
# Written when the interpreter was built: compiler flags and paths of one machine, not library text.
_BUILD_OUTPUT = ("_sysconfigdata", "config-")


@dataclass(frozen=True, slots=True)
class CorpusSpec:
    """What text to read; a study file says `stdlib` or a path."""

    kind: str = "stdlib"
    """`stdlib` or `text`."""
    path: str = ""
    """File or folder of a `text` corpus; empty for `stdlib`."""
    text_key: str = ""
    """Key of the text in each line of a JSONL file; empty = the first of `text` and `content` that is there."""
    max_documents: int = 0
    """Read only the first documents; 0 = all."""
    suffixes: tuple[str, ...] = TEXT_SUFFIXES
    """Which files of a folder are read."""

    def __post_init__(self) -> None:
        """Check and make what does not apply neutral.

        Raises
        ------
        ArgumentError
            For an unknown kind, a `text` corpus without a path, or a negative number of documents.
        """
        if self.kind not in CORPUS_KINDS:
            raise ArgumentError("corpus.kind", f"{self.kind!r} is unknown; {allowed(self.kind, CORPUS_KINDS)}")
        if self.kind == "text" and not self.path:
            raise ArgumentError("corpus.path", "is empty; a text corpus is a file or a folder")
        number = self.max_documents
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise ArgumentError(
                "corpus.max_documents", f"{number!r} is not a whole number of at least 0 (0 = all)"
            )
        suffixes = tuple(sorted(set(self.suffixes)))
        if not suffixes or not all(suffix.startswith(".") for suffix in suffixes):
            raise ArgumentError("corpus.suffixes", f"{self.suffixes!r} must be endings such as '.txt'")
        object.__setattr__(self, "suffixes", suffixes)
        if self.kind == "stdlib":
            for name, neutral in (("path", ""), ("text_key", ""), ("suffixes", TEXT_SUFFIXES)):
                object.__setattr__(self, name, neutral)

    @classmethod
    def parse(cls, value: str | Mapping[str, Any] | CorpusSpec) -> CorpusSpec:
        """Return the specification that a study file writes as `stdlib`, as a path or as a table."""
        if isinstance(value, CorpusSpec):
            return value
        if isinstance(value, Mapping):
            known = tuple(cls.__dataclass_fields__)
            for key in value:
                if key not in known:
                    raise ArgumentError("corpus", f"unknown key {key!r}; {allowed(key, known)}")
            items = dict(value)
            if "suffixes" in items:
                items["suffixes"] = tuple(items["suffixes"])
            if "path" in items and "kind" not in items:
                items["kind"] = "text"
            return cls(**items)
        if not isinstance(value, str) or not value:
            raise ArgumentError("corpus", f"{value!r} is neither 'stdlib' nor a path")
        return cls() if value == "stdlib" else cls(kind="text", path=value)

    @property
    def label(self) -> str:
        """The `corpus` column of the views: `stdlib` or the last part of the path."""
        return "stdlib" if self.kind == "stdlib" else Path(self.path).name

    def as_dict(self) -> dict[str, Any]:
        """Return the specification as JSON data."""
        return {**asdict(self), "suffixes": list(self.suffixes)}


@dataclass(frozen=True, slots=True)
class Document:
    """One text with its name: a path below the corpus root, or file and line number."""

    name: str
    text: str


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
            f"{where}: corpus too small: {len(documents)} documents with text, at least {max(1, min_documents)} needed"
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
        raise InputError(f"{root}: no standard library sources there; name a text file or folder as the corpus")
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
        files = [file for file in path.rglob("*") if file.is_file() and file.suffix in spec.suffixes]
        named = sorted((file.relative_to(path).as_posix(), file) for file in files)
        source = (Document(name, read_text(file)) for name, file in named)
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
        keys = (text_key,) if text_key else TEXT_KEYS
        values = [record[key] for key in keys if key in record] if isinstance(record, dict) else []
        if not values or not isinstance(values[0], str):
            raise InputError(f"{path}: line {number}: no text under {' or '.join(map(repr, keys))}")
        yield Document(f"{path.name}:{number}", values[0])
