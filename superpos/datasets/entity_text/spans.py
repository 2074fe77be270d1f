"""Tokens of a text that ends at a surname, and how many of them spell the surname."""

from __future__ import annotations

import numpy as np

from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError


def surname_tokens(table: TokenTable, text: str, surname: str) -> tuple[list[int], int]:
    """Return the ids of `text`, and the number of last tokens that share a byte with the surname at its end.

    A token that holds the space before the surname and its first letters belongs to it; the count is exact on
    bytes, also where a character is spelled by several tokens.

    Raises
    ------
    InputError
        If the tokens do not spell the surname, or there are none: the tokenizer changes text in a way not
        known here.
    """
    ids = table.encode(text)
    if table.by_offsets:
        ends = table.offsets(text)[:, 1]
        count = int(np.count_nonzero(ends > len(text) - len(surname)))
        if count == 0:
            raise InputError(f"tokenizer: has no token for {surname!r} at the end of {text!r}")
        return ids, count
    wanted = len(_spelled(table, surname))
    covered = count = 0
    while covered < wanted and count < len(ids):
        count += 1
        covered += len(table.token_bytes[ids[-count]])
    tail = b"".join(table.token_bytes[index] for index in ids[len(ids) - count :])
    if not tail.endswith(_spelled(table, surname)):
        raise InputError(
            f"tokenizer: spells the end of {text!r} as {tail!r}, which is not the surname {surname!r}"
        )
    return ids, count


def writes_surname(table: TokenTable, text: str, surname: str) -> bool:
    """Whether the vocabulary can write the surname at the end of `text`; raises as `surname_tokens`."""
    ids, count = surname_tokens(table, text, surname)
    return not table.special[ids[len(ids) - count :]].any()


def _spelled(table: TokenTable, surname: str) -> bytes:
    """Return the bytes of the surname after the tokenizer's normalisation (NFC, lower case, ...)."""
    normalizer = table.tokenizer.normalizer
    changed = surname if normalizer is None else normalizer.normalize_str(surname)
    # SentencePiece-like normalisers put a space first, written as U+2581.
    return str(changed).replace("\u2581", " ").strip(" ").encode("utf-8")
