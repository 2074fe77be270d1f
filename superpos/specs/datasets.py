"""Which text is read and which feature set is built from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar, get_args

from superpos.errors import ArgumentError, shown
from superpos.kinds.builders import BUILDERS, Builder, NoOptions
from superpos.kinds.options import record_from_json
from superpos.specs.axes import check_choice, check_count
from superpos.specs.names import check_name, check_pattern

T = TypeVar("T")
CorpusKind = Literal["stdlib", "text", "hub", "union", "none"]
SampleUnit = Literal["token", "span"]
DocumentUnit = Literal["file", "heading", "paragraph"]
Duplicates = Literal["drop", "keep"]
ListOrderKind = Literal["known", "none", "linear", "cyclic"]

CORPUS_KINDS: tuple[str, ...] = get_args(CorpusKind)
DUPLICATES: tuple[str, ...] = get_args(Duplicates)
ORDERS: tuple[str, ...] = get_args(ListOrderKind)
KNOWN_ORDER: ListOrderKind = "known"
HUB_PREFIX = "hub:"
"""Begins the name of a data set on the hub in a study file: `hub:owner/name`."""
DOCUMENT_UNITS: tuple[str, ...] = get_args(DocumentUnit)
WIKI_HEADING = r"\s*=\s*[^=\s](.*[^=\s])?\s*=\s*$"
"""Heading of an article in WikiText and in wiki markup, one `=` on each side: ` = Title = `; headings of
sections have more."""
FOLDER_LABEL = "folder"
"""`label_key` that stands for the first folder of a document's path."""


@dataclass(frozen=True, slots=True)
class CorpusSpec:
    """A body of text: the running Python's standard library, files, a data set of the hub, or a union."""

    kind: CorpusKind = "stdlib"
    path: str = ""
    """A file (.csv, .tsv and .jsonl, each also .zst or .gz, .json and .parquet are read as records, .conllu
    as sentences), a folder of text, CoNLL-U or Parquet files, or one that `datasets.save_to_disk` wrote;
    `package:DIST/path`; `hub:owner/name` (without the prefix in the record); `stdlib`."""
    text_key: str = "text"
    """Key or column of the text in records."""
    max_documents: int = 0
    """Read at most so many documents; 0 = all (the hub needs a number)."""
    label_key: str = ""
    """Key or column of the label in records; `folder` for files: the first folder below the root."""
    config: str = ""
    """Configuration of a data set on the hub."""
    split: str = ""
    """Split of a saved data set or a folder of Parquet files; empty if there is one (on the hub: train)."""
    revision: str = ""
    """Revision of a data set on the hub."""
    parts: tuple[tuple[str, CorpusSpec], ...] = ()
    """Of a union: names and corpora, one after another; the name is the label of its documents."""
    documents: DocumentUnit = "file"
    """What a document is: a text as it comes (a file, a record), or a part of it that begins at a heading, or
    a
    paragraph."""
    heading: str = ""
    """Regular expression that a heading matches from the beginning of its line; empty = a wiki title."""

    def __post_init__(self) -> None:
        """Coerce and check; raises `ArgumentError`."""
        check_choice("corpus", self.kind, CORPUS_KINDS)
        if (self.kind in ("text", "hub")) != bool(self.path):
            raise ArgumentError("corpus", "a text or hub corpus has a path; no other has one")
        object.__setattr__(self, "max_documents", check_count("max_documents", self.max_documents, 0))
        if (self.kind == "union") != bool(self.parts):
            raise ArgumentError("corpus", "a union has parts; no other corpus has any")
        if self.kind == "hub" and self.max_documents == 0:
            raise ArgumentError(
                "max_documents", "0 would read a whole data set of the hub; say how many documents to read"
            )
        for key in ("config", "revision"):
            if getattr(self, key) and self.kind != "hub":
                raise ArgumentError(key, f"{shown(getattr(self, key))} applies to data sets of the hub only")
        self._check_documents()

    def _check_documents(self) -> None:
        check_choice("documents", self.documents, DOCUMENT_UNITS)
        if self.documents != "file" and self.kind not in ("text", "hub"):
            what = "the documents of the standard library are its files"
            what = what if self.kind == "stdlib" else "set it for each part of a union"
            raise ArgumentError("documents", f"{self.documents!r} does not apply: {what}")
        if self.heading and self.documents != "heading":
            raise ArgumentError("heading", f'{shown(self.heading)} applies beside documents = "heading" only')
        check_pattern("heading", self.heading)
        if self.heading and re.match(self.heading, ""):
            said = f"{shown(self.heading)} matches an empty line; every line would be one"
            raise ArgumentError("heading", said)

    @property
    def heading_pattern(self) -> str:
        """The regular expression of headings in force."""
        return self.heading or WIKI_HEADING

    @property
    def label(self) -> str:
        """The `corpus` column of the views."""
        if self.kind == "none":
            return ""
        if self.kind == "union":
            return "+".join(name for name, _ in self.parts)
        return "stdlib" if self.kind == "stdlib" else self.path

    @classmethod
    def from_text(cls, text: str, text_key: str = "text", max_documents: int = 0, **more: Any) -> CorpusSpec:
        """Return the corpus that a study file names: `stdlib`, `hub:owner/name`, or a path."""
        if text == "stdlib":
            return cls("stdlib", "", text_key, max_documents, **more)
        if text.startswith(HUB_PREFIX):
            return cls("hub", text.removeprefix(HUB_PREFIX), text_key, max_documents, **more)
        return cls("text", text, text_key, max_documents, **more)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CorpusSpec:
        """Return the corpus that `dataclasses.asdict` (and JSON) made `values` of."""
        parts = tuple((name, cls.from_json(part)) for name, part in values.get("parts", ()))
        return cls(**{**values, "parts": parts})


