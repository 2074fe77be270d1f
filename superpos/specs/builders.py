"""What each builder of feature sets can be told: one frozen record a builder, checked when it is made.

| builder         | a feature is                                                     | samples          |
|-----------------|------------------------------------------------------------------|------------------|
| text_features   | one of the 11 properties of a token's own text                   | tokens           |
| python_syntax   | the kind of Python source token that a token lies in             | tokens           |
| latex_syntax    | the LaTeX construct that a token lies in                         | tokens           |
| tokens          | a predicate on a token's own text: words or a regular expression | tokens           |
| regex           | a regular expression; true for tokens inside a match             | tokens           |
| ngrams          | a phrase; true at its last token                                 | phrase and foils |
| documents       | the label of the document                                        | tokens           |
| conllu          | a property of a word in a CoNLL-U treebank                       | last tokens      |
| entities        | the label of a named entity                                      | spans            |
| sparse_probing  | what a folder of the sparse-probing paper says                   | as the folder    |
| token_list      | a word: its row of the embedding or unembedding matrix           | none             |
| directions      | a row of a file of vectors                                       | none             |
| psm             | a row of a file with a finished similarity matrix                | none             |
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from superpos.errors import ArgumentError, plain, shown
from superpos.specs.axes import check_choice, check_count
from superpos.specs.imports import (
    DirectionFileOptions,
    PsmFileOptions,
    SparseProbingOptions,
    TokenListOptions,
)
from superpos.specs.names import check_name, check_names, check_text, check_texts

Contexts = Literal["templates", "sentences"]


def check_pattern(argument: str, text: str) -> None:
    """Refuse text that is no regular expression, with an `ArgumentError`."""
    check_text(argument, text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # a set like [[a], which may mean more one day
            re.compile(text)
    except re.error as error:
        said = f"{shown(text)} is not a regular expression: {plain(str(error))}"
        raise ArgumentError(argument, said) from None
    except (OverflowError, RecursionError) as error:
        raise ArgumentError(argument, f"{shown(text)} is too large a regular expression ({error})") from None


@dataclass(frozen=True, slots=True)
class NoOptions:
    """A builder that is told nothing."""


@dataclass(frozen=True, slots=True)
class TokenPredicate:
    """A property of a token's own text: one of `words` after an optional space, or `regex` found in it."""

    name: str
    words: tuple[str, ...] = ()
    regex: str = ""
    ignore_case: bool = False

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_name(f"features.{self.name}", self.name)
        if bool(self.words) == bool(self.regex):
            raise ArgumentError(f"features.{self.name}", "give either words or regex")
        check_texts(f"features.{self.name}.words", self.words)
        check_pattern(f"features.{self.name}.regex", self.regex)


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """Features of the builder `tokens`."""

    features: tuple[TokenPredicate, ...]

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("features", tuple(feature.name for feature in self.features), minimum=2)


@dataclass(frozen=True, slots=True)
class SpanPattern:
    """A regular expression over a document's text: tokens that share a character with a match."""

    name: str
    regex: str
    ignore_case: bool = False

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_name(f"features.{self.name}", self.name)
        if not self.regex:
            raise ArgumentError(f"features.{self.name}", "is empty; give a regular expression")
        check_pattern(f"features.{self.name}", self.regex)


@dataclass(frozen=True, slots=True)
class RegexOptions:
    """Features of the builder `regex`."""

    features: tuple[SpanPattern, ...]

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("features", tuple(feature.name for feature in self.features), minimum=2)


@dataclass(frozen=True, slots=True)
class NgramOptions:
    """Phrases of the builder `ngrams`, written with single spaces."""

    phrases: tuple[str, ...]
    ignore_case: bool = True
    negatives: int = 2
    """Foils for each occurrence: the last word after other words and the first words before other words."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("phrases", self.phrases, minimum=2)
        for phrase in self.phrases:
            if len(phrase.split(" ")) < 2 or phrase != " ".join(phrase.split()):
                raise ArgumentError(
                    "phrases", f"{shown(phrase)} is not two or more words with single spaces between"
                )
        object.__setattr__(self, "negatives", check_count("negatives", self.negatives, 1))


@dataclass(frozen=True, slots=True)
class DocumentOptions:
    """Classes of the builder `documents`; empty = every label that enough documents of the corpus have."""

    classes: tuple[str, ...] = ()
    min_documents: int = 10
    """Labels of fewer documents are left out when `classes` is empty."""
    skip_tokens: int = 8
    """Tokens at the start of a sequence that are never sampled: a label needs some text before it."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("classes", self.classes, minimum=2 if self.classes else 0)
        object.__setattr__(self, "min_documents", check_count("min_documents", self.min_documents, 2))
        object.__setattr__(self, "skip_tokens", check_count("skip_tokens", self.skip_tokens, 0))


