"""Tokenizers: what each token of a text stands for, and what surrounds a sequence.

See `docs/science.md`, "Tokens are bytes".

Bytes, not decoded text: where tokens spell the text, what an entry of the vocabulary spells is what each of
its tokens stands for. Where they do not (WordPiece lower-cases, drops accents and white space), it is the
text at the token's place. How entries spell text is said in `spelling`, what surrounds a sequence in
`special_tokens`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from superpos.arrays import Bool, Int
from superpos.datasets.special_tokens import sequence_ends
from superpos.datasets.spelling import spelling
from superpos.errors import InputError
from superpos.hashing import file_digest
from superpos.reading.places import is_file, is_folder
from superpos.reading.refusals import parsing
from superpos.reading.texts import read_json_object

BLANK = "\u2581"
"""What stands for a blank in SentencePiece-like vocabularies."""
KEPT = 4
"""Tokenizers that are held: planning asks for each once a set."""
LARGEST_VOCABULARY = 1 << 24
"""Token ids that are read; a damaged file may name any number."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenTable:
    """A tokenizer with the bytes of all its entries."""

    tokenizer: Tokenizer
    token_bytes: tuple[bytes, ...]
    """Bytes that each id spells, (vocab_size,); of a special token its name."""
    special: Bool
    """Which ids are special tokens or name no entry, (vocab_size,)."""
    front: tuple[int, ...]
    """Ids that every sequence starts with."""
    back: tuple[int, ...]
    """Ids that every sequence ends with: of encoders."""
    digest: str
    """SHA-256 of the tokenizer file."""
    by_offsets: bool = False
    """Whether tokens do not spell the text, so that their places in it say what they stand for."""
    normal_form: str = ""
    """Unicode normal form that text is brought into first; empty where it is left alone."""

    @property
    def bos_id(self) -> int:
        """Id that every sequence starts with, -1 if there is none."""
        return self.front[0] if self.front else -1

    @property
    def n_ends(self) -> int:
        """Number of special tokens around a sequence."""
        return len(self.front) + len(self.back)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text without special tokens, names of special tokens in it read as text."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def offsets(self, text: str) -> Int:
        """Return first character and one past the last of each token of a text, (n_tokens, 2), ascending.

        Several tokens may stand for one character. A token that stands for none lies behind the one before.
        SentencePiece-like tokens that write the blank before a word stand for it too.
        """
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        places = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        before = 0
        for index, token in enumerate(encoding.tokens):
            start, end = places[index].tolist()
            if token.startswith(BLANK) and text[start : start + 1] != BLANK:
                end = start if token == BLANK else end
                blank = before < start and text[start - 1].isspace()
                places[index] = start - blank, end
            before = max(before, end)
        nothing = places[:, 1] <= places[:, 0]
        places[nothing] = 0
        places = np.maximum.accumulate(places, axis=0)
        places[nothing, 0] = places[nothing, 1]
        return places

    def own_texts(self, text: str, ids: list[int]) -> list[bytes]:
        """Return the bytes that each token of a text stands for; `ids` are those of `encode(text)`."""
        if not self.by_offsets:
            return [self.token_bytes[index] for index in ids]
        return [text[start:end].encode("utf-8") for start, end in self.offsets(text).tolist()]

    def pieces(self, text: str, ids: list[int]) -> list[bytes]:
        """Return bytes of each token that spell the text one after another.

        Where tokens leave something out, each takes what lies between the one before and itself, and the last
        one what lies behind it; else these are `own_texts`.
        """
        if not self.by_offsets:
            return [self.token_bytes[index] for index in ids]
        edges = [0, *self.offsets(text)[:, 1].tolist()]
        edges[-1] = len(text) if len(edges) > 1 else 0
        return [text[start:end].encode("utf-8") for start, end in itertools.pairwise(edges)]


def tokenizer_file(path: Path) -> Path:
    """Return the `tokenizer.json` that a folder or file path means.

    Raises
    ------
    InputError
        If there is none.
    """
    file = path / "tokenizer.json" if is_folder(path) else path
    if not is_file(file):
        raise InputError(f"{file}: no such tokenizer file; a tokenizer is a tokenizer.json or its folder")
    return file


def load_tokens(path: Path) -> TokenTable:
    """Read a `tokenizer.json` (or the one in a folder), once for each content.

    Raises
    ------
    InputError
        If the file is missing, is no tokenizer, or spells its entries in a way that is not known here.
    """
    file = tokenizer_file(Path(path)).absolute()
    beside = file.parent / "tokenizer_config.json"
    return _load(file, file_digest(file), file_digest(beside) if is_file(beside) else "")


@lru_cache(maxsize=KEPT)
def _load(file: Path, digest: str, _beside: str) -> TokenTable:
    description = read_json_object(file)
    # The library raises plain Exception for every malformed file.
    with parsing(file, "a tokenizer", Exception):
        tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    added = tokenizer.get_added_tokens_decoder()
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    size = max([*vocabulary.values(), *added], default=-1) + 1
    if size == 0:
        raise InputError(f"{file}: the vocabulary is empty")
    if size > LARGEST_VOCABULARY:
        raise InputError(f"{file}: has token ids up to {size - 1}; at most {LARGEST_VOCABULARY - 1} are read")
    spelled = spelling(description, file)
    token_bytes, special = [b""] * size, np.ones(size, dtype=np.bool_)
    for entry, index in vocabulary.items():
        if index not in added:
            token_bytes[index], special[index] = spelled.spell(entry), False
    for index, token in added.items():
        token_bytes[index], special[index] = token.content.encode("utf-8"), bool(token.special)
    names = {token.content: index for index, token in added.items() if token.special}
    front, back = sequence_ends(description, file, tokenizer.get_vocab(with_added_tokens=True), names)
    around = [*front, *back, *(_unknown(description["model"], vocabulary) if spelled.by_offsets else [])]
    if not all(0 <= index < size for index in around):
        raise InputError(f"{file}: not a tokenizer: its post-processor adds ids that no token has")
    special[around] = True
    return TokenTable(
        tokenizer,
        tuple(token_bytes),
        special,
        front,
        back,
        digest,
        spelled.by_offsets,
        spelled.normal_form,
    )


def _unknown(model: dict[str, Any], vocabulary: dict[str, int]) -> list[int]:
    """Return the id of the token for what the vocabulary cannot write, if there is one."""
    index = model.get("unk_id", vocabulary.get(str(model.get("unk_token"))))
    return [] if index is None else [int(index)]
