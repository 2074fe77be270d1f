from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.datasets.corpus import gather
from superpos.datasets.sources import Corpus, Document, corpus_digest, load_corpus
from superpos.datasets.stdlib_source import stdlib_files
from superpos.errors import InputError
from superpos.specs.datasets import CorpusSpec

pytestmark = pytest.mark.stdlib


def test_stdlib_has_sources_once_and_in_order(corpus: Corpus) -> None:
    names = [document.name for document in corpus.documents]
    texts = [document.text for document in corpus.documents]
    assert names == sorted(names)
    assert len(set(texts)) == len(texts)
    root, _ = stdlib_files()
    for document in corpus.documents[::20]:
        assert (root / document.name).read_bytes() == document.text.encode("utf-8")
    assert not any("site-packages" in name or "__pycache__" in name for name in names)


def test_stdlib_leaves_build_output_out() -> None:
    root, files = stdlib_files()
    parts = {part for file in files for part in file.relative_to(root).parts}
    assert not any(part.startswith(("_sysconfigdata", "config-")) for part in parts)
    assert {"ast.py", "json", "tokenize.py"} <= parts


@given(
    st.lists(st.tuples(st.sampled_from(["", " ", "a", "b", "c", "é"]), st.sampled_from("xy"))),
    st.integers(0, 6),
)
def test_each_text_is_kept_once_under_one_label(pairs: list[tuple[str, str]], limit: int) -> None:
    source = [Document(str(i), text, label) for i, (text, label) in enumerate(pairs)]
    remaining = iter(source)
    gathered = gather(remaining, limit, "w", {"not_utf8": 2})
    read = source[: len(source) - len(list(remaining))]
    texts = [document.text for document in read if document.text.strip()]
    if limit:
        # Nothing is read beyond the document that makes the number full.
        assert len(set(texts)) <= limit
        assert len(read) == len(source) or len(set(texts)) == limit
    else:
        assert read == source
    alone = [text for text in set(texts) if len({d.label for d in read if d.text == text}) == 1]
    assert gathered.documents == sorted(
        (next(d for d in read if d.text == text) for text in alone), key=lambda document: int(document.name)
    )
    assert gathered.n_bytes == sum(len(text.encode()) for text in alone)
    skipped = gathered.skipped
    assert skipped["empty"] == len(read) - len(texts)
    contradicted = [[d.label for d in read if d.text == text] for text in set(texts) - set(alone)]
    # Copies that agree with the first are duplicates also of a text that is left out.
    assert skipped["two_labels"] == sum(
        1 + sum(label != labels[0] for label in labels) for labels in contradicted
    )
    assert len(read) == len(gathered.documents) + sum(skipped.values()) - skipped["not_utf8"]


def test_digest_of_labels_and_sources() -> None:
    plain = [Document("a", "b"), Document("c", "d")]
    variants = [
        plain,
        [Document("a", "b", "x"), plain[1]],
        [plain[0], Document("c", "d", "x")],
        [Document("a", "b", "", "x"), plain[1]],
        [Document("a", "b", "c", "d")],
        [Document("a", "b", "x", "x"), plain[1]],
    ]
    assert len({corpus_digest(documents) for documents in variants}) == len(variants)
    parts = (b"a", b"b", b"", b"", b"c", b"d", b"x", b"")
    data = b"\xff" * 8 + b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    assert corpus_digest(variants[2]) == hashlib.sha256(data).hexdigest()


def test_digest_is_that_of_lengths_names_and_texts() -> None:
    documents = [Document("a", "x\r\ny"), Document("b", "é")]
    data = b""
    for part in (b"a", b"x\r\ny", b"b", b"\xc3\xa9"):
        data += len(part).to_bytes(8, "little") + part
    assert corpus_digest(documents) == hashlib.sha256(data).hexdigest()
    assert corpus_digest([Document("ab", "c")]) != corpus_digest([Document("a", "bc")])
    assert corpus_digest(documents[::-1]) != corpus_digest(documents)


def test_folder_is_read_in_order_and_filtered(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_bytes(b"two\r\n")
    (tmp_path / "sub" / "a.md").write_text("three")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "image.png").write_bytes(b"\xff\xfe")
    corpus = load_corpus(CorpusSpec.from_text(str(tmp_path)))
    assert corpus.documents == (
        Document("a.txt", "one"),
        Document("b.txt", "two\r\n"),
        Document("sub/a.md", "three"),
    )
    assert corpus.provenance["skipped"] == {"empty": 1, "duplicate": 0, "two_labels": 0}
    shorter = load_corpus(CorpusSpec.from_text(str(tmp_path), max_documents=2))
    assert shorter.documents == corpus.documents[:2]
    assert shorter.digest != corpus.digest


@pytest.mark.parametrize(("key", "field"), [("text", "text"), ("text", "content"), ("body", "body")])
def test_jsonl(tmp_path: Path, key: str, field: str) -> None:
    path = tmp_path / "c.jsonl"
    lines = [json.dumps({field: f"line\u2028{i}", "id": i}, ensure_ascii=False) for i in range(3)]
    path.write_text("\n\n".join(lines), encoding="utf-8")
    corpus = load_corpus(CorpusSpec.from_text(str(path), text_key=key))
    assert corpus.documents == tuple(Document(f"c.jsonl:{2 * i + 1}", f"line\u2028{i}") for i in range(3))


def test_single_file(tmp_path: Path) -> None:
    path = tmp_path / "book.text"
    path.write_text("Call me Ishmael.", encoding="utf-8")
    assert load_corpus(CorpusSpec.from_text(str(path))).documents == (
        Document("book.text", "Call me Ishmael."),
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"text": "a"}\nnot json\n', "line 2: not JSON"),
        (b'{"text": "a"}\n{"other": 1}\n', "line 2: no text under 'text' or 'content'"),
        (b'{"text": 3}\n', "line 1: no text"),
        (b'["text"]\n', "line 1: no text"),
        (b'{"text": "a"}\n{}\n', "line 2: no text under 'text' or 'content'"),
        (b'{"text": "caf\xe9"}\n', "not UTF-8: byte 0xe9 at offset 13"),
    ],
)
def test_bad_jsonl_is_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_corpus(CorpusSpec.from_text(str(path)))
    assert str(path) in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_utf8_names_file_and_offset(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("fine")
    (tmp_path / "b.txt").write_bytes("é".encode() * 3 + b"\xff" + b"rest")
    with pytest.raises(InputError, match=r"b\.txt: not UTF-8: byte 0xff at offset 6$"):
        load_corpus(CorpusSpec.from_text(str(tmp_path)))


def test_missing_empty_and_small(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        load_corpus(CorpusSpec.from_text(str(tmp_path / "nowhere")))
    with pytest.raises(InputError, match="corpus too small: 0 documents"):
        load_corpus(CorpusSpec.from_text(str(tmp_path)))
    (tmp_path / "a.txt").write_text("one")
    with pytest.raises(InputError, match="corpus too small: 1 documents with text, at least 2 needed"):
        load_corpus(CorpusSpec.from_text(str(tmp_path)), min_documents=2)
