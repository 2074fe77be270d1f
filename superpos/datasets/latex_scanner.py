r"""A scanner for LaTeX source that tolerates what it does not know: spans of characters, no macro expansion.

It reads control sequences, comments, braces, dollars, `^` and `_`, and keeps a stack of open groups and
formulas. What may not go on beyond an empty line in TeX (a formula between delimiters, an argument) and does
is unclear up to there; so is a formula that a closing brace cuts off, that holds an open group where it ends,
or that is open at the end of the text. Reading goes on behind it as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Span = tuple[int, int]

DISPLAY_ENVIRONMENTS = frozenset(
    name + star
    for name in ("align", "alignat", "displaymath", "eqnarray", "equation", "flalign", "gather", "multline")
    for star in ("", "*")
)
INLINE_ENVIRONMENTS = frozenset({"math"})
VERBATIM_ENVIRONMENTS = frozenset({"Verbatim", "lstlisting", "minted", "verbatim", "verbatim*"})
SECTIONS = frozenset(
    {"part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph"}
)
FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
CITATIONS = frozenset(
    name + rest
    for name in ("cite", "Cite")
    for rest in ("", "p", "t", "alp", "alt", "author", "year", "yearpar", "num", "title")
) | frozenset(
    {"nocite", "parencite", "Parencite", "textcite", "Textcite", "autocite", "Autocite", "footcite"}
    | {"footfullcite", "fullcite", "smartcite", "Smartcite", "supercite"}
)
TEXT_ARGUMENTS = frozenset(
    {"text", "textbf", "textit", "textnormal", "textrm", "textsf", "texttt", "mbox", "hbox", "intertext"}
    | {"autoref", "cref", "Cref", "eqref", "label", "pageref", "ref", "tag"}
)
"""Commands whose argument is no formula, also within one."""
RAW_ARGUMENTS = frozenset({"href", "nolinkurl", "path", "url"})
VERBATIM_COMMANDS = frozenset({"verb", "lstinline"})

_LEXEME = re.compile(
    r"\\(?P<name>[A-Za-z]+|.)|(?P<comment>%[^\n]*)|(?P<paragraph>(?:\r?\n[ \t]*){2,})|[{}$^_]", re.DOTALL
)
_BRACKET = re.compile(r"\\.|[{}\]]|(?P<paragraph>(?:\r?\n[ \t]*){2,})", re.DOTALL)
_BLANK = re.compile(r"(?:[ \t]|\r?\n(?![ \t]*\r?\n))*")
_ENVIRONMENT = re.compile(r"[ \t]*\{([^{}\\$%\n]+)\}")
_CLOSERS = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}


@dataclass(slots=True)
class LatexSpans:
    """Spans (start, end) of characters of each construct, and of what is unclear."""

    command: list[Span] = field(default_factory=list)
    inline_math: list[Span] = field(default_factory=list)
    display_math: list[Span] = field(default_factory=list)
    superscript: list[Span] = field(default_factory=list)
    subscript: list[Span] = field(default_factory=list)
    numerator: list[Span] = field(default_factory=list)
    denominator: list[Span] = field(default_factory=list)
    environment_name: list[Span] = field(default_factory=list)
    section_title: list[Span] = field(default_factory=list)
    citation_key: list[Span] = field(default_factory=list)
    comment: list[Span] = field(default_factory=list)
    verbatim: list[Span] = field(default_factory=list)
    unclear: list[Span] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    """An open group or formula."""

    opener: str
    """`{`, a delimiter, or the name of an environment."""
    start: int
    inside: int
    """Where its content begins."""
    formula: bool
    text: bool = False
    environment: bool = False

    @property
    def ends_with_paragraph(self) -> bool:
        return self.formula and not self.environment


class LatexScanner:
    """Reads one text; `scan` returns its spans."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = LatexSpans()
        self.stack: list[_Open] = []
        self.text_groups: set[int] = set()

    def scan(self) -> LatexSpans:
        """Return the spans of the text."""
        place = 0
        while (lexeme := _LEXEME.search(self.text, place)) is not None:
            place = self._read(lexeme)
        self._abandon([item.formula for item in self.stack], len(self.text))
        return self.spans

    def _read(self, lexeme: re.Match[str]) -> int:
        """Take one lexeme; return where reading goes on."""
        start, end = lexeme.span()
        if lexeme["comment"] is not None:
            self.spans.comment.append((start, end - self.text[start:end].endswith("\r")))
        elif lexeme["paragraph"] is not None:
            self._abandon([item.ends_with_paragraph for item in self.stack], start)
        elif lexeme["name"] is not None:
            self.spans.command.append((start, end))
            return self._command(lexeme["name"], start, end)
        elif lexeme[0] == "{":
            self.stack.append(_Open("{", start, end, formula=False, text=start in self.text_groups))
        elif lexeme[0] == "}":
            self._close_group(start)
        elif lexeme[0] == "$":
            return self._dollar(start)
        elif self._in_formula() and self.text[end : end + 1] != lexeme[0]:
            into = self.spans.superscript if lexeme[0] == "^" else self.spans.subscript
            self._argument(end, into, with_groups=True)
        elif self.text[end : end + 1] == lexeme[0]:
            return end + 1  # ^^ is TeX's way to write a character
        return end

    def _command(self, name: str, start: int, end: int) -> int:
        if name in ("begin", "end"):
            return self._environment(name, start, end)
        if name in VERBATIM_COMMANDS:
            return self._verbatim(end)
        if name in RAW_ARGUMENTS:
            closing = self._group_end(end, raw=True) if self.text[end : end + 1] == "{" else None
            if closing is None:
                return end
            self.spans.verbatim.append((end + 1, closing - 1))
            return closing
        if name in ("(", "["):
            self.stack.append(_Open("\\" + name, start, end, formula=True))
        elif name in (")", "]"):
            self._close_formula("\\" + name, start)
        elif name in FRACTIONS:
            middle = self._argument(end, self.spans.numerator)
            if middle is not None:
                self._argument(middle, self.spans.denominator)
        elif name in SECTIONS:
            self._argument(self._options_end(end), self.spans.section_title, braced=True)
        elif name in CITATIONS:
            self._argument(self._options_end(end), self.spans.citation_key, braced=True)
        elif name in TEXT_ARGUMENTS:
            self.text_groups.add(self._blank_end(end))
        return end

    def _environment(self, name: str, start: int, end: int) -> int:
        found = _ENVIRONMENT.match(self.text, end)
        if found is None:
            return end
        environment, end = found[1], found.end()
        self.spans.environment_name.append(found.span(1))
        if name == "end":
            self._close_formula(environment, start)
        elif environment in VERBATIM_ENVIRONMENTS or environment == "comment":
            closing = self.text.find(rf"\end{{{environment}}}", end)
            into = self.spans.comment if environment == "comment" else self.spans.verbatim
            if closing < 0:
                self.spans.unclear.append((start, len(self.text)))
                return len(self.text)
            into.append((end, closing))
            return closing
        elif environment in DISPLAY_ENVIRONMENTS | INLINE_ENVIRONMENTS:
            self.stack.append(_Open(environment, start, end, formula=True, environment=True))
        return end

    def _dollar(self, start: int) -> int:
        two = self.text[start : start + 2] == "$$"
        top = self.stack[-1] if self.stack else None
        if top is not None and top.opener in ("$", "$$"):
            if top.opener == "$" or two:
                self._close_formula(top.opener, start)
                return start + len(top.opener)
            # One dollar does not end what two began.
            self._abandon([item is top for item in self.stack], start)
            return start + 1
        opener = "$$" if two else "$"
        self.stack.append(_Open(opener, start, start + len(opener), formula=True))
        return start + len(opener)

    def _in_formula(self) -> bool:
        for item in reversed(self.stack):
            if item.formula or item.text:
                return item.formula
        return False

    def _close_formula(self, closer: str, place: int) -> None:
        """End the innermost formula that `closer` ends; what was left open in it makes it unclear."""
        for depth in range(len(self.stack) - 1, -1, -1):
            item = self.stack[depth]
            if item.formula and _CLOSERS.get(item.opener, item.opener) == closer:
                if depth < len(self.stack) - 1:
                    self.spans.unclear.append((item.start, place))
                elif item.opener in DISPLAY_ENVIRONMENTS or item.opener in ("$$", "\\["):
                    self.spans.display_math.append((item.inside, place))
                else:
                    self.spans.inline_math.append((item.inside, place))
                del self.stack[depth:]
                return

    def _close_group(self, place: int) -> None:
        for depth in range(len(self.stack) - 1, -1, -1):
            if self.stack[depth].opener == "{":
                cut_off = self.stack[depth + 1 :]
                if cut_off:
                    self.spans.unclear.append((cut_off[0].start, place))
                del self.stack[depth:]
                return

    def _abandon(self, which: list[bool], place: int) -> None:
        """Give up the outermost open item that `which` marks and all in it, from its start to `place`."""
        if any(which):
            depth = which.index(True)
            self.spans.unclear.append((self.stack[depth].start, place))
            del self.stack[depth:]

    def _argument(
        self, place: int, into: list[Span], *, braced: bool = False, with_groups: bool = False
    ) -> int | None:
        r"""Note the argument at `place`: a group without its braces, a control sequence, or a character.

        With `with_groups`, the groups right behind a control sequence belong to it, as in `x^\mathrm{T}`.
        Returns where the argument ends, None if there is none.
        """
        start = self._blank_end(place)
        if self.text[start : start + 1] == "{":
            end = self._group_end(start)
            if end is None:
                self._unclosed(start)
                return None
            into.append((start + 1, end - 1))
            return end
        if braced or self.text[start : start + 1] in ("", "}", "$", "%", "^", "_", "&", "\r", "\n"):
            return None
        lexeme = _LEXEME.match(self.text, start)
        if lexeme is None or lexeme["name"] is None:
            into.append((start, start + 1))
            return start + 1
        end = lexeme.end()
        while with_groups and lexeme["name"].isalpha() and self.text[end : end + 1] == "{":
            closing = self._group_end(end)
            if closing is None:
                self._unclosed(end)
                return None
            end = closing
        into.append((start, end))
        return end

    def _unclosed(self, start: int) -> None:
        """Mark an argument that is never closed as unclear, up to the end of its paragraph."""
        place = start
        while (lexeme := _LEXEME.search(self.text, place)) is not None and lexeme["paragraph"] is None:
            place = lexeme.end()
        self.spans.unclear.append((start, len(self.text) if lexeme is None else lexeme.start()))

    def _blank_end(self, place: int) -> int:
        blank = _BLANK.match(self.text, place)
        return place if blank is None else blank.end()

    def _options_end(self, place: int) -> int:
        """Return where a star and optional arguments in brackets end."""
        place += self.text[place : place + 1] == "*"
        while self.text[(start := self._blank_end(place)) : start + 1] == "[":
            depth, place = 0, start + 1
            for bracket in _BRACKET.finditer(self.text, place):
                depth += (bracket[0] == "{") - (bracket[0] == "}")
                if bracket["paragraph"] is not None:
                    return start
                if bracket[0] == "]" and depth == 0:
                    place = bracket.end()
                    break
            else:
                return start
        return place

    def _group_end(self, place: int, *, raw: bool = False) -> int | None:
        """Return where the group that opens at `place` ends; None if its paragraph ends before it does."""
        depth = 0
        while (lexeme := _LEXEME.search(self.text, place)) is not None and lexeme["paragraph"] is None:
            place = lexeme.start() + 1 if raw and lexeme["comment"] is not None else lexeme.end()
            depth += (lexeme[0] == "{") - (lexeme[0] == "}")
            if depth == 0:
                return place
        return None

    def _verbatim(self, place: int) -> int:
        """Read what stands between two equal characters behind `verb`."""
        place += self.text[place : place + 1] == "*"
        mark = self.text[place : place + 1]
        closing = self.text.find("}" if mark == "{" else mark, place + 1) if mark else -1
        if not mark or mark.isspace() or closing < 0 or "\n" in self.text[place:closing]:
            return place
        self.spans.verbatim.append((place + 1, closing))
        return closing + 1
