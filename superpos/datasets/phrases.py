r"""Where phrases occur in a text, and where their words stand beside other words.

A phrase is two or more words with one space between; a space in the text is blanks and at most one line break
(an empty line parts two words), and no word character (`\w`) touches either end of a match.

| span       | what it holds                                                                                |
|------------|----------------------------------------------------------------------------------------------|
| occurrence | the phrase                                                                                   |
| after      | a word, a space, the last word of the phrase, where that does not end an occurrence          |
| before     | all words of the phrase but the last, a space, another word, where no occurrence begins      |

The word before or after is a run of word characters. Case is ignored, if asked, by lower-casing character by
character; if not, a spelling of the phrase in other case is none of the three.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_BLANKS = r"[^\S\r\n]"
_SPACE = rf"(?:{_BLANKS}+|{_BLANKS}*(?:\r\n|\r|\n){_BLANKS}*)"

Span = tuple[int, int]


class PhraseSpans(NamedTuple):
    """Spans (start, end) of characters, each kind in the order of the text."""

    occurrences: list[Span]
    after: list[Span]
    before: list[Span]


class Phrase:
    """The patterns of one phrase."""

    def __init__(self, phrase: str, ignore_case: bool = True) -> None:
        self._ignore_case = ignore_case
        words = phrase.split(" ")
        self._patterns = _Patterns(lowered(phrase).split(" ") if ignore_case else words)
        self._any_case = _Patterns(lowered(phrase).split(" "))

    def spans(self, text: str, low: str | None = None) -> PhraseSpans:
        """Return all spans of the three kinds in a text.

        Parameters
        ----------
        text
            Any text.
        low
            `lowered(text)`, where it is at hand already.
        """
        low = lowered(text) if low is None else low
        searched = low if self._ignore_case else text
        alike = self._any_case.occurrences(low)
        begins, ends = {start for start, _ in alike}, {end for _, end in alike}
        return PhraseSpans(
            alike if self._ignore_case else self._patterns.occurrences(text),
            [span for span in self._patterns.after(searched) if span[1] not in ends],
            [span for span in self._patterns.before(searched) if span[0] not in begins],
        )


class _Patterns:
    """Patterns of the words of a phrase, each led by a literal word, which `re` finds fast."""

    def __init__(self, words: list[str]) -> None:
        first, *middle, last = map(re.escape, words)
        inner = "".join(_SPACE + word for word in middle)
        self._whole = re.compile(rf"{first}(?={inner}{_SPACE}{last}(?!\w)())")
        self._last = re.compile(rf"{last}(?!\w)")
        self._first = re.compile(rf"{first}(?={inner}{_SPACE}\w+())")

    def occurrences(self, text: str) -> list[Span]:
        return _begun(self._whole, text)

    def after(self, text: str) -> list[Span]:
        found = ((word_before(text, match.start()), match.end()) for match in self._last.finditer(text))
        return [span for span in found if span[0] >= 0]

    def before(self, text: str) -> list[Span]:
        return _begun(self._first, text)


def _begun(pattern: re.Pattern[str], text: str) -> list[Span]:
    """Return the matches that no word character precedes, each to where its look-ahead ends (group 1)."""
    return [
        (match.start(), match.end(1))
        for match in pattern.finditer(text)
        if match.start() == 0 or not _is_word(text[match.start() - 1])
    ]


def lowered(text: str) -> str:
    """Return a text in lower case, character by character, so that places stay what they are."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(one if len(one := character.lower()) == 1 else character for character in text)


def word_before(text: str, place: int) -> int:
    """Return where the word begins that a space parts from `place`; -1 if there is none."""
    end = place
    while end > 0 and text[end - 1].isspace():
        end -= 1
    if end == place or end == 0 or not _SPACED.fullmatch(text, end, place):
        return -1
    start = end
    while start > 0 and _is_word(text[start - 1]):
        start -= 1
    return start if start < end else -1


_SPACED = re.compile(_SPACE)


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()
