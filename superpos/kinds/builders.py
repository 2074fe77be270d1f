"""Builders of feature sets: what a study file names under `builder`.

A builder has one of five functions, and the function says what its features are made of:

| function      | it returns                                               | directions are               |
|---------------|----------------------------------------------------------|------------------------------|
| `text_labels` | labels of the tokens of a corpus (`TextLabels`)          | those of probes              |
| `build`       | the whole set, its own texts included (`LabelledTokens`) | those of probes              |
| `recorded`    | labels and the activations of their samples (`Recorded`) | those of probes              |
| `words`       | the token ids of each word (a tuple of tuples)           | rows of the model's matrices |
| `rows`        | names with vectors, or with a finished similarity matrix (`NamedRows`) | these rows     |

What it is told is a record of options, a frozen dataclass. Its fields are the keys of the set in a study
file: a field's type and default say what is read, its docstring what the pages say.

A study file may name a function of the user's, `package.module:function`, and so may an entry point; see
`superpos.datasets.functions`. To read such a file is to import, and hence to run, what it names.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

from superpos.errors import ArgumentError, shown
from superpos.kinds.options import Option, options_of
from superpos.kinds.register import Kind, Register

FUNCTIONS = {
    "text_labels": ("spec", "table", "corpus"),
    "build": ("spec", "table"),
    "recorded": ("spec",),
    "words": ("spec", "table"),
    "rows": ("spec",),
}
"""The functions that a builder may have, with their arguments: `spec` is the `DatasetSpec`, `table` the
`TokenTable` of the tokenizer, `corpus` the `Corpus`."""
WORD_OPTIONS = ("words", "matrices", "several_tokens", "leading_space")
"""Options that every builder of words has."""


@dataclass(frozen=True, slots=True)
class Site:
    """A hookpoint of a model that a study reads."""

    model: str
    width: int
    n_layers: int


Sites = Callable[[str], tuple[Site, ...]]
"""From the name of a hookpoint to the models beside a set that have it, as far as these can be read."""


@dataclass(frozen=True, slots=True)
class NoOptions:
    """A builder that is told nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder(Kind):
    """A builder of feature sets."""

    feature: str
    """What a feature is, for the pages: `the label of the document`."""
    samples: str = "tokens"
    """What its samples are, for the pages."""
    options: type[Any] = NoOptions
    """Record of what it is told. `FILES`, a class variable, names the fields that hold paths: relative ones
    are looked for beside the study file, and the keys carry the content."""
    read: Callable[[Any], Any] | None = None
    """From a `Table` to the options; None where each field is a key of the same name."""
    text_labels: Callable[[Any, Any, Any], Any] | None = None
    build: Callable[[Any, Any], Any] | None = None
    recorded: Callable[[Any], Any] | None = None
    words: Callable[[Any, Any], Any] | None = None
    settle: Callable[[Any, Any], Any] | None = None
    """From specification and tokenizer to the options in force, where the tokenizer decides on one of them.
    The key of the set is made of these."""
    rows: Callable[[Any], Any] | None = None
    similarity: Callable[[Any], str] | None = None
    """From the options of `rows` to the similarity that the matrix is of; None where rows are vectors."""
    needs_corpus: bool = False
    """Whether the standard library is no sensible text, so that the corpus has to be named."""
    reads_corpus: Callable[[Any], bool] | None = None
    """From the options of `build` to whether a corpus is read; None where none is."""
    without_corpus: str = ""
    """Why keys about the text do not apply where `reads_corpus` says no."""
    content: Callable[[Any], Mapping[str, Any]] | None = None
    """From the options to what stands for some of them in keys, where that is not the content of the files
    that they name: those of the hub have a commit."""
    labelled_corpus: bool = False
    """Whether labels of documents are wanted."""
    takes_all: bool = False
    """Whether it takes the samples that there are, so that a small set is drawn from no less."""
    documents: str = "documents"
    """What the pages call its documents."""
    sample_unit: Callable[[Any], str] | None = None
    """From the options to what a sample is, `token` or `span`; None stands for tokens."""
    poolings: Callable[[Any], tuple[str, ...]] | None = None
    """From the options to how spans become one vector, where the set says so itself; none, or None, where the
    block of the study does."""
    features: Callable[[Any], tuple[str, ...] | None] | None = None
    """From the options to the features, where they are known without building; raises `InputError`. None
    where the options list them (`features`, `phrases`, `classes`, `words` or `names`)."""
    resolve: Callable[[Any, Sites], Any] | None = None
    """Of builders with `rows`: from a specification, and the models of the study beside it, to the
    specification with all that its files say; keys and results are made of that. Raises `InputError` for what
    contradicts the files or the models. None where the specification says all."""
    source: Callable[[Any, str], str] | None = None
    """From the options and the name of the corpus, empty if none is read, to what the set reads; None where
    that is the corpus or the first file."""
    foreseen: Callable[[Any, Any], Mapping[str, Any]] | None = None
    """From specification and corpus (None if none is read) to the provenance that is known before the set is
    built."""
    try_files: Callable[[Any, Any], None] | None = None
    """From specification and tokenizer file: reads files where that takes no time; raises `InputError`."""

    def __post_init__(self) -> None:
        """Check that it has one function and a record of options; raises `ArgumentError`."""
        Kind.__post_init__(self)
        given = [name for name in FUNCTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            which = " and ".join(given) or "none"
            raise ArgumentError("functions", f"has {which}; give one of {', '.join(FUNCTIONS)}")
        record: Any = self.options
        if not isinstance(record, type) or not is_dataclass(record):
            raise ArgumentError("options", f"{shown(record)} is no dataclass")
        if not record.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise ArgumentError("options", f"{record.__name__} can be changed; make it frozen")

    @property
    def function(self) -> str:
        """Which of the five functions it has."""
        return next(name for name in FUNCTIONS if getattr(self, name) is not None)

    @property
    def has_probes(self) -> bool:
        """Whether its directions are those of probes on activations."""
        return self.text_labels is not None or self.build is not None or self.recorded is not None

    @property
    def needs_model(self) -> bool:
        """Whether a model has to be read: neither activations nor directions come with the set."""
        return self.recorded is None and self.rows is None

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the options that hold paths."""
        return tuple(getattr(self.options, "FILES", ()))

    @property
    def keys(self) -> tuple[Option, ...]:
        """The keys of a study file that it reads, as the fields of its options."""
        return options_of(self.options)

    def reads_text(self, options: Any) -> bool:
        """Whether a set with these options reads a corpus."""
        return self.text_labels is not None or bool(self.reads_corpus and self.reads_corpus(options))

    def check(self) -> None:
        """Check what a builder from elsewhere may have wrong; raises `ArgumentError`."""
        check_arguments(self.function, getattr(self, self.function), FUNCTIONS[self.function])
        options = options_of(self.options)
        for option in options:
            if option.is_record and self.read is None:
                said = f"holds {option.type.__name__}, which no study file fills; give the builder a `read`"
                raise ArgumentError(option.name, said)
        names = [option.name for option in options]
        for name in (*self.files, *(WORD_OPTIONS if self.words else ())):
            if name not in names:
                raise ArgumentError("options", f"{self.options.__name__} has no field {name}")
        if self.similarity is not None and self.rows is None:
            raise ArgumentError("similarity", "belongs to `rows`; leave it out")


def check_arguments(argument: str, function: Any, names: tuple[str, ...]) -> None:
    """Raise `ArgumentError` for what cannot be called with so many arguments."""
    called = f"it is called with ({', '.join(names)})"
    if not callable(function):
        raise ArgumentError(argument, f"{shown(function)} is no function; {called}")
    try:
        signature = inspect.signature(function)
    except ValueError:  # of C; nothing is known before it is called
        return
    try:
        signature.bind(*names)
    except TypeError as error:
        raise ArgumentError(argument, f"takes {parameters_of(signature)}, but {called}") from error


def parameters_of(signature: inspect.Signature) -> str:
    """Return the parameters of a function without their annotations, as messages show them."""
    plain = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    return str(inspect.Signature(plain))


def _of_function(name: str, function: Callable[..., Any]) -> Builder:
    """Return the builder that a plain function makes."""
    made: Builder = importlib.import_module("superpos.datasets.functions").builder_of(name, function)
    return made


BUILDERS: Register[Builder] = Register(
    "builder", Builder, package="superpos.datasets.builders", group="superpos.builders", wrap=_of_function
)
"""Every builder that a study file can name."""
