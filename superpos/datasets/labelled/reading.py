"""Where a text is read: its tokens in a sequence, and the span that is the sample.

A sequence is the special tokens before a text, the tokens of the prompt (the template around the text), and
the special tokens behind it. With n tokens of the prompt,

    last   the last token of the prompt                    end    the last special token behind it
    mean   all tokens that hold a character of the text    max    the same

`last` is the token that Kantamneni et al. (2025, "Are Sparse Autoencoders Useful?") read; of a decoder it is
the last position that is no padding. `end` is where BERT-like models and sequence classifiers end a text
(`[SEP]`, `</s>`); a tokenizer that puts nothing behind a text has no such position.

A prompt that is too long loses its front, as there, so that the token that is read stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from superpos.datasets.alignment import align_ids, seen_text
from superpos.datasets.labelled.options import TEXT_PLACE, LabelledTextOptions
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.specs.datasets import DatasetSpec

POOLED = ("mean", "max")
"""Positions that are spans."""


@dataclass(frozen=True, slots=True)
class ReadText:
    """A prompt as a sequence with one sample."""

    ids: tuple[int, ...]
    position: int
    """Of the sample's last token."""
    length: int
    """Tokens of its span."""
    is_cut: bool
    """Whether the front of the prompt was cut off."""


class TextReader:
    """Makes sequences of texts."""

    def __init__(self, spec: DatasetSpec, table: TokenTable) -> None:
        """Prepare.

        Raises
        ------
        InputError
            If the tokenizer has no position behind a text and that is asked for, or what the template puts
            behind the text fills the context.
        """
        self.options = spec.told(LabelledTextOptions)
        self.table = table
        self.room = spec.ctx_len - table.n_ends
        self.before, self.behind = self.options.prompt.split(TEXT_PLACE)
        where = f"datasets.{spec.name}"
        if self.options.position == "end" and not table.back:
            raise InputError(
                f'{where}.position: "end" reads the token that the tokenizer puts behind a text, and this '
                'one puts none; the last token of the text is read with position = "last"'
            )
        more = len(table.encode(self.behind))
        if more >= self.room:
            raise InputError(
                f"{where}.ctx_len: {spec.ctx_len} leaves {max(self.room, 0)} tokens beside the special ones, "
                f"and what the template has behind the text takes {more}: no token of the text would be seen"
            )

    def read(self, texts: Sequence[str]) -> list[ReadText | str]:
        """Return the sequence of each text, or why there is none: the name of what is counted."""
        prompts = [f"{self.before}{text}{self.behind}" for text in texts]
        batch: list[Any] = self.table.tokenizer.encode_batch_fast(prompts, add_special_tokens=False)
        return [self._read(text, list(encoding.ids)) for text, encoding in zip(texts, batch, strict=True)]

    def _read(self, text: str, ids: list[int]) -> ReadText | str:
        if not ids:
            return "without_tokens"
        n_cut = max(0, len(ids) - self.room)
        if n_cut and self.options.too_long == "drop":
            return "too_long"
        first, last = 0, len(ids) - 1
        if self.options.position in POOLED and (self.before or self.behind):
            place = self._place(text, ids)
            if place is None:
                return "not_aligned"
            first, last = place
        if last < n_cut:
            return "text_cut_off"
        if self.options.position == "last" and self.table.special[ids[last]]:
            return "last_token_unknown"
        sequence = (*self.table.front, *ids[n_cut:], *self.table.back)
        front = len(self.table.front)
        if self.options.position in POOLED:
            first = max(first, n_cut)
            return ReadText(sequence, front + last - n_cut, last - first + 1, bool(n_cut))
        end = len(sequence) - 1 if self.options.position == "end" else front + last - n_cut
        return ReadText(sequence, end, 1, bool(n_cut))

    def _place(self, text: str, ids: list[int]) -> tuple[int, int] | None:
        """Return the first and the last token that hold a character of the text; None if not known."""
        whole = seen_text(f"{self.before}{text}{self.behind}", self.table)
        alignment = align_ids(whole, ids, self.table)
        if alignment is None:
            return None
        start = len(seen_text(self.before, self.table))
        end = len(whole) - len(seen_text(self.behind, self.table))
        held = np.flatnonzero(alignment.sharing([(start, end)], len(whole)))
        return (int(held[0]), int(held[-1])) if held.size else None
