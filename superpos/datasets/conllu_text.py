"""CoNLL-U as plain text: documents, their sentences joined, and where each word lies in the text.

A document begins at `# newdoc`; where a file has none, every 20 sentences are one. Its text is that of its
sentences, joined by one space. The text of a sentence is its `# text`, in which the surface tokens must
follow one another with nothing but white space between; without `# text`, the surface tokens with a space
after each that does not say SpaceAfter=No. A word inside a multiword token has a place of its own if the
token is spelled by its words one after another ("don't": do, n't), else the place of the whole token ("du":
de, le). Empty nodes are left out.

Format: universaldependencies.org/format.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from superpos.errors import InputError, shown
from superpos.names import unfit_character

SENTENCES_PER_DOCUMENT = 20
"""Sentences of one document where the file does not say where documents begin."""
N_COLUMNS = 10
_ID = re.compile(r"(\d{1,9})(?:-(\d{1,9})|\.(\d{1,9}))?")
_COMMENT = re.compile(r"#\s*(newdoc|text)\b(?:\s+id)?(?:\s*=\s*(.*))?")


@dataclass(frozen=True, slots=True)
class ConlluWord:
    """A syntactic word: its place in the text of its document, and its columns."""

    start: int
    end: int
    form: str
    lemma: str
    upos: str
    xpos: str
    feats: Mapping[str, str]
    """Morphological features; several values of one stay joined by commas."""
    deprel: str


@dataclass(frozen=True, slots=True)
class ConlluDocument:
    """A document: plain text, words in order, and the lines it was read from."""

    name: str
    text: str
    words: tuple[ConlluWord, ...]
    source: str
    """CoNLL-U of this document alone; `parse_documents` makes the same text and words of it."""


@dataclass(slots=True)
class _Token:
    """A surface token and the words in it."""

    form: str
    space_after: bool
    line: int
    last: int
    """Number of its last word."""
    words: list[tuple[int, list[str]]]
    """Line number and columns of each word."""


@dataclass(slots=True)
class _Sentence:
    first_line: int
    newdoc: str | None
    """Identifier of the document that begins here, empty if it has none; None if none begins."""
    text: str | None
    tokens: list[_Token]
    lines: list[str]


def parse_documents(text: str, name: str, where: str = "") -> list[ConlluDocument]:
    """Return the documents of a CoNLL-U text.

    Parameters
    ----------
    text
        The content of a file.
    name
        Begins the names of the documents: `name#identifier`, or `name:line` of the first sentence.
    where
        File that messages name; `name` if empty.

    Raises
    ------
    InputError
        Where a line is not CoNLL-U, or a `# text` is not that of its words; names file and line.
    """
    place = where or name
    sentences = list(_sentences(text, place))
    marked = any(sentence.newdoc is not None for sentence in sentences)
    documents: list[list[_Sentence]] = []
    for index, sentence in enumerate(sentences):
        begins = sentence.newdoc is not None if marked else index % SENTENCES_PER_DOCUMENT == 0
        if begins or not documents:
            documents.append([])
        documents[-1].append(sentence)
    return [_document(group, name, place) for group in documents]


def _document(sentences: list[_Sentence], name: str, where: str) -> ConlluDocument:
    first = sentences[0]
    texts: list[str] = []
    words: list[ConlluWord] = []
    offset = 0
    for sentence in sentences:
        text, found = _placed(sentence, where, offset)
        texts.append(text)
        words += found
        offset += len(text) + 1
    return ConlluDocument(
        f"{name}#{first.newdoc}" if first.newdoc else f"{name}:{first.first_line}",
        " ".join(texts),
        tuple(words),
        "\n\n".join("\n".join(sentence.lines) for sentence in sentences) + "\n\n",
    )


def _sentences(text: str, where: str) -> Iterator[_Sentence]:
    """Yield the sentences: runs of lines between empty ones."""
    block: list[tuple[int, str]] = []
    for number, raw in enumerate([*text.removeprefix("\ufeff").split("\n"), ""], start=1):
        line = raw.removesuffix("\r")
        if line.strip():
            block.append((number, line))
        elif block:
            yield _sentence(block, where)
            block = []


def _sentence(block: list[tuple[int, str]], where: str) -> _Sentence:
    sentence = _Sentence(block[0][0], None, None, [], [line for _, line in block])
    next_word = 1
    for number, line in block:
        if line.startswith("#"):
            comment = _COMMENT.match(line)
            if comment and comment[1] == "newdoc":
                sentence.newdoc = (comment[2] or "").strip()
                if why := unfit_character(sentence.newdoc):
                    raise InputError(f"{where}: line {number}: no name of a document: {why}")
            elif comment and comment[2] is not None:
                sentence.text = comment[2].strip()
            continue
        columns = line.split("\t")
        if len(columns) != N_COLUMNS:
            raise InputError(
                f"{where}: line {number}: {len(columns)} columns separated by tabs; CoNLL-U has {N_COLUMNS}"
            )
        parts = _ID.fullmatch(columns[0])
        if parts is None or not columns[1]:
            raise InputError(
                f"{where}: line {number}: begins with {shown(columns[0])} and {shown(columns[1])}; "
                "a word has a number (1, or 1-2, or 1.1) and a form"
            )
        if parts[3]:
            continue  # an empty node is no part of the text
        if int(parts[1]) != next_word or (parts[2] and int(parts[2]) < next_word):
            raise InputError(f"{where}: line {number}: word {columns[0]} where {next_word} is next")
        inside = bool(sentence.tokens) and sentence.tokens[-1].last >= next_word
        if parts[2] and inside:
            raise InputError(f"{where}: line {number}: {columns[0]} begins inside another multiword token")
        if not inside:
            spaced = "SpaceAfter=No" not in columns[9].split("|")
            sentence.tokens.append(_Token(columns[1], spaced, number, int(parts[2] or parts[1]), []))
        if not parts[2]:
            sentence.tokens[-1].words.append((number, columns))
            next_word += 1
    if not sentence.tokens or sentence.tokens[-1].last >= next_word:
        what = f"word {next_word} of a multiword token is missing" if sentence.tokens else "no words"
        raise InputError(f"{where}: line {block[-1][0]}: the sentence ends here with {what}")
    return sentence


def _placed(sentence: _Sentence, where: str, offset: int) -> tuple[str, list[ConlluWord]]:
    """Return the text of a sentence and its words, placed `offset` characters further on."""
    text = sentence.text
    if text is None:
        spelled = "".join(token.form + " " * token.space_after for token in sentence.tokens)
        text = spelled.rstrip(" ")
    words: list[ConlluWord] = []
    end = 0
    for token in sentence.tokens:
        start = end
        while start < len(text) and text[start].isspace():
            start += 1
        end = start + len(token.form)
        if text[start:end] != token.form:
            raise InputError(
                f"{where}: line {token.line}: {shown(token.form)} is not what # text goes on with: "
                f"{text[start : start + 30]!r}"
            )
        spelled_out = "".join(columns[1] for _, columns in token.words) == token.form
        place = start
        for number, columns in token.words:
            last = place + len(columns[1]) if spelled_out else end
            words.append(_word(columns, place + offset, last + offset, f"{where}: line {number}"))
            place = last if spelled_out else start
    if text[end:].strip():
        raise InputError(
            f"{where}: line {sentence.tokens[-1].line}: # text goes on after the last word: "
            f"{text[end:][:30]!r}"
        )
    return text, words


def _word(columns: list[str], start: int, end: int, where: str) -> ConlluWord:
    feats: dict[str, str] = {}
    for part in columns[5].split("|") if columns[5] != "_" else []:
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise InputError(f"{where}: {shown(columns[5])} is not Name=Value joined by |, nor _")
        feats[key] = value
    return ConlluWord(start, end, columns[1], columns[2], columns[3], columns[4], feats, columns[7])
