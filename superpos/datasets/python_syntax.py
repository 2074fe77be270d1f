"""The 11 Python features: what the source token is that a vocabulary token lies in, by the `tokenize` module.

The anchor of a vocabulary token is its first byte that is not ASCII white space, or its first byte if there
is none. The source token that covers the anchor decides all features; between source tokens all are false.
White space inside a string or comment therefore belongs to it.

| feature          | the source token is                                                                    |
|------------------|----------------------------------------------------------------------------------------|
| is_keyword       | a hard keyword (`keyword.iskeyword`; True, False and None too)                         |
| is_identifier    | a name that is no hard keyword                                                         |
| is_function_name | the name after `def`                                                                   |
| is_class_name    | the name after `class`                                                                 |
| is_call          | an identifier before `(`, but not after `def` or `class`                               |
| is_attribute     | an identifier after `.`                                                                |
| is_string        | a string literal (f-strings and bytes too) that is no docstring                        |
| is_docstring     | a string that is the first statement of a module, class or function, unparenthesised   |
| is_comment       | a comment                                                                              |
| is_number        | a number literal                                                                       |
| is_operator      | an operator or delimiter                                                               |

From Python 3.12 on, `tokenize` opens f-strings up (their parts are strings, names, operators), so the labels
of another Python may differ; the interpreter is recorded with every set.
"""

from __future__ import annotations

import io
import keyword
import token as token_kinds
import tokenize
from itertools import pairwise

import numpy as np

from superpos.arrays import Bool, Int
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.sequences import TokenLabels
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.tokens import TokenTable
from superpos.specs.datasets import DatasetSpec

PYTHON_FEATURES = (
    "is_keyword",
    "is_identifier",
    "is_function_name",
    "is_class_name",
    "is_call",
    "is_attribute",
    "is_string",
    "is_docstring",
    "is_comment",
    "is_number",
    "is_operator",
)
_COLUMN = {name: column for column, name in enumerate(PYTHON_FEATURES)}
_LAYOUT = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT})
_STRINGS = frozenset(
    getattr(token_kinds, name)
    for name in token_kinds.__dict__
    if name == "STRING" or name.startswith(("FSTRING_", "TSTRING_"))
)
_SPACE = b" \t\n\r\f\v"


