"""Which tokens stand for the words of a list, so that their rows of a matrix can be compared.

Most tokenizers join a word with the space before it, so within a sentence a word is the token of ` word`.
Some never join a digit with the space, and SentencePiece-like ones put a space of their own before a text. A
list has one spelling for all of its words, for the rows of ` one` and `two` differ in more than the word.
`auto` is the first of these spellings in which each word is one token:

1. with a space before each word;
2. without one;
3. without one, and without the token of blanks that the tokenizer itself puts before every word.

If there is none, it is the first in which no token of blanks stands before every word: the row of such a
token would be a part of every mean. Spellings that a tokenizer cannot write, or in which two words are the
same tokens, come last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from superpos.datasets.tokens import TokenTable

AUTO = "auto"
"""The spelling is chosen by the rule above."""
WITH_SPACE, WITHOUT_SPACE = "with a space", "without a space"
MIXED, ALIKE = "some with a space", "alike with and without a space"
"""How the first tokens of a list are spelled, as provenance says it."""

Words = tuple[tuple[int, ...], ...]
"""Token ids of each word."""


def encoded(words: Sequence[str], table: TokenTable, leading_space: bool | str) -> Words:
    """Return the token ids of each word.

    Parameters
    ----------
    words
        The words of a list.
    table
        The tokenizer.
    leading_space
        Whether a space stands before each; `auto` leaves it to the tokenizer by the rule above.
    """
    if leading_space == AUTO:
        bare = encoded(words, table, False)
        return max(
            (encoded(words, table, True), bare, _stripped(bare, table)), key=lambda ids: _merit(ids, table)
        )
    lead = " " if leading_space else ""
    return tuple(tuple(table.encode(f"{lead}{word}")) for word in words)


def _merit(ids: Words, table: TokenTable) -> tuple[bool, bool, bool]:
    """Return how good a spelling is, to be compared: what counts most comes first."""
    usable = not any(fault(one, table) for one in ids) and len(set(ids)) == len(ids)
    return usable, all(len(one) == 1 for one in ids), not _blanks_first(ids, table)


def _blanks_first(ids: Words, table: TokenTable) -> bool:
    """Whether every word begins with a token of blanks and nothing else."""
    return all(one and not table.token_bytes[one[0]].strip() for one in ids)


def _stripped(ids: Words, table: TokenTable) -> Words:
    """Return the tokens without those of blanks that stand before every word."""
    while _blanks_first(ids, table):
        ids = tuple(one[1:] for one in ids)
    return ids


def fault(ids: Sequence[int], table: TokenTable) -> str:
    """Return why tokens stand for no word; empty if they do."""
    if not ids:
        return "has no tokens"
    return "cannot be written with this tokenizer's vocabulary" if table.special[list(ids)].any() else ""


def several(words: Sequence[str], ids: Words) -> tuple[str, ...]:
    """Return the words that are not one token."""
    return tuple(word for word, one in zip(words, ids, strict=True) if len(one) != 1)


def words_provenance(words: Sequence[str], ids: Words, table: TokenTable) -> dict[str, Any]:
    """Return what is recorded of the words of a list: their tokens, and how these are spelled.

    `spelling` says whether the first token of each word stands for a space too, whoever put it there; if the
    tokenizer makes a difference. Where the tokens stand for none, `split_by_a_space` counts the words that
    are several tokens with one.
    """
    spelled = [[table.token_bytes[index].decode("utf-8", "replace") for index in one] for one in ids]
    known: dict[str, Any] = {"tokens": dict(zip(words, spelled, strict=True))}
    spaced = encoded(words, table, True)
    begins = {one[0].startswith(" ") for one in spelled if one}
    if ids == spaced == encoded(words, table, False):
        return known | {"spelling": ALIKE}
    if len(begins) > 1:
        return known | {"spelling": MIXED}
    if True in begins:
        return known | {"spelling": WITH_SPACE}
    return known | {"spelling": WITHOUT_SPACE, "split_by_a_space": len(several(words, spaced))}
