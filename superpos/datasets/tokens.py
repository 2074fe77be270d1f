"""What each entry of a vocabulary spells: bytes, not text (`docs/science.md`, "Tokens are bytes").

Byte-level BPE writes each of the 256 bytes as one printable character: bytes that print as themselves in
Latin-1 (33-126, 161-172, 174-255) stand for themselves, the others take the code points from 256 on in
order. SentencePiece-like BPE writes a space as U+2581 and single bytes as <0xNN>. Added tokens are plain
text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from superpos.arrays import Bool
from superpos.errors import InputError
from superpos.hashing import file_digest

_BEGIN_TOKENS = ("<|endoftext|>", "<|begin_of_text|>", "<s>", "<bos>", "[BOS]")
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True, slots=True, eq=False)
class TokenTable:
    """A tokenizer with the bytes of all its entries."""

    tokenizer: Tokenizer
    token_bytes: tuple[bytes, ...]
    """Bytes that each id spells, (vocab_size,); of a special token its name."""
    special: Bool
    """Which ids are special tokens or name no entry, (vocab_size,)."""
    bos_id: int
    """Id that every sequence starts with, -1 if the tokenizer has none."""
    digest: str
    """SHA-256 of the tokenizer file."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text without special tokens, names of special tokens in it read as text."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)


def byte_alphabet() -> dict[str, int]:
    """Return the byte of each of the 256 characters of byte-level BPE."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in set(printable))
    return alphabet | {chr(256 + index): byte for index, byte in enumerate(others)}


def tokenizer_file(path: Path) -> Path:
    """Return the `tokenizer.json` that a folder or file path means.

    Raises
    ------
    InputError
        If there is none.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{file}: no such tokenizer file; a tokenizer is a tokenizer.json or its folder")
    return file


def load_tokens(path: Path) -> TokenTable:
    """Read a `tokenizer.json` (or the one in a folder).

    Raises
    ------
    InputError
        If the file is missing, is no tokenizer, or spells its entries in a way that is not known here.
    """
    file = tokenizer_file(Path(path))
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        # The library raises plain Exception for every malformed file.
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        raise InputError(f"{file}: not a tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    added = tokenizer.get_added_tokens_decoder()
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    size = max([*vocabulary.values(), *added], default=-1) + 1
    if size == 0:
        raise InputError(f"{file}: the vocabulary is empty")
    spell = _speller(description, file)
    token_bytes, special = [b""] * size, np.ones(size, dtype=np.bool_)
    for entry, index in vocabulary.items():
        if index not in added:
            token_bytes[index], special[index] = spell(entry), False
    for index, token in added.items():
        token_bytes[index], special[index] = token.content.encode("utf-8"), bool(token.special)
    bos = begin_token(file, {token.content: index for index, token in added.items() if token.special})
    return TokenTable(tokenizer, tuple(token_bytes), special, bos, file_digest(file))


def begin_token(file: Path, special: dict[str, int]) -> int:
    """Return the id of the token that starts a sequence, -1 if there is none.

    `bos_token` of the `tokenizer_config.json` beside the file decides; without one, the first known name.
    """
    beside = file.parent / "tokenizer_config.json"
    if beside.is_file():
        try:
            named = json.loads(beside.read_text(encoding="utf-8")).get("bos_token")
        except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
            raise InputError(f"{beside}: not a tokenizer configuration: {error}") from error
        content = named.get("content") if isinstance(named, dict) else named
        if content in special:
            return special[content]
    return next((special[name] for name in _BEGIN_TOKENS if name in special), -1)


def begin_token_of(path: Path) -> int:
    """Return the id of the token that starts a sequence, -1 if there is none; raises as `load_tokens`."""
    file = tokenizer_file(Path(path))
    try:
        added = json.loads(file.read_text(encoding="utf-8")).get("added_tokens", [])
        special = {item["content"]: int(item["id"]) for item in added if item["special"]}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{file}: not a tokenizer: {error}") from error
    return begin_token(file, special)


def _speller(description: dict[str, Any], file: Path) -> Any:
    """Return the function from an entry to its bytes."""
    steps = {
        step.get("type")
        for part in ("pre_tokenizer", "decoder")
        for step in _flattened(description.get(part))
    }
    if "ByteLevel" in steps:
        alphabet = byte_alphabet()

        def byte_level(entry: str) -> bytes:
            try:
                return bytes(alphabet[character] for character in entry)
            except KeyError as error:
                raise InputError(f"{file}: entry {entry!r} is not in the byte-level alphabet") from error

        return byte_level
    if "ByteFallback" in steps or "Metaspace" in steps:

        def metaspace(entry: str) -> bytes:
            byte = _BYTE.fullmatch(entry)
            return bytes([int(byte[1], 16)]) if byte else entry.replace("\u2581", " ").encode("utf-8")

        return metaspace
    raise InputError(
        f"{file}: neither byte-level nor SentencePiece-like BPE; the bytes of its tokens are unknown"
    )


def _flattened(step: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not step:
        return []
    parts = step.get("pretokenizers") or step.get("decoders") or []
    return [step, *(inner for part in parts for inner in _flattened(part))]
