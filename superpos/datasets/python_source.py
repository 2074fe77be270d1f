r"""The source tokens of a text as the running Python reads it, each with its place in bytes.

A text is Python if `ast.parse` of this interpreter reads it; `tokenize` alone takes more (from 3.12 on
`a ? b` and `0777` too), and not the same in every release. Line ends are those of Python: `\r\n`, `\r` and
`\n`. So the tokens of a text are the same under every Python whose language has not changed for it.

What has changed: up to 3.11 an f-string is one token; from 3.12 on (PEP 701) it is opened up, its literal
parts are text, the rest is code. t-strings (3.14) are opened up likewise. `tokenize` places literal parts
badly: the second brace of `{{` belongs to no token (3.12 and 3.13), and ends are off after letters of several
bytes (3.12). A literal part therefore reaches from the token before it to the token after it. If anything
else does not stand where `tokenize` says, the text is left out.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

LAYOUT = frozenset({tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})
"""Tokens without a text of their own; NEWLINE, which ends a statement, is not among them."""
OPENED_STRINGS = frozenset(
    number for number, name in tokenize.tok_name.items() if name.startswith(("FSTRING_", "TSTRING_"))
)
"""Beginnings, literal parts and ends of strings that are opened up."""
_LITERAL_PARTS = frozenset(
    number for number in OPENED_STRINGS if tokenize.tok_name[number].endswith("_MIDDLE")
)
_NOT_COMPARED = _LITERAL_PARTS | {tokenize.NEWLINE}
"""Tokens whose text is not that of their place: it may have braces halved, or a line end added."""


class SourceToken(NamedTuple):
    """One source token."""

    kind: int
    """As `tokenize` numbers it: NAME, OP, STRING, COMMENT, NEWLINE, ..."""
    string: str
    start: int
    """Offset into the UTF-8 bytes of the text."""
    end: int
    is_docstring: bool = False


def source_tokens(text: str) -> list[SourceToken] | None:
    """Return the source tokens of a text in order, without `LAYOUT`; None if it is not Python.

    A docstring is what `ast.get_docstring` finds: a string that is the first statement of a module, class or
    function; literals that are joined count together.
    """
    normal = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the text, such as invalid escapes
            tree = ast.parse(normal)
            found = list(tokenize.generate_tokens(io.StringIO(normal).readline))
    except (SyntaxError, tokenize.TokenError, ValueError, RecursionError, MemoryError):
        # The last three: zero bytes, and brackets nested deeper than this Python reads.
        return None
    lines = _Lines(text)
    placed = _placed([item for item in found if item.type not in LAYOUT], lines, normal)
    if placed is None:
        return None
    docstrings = sorted(lines.span(node) for node in _docstrings(tree))
    return _marked(_with_whole_literals(placed), docstrings)


class _Lines:
    """Where lines begin: in the bytes of a text as it is, and in its characters with plain line ends."""

    def __init__(self, text: str) -> None:
        ended = list(io.StringIO(text, newline=""))
        self.content = [line.rstrip("\r\n") for line in ended]
        self.bytes = [0, *accumulate(len(line.encode("utf-8")) for line in ended)]
        self.characters = [0, *accumulate(len(line) + 1 for line in self.content)]
        self.plain = [line.isascii() for line in self.content]

    def offset(self, row: int, column: int) -> int:
        """Return the offset in bytes of a column counted in characters; rows count from 1."""
        if row > len(self.content):
            return self.bytes[-1]
        inside = column if self.plain[row - 1] else len(self.content[row - 1][:column].encode("utf-8"))
        return self.bytes[row - 1] + inside

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Return start and end of a node, whose columns count bytes."""
        assert node.end_lineno is not None and node.end_col_offset is not None  # noqa: S101, PT018 (parsed nodes have both)
        return (
            self.bytes[node.lineno - 1] + node.col_offset,
            self.bytes[node.end_lineno - 1] + node.end_col_offset,
        )


def _placed(items: list[tokenize.TokenInfo], lines: _Lines, normal: str) -> list[SourceToken] | None:
    """Return tokens with their places in bytes; None if one does not stand where it is said to."""
    placed = []
    for item in items:
        if item.type not in _NOT_COMPARED:
            first, last = (lines.characters[row - 1] + column for row, column in (item.start, item.end))
            if normal[first:last] != item.string:
                return None
        placed.append(SourceToken(item.type, item.string, lines.offset(*item.start), lines.offset(*item.end)))
    return placed


def _with_whole_literals(tokens: list[SourceToken]) -> list[SourceToken]:
    """Return tokens with one for each run of literal parts, from the token before to the token after it."""
    whole: list[SourceToken] = []
    for item in tokens:
        if whole and whole[-1].kind in _LITERAL_PARTS:
            part = whole[-1]
            if item.kind in _LITERAL_PARTS:
                whole[-1] = part._replace(string=part.string + item.string)
                continue
            whole[-1] = part._replace(end=item.start)
        whole.append(item._replace(start=whole[-1].end) if item.kind in _LITERAL_PARTS else item)
    return [item for item in whole if item.kind not in _LITERAL_PARTS or item.start < item.end]


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the docstrings of a module and of all classes and functions in it."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                yield first.value
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):  # where statements stand
            waiting += getattr(node, name, ())


def _marked(tokens: list[SourceToken], docstrings: list[tuple[int, int]]) -> list[SourceToken]:
    """Return tokens with the strings inside of docstrings marked; both are in order."""
    place = 0
    for index, item in enumerate(tokens):
        while place < len(docstrings) and docstrings[place][1] <= item.start:
            place += 1
        if place == len(docstrings):
            break
        if item.kind == tokenize.STRING and docstrings[place][0] <= item.start:
            tokens[index] = item._replace(is_docstring=True)
    return tokens
