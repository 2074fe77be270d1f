r"""The 11 text features: properties of a token's own text s.

s is the token's bytes as UTF-8. Where tokens do not spell the text (WordPiece), s is the text that the token
stands for, before case and accents are dropped; spaces between words are then in no token. Bytes that are no
whole character on their own (pieces of a longer one) stay in s as unknown characters: not ASCII, and neither
digit, letter, capital, white space nor punctuation. A digit is a Unicode decimal digit, a capital a Unicode
upper-case letter, white space what `str.isspace` says, a space U+0020, a word character what `\w` matches;
a-z and A-Z are meant literally.

| feature                         | s |
|---------------------------------|---|
| contains_digit                  | has a digit |
| all_digits                      | an optional space, then one or more digits and nothing else |
| contains_capital                | has a capital |
| leading_capital                 | an optional space, then a capital |
| all_capitals                    | an optional space, then A-Z only, but not I or A alone |
| contains_whitespace             | has white space |
| has_leading_space               | starts with a space |
| no_leading_space_and_loweralpha | one or more of a-z and nothing else |
| contains_all_whitespace         | one or more white space and nothing else |
| is_not_alphanumeric             | whole characters, none of them a word character |
| is_not_ascii                    | has a byte above 127 |

Source of the list: Gurnee et al., Finding Neurons in a Haystack (2023), appendix on text features; the corner
cases are fixed here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from superpos.arrays import Bool
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.own_text import own_text_labeller
from superpos.datasets.sources import Corpus
from superpos.datasets.tokens import TokenTable
from superpos.kinds.builders import Builder
from superpos.specs.datasets import DatasetSpec

TEXT_FEATURES = (
    "contains_digit",
    "all_digits",
    "contains_capital",
    "leading_capital",
    "all_capitals",
    "contains_whitespace",
    "has_leading_space",
    "no_leading_space_and_loweralpha",
    "contains_all_whitespace",
    "is_not_alphanumeric",
    "is_not_ascii",
)

_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")


def text_features(token: bytes) -> tuple[bool, ...]:
    """Return the features of one token in the order of `TEXT_FEATURES`."""
    # Pieces of characters become lone surrogates, for which all of str's predicates are false.
    s = token.decode("utf-8", "surrogateescape")
    rest = s.removeprefix(" ")
    whole = not any("\udc80" <= character <= "\udcff" for character in s)
    return (
        any(character.isdecimal() for character in s),
        rest.isdecimal(),
        any(character.isupper() for character in s),
        rest[:1].isupper(),
        bool(rest) and set(rest) <= _UPPER and rest not in ("I", "A"),
        any(character.isspace() for character in s),
        s.startswith(" "),
        bool(s) and set(s) <= _LOWER,
        s.isspace(),
        bool(s) and whole and not any(character.isalnum() or character == "_" for character in s),
        any(byte > 127 for byte in token),
    )


def text_feature_table(token_bytes: Sequence[bytes]) -> Bool:
    """Return the features of every text, as of all vocabulary entries, (n, 11)."""
    return np.array([text_features(token) for token in token_bytes], dtype=np.bool_)


def text_labels(spec: DatasetSpec, table: TokenTable, corpus: Corpus) -> TextLabels:  # noqa: ARG001 (one signature for all builders)
    """Return the features of tokens by the text that each stands for."""
    vocabulary = text_feature_table(table.token_bytes)
    return TextLabels(TEXT_FEATURES, own_text_labeller(text_feature_table, vocabulary, table))


KIND = Builder(
    name="text_features",
    version=1,
    rank=0,
    meaning="The 11 properties of a token's own text.",
    feature="a property of the token's own text",
    text_labels=text_labels,
    features=lambda _: TEXT_FEATURES,
)