def source_tokens(text: str) -> list[tokenize.TokenInfo] | None:
    """Return the source tokens of a text, None if it is not Python for this interpreter's `tokenize`."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    return None if any(item.type == tokenize.ERRORTOKEN for item in tokens) else tokens


def source_features(tokens: list[tokenize.TokenInfo]) -> Bool:
    """Return the features of every source token, (n_source_tokens, 11)."""
    features = np.zeros((len(tokens), len(PYTHON_FEATURES)), dtype=np.bool_)
    significant = [index for index, item in enumerate(tokens) if item.type not in _LAYOUT]
    before: dict[int, str] = {right: tokens[left].string for left, right in pairwise(significant)}
    after: dict[int, str] = {left: tokens[right].string for left, right in pairwise(significant)}
    docstrings = docstring_tokens(tokens)
    for index, item in enumerate(tokens):
        if item.type == tokenize.NAME:
            if keyword.iskeyword(item.string):
                features[index, _COLUMN["is_keyword"]] = True
                continue
            previous = before.get(index, "")
            features[index, _COLUMN["is_identifier"]] = True
            features[index, _COLUMN["is_function_name"]] = previous == "def"
            features[index, _COLUMN["is_class_name"]] = previous == "class"
            features[index, _COLUMN["is_attribute"]] = previous == "."
            features[index, _COLUMN["is_call"]] = after.get(index) == "(" and previous not in ("def", "class")
        elif item.type in _STRINGS:
            features[index, _COLUMN["is_docstring" if index in docstrings else "is_string"]] = True
        elif item.type == tokenize.COMMENT:
            features[index, _COLUMN["is_comment"]] = True
        elif item.type == tokenize.NUMBER:
            features[index, _COLUMN["is_number"]] = True
        elif item.type == tokenize.OP:
            features[index, _COLUMN["is_operator"]] = True
    return features


def docstring_tokens(tokens: list[tokenize.TokenInfo]) -> set[int]:
    """Return the indices of the string tokens that are docstrings (adjacent literals count together)."""
    found: set[int] = set()
    line: list[int] = []
    body_follows = True
    for index, item in enumerate(tokens):
        if item.type not in _LAYOUT and item.type != tokenize.ENDMARKER:
            line.append(index)
        if item.type not in (tokenize.NEWLINE, tokenize.ENDMARKER) or not line:
            continue
        first = _first_statement(tokens, line)
        if body_follows and first and all(_is_text(tokens[place]) for place in first):
            found.update(first)
        words = [tokens[place].string for place in line[:2]]
        defines = words[0] in ("def", "class") or words == ["async", "def"]
        body_follows = defines and tokens[line[-1]].string == ":"
        if defines and not body_follows:
            found.update(_one_line_docstring(tokens, line))
        line = []
    return found


def _first_statement(tokens: list[tokenize.TokenInfo], line: list[int]) -> list[int]:
    """Cut a logical line at its first semicolon (one inside brackets is no Python)."""
    for place, index in enumerate(line):
        if tokens[index].string == ";":
            return line[:place]
    return line


def _one_line_docstring(tokens: list[tokenize.TokenInfo], line: list[int]) -> list[int]:
    """Return the strings right after the colon that ends the header of a one-line definition."""
    depth = 0
    for place, index in enumerate(line):
        string = tokens[index].string
        if tokens[index].type == tokenize.OP:
            depth += (string in "([{") - (string in ")]}")
        if string == "lambda":
            # A default or annotation with a bare lambda has a colon of its own; such headers are left alone.
            return []
        if depth == 0 and string == ":":
            body = _first_statement(tokens, line[place + 1 :])
            return body if body and all(_is_text(tokens[item]) for item in body) else []
    return []


def _is_text(item: tokenize.TokenInfo) -> bool:
    """Whether a token is a literal of type str: neither bytes nor an f-string."""
    prefix = item.string[: min(item.string.find(quote) % (len(item.string) + 1) for quote in "'\"")].lower()
    return item.type == tokenize.STRING and not set(prefix) & set("bft")


def byte_spans(text: str, tokens: list[tokenize.TokenInfo]) -> Int:
    """Return start and end of every source token as offsets into the UTF-8 bytes of `text`, (n, 2)."""
    lines = list(io.StringIO(text))
    starts = np.concatenate([[0], np.cumsum([len(line.encode("utf-8")) for line in lines])])
    plain = [line.isascii() for line in lines]

    def offset(row: int, column: int) -> int:
        if row > len(lines):
            return int(starts[-1])
        inside = column if plain[row - 1] else len(lines[row - 1][:column].encode("utf-8"))
        return int(min(starts[row - 1] + inside, starts[-1]))

    spans = [(offset(*item.start), offset(*item.end)) for item in tokens]
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def anchors(pieces: list[bytes]) -> Int:
    """Return the anchor of every vocabulary token as offset into the bytes they spell, (n_tokens,)."""
    result, start = np.zeros(len(pieces), dtype=np.int64), 0
    for index, piece in enumerate(pieces):
        rest = piece.lstrip(_SPACE)
        result[index] = start + (len(piece) - len(rest) if rest else 0)
        start += len(piece)
    return result


def python_labels(pieces: list[bytes]) -> Bool | None:
    """Return the features of the vocabulary tokens that spell one document, (n_tokens, 11).

    The document is what the tokens spell, so that offsets agree even where a tokenizer normalises. None if it
    is not UTF-8 or not Python.
    """
    spelled = b"".join(pieces)
    try:
        text = spelled.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # A byte order mark and the blank that SentencePiece puts first are no part of the source.
    source = text.removeprefix("\ufeff")
    if source.startswith(" ") and source.lstrip(" ")[:1] not in ("\n", "#", ""):
        source = source[1:]
    skipped = len(spelled) - len(source.encode("utf-8"))
    tokens = source_tokens(source)
    if tokens is None:
        return None
    visible = [index for index, item in enumerate(tokens) if item.type not in _LAYOUT - {tokenize.COMMENT}]
    spans = byte_spans(source, [tokens[index] for index in visible]) + skipped
    table = np.concatenate(
        [source_features(tokens)[visible], np.zeros((1, len(PYTHON_FEATURES)), dtype=np.bool_)]
    )
    # Source tokens come in order and do not overlap: only the last to start before the anchor can hold it.
    anchor = anchors(pieces)
    owner = np.searchsorted(spans[:, 0], anchor, side="right") - 1
    inside = (owner >= 0) & (anchor < spans[np.maximum(owner, 0), 1])
    return np.asarray(table[np.where(inside, owner, len(visible))], dtype=np.bool_)


def text_labels(spec: DatasetSpec, table: TokenTable, corpus: Corpus) -> TextLabels:  # noqa: ARG001 (one signature for all builders)
    """Return the features of tokens by the source token that each lies in; other texts have no labels."""

    def label(document: Document, ids: list[int]) -> TokenLabels | None:
        labels = python_labels(table.pieces(document.text, ids))
        return None if labels is None else TokenLabels(labels)

    return TextLabels(PYTHON_FEATURES, label)
