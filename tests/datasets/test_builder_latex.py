from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.datasets.alignment import align
from superpos.datasets.build import build_dataset
from superpos.datasets.builders.latex_syntax import (
    LATEX_FEATURES,
    anchors,
    character_features,
    text_labels,
)
from superpos.datasets.sources import Corpus, Document, corpus_digest
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import DatasetSpec

SIZES: dict[str, Any] = {"n_sequences": 60, "ctx_len": 64, "n_samples": 600, "min_positives": 15}
WORDS = ("the", "energy", "of", "gr\u00fcne", "vectors", "is", "small", "5", "where", "\u6f22\u5b57")
LETTERS = ("x", "y", "n", "\u03b1", "7")


class Writer:
    """Writes LaTeX and notes, for every character, which constructs it lies in: true by construction."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.text: list[str] = []
        self.sets: list[frozenset[str]] = []

    def put(self, piece: str, *features: str) -> None:
        self.text += piece
        self.sets += [frozenset(features)] * len(piece)

    def one(self, *choices: Any) -> Any:
        return choices[int(self.draw.integers(len(choices)))]

    def command(self, name: str, *outer: str) -> None:
        self.put("\\" + name, "command", *outer)

    def begin(self, name: str, kind: str = "begin", outer: tuple[str, ...] = ()) -> None:
        self.command(kind, *outer)
        self.put("{", *outer)
        self.put(name, "environment_name", *outer)
        self.put("}", *outer)

    def script(self, outer: tuple[str, ...], depth: int) -> None:
        mark, feature = self.one(("^", "superscript"), ("_", "subscript"))
        self.put(mark, *outer)
        self.put(self.one("", "", " "), *outer)
        self.argument((*outer, feature), outer, depth)

    def argument(self, inner: tuple[str, ...], outer: tuple[str, ...], depth: int) -> None:
        kinds = ("group", "group", "letter", "control", "control_group")
        kind = self.one(*kinds[: 4 if "numerator" in inner or "denominator" in inner else 5])
        if kind == "group":
            self.put("{", *outer)
            self.formula(inner, depth - 1)
            self.put("}", *outer)
        elif kind == "letter":
            self.put(self.one(*LETTERS), *inner)
        elif kind == "control":
            self.command(self.one("alpha", "prime", "%"), *inner)
            self.put(" ", *outer)
        else:
            self.command("mathrm", *inner)
            self.put("{T}", *inner)
            # A further group right behind would belong to it.
            self.put(" ", *outer)

    def formula(self, outer: tuple[str, ...], depth: int) -> None:
        for _ in range(self.draw.integers(1, 4)):
            kind = self.one("letter", "sum", "script", "frac", "text", "braces") if depth > 0 else "letter"
            if kind in ("letter", "script"):
                self.put(self.one(*LETTERS, "(", ")", "{a}", "&"), *outer)
                self.put(" ", *outer)
            if kind == "script":
                self.script(outer, depth)
            elif kind == "sum":
                self.command(self.one("sum", "le", "{", "\\", ","), *outer)
                self.put(" ", *outer)
            elif kind == "frac":
                self.command(self.one("frac", "dfrac", "tfrac"), *outer)
                self.put(" ", *outer)
                self.argument((*outer, "numerator"), outer, depth)
                self.argument((*outer, "denominator"), outer, depth)
            elif kind == "text":
                self.command(self.one("text", "mbox"), *outer)
                self.put("{if a_b ", *outer)
                if self.one(True, False):
                    self.put("$", *outer)
                    self.formula((*outer, "inline_math"), 0)
                    self.put("$", *outer)
                self.put("}", *outer)
            elif kind == "braces":
                self.put("{", *outer)
                self.formula(outer, depth - 1)
                self.put("}", *outer)

    def inline(self, outer: tuple[str, ...] = ()) -> None:
        opener, closer = self.one(("$", "$"), ("\\(", "\\)"), ("math", ""))
        for mark, kind in ((opener, "begin"), (closer, "end")):
            if opener == "math":
                self.begin("math", kind, outer)
            elif mark == "$":
                self.put("$", *outer)
            else:
                self.command(mark[1:], *outer)
            if kind == "begin":
                self.formula((*outer, "inline_math"), 2)

    def display(self) -> None:
        opener = self.one("$$", "[", "equation", "align*", "gather")
        if opener == "$$":
            self.put("$$")
        elif opener == "[":
            self.command("[")
        else:
            self.begin(opener)
        self.put("\n", "display_math")
        self.formula(("display_math",), 2)
        self.put("\n", "display_math")
        if opener == "$$":
            self.put("$$")
        elif opener == "[":
            self.command("]")
        else:
            self.begin(opener, "end")

    def words(self, *outer: str) -> None:
        for _ in range(self.draw.integers(1, 6)):
            self.put(self.one(*WORDS) + " ", *outer)

    def paragraph(self) -> None:
        for _ in range(self.draw.integers(2, 6)):
            kind = self.one(
                *("words", "words", "inline", "inline", "display", "section", "cite", "comment", "verb"),
                *("verbatim", "list", "bold", "url", "hidden"),
            )
            if kind == "words":
                self.words()
            elif kind == "inline":
                self.inline()
                self.put(" ")
            elif kind == "display":
                self.display()
                self.put("\n")
            elif kind == "section":
                self.command(self.one("section", "subsection", "paragraph"))
                self.put(self.one("", "*", "[Short a_b]"))
                self.put("{")
                self.words("section_title")
                if self.one(True, False):
                    self.inline(("section_title",))
                self.put("}\n")
            elif kind == "cite":
                self.command(self.one("cite", "citep", "Citet", "nocite", "textcite"))
                self.put(self.one("", "[p.~3]", "[see][{]}]", "*"))
                self.put("{")
                self.put(self.one("knuth_84", "a:b, c-d", "\u00e9tude2020"), "citation_key")
                self.put("} ")
            elif kind == "comment":
                self.put(self.one("% all $ of { it \\foo_1", "%"), "comment")
                self.put("\n")
            elif kind == "hidden":
                self.begin("comment")
                self.put(" $ {\\x_1 ", "comment")
                self.begin("comment", "end")
            elif kind == "verb":
                self.command(self.one("verb", "lstinline"))
                self.put(self.one("|$x_1$ \\a{|", "+%}+"))
                self.put(" ")
            elif kind == "verbatim":
                name = self.one("verbatim", "lstlisting")
                self.begin(name)
                self.put("\n$x^2$ % {\n\\section{no}\n")
                self.begin(name, "end")
            elif kind == "list":
                self.begin("itemize")
                self.command("item")
                self.put(" ")
                self.words()
                self.begin("itemize", "end")
            elif kind == "bold":
                self.command("textbf")
                self.put("{")
                self.words()
                self.inline()
                self.put("}")
            elif kind == "url":
                self.command("url")
                self.put("{http://a_b.c/%20$}")
        self.put(self.one("\n\n", "\n \n\t\n", "\r\n\r\n"))

    def article(self, paragraphs: int) -> tuple[str, list[frozenset[str]]]:
        self.command("title")
        self.put("{A_1}\n")
        for _ in range(paragraphs):
            self.paragraph()
        return "".join(self.text), self.sets


def row(features: frozenset[str]) -> list[bool]:
    return [name.removeprefix("is_") in features for name in LATEX_FEATURES]


@given(seed=st.integers(0, 10**9))
@settings(max_examples=150, deadline=None)
def test_features_of_every_character(seed: int) -> None:
    text, sets = Writer(seed).article(4)
    found = character_features(text)
    assert found is not None
    features, unclear = found
    assert not unclear.any(), text
    for place, character in enumerate(text):
        if not character.isspace():
            assert features[place].tolist() == row(sets[place]), (text[:place], text[place:])


ARTICLE = r"""\section*[s $a$]{On $x_i^2$ and \textbf{b}} % note $x
We cite \citep[p.~3][x]{key_a, key_b}, 5\% of \verb|$x_1$| and $a^\mathrm{T}_{\text{if $y_1$}}$$b'$.
\begin{align*}
 \frac{a_{1}}{\sqrt{b}} &= \tfrac12 \label{eq_1} \\[2pt] % c
