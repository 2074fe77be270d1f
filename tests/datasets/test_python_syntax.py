from __future__ import annotations

import ast
import io
import keyword
import re
import sys
import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.datasets.builders.python_syntax import (
    PYTHON_FEATURES,
    anchors,
    python_labels,
)
from superpos.datasets.sources import Corpus
from superpos.datasets.tokens import TokenTable
from superpos.records.data import LabelledTokens

pytestmark = pytest.mark.stdlib

NAME = re.compile(r"[^\W\d]\w*")
NUMBER = re.compile(
    r"0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?[jJ]?"
)


@dataclass
class Reference:
    """Features of every byte of a source by `ast` and plain scanning; no `tokenize`."""

    source: str
    sets: list[set[str]] = field(init=False)
    unclear: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        data = self.source.encode("utf-8")
        self.sets = [set() for _ in data]
        lines = [len(line.encode("utf-8")) for line in io.StringIO(self.source)]
        self.starts = np.concatenate([[0], np.cumsum(lines)]).astype(int).tolist()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            tree = ast.parse(self.source)
        blank = bytearray(data)
        docstrings = {id(node) for node in self._docstrings(tree)}
        inside_f = {
            id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
        }
        for node in ast.walk(tree):
            joined = isinstance(node, ast.JoinedStr)
            text = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
            if not (joined or text) or (not joined and id(node) in inside_f):
                continue
            start, end = self._span(node)
            for left, right in literals(data, start, end):
                name = "is_docstring" if id(node) in docstrings else "is_string"
                for place in range(left, right):
                    self.sets[place].add(name)
                    blank[place] = 1
                if joined and sys.version_info >= (3, 12):
                    self.unclear.update(range(left, right))
        for match in re.finditer(rb"#[^\n]*", bytes(blank)):
            end = match.end() - bytes(blank[match.start() : match.end()]).endswith(b"\r")
            for place in range(match.start(), end):
                self.sets[place].add("is_comment")
                blank[place] = 1
        self._code(bytes(blank))

    def _docstrings(self, tree: ast.Module) -> list[ast.expr]:
        owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        return [
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, owners) and ast.get_docstring(node, clean=False) is not None
        ]

    def _span(self, node: ast.expr) -> tuple[int, int]:
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _code(self, blank: bytes) -> None:
        """Names, numbers and operators in what is left: strings and comments are bytes 1."""
        # Surrogates keep one character a byte wherever a piece of text was blanked.
        text = blank.decode("utf-8")
        offset = np.concatenate([[0], np.cumsum([len(c.encode("utf-8")) for c in text])]).astype(int)
        place, previous = 0, ""
        while place < len(text):
            character = text[place]
            if character.isspace() or character == "\\":
                place += 1
                continue
            if character == "\x01":
                previous, place = "text", place + 1
                continue
            number, name = NUMBER.match(text, place), NAME.match(text, place)
            if number:
                end, found = number.end(), {"is_number"}
            elif name:
                end, found = name.end(), self._name(name.group(), previous, text[name.end() :])
            else:
                end, found = place + 1, {"is_operator"}
            for byte in range(offset[place], offset[end]):
                self.sets[byte] |= found
            previous, place = text[place:end], end

    def _name(self, word: str, previous: str, rest: str) -> set[str]:
        if keyword.iskeyword(word):
            return {"is_keyword"}
        found = {"is_identifier"}
        found |= {
            {"def": "is_function_name", "class": "is_class_name", ".": "is_attribute"}.get(previous, "")
        }
        if re.match(r"(?:\s|\\|\x01+\n)*\(", rest) and previous not in ("def", "class"):
            following = re.match(r"[ \t\f]*(?:\\\r?\n[ \t]*)*\(", rest)
            found.add("is_call" if following else "unclear")
        return found - {""}


