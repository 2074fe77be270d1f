"""The 11 Python features: what the source token is that a vocabulary token lies in.

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
| is_docstring     | a string that is the first statement of a module, class or function                    |
| is_comment       | a comment                                                                              |
| is_number        | a number literal                                                                       |
| is_operator      | an operator or delimiter                                                               |

A document that the running Python does not read has no labels and is left out; `documents_not_labelled` of
the provenance counts them. Labels are the same under every Python for which the text means the same.
f-strings are strings as a whole up to 3.11; from 3.12 on their literal parts are (format specifications too),
and what stands in braces is names, numbers and operators (see `superpos.datasets.python_source`).
"""

from __future__ import annotations

import keyword
import tokenize
from itertools import pairwise

import numpy as np

from superpos.arrays import Bool, Int
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.python_source import OPENED_STRINGS, SourceToken, source_tokens
from superpos.datasets.sequences import TokenLabels
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.tokens import TokenTable
from superpos.kinds.builders import Builder
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
_SPACE = b" \t\n\r\f\v"


def source_features(tokens: list[SourceToken]) -> Bool:
    """Return the features of every source token, (n_source_tokens, 11)."""
    features = np.zeros((len(tokens), len(PYTHON_FEATURES)), dtype=np.bool_)
    code = [index for index, item in enumerate(tokens) if item.kind != tokenize.COMMENT]
    before = {right: _word(tokens[left]) for left, right in pairwise(code)}
    after = {left: _word(tokens[right]) for left, right in pairwise(code)}
    for index, item in enumerate(tokens):
        if item.kind == tokenize.NAME:
            if keyword.iskeyword(item.string):
                features[index, _COLUMN["is_keyword"]] = True
                continue
            previous = before.get(index, "")
            features[index, _COLUMN["is_identifier"]] = True
            features[index, _COLUMN["is_function_name"]] = previous == "def"
            features[index, _COLUMN["is_class_name"]] = previous == "class"
            features[index, _COLUMN["is_attribute"]] = previous == "."
            features[index, _COLUMN["is_call"]] = after.get(index) == "(" and previous not in ("def", "class")
        elif item.kind == tokenize.STRING or item.kind in OPENED_STRINGS:
            features[index, _COLUMN["is_docstring" if item.is_docstring else "is_string"]] = True
        elif item.kind == tokenize.COMMENT:
            features[index, _COLUMN["is_comment"]] = True
        elif item.kind == tokenize.NUMBER:
            features[index, _COLUMN["is_number"]] = True
        elif item.kind == tokenize.OP:
            features[index, _COLUMN["is_operator"]] = True
    return features


def _word(item: SourceToken) -> str:
    """Return a name or an operator; of text and of the end of a statement nothing, whatever it spells."""
    return item.string if item.kind in (tokenize.NAME, tokenize.OP) else ""


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
    spans = np.array([(item.start, item.end) for item in tokens], dtype=np.int64).reshape(-1, 2) + skipped
    table = np.concatenate([source_features(tokens), np.zeros((1, len(PYTHON_FEATURES)), dtype=np.bool_)])
    # Source tokens come in order and do not overlap: only the last to start before the anchor can hold it.
    anchor = anchors(pieces)
    owner = np.searchsorted(spans[:, 0], anchor, side="right") - 1
    inside = (owner >= 0) & (anchor < spans[np.maximum(owner, 0), 1])
    return np.asarray(table[np.where(inside, owner, len(tokens))], dtype=np.bool_)


def text_labels(spec: DatasetSpec, table: TokenTable, corpus: Corpus) -> TextLabels:  # noqa: ARG001 (one signature for all builders)
    """Return the features of tokens by the source token that each lies in; other texts have no labels."""

    def label(document: Document, ids: list[int]) -> TokenLabels | None:
        labels = python_labels(table.pieces(document.text, ids))
        return None if labels is None else TokenLabels(labels)

    return TextLabels(PYTHON_FEATURES, label)


KIND = Builder(
    name="python_syntax",
    version=1,
    rank=1,
    meaning="The 11 kinds of Python source tokens.",
    feature="the kind of Python source token that the token lies in",
    text_labels=text_labels,
    features=lambda _: PYTHON_FEATURES,
)
