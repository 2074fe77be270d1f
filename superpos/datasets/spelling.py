"""How a tokenizer writes text: what an entry of its vocabulary spells, and whether the text can be had back.

Byte-level BPE writes each of the 256 bytes as one printable character: bytes that print as themselves in
Latin-1 (33-126, 161-172, 174-255) stand for themselves, the others take the code points from 256 on in
order. SentencePiece-like vocabularies write a space as U+2581 and single bytes as <0xNN>. WordPiece marks
what continues a word (`##ing`), older BPE what ends one (`ing</w>`); spaces between words are in no token.

Where tokens do not spell the text, because case, accents or white space are dropped, the places of the tokens
in the text say what each stands for (`by_offsets`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superpos.errors import InputError

NORMAL_FORMS = frozenset({"NFC", "NFD", "NFKC", "NFKD"})
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_INNER = ("normalizers", "pretokenizers", "decoders")
_DROPPING = frozenset({"BertPreTokenizer", "CharDelimiterSplit", "Whitespace", "WhitespaceSplit"})
"""Pre-tokenizers that drop white space or delimiters."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """What tokens say of the text they were made of."""

    spell: Callable[[str], bytes]
    """From an entry of the vocabulary to its bytes."""
    by_offsets: bool
    """Whether the bytes of the tokens, one after another, are not those of the text."""
    normal_form: str
    """Unicode normal form that text is brought into first; empty where it is left alone."""


def spelling(description: Mapping[str, Any], file: Path) -> Spelling:
    """Return how the tokenizer of a `tokenizer.json` with this content writes text."""
    steps = {
        str(step.get("type"))
        for part in ("pre_tokenizer", "decoder")
        for step in flattened(description.get(part))
    }
    spell, lossless = _speller(description.get("model") or {}, steps, file)
    forms: list[str] = []
    for step in flattened(description.get("normalizer")):
        if step.get("type") in NORMAL_FORMS:
            forms.append(str(step["type"]))
        elif not _keeps_text(step):
            lossless = False
    if len(forms) > 1 or any(_drops_text(step) for step in flattened(description.get("pre_tokenizer"))):
        lossless = False
    return Spelling(spell, not lossless, forms[0] if forms and lossless else "")


def byte_alphabet() -> dict[str, int]:
    """Return the byte of each of the 256 characters of byte-level BPE."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in set(printable))
    return alphabet | {chr(256 + index): byte for index, byte in enumerate(others)}


def flattened(step: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Yield a step of a tokenizer and those within it."""
    if not step:
        return
    yield step
    for name in _INNER:
        for inner in step.get(name) or ():
            yield from flattened(inner)


def _keeps_text(step: Mapping[str, Any]) -> bool:
    """Whether a normalizer changes no more than how spaces are written."""
    kind = step.get("type")
    if kind == "Replace":
        return step.get("pattern") == {"String": " "} and step.get("content") == "\u2581"
    return kind in ("Sequence", "Prepend", "ByteLevel")


def _drops_text(step: Mapping[str, Any]) -> bool:
    return step.get("type") in _DROPPING or step.get("behavior") == "Removed"


def _speller(model: Mapping[str, Any], steps: set[str], file: Path) -> tuple[Callable[[str], bytes], bool]:
    """Return the function from an entry to its bytes, and whether these can be those of the text."""
    if "ByteLevel" in steps:
        alphabet = byte_alphabet()

        def byte_level(entry: str) -> bytes:
            try:
                return bytes(alphabet[character] for character in entry)
            except KeyError as error:
                raise InputError(f"{file}: entry {entry!r} is not in the byte-level alphabet") from error

        return byte_level, True
    if "ByteFallback" in steps or "Metaspace" in steps:

        def metaspace(entry: str) -> bytes:
            byte = _BYTE.fullmatch(entry)
            return bytes([int(byte[1], 16)]) if byte else entry.replace("\u2581", " ").encode("utf-8")

        return metaspace, True
    prefix, suffix = model.get("continuing_subword_prefix"), model.get("end_of_word_suffix")

    def words(entry: str) -> bytes:
        if suffix:
            return (entry.removesuffix(suffix) + (" " if entry.endswith(suffix) else "")).encode("utf-8")
        if prefix and entry.startswith(prefix):
            return entry.removeprefix(prefix).encode("utf-8")
        return f" {entry}".encode()

    return words, False
