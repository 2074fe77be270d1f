"""Sentences of a corpus that contain names, each cut at the end of the surname.

A name is found where its words stand in this order with white space (a line break too) between them and no
letter, digit or hyphenated part goes on before or after it, nor a suffix (Jr., Sr., II, ...) that it does not
have; a comma between words, the kind of apostrophe and the full stop of a suffix make no difference. Where
several names of the list begin at one word, the longest is taken; matches do not overlap.

A sentence begins at the start of a document, after a blank line, and after `.`, `!` or `?` (closing quotes
and brackets may follow) when white space and something else than a lower-case letter follow; not after a full
stop behind a single capital (an initial), a word with a full stop inside (U.S.) or a known abbreviation. Runs
of white space become one space, so that a wrapped text and its unwrapped copy are one.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from superpos.datasets.entity_text.lists import SUFFIX, surname_place
from superpos.datasets.sources import Document

_WORD = re.compile(r"\w+")
_APOSTROPHE = re.compile("['\u2019]")
_BREAK = re.compile(r"[.!?]+[\"'\u2019\u201d)\]]*\s+(?=[^\sa-z])|\n[^\S\n]*\n\s*")
_TITLES = {
    "Capt",
    "Col",
    "Dr",
    "Gen",
    "Gov",
    "Hon",
    "Lt",
    "Mr",
    "Mrs",
    "Ms",
    "Prof",
    "Rep",
    "Rev",
    "Sen",
    "Sgt",
}
_ABBREVIATIONS = frozenset(_TITLES | {"Fr", "Jr", "Mt", "No", "Sr", "St", "cf", "vs"})


class Mention(NamedTuple):
    """A name in a document: the sentence up to the end of the surname."""

    name: int
    document: int
    text: str
    surname: str


class _Name(NamedTuple):
    number: int
    offset: int
    """Characters before the first word character, such as an apostrophe."""
    text: str


def find_mentions(
    names: Sequence[str], documents: Iterable[Document], max_characters: int
) -> Iterator[Mention]:
    """Yield the mentions of all names in the order of the text.

    Of a sentence, the last `max_characters` are kept.
    """
    index = _index(names)
    patterns: dict[int, re.Pattern[str]] = {}
    for number, document in enumerate(documents):
        text = unicodedata.normalize("NFC", document.text)
        starts: list[int] = []
        end = 0
        for word in _WORD.finditer(text):
            if word.start() < end or word[0] not in index:
                continue
            for name in index[word[0]]:
                if name.number not in patterns:
                    patterns[name.number] = _pattern(name.text)
                place = word.start() - name.offset
                match = patterns[name.number].match(text, place) if place >= end else None
                if match is None:
                    continue
                starts = starts or sentence_starts(text)
                first = starts[bisect_right(starts, match.start()) - 1]
                first = max(first, match.end(1) - max_characters)
                yield Mention(name.number, number, " ".join(text[first : match.end(1)].split()), match[1])
                end = match.end()
                break


def sentence_starts(text: str) -> list[int]:
    """Return where sentences begin, in characters, ascending, the first at 0."""
    starts = [0]
    for found in _BREAK.finditer(text):
        if found[0].rstrip() == "." and _is_abbreviation(text, found.start()):
            continue
        starts.append(found.end())
    return starts


def _is_abbreviation(text: str, end: int) -> bool:
    """Whether the full stop at `end` follows an initial or an abbreviation."""
    start = end
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    word = text[start:end].lstrip("\"'\u2018\u201c([")
    return (len(word) == 1 and word.isupper()) or "." in word or word in _ABBREVIATIONS


def _index(names: Sequence[str]) -> dict[str, list[_Name]]:
    """Return names by their first word, longest first."""
    index: dict[str, list[_Name]] = {}
    for number, name in enumerate(names):
        first = _WORD.search(name)
        if first is not None:
            index.setdefault(first[0], []).append(_Name(number, first.start(), name))
    for alike in index.values():
        alike.sort(key=lambda item: -len(item.text))
    return index


def _pattern(name: str) -> re.Pattern[str]:
    """Return the pattern of a name whose first group is the surname."""
    start, end = surname_place(name)

    def words(part: str) -> str:
        escaped = (re.escape(word.rstrip(",;") or word) for word in part.split())
        return r",?\s+".join(_APOSTROPHE.sub("['\u2019]", word) for word in escaped)

    before, surname = words(name[:start]), words(name[start:end])
    after = r",?\s+".join(re.escape(word.rstrip(".,;")) + r"\.?" for word in name[end:].lstrip(",;").split())
    lead = before + r",?\s+" if before else ""
    # Another suffix is another person: the father is not his son.
    tail = r",?\s+" + after if after else rf"(?!,?\s+(?:{SUFFIX})(?!\w))"
    return re.compile(rf"(?<!\w)(?<!\w-){lead}({surname}){tail}(?!\w)(?!-\w)")
