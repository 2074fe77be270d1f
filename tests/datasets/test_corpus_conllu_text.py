from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.datasets.conllu_text import SENTENCES_PER_DOCUMENT, parse_documents
from superpos.errors import InputError


def row(number: str, form: str, feats: str = "_", misc: str = "_") -> str:
    return "\t".join([number, form, form.lower(), "X", "Y", feats, "0", "root", "_", misc])


FRENCH = "\n".join(
    [
        "# newdoc id = essai",
        "# sent_id = 1",
        row("1", "Parle", "Mood=Imp|Number[psor]=Sing,Plur"),
        row("2-3", "du", misc="SpaceAfter=Yes"),
        row("2", "de"),
        row("3", "le"),
        row("3.1", "rien"),
        row("4", "chat", misc="SpaceAfter=No|Gloss=cat"),
        row("5", "!"),
        "",
        "# text = I don't  know.",
        row("1", "I"),
        row("2-3", "don't"),
        row("2", "do"),
        row("3", "n't"),
        row("4", "know", misc="SpaceAfter=No"),
        row("5", "."),
        "",
        "# newdoc",
        row("1", "Fin"),
        "",
    ]
)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_words_lie_where_the_text_has_them(line_end: str) -> None:
    first, second = parse_documents("\ufeff" + FRENCH.replace("\n", line_end), "a.conllu")
    assert (first.name, second.name) == ("a.conllu#essai", "a.conllu:19")
    assert first.text == "Parle du chat! I don't  know."
    assert second.text == "Fin"
    assert [first.text[word.start : word.end] for word in first.words] == [
        "Parle", "du", "du", "chat", "!", "I", "do", "n't", "know", ".",
    ]  # fmt: skip
    assert [word.form for word in first.words][1:3] == ["de", "le"]
    assert dict(first.words[0].feats) == {"Mood": "Imp", "Number[psor]": "Sing,Plur"}
    word = first.words[3]
    assert (word.lemma, word.upos, word.xpos, word.deprel) == ("chat", "X", "Y", "root")


def test_source_reads_as_the_same_document() -> None:
    for document in parse_documents(FRENCH, "a"):
        [again] = parse_documents(document.source, "b")
        assert (again.text, again.words, again.source) == (document.text, document.words, document.source)


WORD = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=4)
TOKEN = st.tuples(WORD, st.lists(WORD, max_size=3), st.booleans(), st.booleans())


@given(st.lists(st.lists(TOKEN, min_size=1, max_size=5), min_size=1, max_size=4), st.booleans())
def test_words_of_random_treebanks(
    treebank: list[list[tuple[str, list[str], bool, bool]]], says: bool
) -> None:
    """A token is one word, or several: spelled by them if `joined`, else by something of its own."""
    lines: list[str] = ["# newdoc id = d"]
    text, expected = "", []
    for sentence in treebank:
        n, rows, spelled = 0, [], ""
        offset = len(text) + bool(text)
        for form, more, joined, spaced in sentence:
            words = [form, *more]
            surface = "".join(words) if joined else form
            misc = "_" if spaced else "SpaceAfter=No"
            start = offset + len(spelled)
            if more:
                rows.append(row(f"{n + 1}-{n + len(words)}", surface, misc=misc))
            for i, word in enumerate(words):
                rows.append(row(str(n + i + 1), word, misc="_" if more else misc))
                at = start + len("".join(words[:i])) if joined else start
                expected.append((word, at, at + len(word) if joined else start + len(surface)))
            n += len(words)
            spelled += surface + " " * spaced
        lines += [*([f"# text = {spelled.strip()}"] if says else []), *rows, ""]
        text += (" " if text else "") + spelled.rstrip(" ")
    [document] = parse_documents("\n".join(lines), "x")
    assert document.text == text
    assert [(word.form, word.start, word.end) for word in document.words] == expected


def test_files_without_documents_are_cut_into_them() -> None:
    n = 2 * SENTENCES_PER_DOCUMENT + 3
    text = "\n\n".join(row("1", f"w{i}") for i in range(n)) + "\n"
    documents = parse_documents(text, "x")
    assert [len(document.words) for document in documents] == [20, 20, 3]
    assert [document.name for document in documents] == ["x:1", "x:41", "x:81"]
    assert documents[1].text == " ".join(f"w{i}" for i in range(20, 40))
    assert parse_documents("\n \n", "x") == []


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["1\tonly"], "line 1: 2 columns separated by tabs; CoNLL-U has 10"),
        ([row("a", "x")], "line 1: begins with 'a' and 'x'"),
        ([row("1", "")], "line 1: begins with '1' and ''"),
        ([row("1", "x"), row("3", "y")], "line 2: word 3 where 2 is next"),
        ([row("2-1", "x")], "line 1: word 2-1 where 1 is next"),
        ([row("1-2", "ab"), row("1", "a")], "line 2: the sentence ends here with word 2 of a multiword"),
        ([row("1-3", "ab"), row("1-2", "a")], "line 2: 1-2 begins inside another"),
        (["# nothing"], "line 1: the sentence ends here with no words"),
        (["# text = a c", row("1", "a"), row("2", "b")], "line 3: 'b' is not what # text goes on with: 'c'"),
        (
            ["# text = a b c", row("1", "a"), row("2", "b")],
            "line 3: # text goes on after the last word: ' c'",
        ),
        ([row("1", "x", feats="Number")], "line 1: 'Number' is not Name=Value"),
    ],
)
def test_what_is_not_conllu_is_one_line_with_its_place(lines: list[str], says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_documents("\n".join(lines), "x", where="dir/x.conllu")
    assert str(caught.value).startswith("dir/x.conllu: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_treebank_read_by_another_reader() -> None:
    root = Path(os.environ.get("SUPERPOS_SHARED_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
    path = root / "text" / "en_ewt-ud-dev.conllu"
    if not path.is_file():
        pytest.skip("the treebank is not here; set SUPERPOS_SHARED_DATA")
    text = path.read_text(encoding="utf-8")
    documents = parse_documents(text, path.name)
    # Second reading: by line prefixes only.
    parts = re.split(r"(?m)^# newdoc id = ", text)[1:]
    assert [document.name.split("#", 1)[1] for document in documents] == [
        part.split("\n", 1)[0] for part in parts
    ]
    for document, part in zip(documents, parts, strict=True):
        assert document.text == " ".join(re.findall(r"(?m)^# text = (.*)$", part))
        rows = re.findall(r"(?m)^\d+\t([^\t]*)\t([^\t]*)\t([^\t]*)\t.*$", part)
        assert [(word.form, word.lemma, word.upos) for word in document.words] == rows
        starts = [word.start for word in document.words]
        assert starts == sorted(starts)
    spelled = sum(
        document.text[word.start : word.end] == word.form for document in documents for word in document.words
    )
    n_words = sum(len(document.words) for document in documents)
    assert spelled > 0.99 * n_words
