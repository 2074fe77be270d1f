from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from superpos.datasets.alignment import align, align_ids, seen_text
from superpos.datasets.build import build_dataset
from superpos.datasets.builders.regex import RegexOptions, SpanPattern, text_labels
from superpos.datasets.sources import Corpus, Document, corpus_digest, load_corpus
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec, DatasetSpec

pytestmark = pytest.mark.stdlib

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
MIXED = st.text(st.sampled_from("ab 1(\n\u00e9\u20ac\u0301\U0001f984\u6f22"), min_size=1, max_size=40)
FEATURES = (
    SpanPattern("four_digits", r"(?<![0-9])[0-9]{4}(?![0-9])"),
    SpanPattern("parenthesised", r"\([^()\n]*\)"),
    SpanPattern("after_hash", r"#[^\n]*"),
    SpanPattern("quoted", r'"[^"\n]*"'),
    SpanPattern("not_ascii", r"[^\x00-\x7F]+"),
    SpanPattern("the", r"the", ignore_case=True),
    SpanPattern("nothing", r"(?=t)|(?<=t)|$"),
)
SIZES: dict[str, Any] = {"n_sequences": 60, "ctx_len": 64, "n_samples": 600, "min_positives": 15}


def in_digits(text: str, place: int) -> bool:
    digits = set("0123456789")
    if text[place] not in digits:
        return False
    left = right = place
    while left > 0 and text[left - 1] in digits:
        left -= 1
    while right + 1 < len(text) and text[right + 1] in digits:
        right += 1
    return right - left + 1 == 4


def in_parentheses(text: str, place: int) -> bool:
    left = place if text[place] == "(" else place - 1
    while left >= 0 and text[left] not in "()\n":
        left -= 1
    right = max(place, left + 1)
    while right < len(text) and text[right] not in "()\n":
        right += 1
    return (
        left >= 0 and right < len(text) and text[left] == "(" and text[right] == ")" and text[place] != "\n"
    )


def line_before(text: str, place: int) -> str:
    before = ""
    while place > 0 and text[place - 1] != "\n":
        place -= 1
        before = text[place] + before
    return before


def after_hash(text: str, place: int) -> bool:
    return text[place] == "#" or (text[place] != "\n" and "#" in line_before(text, place))


def in_quotes(text: str, place: int) -> bool:
    if text[place] == "\n":
        return False
    odd = line_before(text, place).count('"') % 2 == 1
    if text[place] == '"':
        return odd or closed(text, place)
    return odd and closed(text, place)


def closed(text: str, place: int) -> bool:
    for character in text[place + 1 :]:
        if character in '"\n':
            return character == '"'
    return False


def in_the(text: str, place: int) -> bool:
    return any(text[place - back : place - back + 3].lower() == "the" for back in range(min(3, place + 1)))


PLAIN: tuple[Callable[[str, int], bool], ...] = (
    in_digits,
    in_parentheses,
    after_hash,
    in_quotes,
    lambda text, place: ord(text[place]) > 127,
    in_the,
    lambda *_: False,
)


def checked(data: LabelledTokens, plain: Any) -> int:
    """Check 200 random samples character by character; return how many had a place of their own."""
    count = 0
    for sample in plain.some(200):
        found = plain(sample)
        if found is None:
            continue
        count += 1
        text, first, last = found
        expected = [any(rule(text, place) for place in range(first, last + 1)) for rule in PLAIN]
        assert data.labels[sample].tolist() == expected, text[max(0, first - 40) : last + 20]
    return count


def spec_of(**changes: Any) -> DatasetSpec:
    return DatasetSpec("r", "regex", options=RegexOptions(FEATURES), **{**SIZES, **changes})


def test_labels_of_the_standard_library(corpus: Corpus, table: TokenTable, plain_samples: Any) -> None:
    data = build_dataset(spec_of(), bundled_model("nano"), corpus)
    assert checked(data, plain_samples(data, corpus, table, 63)) > 190
    assert data.labels[:, [0, 1, 2, 3, 5]].sum(axis=0).min() >= 15
    assert not data.labels[:, 6].any()
    assert data.provenance["matches"]["nothing"] == 0 < data.provenance["matches"]["four_digits"]


@pytest.mark.parametrize("file", ["wikitext2-valid.txt", "code_files.jsonl"])
def test_labels_of_text_with_pythia(
    file: str, pythia_tokenizer: Path, pythia_table: TokenTable, shared_text: Path, plain_samples: Any
) -> None:
    read = load_corpus(CorpusSpec.from_text(str(shared_text / file), max_documents=150))
    data = build_dataset(spec_of(), pythia_tokenizer, read)
    assert checked(data, plain_samples(data, read, pythia_table, 63)) > 190
    assert data.labels[:, [1, 4, 5]].sum(axis=0).min() >= 10


def test_characters_cut_into_several_tokens(table: TokenTable) -> None:
    text = "a \U0001f984 b"
    ids = table.encode(text)
    assert len(ids) > 4
    options = RegexOptions((SpanPattern("horse", "\U0001f984"), SpanPattern("b", "b")))
    spec = DatasetSpec("r", "regex", options=options, **SIZES)
    labels = text_labels(spec, table, Corpus((), "")).labeller(Document("d", text), ids)
    assert labels is not None
    pieces = [table.token_bytes[index] for index in ids]
    assert labels.labels[:, 0].tolist() == [any(byte > 127 for byte in piece) for piece in pieces]
    assert labels.labels[:, 0].sum() > 1
    assert labels.labels[:, 1].tolist() == [b"b" in piece for piece in pieces]


