"""One text, many documents: at headings, or into paragraphs."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.datasets.build import build_dataset
from superpos.datasets.corpus import Document
from superpos.datasets.divided import divided
from superpos.datasets.hub_source import hub_digest
from superpos.datasets.sources import Corpus, load_corpus, source_digest
from superpos.datasets.splits import split_by_group, split_groups
from superpos.errors import ArgumentError, InputError
from superpos.models import bundled_model
from superpos.specs.datasets import CorpusSpec, DatasetSpec

pytestmark = pytest.mark.stdlib

WIKI = """ \n = First article = \n \n Its text . \n
 = = A section = = \n \n More of it , with a = b = c . \n
 = Second : an = sign = \n
 = = = Deep = = = \n Text of the second . \n"""
MARKDOWN = "Before all.\n\n# One\n\nText.\n## Not one\n\n# Two\nMore.\n"


def parts(text: str, **options: str) -> list[tuple[str, str]]:
    spec = CorpusSpec("text", "x.txt", **options)
    return [(found.name, found.text) for found in divided([Document("x.txt", text, "a")], spec, "x.txt")]


def test_articles_of_wikitext() -> None:
    found = [(name, text) for name, text in parts(WIKI, documents="heading") if text.strip()]
    assert [name for name, _ in found] == ["x.txt:2", "x.txt:10"]
    assert [text.split("\n")[0] for _, text in found] == [" = First article = ", " = Second : an = sign = "]
    assert "= = A section = =" in found[0][1]
    assert "Deep" in found[1][1]


@pytest.mark.parametrize("title", ["=Title=", "= Title =", " = T = ", "=a=b=", "= a b ="])
def test_titles_are_headings(title: str) -> None:
    assert len(parts(f"text\n{title}\ntext\n", documents="heading")) == 2


@pytest.mark.parametrize(
    "line", ["== Title ==", " = = Title = = ", "x = y = z", "= x", "=", "= =", "==", "a", "= x = y"]
)
def test_other_lines_are_none(line: str) -> None:
    assert parts(f"= A =\n{line}\ntext\n", documents="heading") == [("x.txt:1", f"= A =\n{line}\ntext\n")]


def test_headings_of_ones_own() -> None:
    assert parts(MARKDOWN, documents="heading", heading="# ") == [
        ("x.txt:1", "Before all.\n\n"),
        ("x.txt:3", "# One\n\nText.\n## Not one\n\n"),
        ("x.txt:8", "# Two\nMore.\n"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_paragraphs(end: str) -> None:
    text = "one\none\n \t\n\ntwo\n\nthree".replace("\n", end)
    found = parts(text, documents="paragraph")
    assert [name for name, _ in found] == ["x.txt:1", "x.txt:5", "x.txt:7"]
    assert [part.split() for _, part in found] == [["one", "one"], ["two"], ["three"]]


@given(
    st.lists(st.sampled_from(["a", "é b", "", " ", "= T =", "== S =="])),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["heading", "paragraph"]),
)
def test_parts_are_the_text_again(lines: list[str], end: str, unit: str) -> None:
    text = end.join(lines) + f"{end}= T ={end}"
    found = parts(text, documents=unit)
    assert "".join(part for _, part in found) == text
    starts = [int(name.rsplit(":", 1)[1]) for name, _ in found]
    every = re.split("\r\n|\r|\n", text)
    assert [part.split(end)[0] for _, part in found] == [every[start - 1] for start in starts]


def test_a_text_as_it_comes() -> None:
    assert parts(WIKI) == [("x.txt", WIKI)]


@pytest.fixture
def one_file(tmp_path: Path, corpus: Corpus) -> Path:
    """Thirty texts in one file, each below a title."""
    texts = [document.text for document in corpus.documents if "= " not in document.text[:1]][:30]
    titled = (f" = Text {number} = \n{text}\n" for number, text in enumerate(texts))
    path = tmp_path / "texts.txt"
    path.write_text("".join(titled), encoding="utf-8", newline="")
    return path


def test_a_corpus_of_one_file_is_split_by_document(one_file: Path) -> None:
    sizes = {"n_sequences": 40, "ctx_len": 64, "n_samples": 400, "min_positives": 10}
    whole = DatasetSpec("whole", "text_features", CorpusSpec("text", str(one_file)), **sizes)
    assert build_dataset(whole, bundled_model("nano")).provenance["groups"] == "windows of documents"
    parted = replace(whole, corpus=CorpusSpec("text", str(one_file), documents="heading"))
    data = build_dataset(parted, bundled_model("nano"))
    assert data.provenance["groups"] == "documents"
    assert data.provenance["documents"] == "heading"
    assert data.provenance["heading"] == parted.corpus.heading_pattern
    assert data.provenance["n_documents"] == 30
    assert len(data.documents) >= 20
    groups = split_groups(data)
    train = split_by_group(data.labels, groups)
    names = [data.documents[index] for index in data.sequence_documents[data.sample_sequences]]
    trained = {name for name, inside in zip(names, train, strict=True) if inside}
    tested = {name for name, inside in zip(names, train, strict=True) if not inside}
    assert trained
    assert tested
    assert not trained & tested


def test_labels_stay_and_limits_count_parts(tmp_path: Path) -> None:
    records = [{"text": f"a{i}\n\nb{i}\n", "lang": "x"} for i in range(4)]
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    spec = CorpusSpec("text", str(path), label_key="lang", documents="paragraph", max_documents=5)
    found = load_corpus(spec).documents
    assert [document.name for document in found] == [
        "r.jsonl:1:1", "r.jsonl:1:3", "r.jsonl:2:1", "r.jsonl:2:3", "r.jsonl:3:1",
    ]  # fmt: skip
    assert {document.label for document in found} == {"x"}


def test_the_division_is_part_of_what_is_read(one_file: Path) -> None:
    digests = {
        source_digest(CorpusSpec("text", str(one_file), documents=unit))
        for unit in ("file", "heading", "paragraph")
    }
    assert len(digests) == 3
    hub = {
        hub_digest(CorpusSpec("hub", "a/b", max_documents=9, **options), 40 * "0")
        for options in (
            {},
            {"documents": "paragraph"},
            {"documents": "heading"},
            {"documents": "heading", "heading": "# "},
        )
    }
    assert len(hub) == 4


def test_specifications_travel_as_json() -> None:
    spec = CorpusSpec("text", "x", documents="heading", heading="# ")
    assert CorpusSpec.from_json(json.loads(json.dumps(asdict(spec)))) == spec
    older = {key: value for key, value in asdict(spec).items() if key not in ("documents", "heading")}
    assert CorpusSpec.from_json(older).documents == "file"


@pytest.mark.parametrize(
    ("kind", "path", "options", "said"),
    [
        (
            "text",
            "x",
            {"documents": "page"},
            r"documents: 'page' is unknown; allowed: file, heading, paragraph",
        ),
        ("stdlib", "", {"documents": "heading"}, r"documents: 'heading' does not apply: the documents of"),
        ("text", "x", {"heading": "# "}, r"heading: '# ' applies beside documents = \"heading\" only"),
        ("text", "x", {"documents": "heading", "heading": "("}, r"heading: '\(' is not a regular expression"),
        ("text", "x", {"documents": "heading", "heading": " *"}, r"heading: ' \*' matches an empty line"),
    ],
)
def test_what_is_refused(kind: str, path: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{said}") as caught:
        CorpusSpec(kind, path, **options)
    assert "\n" not in str(caught.value)


def test_a_text_without_headings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no heading\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.txt: heading: no line matches '# '; give a pattern that does$"):
        load_corpus(CorpusSpec("text", str(tmp_path / "a.txt"), documents="heading", heading="# "))


def test_treebanks_have_documents_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text("1\tA\ta\tX\t_\t_\t0\troot\t_\t_\n\n", encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"documents: 'paragraph' does not apply: .* is CoNLL-U"):
        load_corpus(CorpusSpec("text", str(tmp_path / "a.conllu"), documents="paragraph"))


def test_wikitext_has_sixty_articles(shared_text: Path) -> None:
    found = load_corpus(CorpusSpec("text", str(shared_text / "wikitext2-valid.txt"), documents="heading"))
    assert len(found.documents) == 60
    assert all(re.match(r" = [^=]", document.text) for document in found.documents)
