"""Which text is read and which feature set is built from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from superpos.errors import ArgumentError
from superpos.specs.axes import check_choice, check_count

CorpusKind = Literal["stdlib", "text"]
BuilderName = Literal["text_features", "python_syntax"]

CORPUS_KINDS: tuple[str, ...] = get_args(CorpusKind)
BUILDERS: tuple[str, ...] = get_args(BuilderName)


@dataclass(frozen=True, slots=True)
class CorpusSpec:
    """A body of text: the standard library of the running Python, or a file, folder or JSONL file."""

    kind: CorpusKind = "stdlib"
    path: str = ""
    """File, folder or `.jsonl` file of a `text` corpus; empty for `stdlib`."""
    text_key: str = "text"
    """Key that holds the text in each line of a `.jsonl` file."""
    max_documents: int = 0
    """Read at most so many documents; 0 = all."""

    def __post_init__(self) -> None:
        """Coerce and check; raises `ArgumentError`."""
        check_choice("corpus", self.kind, CORPUS_KINDS)
        if (self.kind == "text") != bool(self.path):
            raise ArgumentError("corpus", "a text corpus has a path; the stdlib corpus has none")
        object.__setattr__(self, "max_documents", check_count("max_documents", self.max_documents, 0))

    @property
    def label(self) -> str:
        """The `corpus` column of the views."""
        return "stdlib" if self.kind == "stdlib" else self.path

    @classmethod
    def from_text(cls, text: str, text_key: str = "text", max_documents: int = 0) -> CorpusSpec:
        """Return the corpus that a study file names: `stdlib`, or a path."""
        if text == "stdlib":
            return cls("stdlib", "", text_key, max_documents)
        return cls("text", text, text_key, max_documents)


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A feature set on a corpus; sequences and samples are drawn with `seed`."""

    name: str
    builder: BuilderName
    corpus: CorpusSpec = field(default_factory=CorpusSpec)
    n_sequences: int = 400
    ctx_len: int = 128
    """Tokens of a sequence, the leading special token included."""
    n_samples: int = 4000
    """Probed positions, shared by all features of the set."""
    min_positives: int = 100
    """Positives and negatives that the sample gives every feature where the text has them."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Coerce and check; raises `ArgumentError`."""
        check_choice("builder", self.builder, BUILDERS)
        for name, minimum in (
            ("n_sequences", 2),
            ("ctx_len", 8),
            ("n_samples", 20),
            ("min_positives", 0),
            ("seed", 0),
        ):
            object.__setattr__(self, name, check_count(name, getattr(self, name), minimum))