def held(text: str, pieces: list[bytes], skipped: int = 0) -> list[set[int]]:
    """Characters that each token holds, one byte after another."""
    owner = [-1] * skipped + [
        place for place, character in enumerate(text) for _ in range(len(character.encode("utf-8")))
    ]
    found, start = [], 0
    for piece in pieces:
        found.append(set(owner[start : start + len(piece)]) - {-1})
        start += len(piece)
    return found


@given(text=TEXT | MIXED, data=st.data())
@settings(max_examples=200, deadline=None)
def test_alignment_of_any_cut_of_any_text(text: str, data: st.DataObject) -> None:
    blank = data.draw(st.booleans())
    spelled = b" " * blank + text.encode("utf-8")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(spelled)), max_size=12)) | {0, len(spelled)})
    pieces = [spelled[left:right] for left, right in pairwise(cuts)]
    aligned = align(text, pieces)
    assert aligned is not None
    expected = held(text, pieces, int(blank))
    assert [
        set(range(*pair)) for pair in zip(aligned.starts.tolist(), aligned.ends.tolist(), strict=True)
    ] == expected
    span = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
    inside = set(range(*span))
    assert aligned.sharing([(span[0], span[1])], len(text)).tolist() == [bool(h & inside) for h in expected]
    ends = np.arange(1, len(text) + 1)
    bytes_until = [int(blank) + len(text[:end].encode("utf-8")) for end in ends]
    assert aligned.ending_at(ends).tolist() == [
        cuts.index(place) - 1 if place in cuts else -1 for place in bytes_until
    ]


@given(text=TEXT | MIXED)
@settings(max_examples=100, deadline=None)
def test_alignment_with_the_tokenizer_that_ships(table: TokenTable, text: str) -> None:
    ids = table.encode(text)
    aligned = align_ids(text, ids, table)
    assert aligned is not None
    expected = held(text, [table.token_bytes[index] for index in ids])
    for token, characters in enumerate(expected):
        assert set(range(aligned.starts[token], aligned.ends[token])) == characters


@given(text=MIXED | st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"]), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_alignment_where_the_tokenizer_normalises(pythia_table: TokenTable, text: str) -> None:
    seen = seen_text(text, pythia_table)
    ids = pythia_table.encode(text)
    aligned = align_ids(seen, ids, pythia_table)
    assert aligned is not None
    expected = held(seen, [pythia_table.token_bytes[index] for index in ids])
    for token, characters in enumerate(expected):
        assert set(range(aligned.starts[token], aligned.ends[token])) == characters


def test_matches_in_the_normal_form(pythia_table: TokenTable, table: TokenTable) -> None:
    text = "cafe\u0301 (a) 1234"
    options = RegexOptions((SpanPattern("one", "\u00e9"), SpanPattern("paren", r"\(a\)")))
    spec = DatasetSpec("r", "regex", options=options, **SIZES)
    for made, normal in ((pythia_table, True), (table, False)):
        ids = made.encode(text)
        labels = text_labels(spec, made, Corpus((), "")).labeller(Document("d", text), ids)
        assert labels is not None
        pieces = [made.token_bytes[index] for index in ids]
        assert labels.labels[:, 0].any() == normal
        assert b"".join(pieces).decode() == ("caf\u00e9 (a) 1234" if normal else text)
        on = b"".join(piece for piece, label in zip(pieces, labels.labels[:, 1], strict=True) if label)
        assert on.strip() == b"(a)"


def test_text_that_the_tokens_do_not_spell() -> None:
    assert align("abc", [b"ab"]) is None
    assert align("abc", [b"ab", b"d"]) is None
    assert align("ab", [b"ab", b"c"]) is None
    assert align("ab", [b"  ab"]) is None
    assert align("ab", [b"xab"]) is None


def sentencepiece(folder: Path) -> TokenTable:
    """A SentencePiece-like tokenizer of single characters with bytes to fall back on."""
    entries = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *"abcdefghij0123456789()"]
    vocabulary = {entry: index for index, entry in enumerate(entries)} | {"\u2581a": len(entries)}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, [("\u2581", "a")], byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(["<unk>", "<s>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return load_tokens(folder)


def test_sentencepiece_puts_a_blank_first(tmp_path: Path) -> None:
    made = sentencepiece(tmp_path)
    for text in ("abc (12) \u6f22a a", " a b", "a", "  b"):
        ids = made.encode(text)
        aligned = align_ids(text, ids, made)
        assert aligned is not None, text
        pieces = [made.token_bytes[index] for index in ids]
        expected = held(text, pieces, len(b"".join(pieces)) - len(text.encode("utf-8")))
        assert [
            set(range(*pair)) for pair in zip(aligned.starts.tolist(), aligned.ends.tolist(), strict=True)
        ] == expected


def test_documents_that_do_not_align_are_left_out_and_counted(tmp_path: Path) -> None:
    sentencepiece(tmp_path)  # writes a blank as U+2581, and so cannot tell the two apart
    plain = "abc (12) a de 1234 ha (a) " * 40
    documents = tuple(
        Document(str(index), (plain + "\u2581" if index % 3 == 0 else plain) + str(index))
        for index in range(24)
    )
    read = Corpus(documents, corpus_digest(documents))
    data = build_dataset(spec_of(n_sequences=10, n_samples=100, min_positives=5), tmp_path, read)
    assert data.provenance["documents_not_labelled"] >= 1
    assert all(int(name) % 3 for name in data.documents)
    assert data.labels[:, 0].any()
