r"""Predicates on a token's own text s.

s is the token's bytes as UTF-8. Where tokens do not spell the text (WordPiece), s is the text that the token
stands for, before case and accents are dropped; spaces between words are then in no token. Bytes that are no
whole character on their own (pieces of a longer one) stay in s as unknown characters, which no letter, digit,
white space or `\w` of a pattern matches, but `.` and negated classes do.

| predicate   | positive                                                                            |
|-------------|-------------------------------------------------------------------------------------|
| words       | s is one of the words, or one of them after a single space                          |
| regex       | the pattern is found anywhere in s (`re.search`; `^`, `$` or `\A`, `\Z` anchor it)  |
| ignore_case | words are compared after `str.casefold`; patterns get `re.IGNORECASE`               |

A word that the tokenizer writes with several tokens is no entry and therefore never positive: provenance
lists such words (`words_without_entry`) and counts the entries of each feature (`vocabulary_entries`). A
feature without entries is kept, without positives, so that one set can be built for several tokenizers.
Special tokens have no features. Tokens of the text are looked up in the table.

The idea is that of the text features of Gurnee et al., Finding Neurons in a Haystack (2023), with the
predicates left to the user.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from superpos.arrays import Bool
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.own_text import own_text_labeller
from superpos.datasets.sources import Corpus
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError
from superpos.kinds.builders import Builder
from superpos.specs.builder_tables import read_features, read_texts
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_name, check_names, check_pattern, check_texts
from superpos.specs.toml_table import Table


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
    """Names to a regular expression, a list of words, or a table with `words` or `regex` and `ignore_case`;
    two or more."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("features", tuple(feature.name for feature in self.features), minimum=2)


def predicate(feature: TokenPredicate) -> Callable[[str], bool]:
    """Return the function that says whether the text of a token has the feature."""
    if feature.regex:
        pattern = re.compile(feature.regex, re.IGNORECASE if feature.ignore_case else 0)
        return lambda s: pattern.search(s) is not None
    spelled = accepted(feature)
    fold = _fold(feature)
    return lambda s: fold(s) in spelled


def accepted(feature: TokenPredicate) -> frozenset[str]:
    """Return the texts that `words` accept: each word, alone and after a space."""
    fold = _fold(feature)
    return frozenset(text for word in feature.words for text in (fold(word), " " + fold(word)))


def predicate_table(features: Sequence[TokenPredicate], table: TokenTable) -> Bool:
    """Return the features of every vocabulary entry, (vocab_size, n_features)."""
    found = predicate_rows(features, table.token_bytes)
    found[table.special] = False
    return found


def predicate_rows(features: Sequence[TokenPredicate], tokens: Sequence[bytes]) -> Bool:
    """Return the features of tokens with these bytes, (n, n_features)."""
    texts = [token.decode("utf-8", "surrogateescape") for token in tokens]
    found = np.zeros((len(texts), len(features)), dtype=np.bool_)
    for column, feature in enumerate(features):
        holds = predicate(feature)
        found[:, column] = [holds(text) for text in texts]
    return found


def words_without_entry(feature: TokenPredicate, table: TokenTable) -> list[str]:
    """Return the words that no single token writes."""
    if table.by_offsets:  # entries are written otherwise than the text (lower case, no accents)
        return [
            word for word in feature.words if len(ids := table.encode(word)) != 1 or table.special[ids[0]]
        ]
    fold = _fold(feature)
    entries = {
        fold(token.decode("utf-8", "surrogateescape"))
        for token, special in zip(table.token_bytes, table.special, strict=True)
        if not special
    }
    return [word for word in feature.words if not {fold(word), " " + fold(word)} & entries]


def text_labels(spec: DatasetSpec, table: TokenTable, corpus: Corpus) -> TextLabels:  # noqa: ARG001 (one signature for all builders)
    """Return the features of tokens by the text that each stands for.

    Raises
    ------
    ArgumentError
        If the specification carries the options of another builder.
    """
    options = spec.told(TokenOptions, "tokens")
    features = predicate_table(options.features, table)
    names = tuple(feature.name for feature in options.features)
    label = own_text_labeller(lambda tokens: predicate_rows(options.features, tokens), features, table)

    missing = {feature.name: words_without_entry(feature, table) for feature in options.features}
    provenance = {
        "vocabulary_entries": dict(zip(names, map(int, features.sum(axis=0)), strict=True)),
        "words_without_entry": {name: words for name, words in missing.items() if words},
    }
    return TextLabels(names, label, provenance=provenance)


def _fold(feature: TokenPredicate) -> Callable[[str], str]:
    return str.casefold if feature.ignore_case else str


def _read(table: Table) -> TokenOptions:
    return table.build(TokenOptions, features=read_features(table, _read_predicate))


def _read_predicate(name: str, value: Any, table: Table) -> TokenPredicate:
    """Read a regular expression, a list of words, or a table with either and `ignore_case`."""
    if isinstance(value, str):
        keys = dict.fromkeys((f"features.{name}.regex", f"{name}.regex"), name)
        return table.build(TokenPredicate, keys, name=name, regex=value)
    one = table.inside(name, value if isinstance(value, dict) else {"words": value})
    fields: dict[str, Any] = {
        "words": read_texts(one, "words"),
        "regex": one.take("regex", str, ""),
        "ignore_case": one.take("ignore_case", bool, False),
    }
    one.finish()
    keys = {f"features.{name}{rest}": f"{name}{rest}" for rest in ("", ".words", ".regex")}
    return table.build(TokenPredicate, keys, name=name, **fields)


KIND = Builder(
    name="tokens",
    version=1,
    rank=3,
    meaning="Predicates on a token's own text: words, or a regular expression.",
    feature="a predicate on the token's own text: words, or a regular expression",
    options=TokenOptions,
    read=_read,
    text_labels=text_labels,
)
