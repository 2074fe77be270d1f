"""Properties of words in CoNLL-U treebanks: part of speech, dependency relation, morphology.

| matter          | convention                                                                           |
|-----------------|--------------------------------------------------------------------------------------|
| sample          | the last token of a word: the one that holds the last byte of its last character     |
| not sampled     | a word whose last token holds characters of another word too ("do" of " don", "'t"), |
|                 | words that share one place in the text (French "du": de, le), and those whose last   |
|                 | character the tokenizer drops                                                        |
| positive        | the word meets all conditions that are joined by `&`                                 |
| a condition     | FIELD=VALUE, or FIELD=VALUE|VALUE for any of them; compared exactly, case matters    |
| FIELD           | form, lemma, upos, xpos, deprel; any other name is a morphological feature           |
| deprel          | `nsubj` stands for its subtypes too (`nsubj:pass`), `nsubj:pass` for itself alone    |
| morphology      | a word without the feature is negative; of several values (`A,B`) one is enough      |
| negative        | every other sampled word; so conditions are one against all words                    |

Provenance counts the words of the documents that were read: those sampled, and those that are not
(`words_sharing_a_token`). Documents without CoNLL-U, or whose tokens do not spell their text (see
`alignment`), are left out and counted among the documents without labels.

Source of the idea: the part of speech, dependency and morphology sets of Gurnee et al., Finding Neurons in a
Haystack (2023), there from the English Web Treebank.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from superpos.arrays import Bool, Int
from superpos.datasets.alignment import Alignment, align_ids
from superpos.datasets.conllu_text import ConlluWord, parse_documents
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.sequences import TokenLabels
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.spellings import sense
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError, shown
from superpos.kinds.builders import Builder
from superpos.specs.builder_tables import read_features
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_name, check_names
from superpos.specs.toml_table import Table

Predicate = Callable[[ConlluWord], bool]
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
    """Names to a property of a word, `upos=NOUN`, `Number=Plur & upos=NOUN|VERB`; two or more."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("features", tuple(feature.name for feature in self.features), minimum=2)


def word_predicate(condition: str) -> Predicate:
    """Return the function that says whether a word meets `FIELD=VALUE|VALUE & FIELD=VALUE`."""
    parts = conditions(condition)
    return lambda word: all(not values.isdisjoint(values_of(word, field)) for field, values in parts)


def conditions(condition: str) -> list[tuple[str, frozenset[str]]]:
    """Return the fields of `FIELD=VALUE|VALUE & FIELD=VALUE` with the values that each may have."""
    parts: list[tuple[str, frozenset[str]]] = []
    for part in condition.split("&"):
        field, _, values = part.partition("=")
        parts.append((field.strip(), frozenset(value.strip() for value in values.split("|"))))
    return parts


class _Spellings:
    """Values of a treebank that only their spelling keeps from meeting a condition, each found once."""

    def __init__(self, field: str, values: frozenset[str]) -> None:
        self.field = field
        self.senses = {sense(value): value for value in values}
        self.seen = set(values)

    def alike(self, words: tuple[ConlluWord, ...]) -> list[list[str]]:
        """Return pairs of a value asked for and another spelling of it that has not been seen before."""
        new = {value for word in words for value in values_of(word, self.field)} - self.seen
        self.seen |= new
        return [[self.senses[sense(value)], value] for value in sorted(new) if sense(value) in self.senses]


def values_of(word: ConlluWord, field: str) -> tuple[str, ...]:
    """Return the values that a condition on `field` may name for this word."""
    if field == "deprel":
        return word.deprel, word.deprel.partition(":")[0]
    if field in CONLLU_FIELDS:
        return (str(getattr(word, field)),)
    value = word.feats.get(field)
    return () if value is None else tuple(value.split(","))


def sampled_words(words: tuple[ConlluWord, ...], aligned: Alignment) -> tuple[Int, Int]:
    """Return which words are sampled, (n,), and the last token of each, (n,)."""
    starts = np.array([word.start for word in words], dtype=np.int64)
    ends = np.array([word.end for word in words], dtype=np.int64)
    last = aligned.holding_end_of(ends - 1)
    # Words come in the order of the text, those of one multiword token together.
    alone = np.asarray((last >= 0) & (aligned.ends[last] >= ends), dtype=np.bool_)
    alone[:-1] &= aligned.ends[last[:-1]] <= starts[1:]
    alone[1:] &= aligned.starts[last[1:]] >= ends[:-1]
    chosen = np.flatnonzero(alone)
    return chosen, last[chosen]


def text_labels(spec: DatasetSpec, table: TokenTable, corpus: Corpus) -> TextLabels:
    """Return the properties of words at their last tokens.

    Raises
    ------
    InputError
        If no document of the corpus is CoNLL-U.
    ArgumentError
        If the specification carries the options of another builder.
    """
    options = spec.told(ConlluOptions, "conllu")
    strata = np.array([0 if document.source else -1 for document in corpus.documents], dtype=np.int64)
    if not np.any(strata == 0):
        raise InputError(
            f"{spec.corpus.label}: no document is CoNLL-U; the builder conllu reads .conllu files"
        )
    names = tuple(feature.name for feature in options.features)
    predicates = [word_predicate(feature.condition) for feature in options.features]
    counts: dict[str, Any] = {"words_sampled": 0, "words_sharing_a_token": 0, "labels_alike": []}
    spellings = [_Spellings(*part) for feature in options.features for part in conditions(feature.condition)]

    def label(document: Document, ids: list[int]) -> TokenLabels | None:
        aligned = align_ids(document.text, ids, table)
        if not document.source or aligned is None:
            return None
        words = tuple(
            word for parsed in parse_documents(document.source, document.name) for word in parsed.words
        )
        for spelling in spellings:
            counts["labels_alike"] += spelling.alike(words)
        chosen, tokens = sampled_words(words, aligned)
        counts["words_sampled"] += len(chosen)
        counts["words_sharing_a_token"] += len(words) - len(chosen)
        labels: Bool = np.zeros((len(ids), len(names)), dtype=np.bool_)
        for token, index in zip(tokens, chosen, strict=True):
            labels[token] = [holds(words[index]) for holds in predicates]
        eligible = np.zeros(len(ids), dtype=np.bool_)
        eligible[tokens] = True
        return TokenLabels(labels, eligible)

    return TextLabels(names, label, sparse=True, provenance=counts, strata=strata)


def _read(table: Table) -> ConlluOptions:
    return table.build(ConlluOptions, features=read_features(table, _read_property))


def _read_property(name: str, value: Any, table: Table) -> WordProperty:
    text = Table(table.path, {name: value}, table.prefix).take(name, str)
    return table.build(WordProperty, {f"features.{name}": name}, name=name, condition=text)


KIND = Builder(
    name="conllu",
    version=1,
    rank=7,
    meaning="Properties of words in CoNLL-U treebanks.",
    feature="a property of a word in a treebank",
    samples="last tokens of words",
    options=ConlluOptions,
    read=_read,
    text_labels=text_labels,
    needs_corpus=True,
)