NO_CORPUS = CorpusSpec("none")


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A feature set: a builder, what it is told, the corpus it reads; draws are made with `seed`."""

    name: str
    builder: Annotated[str, BUILDERS]
    """What the features are, and how the tokens that have them are found."""
    corpus: CorpusSpec = field(default_factory=CorpusSpec)
    """The text: a name of `[corpora]`, `stdlib`, a file, a folder, `hub:owner/name`, or a table with the keys
    of a corpus."""
    n_sequences: int = 400
    """Sequences of the text that are read, from 2."""
    ctx_len: int = 128
    """Tokens of a sequence, the special tokens before and behind it included, from 8."""
    n_samples: int = 4000
    """Probed positions, shared by all features of the set, from 20; a set that has fewer takes them all."""
    min_positives: int = 100
    """Positives and negatives that the sample gives every feature where the text has them."""
    seed: int = 0
    """Of all draws."""
    duplicates: Duplicates = "drop"
    """What becomes of features that are the same as an earlier one of the set, or its complement: the first
    is kept (`drop`), or all are (`keep`)."""
    order: ListOrderKind = KNOWN_ORDER
    """Whether the features, as the set lists them, go from first to last (`linear`) or round and round
    (`cyclic`), which tests of their order ask. `known`: if they are words of a list that ships with an order,
    they have that one. A set with an order of its own is another set than without."""
    options: Any = field(default_factory=NoOptions)
    """What the builder is told: the record that it names."""
    description: str = ""
    """For people; no part of the identity."""

    def __post_init__(self) -> None:
        """Coerce and check; raises `ArgumentError`."""
        check_name("name", self.name)
        kind = BUILDERS.get(self.builder, "builder")
        check_choice("duplicates", self.duplicates, DUPLICATES)
        check_choice("order", self.order, ORDERS)
        self.told(kind.options)
        for name, minimum in (
            ("n_sequences", 2),
            ("ctx_len", 8),
            ("n_samples", 20),
            ("min_positives", 0),
            ("seed", 0),
        ):
            object.__setattr__(self, name, check_count(name, getattr(self, name), minimum))
        if not self.reads_corpus and self.corpus.kind != "none":
            object.__setattr__(self, "corpus", NO_CORPUS)

    def told(self, record: type[T], builder: str = "") -> T:
        """Return the options.

        Parameters
        ----------
        record
            The record that they should be.
        builder
            Whose record it is; the set's own builder by default.

        Raises
        ------
        ArgumentError
            If they are those of another builder.
        """
        if not isinstance(self.options, record):
            name = builder or self.builder
            raise ArgumentError(
                "options", f"{type(self.options).__name__} is not what builder {name} is told"
            )
        return self.options

    @property
    def kind(self) -> Builder:
        """The builder."""
        return BUILDERS.get(self.builder, "builder")

    @property
    def reads_corpus(self) -> bool:
        """Whether the builder reads a corpus."""
        return self.kind.reads_text(self.options)

    @property
    def has_probes(self) -> bool:
        """Whether the directions are those of probes on activations."""
        return self.kind.has_probes

    @property
    def needs_model(self) -> bool:
        """Whether a model has to be read for it."""
        return self.kind.needs_model

    @property
    def matrix_of(self) -> str:
        """The similarity that a finished matrix is of; empty for a set that gives directions."""
        return "" if self.kind.similarity is None else self.kind.similarity(self.options)

    @property
    def own_order(self) -> dict[str, str]:
        """Order of its own, as keys and revisions carry it: empty where nothing is said, as it was before."""
        return {} if self.order == KNOWN_ORDER else {"order": self.order}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DatasetSpec:
        """Return the specification that `dataclasses.asdict` (and JSON) made `values` of."""
        corpus = CorpusSpec.from_json(values["corpus"])
        kind = BUILDERS.get(values["builder"], "builder")
        options = record_from_json(kind.options, values.get("options") or {})
        return cls(**{**values, "corpus": corpus, "options": options})
