"""What the source tokens of a text are, whichever Python reads it."""

from __future__ import annotations

import sys
import token
import tokenize
import warnings
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.datasets.builders.python_syntax import PYTHON_FEATURES, python_labels
from superpos.datasets.python_source import source_tokens
from superpos.datasets.sources import Corpus

pytestmark = pytest.mark.stdlib

OPENED = sys.version_info >= (3, 12)
"""Whether this Python opens f-strings up (PEP 701)."""
MARKS = {
    "is_keyword": "k",
    "is_identifier": "i",
    "is_string": "s",
    "is_docstring": "d",
    "is_comment": "c",
    "is_number": "n",
    "is_operator": "o",
}


def features_of_bytes(source: str) -> list[set[str]]:
    labels = python_labels([bytes([byte]) for byte in source.encode("utf-8")])
    assert labels is not None
    return [{name for name, value in zip(PYTHON_FEATURES, row, strict=True) if value} for row in labels]


def marks(source: str) -> str:
    """Return one letter a byte: of the source token that it lies in, `.` between source tokens."""
    found = []
    for features in features_of_bytes(source):
        kinds = [MARKS[name] for name in features if name in MARKS]
        assert len(kinds) <= 1
        found += kinds or ["."]
    return "".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "def f(:\n  x = 'open\n",
        "x = (1,\n",
        "if x:\n    a\n  b\n",
        "if x:\n\ta\n        b\n",
        "for x in y:\n",
        "a ? b\n",
        "a ! b\n",
        "a $ b\n",
        "a `b`\n",
        "x = a)\n",
        "x = 0777\n",
        "x = 1__0\n",
        "x = 1abc\n",
        "x = “a”\n",
        "x = ²\n",
        "x = 1\\",
        "x = 1\0\n",
        "'''open\n",
        "f'{'\n",
        "f'}'\n",
        "print 'one'\n",
        "Plain words, as in a letter.\n",
        "x = " + 300 * "(" + "1" + 300 * ")" + "\n",
        "x = " + 100_000 * "-" + "1\n",
    ],
    ids=lambda source: ascii(source[:16]),
)
def test_what_is_no_python_is_left_out(source: str) -> None:
    assert source_tokens(source) is None
    assert python_labels([source.encode()]) is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_places_are_bytes_also_beyond_ascii(end: str) -> None:
    source = f"é = 'ü' # ß{end}if é:{end}\tfinal = '''ñ{end}ñ'''"
    data = source.encode("utf-8")
    tokens = [item for item in source_tokens(source) or () if item.kind != token.NEWLINE]
    seen = [data[item.start : item.end].decode("utf-8") for item in tokens]
    assert seen == ["é", "=", "'ü'", "# ß", "if", "é", ":", "final", "=", f"'''ñ{end}ñ'''"]


@pytest.mark.parametrize(
    ("source", "closed", "opened"),
    [
        ("x = f'a{{b}}c{y}d'\n", "i.o.ssssssssssssss.", "i.o.sssssssssoioss."),
        ("f'{{}}'\n", "sssssss.", "sssssss."),
        ("f''\n", "sss.", "sss."),
        ("f'{{{y}}}' + z\n", "ssssssssss.o.i.", "ssssoiosss.o.i."),
        ("f'{y:>{w}}'\n", "sssssssssss.", "ssoiosoioos."),
        ("f'{y!r:>9}'\n", "sssssssssss.", "ssoioiossos."),
        ("f'{y = }'\n", "sssssssss.", "ssoi.o.os."),
        ("f'{y:%H:%M}'\n", "ssssssssssss.", "ssoiosssssos."),
        ("f\"{a['b']}\"\n", "sssssssssss.", "ssoiosssoos."),
        ("rf'\\d{y}'\n", "sssssssss.", "sssssoios."),
        ("f'\\N{EN DASH}{y}'\n", "sssssssssssssssss.", "sssssssssssssoios."),
        ("f'''a\n{{b}}\n{y}'''.z\n", "ssssssssssssssssssoi.", "ssssssssssssoiosssoi."),
        ("'a' f'{y}' 'b'\n", "sss.ssssss.sss.", "sss.ssoios.sss."),
        ("x = fr'{y}' # f'{y}'\n", "i.o.sssssss.cccccccc.", "i.o.sssoios.cccccccc."),
        ("f'{f(1)}' \n", "sssssssss..", "ssoionoos.."),
        ("def f() -> f':': 'd'\n", "kkk.ioo.oo.sssso.ddd.", "kkk.ioo.oo.sssso.ddd."),
    ],
)
def test_strings_that_are_opened_up(source: str, closed: str, opened: str) -> None:
    assert marks(source) == (opened if OPENED else closed)