CONLLU_FIELDS = ("form", "lemma", "upos", "xpos", "deprel")


@dataclass(frozen=True, slots=True)
class WordProperty:
    """A property of a word: `upos=NOUN`, `deprel=nsubj`, or a morphological feature such as `Number=Plur`.

    Values may be joined with `|` (any of them); several conditions with `&` (all of them).
    """

    name: str
    condition: str

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_name(f"features.{self.name}", self.name)
        for part in self.condition.split("&"):
            key, equals, value = part.strip().partition("=")
            if not key.strip() or not equals or not value.strip():
                raise ArgumentError(
                    f"features.{self.name}",
                    f"{shown(self.condition)} is not FIELD=VALUE; FIELD is {', '.join(CONLLU_FIELDS)} or the "
                    "name of a morphological feature",
                )


@dataclass(frozen=True, slots=True)
class ConlluOptions:
    """Features of the builder `conllu`."""

    features: tuple[WordProperty, ...]

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("features", tuple(feature.name for feature in self.features), minimum=2)


@dataclass(frozen=True, slots=True)
class EntityOptions:
    """Named entities with a label each, and the text that ends at their names."""

    FILES: ClassVar[tuple[str, ...]] = ("entities",)

    entities: str
    """Bundled fact list, or a CSV file."""
    name_column: str = "name"
    label_column: str = "label"
    classes: tuple[str, ...] = ()
    """Labels to keep, in this order; empty = all, sorted."""
    contexts: Contexts = "templates"
    """`templates`: prompts that end at the name. `sentences`: sentences of the corpus cut after the name."""
    templates: tuple[str, ...] = ()
    """Each ends with {name}; empty = those of the bundled list, or the neutral ones."""
    max_names: int = 0
    """Names of each class, drawn at random; 0 = all."""
    contexts_per_name: int = 4
    """Sequences of each name at most."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_choice("contexts", self.contexts, get_args(Contexts))
        check_names("classes", self.classes, minimum=2 if self.classes else 0)
        check_texts("templates", self.templates)
        for template in self.templates:
            if template.count("{name}") != 1 or not template.endswith("{name}"):
                raise ArgumentError(
                    "templates",
                    f"{shown(template)} has no place for the name at its end; end it with {{name}}",
                )
        object.__setattr__(self, "max_names", check_count("max_names", self.max_names, 0))
        object.__setattr__(
            self, "contexts_per_name", check_count("contexts_per_name", self.contexts_per_name, 1)
        )


Options: TypeAlias = (
    NoOptions
    | TokenOptions
    | RegexOptions
    | NgramOptions
    | DocumentOptions
    | ConlluOptions
    | EntityOptions
    | SparseProbingOptions
    | TokenListOptions
    | DirectionFileOptions
    | PsmFileOptions
)

BuilderName = Literal[
    "text_features",
    "python_syntax",
    "latex_syntax",
    "tokens",
    "regex",
    "ngrams",
    "documents",
    "conllu",
    "entities",
    "sparse_probing",
    "token_list",
    "directions",
    "psm",
]
BUILDERS: tuple[str, ...] = get_args(BuilderName)
OPTIONS: dict[str, type[Options]] = {
    "text_features": NoOptions,
    "python_syntax": NoOptions,
    "latex_syntax": NoOptions,
    "tokens": TokenOptions,
    "regex": RegexOptions,
    "ngrams": NgramOptions,
    "documents": DocumentOptions,
    "conllu": ConlluOptions,
    "entities": EntityOptions,
    "sparse_probing": SparseProbingOptions,
    "token_list": TokenListOptions,
    "directions": DirectionFileOptions,
    "psm": PsmFileOptions,
}
WITHOUT_PROBES = ("token_list", "directions", "psm")
"""Builders whose directions come without activations."""
WITHOUT_CORPUS = (*WITHOUT_PROBES, "sparse_probing")
"""Builders that read no corpus (`entities` reads one only for sentences)."""

_NESTED: dict[str, type[Any]] = {
    "tokens": TokenPredicate,
    "regex": SpanPattern,
    "conllu": WordProperty,
}


def options_from_json(builder: str, values: dict[str, Any]) -> Options:
    """Return the options that `dataclasses.asdict` (and JSON) made `values` of."""
    kind = OPTIONS[check_choice("builder", builder, BUILDERS)]
    nested = _NESTED.get(builder)
    made: dict[str, Any] = {}
    for field in fields(kind):
        if field.name not in values:
            continue
        value = values[field.name]
        if nested is not None and field.name == "features":
            value = tuple(nested(**_tuples(dict(item))) for item in value)
        made[field.name] = value
    return kind(**_tuples(made))


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with lists as tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