def literals(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """Split a span of adjacent string literals into its literals."""
    found, place = [], start
    while place < end:
        if data[place : place + 1] in (b" ", b"\t", b"\n", b"\r", b"\\", b"\f"):
            place += 1
        elif data[place : place + 1] == b"#":
            place = data.index(b"\n", place)
        else:
            first = place
            place = min(x for x in (data.find(b"'", place), data.find(b'"', place)) if x >= 0)
            quote = (
                data[place : place + 3]
                if data[place : place + 3] in (b"'''", b'"""')
                else data[place : place + 1]
            )
            place += len(quote)
            while data[place : place + len(quote)] != quote:
                place += 2 if data[place : place + 1] == b"\\" else 1
            place += len(quote)
            found.append((first, place))
    return found


def features_at(row: np.ndarray) -> set[str]:
    return {name for name, value in zip(PYTHON_FEATURES, row, strict=True) if value}


def test_documents_agree_with_ast_and_scanning(corpus: Corpus, table: TokenTable) -> None:
    draw, checked = np.random.default_rng(5), 0
    for document in corpus.documents[::6]:
        pieces = [table.token_bytes[index] for index in table.encode(document.text)]
        labels = python_labels(pieces)
        if labels is None or "\r" in document.text or "\f" in document.text:
            continue
        reference = Reference(document.text)
        for place in draw.choice(len(pieces), min(300, len(pieces)), replace=False):
            anchor = len(b"".join(pieces[:place])) + next(
                (i for i, byte in enumerate(pieces[place]) if byte not in b" \t\n\r\f\v"), 0
            )
            expected = reference.sets[anchor]
            if anchor in reference.unclear or "unclear" in expected:
                continue
            assert features_at(labels[place]) == expected, (document.name, pieces[place - 5 : place + 5])
            checked += 1
    assert checked > 4000


def test_samples_of_the_built_set(syntax_set: LabelledTokens, corpus: Corpus, table: TokenTable) -> None:
    texts = {document.name: document.text for document in corpus.documents}
    draw, checked, seen = np.random.default_rng(6), 0, set()
    references: dict[str, Reference] = {}
    for sample in draw.permutation(len(syntax_set.labels)):
        sequence = syntax_set.sample_sequences[sample]
        start, end = syntax_set.sequence_starts[sequence : sequence + 2]
        name = syntax_set.documents[syntax_set.sequence_documents[sequence]]
        pieces = [table.token_bytes[index] for index in syntax_set.token_ids[start + 1 : end]]
        data, chunk = texts[name].encode("utf-8"), b"".join(pieces)
        if data.count(chunk) != 1 or "\r" in texts[name] or "\f" in texts[name]:
            continue
        place = syntax_set.sample_positions[sample] - 1
        inside = len(b"".join(pieces[:place])) + next(
            (i for i, byte in enumerate(pieces[place]) if byte not in b" \t\n\r\f\v"), 0
        )
        reference = references.setdefault(name, Reference(texts[name]))
        anchor = data.index(chunk) + inside
        if anchor in reference.unclear or "unclear" in reference.sets[anchor]:
            continue
        assert features_at(syntax_set.labels[sample]) == reference.sets[anchor]
        seen |= reference.sets[anchor]
        checked += 1
        if checked == 200:
            break
    assert checked == 200
    assert seen == set(PYTHON_FEATURES)


def label_words(source: str) -> dict[str, set[str]]:
    """Labels of pieces cut at blanks and around punctuation, the last of equal pieces winning."""
    pieces = [piece.encode() for piece in re.findall(r"\s*(?:\w+|[^\w\s])|\s+", source)]
    labels = python_labels(pieces)
    assert labels is not None
    return {piece.decode().strip(): features_at(row) for piece, row in zip(pieces, labels, strict=True)}


def test_names() -> None:
    found = label_words(
        "class A(B):\n    async def f(self, x=len(y)):\n        return self.g(1e5) or x.h # bye\n"
    )
    assert found["class"] == found["return"] == found["or"] == {"is_keyword"}
    assert found["A"] == {"is_identifier", "is_class_name"}
    assert found["f"] == {"is_identifier", "is_function_name"}
    assert found["len"] == {"is_identifier", "is_call"}
    assert found["g"] == {"is_identifier", "is_attribute", "is_call"}
    assert found["h"] == {"is_identifier", "is_attribute"}
    assert found["1e5"] == {"is_number"}
    assert found[":"] == {"is_operator"}
    assert found["bye"] == {"is_comment"}


@pytest.mark.parametrize(
    ("source", "docstrings", "strings"),
    [
        ('"one"\n', {"one"}, set()),
        ('# c\n\n"one"; "two"\n', {"one"}, {"two"}),
        ('x = 1\n"one"\n', set(), {"one"}),
        ('b"one"\n', set(), {"one"}),
        ('f"one"\n', set(), {"one"}),
        ('R"one"\n', {"one"}, set()),
        ('"one".strip()\n', set(), {"one"}),
        ('"one" "two"\n', {"one", "two"}, set()),
        ('def f():\n    "one"\n    "two"\n', {"one"}, {"two"}),
        ('def f(): "one"\n', {"one"}, set()),
        ('def f(x={1: "one"}): "two"; "three"\n', {"two"}, {"one", "three"}),
        ('def f(): return "one"\n', set(), {"one"}),
        ('class A:\n    # c\n    """one"""\n    x = "two"\n', {"one"}, {"two"}),
        ('if x:\n    "one"\n', set(), {"one"}),
        ('async def f():\n    "one"\n', {"one"}, set()),
        ('("one")\n', {"one"}, set()),
        ('"one" f"two"\n', set(), {"one", "two"}),
        ('def f(x=lambda: "one"): "two"\n', {"two"}, {"one"}),
        ('match x:\n    case 1:\n        def f():\n            "one"\n', {"one"}, set()),
        ('try:\n    pass\nexcept A:\n    class B: "one"\n', {"one"}, set()),
        ('@d("one")\ndef f(x: "two"):\n    "three"\n', {"three"}, {"one", "two"}),
    ],
)
def test_docstrings(source: str, docstrings: set[str], strings: set[str]) -> None:
    found = label_words(source)
    words = docstrings | strings
    assert {word for word in words if "is_docstring" in found[word]} == docstrings
    assert {word for word in words if "is_string" in found[word]} == strings
    tree = ast.parse(source)
    owners = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert bool(docstrings) == any(ast.get_docstring(owner) is not None for owner in owners)


def test_the_end_of_a_statement_parts_its_neighbours() -> None:
    found = label_words("x = y\n(a, b) = z # c\nw = (v\n(u))\n")
    assert found["y"] == {"is_identifier"}
    assert found["v"] == {"is_identifier", "is_call"}


def test_bytes_that_are_no_text_are_left_out() -> None:
    assert python_labels([b"x = 1 # \xff\n"]) is None


@pytest.mark.parametrize("lead", ["", "\ufeff", " "])
def test_byte_order_mark_and_leading_blank(lead: str) -> None:
    labels = python_labels([lead.encode(), b"def", b" f", b"():\n", b"  pass"])
    assert labels is not None
    assert [features_at(row) for row in labels[1:]] == [
        {"is_keyword"},
        {"is_identifier", "is_function_name"},
        {"is_operator"},
        {"is_keyword"},
    ]


@given(st.lists(st.sampled_from([b" ", b"\n", b"a", b" b", b"\t\tc", "é".encode()]), max_size=12))
@settings(deadline=None)
def test_anchors_point_at_the_first_visible_byte(pieces: list[bytes]) -> None:
    data, start = b"".join(pieces), 0
    for piece, anchor in zip(pieces, anchors(pieces), strict=True):
        assert start <= anchor < start + len(piece)
        assert data[start:anchor].strip() == b""
        assert (data[anchor : anchor + 1].strip() != b"") == (piece.strip() != b"")
        start += len(piece)