\end{align*}
\[ u^2 \] \( y \) $$ z_{ij} $$ \url{http://a_b%c} and {\it $v$} \frac\alpha{\beta}

\begin{comment} abc $ \end{comment} \begin{verbatim} $a_1$ \foo \end{verbatim}"""
EXPECTED = {
    "is_inline_math": ["a", "x_i^2", r"a^\mathrm{T}_{\text{if $y_1$}}", "b'", " y ", "v"],
    "is_display_math": [
        "\n \\frac{a_{1}}{\\sqrt{b}} &= \\tfrac12 \\label{eq_1} \\\\[2pt] ",
        *("\n", " u^2 ", " z_{ij} "),
    ],
    "is_superscript": ["2", r"\mathrm{T}", "2"],
    "is_subscript": ["i", r"\text{if $y_1$}", "1", "ij"],
    "is_numerator": ["a_{1}", "1", r"\alpha"],
    "is_denominator": [r"\sqrt{b}", "2", r"\beta"],
    "is_environment_name": ["align*", "align*", "comment", "comment", "verbatim", "verbatim"],
    "is_section_title": [r"On $x_i^2$ and \textbf{b}"],
    "is_citation_key": ["key_a, key_b"],
    "is_comment": ["% note $x", "% c", " abc $ "],
}


def test_a_small_article_by_hand() -> None:
    found = character_features(ARTICLE)
    assert found is not None
    for name, expected in EXPECTED.items():
        on = found[0][:, LATEX_FEATURES.index(name)]
        runs, run = [], ""
        for character, inside in zip([*ARTICLE, ""], [*on, False], strict=True):
            if inside:
                run += character
            elif run:
                runs.append(run)
                run = ""
        # "1" and "2" of \tfrac12 are neighbours, but of two features.
        assert runs == expected, name


def shown(text: str, feature: str) -> str:
    found = character_features(text)
    assert found is not None
    on = found[0][:, LATEX_FEATURES.index(feature)]
    return "".join(character if inside else "." for character, inside in zip(text, on, strict=True))


def test_comments_and_verbatim_text_within_other_constructs() -> None:
    assert shown("\\a % b\r\nc", "is_comment") == "...% b..."
    title = "\\section{a \\url{b_c} \\verb|d| e}"
    assert shown(title, "is_section_title") == ".........a \\url{...} \\verb|.| e."
    formula = "$a % b_c\nd$ \\a"
    assert shown(formula, "is_inline_math") == ".a .....\nd...."
    assert shown(formula, "is_comment") == "...% b_c......"


def corpus_and_sets() -> tuple[Corpus, dict[str, list[frozenset[str]]]]:
    written = {f"{seed}.tex": Writer(seed).article(25) for seed in range(50)}
    documents = tuple(Document(name, text) for name, (text, _) in written.items())
    return Corpus(documents, corpus_digest(documents)), {name: sets for name, (_, sets) in written.items()}


def checked(data: LabelledTokens, plain: Any, sets: dict[str, list[frozenset[str]]]) -> int:
    """Check 200 random samples against what was written; return how many had a place of their own."""
    count = 0
    for sample in plain.some(200):
        found = plain(sample)
        if found is None:
            continue
        text, first, last = found
        name = data.documents[data.sequence_documents[data.sample_sequences[sample]]]
        seen = [place for place in range(first, last + 1) if text[place].strip()]
        if not seen:
            continue
        assert data.labels[sample].tolist() == row(sets[name][seen[0]]), text[first - 30 : last + 10]
        count += 1
    return count


def test_labels_with_the_tokenizer_that_ships(table: TokenTable, plain_samples: Any) -> None:
    read, sets = corpus_and_sets()
    data = build_dataset(DatasetSpec("l", "latex_syntax", **SIZES), bundled_model("nano"), read)
    assert data.feature_names == LATEX_FEATURES
    assert checked(data, plain_samples(data, read, table, 63), sets) > 170
    assert data.labels.sum(axis=0).min() >= 15
    assert data.provenance["tokens_unclear"] == 0


def test_labels_with_pythia(pythia_tokenizer: Path, pythia_table: TokenTable, plain_samples: Any) -> None:
    read, sets = corpus_and_sets()
    data = build_dataset(DatasetSpec("l", "latex_syntax", **SIZES), pythia_tokenizer, read)
    assert checked(data, plain_samples(data, read, pythia_table, 63), sets) > 170
    assert data.labels.sum(axis=0).min() >= 15


@pytest.mark.parametrize(
    ("text", "unclear"),
    [
        ("\\a $x^2 b\n\nc $d$", "$x^2 b"),
        ("\\a $$x^2 b$ c", "$$x^2 b"),
        ("\\section{a {b} c\n\nd $e$", "{a {b} c"),
        ("{\\it $a} b $c$", "$a"),
        ("$\\frac{a b$ c", "$\\frac{a b$ c"),
        ("\\begin{align} a_1", "\\begin{align} a_1"),
        ("\\begin{align} a_1 {b \\end{align} c", "\\begin{align} a_1 {b "),
        ("\\begin{verbatim} $a$", "\\begin{verbatim} $a$"),
        ("\\[ a \\( b \\] c", "\\[ a \\( b "),
        ("} \\a } $b$ \\) \\] \\end{align}", ""),
        ("\\begin \\a", ""),
        ("\\cite \\cite{} \\frac", ""),
        ("\\verb", ""),
        ("a\\", None),
    ],
)
def test_what_is_unbalanced_is_unclear(text: str, unclear: str | None) -> None:
    found = character_features(text)
    if unclear is None:
        assert found is None
        return
    assert found is not None
    marked = "".join(character for character, on in zip(text, found[1], strict=True) if on)
    assert marked == unclear


def test_after_an_unclear_paragraph_all_is_as_before() -> None:
    first, sets = Writer(5).article(3)
    broken = first + "Costs of $5 and {more.\n\n" + first
    whole, found = character_features(first), character_features(broken)
    assert whole is not None
    assert found is not None
    assert np.array_equal(found[0][: len(first)], whole[0])
    assert np.array_equal(found[0][-len(first) :], whole[0])
    assert np.flatnonzero(found[1]).tolist() == list(
        range(len(first) + 9, len(first) + len("Costs of $5 and {more."))
    )
    assert len(sets) == len(first)


ANY = st.lists(
    st.sampled_from([*"\\{}$^_%[]\n ab", "\\frac", "\\cite", "\\begin{align}", "\\verb|", "\\)"]), max_size=30
).map("".join)


@given(text=ANY)
@settings(max_examples=300, deadline=None)
def test_any_text_is_read(text: str) -> None:
    found = character_features(text)
    escaped = any(text[place] == "\\" for place in range(len(text) - 1))
    if found is None:
        assert not escaped or "%" in text
        return
    assert escaped
    features, unclear = found
    assert features.shape == (len(text), 11)
    assert unclear.shape == (len(text),)
    column = {name: index for index, name in enumerate(LATEX_FEATURES)}
    for place in np.flatnonzero(features[:, column["is_superscript"]] & ~unclear):
        assert "^" in text[:place]
    assert not (
        features[:, column["is_comment"]][:, None] & np.delete(features, column["is_comment"], 1)
    ).any()


def test_anchors() -> None:
    text = "a  \u00e9 b\n"
    pieces = [b"a", b"  \xc3", b"\xa9", b" b", b"\n"]
    aligned = align(text, pieces)
    assert aligned is not None
    assert anchors(text, aligned).tolist() == [0, 3, 3, 5, 6]


def test_texts_that_are_no_latex_are_left_out(corpus: Corpus, table: TokenTable) -> None:
    labels = text_labels(DatasetSpec("l", "latex_syntax", **SIZES), table, corpus)
    plain = "It costs $5 or $6 and a_b."
    assert labels.labeller(Document("a", plain), table.encode(plain)) is None
    prose = tuple(Document(str(index), plain * 50 + str(index)) for index in range(80))
    with pytest.raises(InputError, match="corpus too small: 0 sequences"):
        build_dataset(
            DatasetSpec("l", "latex_syntax", **SIZES),
            bundled_model("nano"),
            Corpus(prose, corpus_digest(prose)),
        )


def test_long_texts_are_read_in_time_that_grows_with_them() -> None:
    text, _ = Writer(1).article(60)
    seconds = []
    for times in (5, 20):
        start = time.process_time()
        assert character_features(text * times) is not None
        seconds.append(time.process_time() - start)
    assert seconds[1] < 12 * max(seconds[0], 0.01)