@pytest.mark.skipif(not OPENED, reason="up to 3.11 this is no Python")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("f'{a['b']}'\n", "ssoiosssoos."),
        ("f'{'\\n'}'\n", "ssossssos."),
        ("f'''{\n y # c\n}'''\n", "sssso..i.ccc.osss."),
        ("f'{f'{f'{y}'}'}'\n", "ssossossoiososos."),
        ("f'''{y:>\n9}'''\n", "ssssoiosssosss."),
    ],
)
def test_strings_that_only_a_newer_python_reads(source: str, expected: str) -> None:
    assert marks(source) == expected


def test_template_strings_are_as_this_python_has_them() -> None:
    source = "t'a{{b}}{y:>9}'\n"
    if sys.version_info < (3, 14):
        assert python_labels([source.encode()]) is None
    else:
        assert marks(source) == "sssssssssoiossos."


LITERAL = st.sampled_from(
    [("a", 1), ("é ß", 5), ("{{", 2), ("}}", 2), ("\\n", 2), ("\\N{EN DASH}", 11), (" # ;:", 5)]
)
VALUE = st.sampled_from(
    [
        ("y", "i"),
        (" é ", ".ii."),
        ("a.b(1)", "ioiono"),
        ('"ü{"', "sssss"),
        ("(1, x)", "ono.io"),
        ("x if y else z", "i.kk.i.kkkk.i"),
    ]
)
FORMAT = st.lists(st.sampled_from([(">", "s"), ("é9", "sss"), (".", "s"), ("{w}", "oio")]), max_size=3)


@st.composite
def replacement_field(draw: st.DrawFn) -> list[tuple[str, str]]:
    """A replacement field of an f-string, with a mark for each byte of each part."""
    parts = [("{", "o"), draw(VALUE)]
    parts += [("!r", "oi")] if draw(st.booleans()) else []
    parts += [(":", "o"), *draw(FORMAT)] if draw(st.booleans()) else []
    return [*parts, ("}", "o")]


@given(
    st.lists(st.one_of(LITERAL.map(lambda one: [(one[0], one[1] * "s")]), replacement_field()), max_size=6),
    st.sampled_from(["'", "'''"]),
)
@settings(deadline=None)
def test_random_f_strings(parts: list[list[tuple[str, str]]], quote: str) -> None:
    body = "".join(text for part in parts for text, _ in part)
    inside = "".join(kind for part in parts for _, kind in part)
    expected = f"f{quote}".replace("'", "s").replace("f", "s") + (inside if OPENED else len(inside) * "s")
    assert marks(f"é = f{quote}{body}{quote} + z\n") == f"ii.o.{expected}{len(quote) * 's'}.o.i."


SOURCE = """# é
class A(B):
    \"\"\"One
    two.
    \"\"\"

    async def f(self, x=len('ü')): return [self.g(1e5), x.h, f'{x}']  # bye


if a and \\
        b:
\tc = '''é
d'''
"""


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_make_no_difference(end: str) -> None:
    def visible(source: str) -> list[set[str]]:
        data = source.encode("utf-8")
        found = zip(features_of_bytes(source), data, strict=True)
        return [features for features, byte in found if byte not in b"\r\n"]

    assert visible(SOURCE.replace("\n", end)) == visible(SOURCE)


def test_a_token_elsewhere_than_said_leaves_the_text_out(monkeypatch: pytest.MonkeyPatch) -> None:
    original = tokenize.generate_tokens

    def shifted(readline: object) -> list[tokenize.TokenInfo]:
        first, *rest = original(readline)
        return [first._replace(start=(1, 1), end=(1, 2)), *rest]

    assert source_tokens("a = b\n") is not None
    monkeypatch.setattr(tokenize, "generate_tokens", shifted)
    assert source_tokens("a = b\n") is None


def test_warnings_about_the_text_are_not_ours() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert marks("'\\d'\nx = 1if y else 2\n") == "dddd.i.o.nkk.i.kkkk.n."


def test_tokens_are_in_order_and_apart(corpus: Corpus) -> None:
    for document in corpus.documents[::8]:
        tokens = source_tokens(document.text) or []
        assert all(left.end <= right.start for left, right in pairwise(tokens))
