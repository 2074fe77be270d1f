"""Which characters of a document each of its tokens holds.

Mostly the bytes of the tokens, one after another, are the UTF-8 bytes of the text; then byte offsets are
exact for every token, also where a tokenizer cuts a character into several tokens. SentencePiece-like
tokenizers put one blank before the text, which is no part of it. Where a tokenizer brings text into a Unicode
normal form first (that of Pythia: NFC), the text is that form (`seen_text`). A document whose tokens spell
something else is left out.

Where a tokenizer drops or replaces characters by what it is (WordPiece: case, accents, white space), the
places of the tokens in the text say which characters each holds.

A token holds a character if it holds one of its bytes, so a character may belong to several tokens.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Int
from superpos.datasets.tokens import TokenTable

NormalForm = Literal["NFC", "NFD", "NFKC", "NFKD"]
_CONTINUES = 0x80
_TOP_BITS = 0xC0


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Characters of a text that its tokens hold."""

    starts: Int
    """First character of each token, (n_tokens,)."""
    ends: Int
    """One past the last character of each token, (n_tokens,); a token without bytes of the text has none."""
    whole: Bool
    """Whether the token's last byte is the last byte of its last character, (n_tokens,)."""

    def sharing(self, spans: Iterable[tuple[int, int]], n_characters: int) -> Bool:
        """Return which tokens hold a character of one of the spans (start, end), (n_tokens,)."""
        before = np.concatenate([[0], np.cumsum(covered(spans, n_characters))])
        return np.asarray(before[self.ends] > before[self.starts], dtype=np.bool_)

    def ending_at(self, ends: Int) -> Int:
        """Return the token whose bytes end where the character before each of `ends` ends, -1 if none does.

        Parameters
        ----------
        ends
            One past the last character of words, (n,), each at least 1.
        """
        last = np.searchsorted(self.ends, ends, side="right") - 1
        safe = np.maximum(last, 0)
        fits = (last >= 0) & (self.ends[safe] == ends) & self.whole[safe] & (self.starts[safe] < ends)
        return np.where(fits, last, -1)

    def holding_start_of(self, characters: Int) -> Int:
        """Return the token that holds the first byte of each character, else the next token, (n,)."""
        return np.asarray(np.searchsorted(self.ends, characters, side="right"), dtype=np.int64)

    def holding_end_of(self, characters: Int) -> Int:
        """Return the last token that begins at or before each character, (n,); -1 if none does.

        It holds the character's last byte, unless no token holds the character.
        """
        return np.asarray(np.searchsorted(self.starts, characters, side="right") - 1, dtype=np.int64)


def covered(spans: Iterable[tuple[int, int]], n_characters: int) -> Bool:
    """Return which characters lie in one of the spans (start, end), (n_characters,)."""
    change = np.zeros(n_characters + 1, dtype=np.int64)
    pairs = np.array(list(spans), dtype=np.int64).reshape(-1, 2)
    np.add.at(change, pairs[:, 0], 1)
    np.add.at(change, pairs[:, 1], -1)
    return np.asarray(np.cumsum(change[:-1]) > 0, dtype=np.bool_)


def align(text: str, pieces: list[bytes]) -> Alignment | None:
    """Return which characters of `text` each token holds; None if the tokens do not spell it.

    Parameters
    ----------
    pieces
        Bytes of each token, in order.
    """
    spelled, data = b"".join(pieces), text.encode("utf-8")
    skipped = len(spelled) - len(data)
    if spelled != (data if skipped == 0 else b" " + data):
        return None
    lengths = np.fromiter((len(piece) for piece in pieces), dtype=np.int64, count=len(pieces))
    ends = np.maximum(np.cumsum(lengths) - skipped, 0)
    starts = np.concatenate([[0], ends[:-1]])
    if text.isascii():
        return Alignment(starts, ends, np.ones(len(pieces), dtype=np.bool_))
    # Entry b counts the characters that begin before byte b.
    begun = np.concatenate([[0], np.cumsum(_begins(data))])
    # The character that holds byte b is number begun[b + 1] - 1.
    held = ends > starts
    first = np.where(held, begun[np.minimum(starts + 1, len(data))] - 1, begun[starts])
    at_begin = np.concatenate([_begins(data), [True]])
    return Alignment(
        np.asarray(first, dtype=np.int64),
        np.asarray(np.where(held, begun[ends], first), dtype=np.int64),
        np.asarray(at_begin[ends], dtype=np.bool_),
    )


def seen_text(text: str, table: TokenTable) -> str:
    """Return the text that a tokenizer sees: its Unicode normal form if the tokenizer makes one."""
    form = table.normal_form
    return unicodedata.normalize(cast("NormalForm", form), text) if form else text


def align_ids(text: str, ids: list[int], table: TokenTable) -> Alignment | None:
    """Return the alignment of a document with its token ids; None if the tokens do not spell the text."""
    if table.by_offsets:
        starts, ends = table.offsets(text).T
        return Alignment(starts, ends, np.append(starts[1:] >= ends[:-1], [True] * (len(ids) > 0)))
    return align(text, [table.token_bytes[index] for index in ids])


def _begins(data: bytes) -> NDArray[np.bool_]:
    """Return which bytes begin a character, (n_bytes,)."""
    return np.asarray((np.frombuffer(data, dtype=np.uint8) & _TOP_BITS) != _CONTINUES, dtype=np.bool_)
