"""What stands before and behind a text, against transformers' own tokenizer call; text that tokens drop."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prose_tokenizers import POST_PROCESSORS, PROSE, saved, template, trained
from tokenizers import (
    AddedToken,
    Tokenizer,
    models,
    processors,
)

from superpos.datasets.alignment import align_ids
from superpos.datasets.build import build_dataset, dataset_identity
from superpos.datasets.builders.entities import EntityOptions
from superpos.datasets.builders.python_syntax import PYTHON_FEATURES, python_labels
from superpos.datasets.builders.regex import RegexOptions, SpanPattern
from superpos.datasets.builders.text_features import TEXT_FEATURES, text_features
from superpos.datasets.builders.token_list import TokenListOptions, list_tokens
from superpos.datasets.builders.tokens import TokenOptions, TokenPredicate
from superpos.datasets.entity_text.spans import surname_tokens
from superpos.datasets.sources import Corpus, Document, corpus_digest
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.specs.datasets import DatasetSpec

NAMES = {"bos_token": "<s>", "cls_token": "[CLS]", "sep_token": "[SEP]"}


@pytest.mark.parametrize("kind", POST_PROCESSORS)
def test_a_sequence_is_what_the_tokenizer_s_own_call_gives(tmp_path: Path, kind: str) -> None:
    from transformers import PreTrainedTokenizerFast

    base, make = POST_PROCESSORS[kind]
    tokenizer = trained(base)
    tokenizer.post_processor = make(tokenizer)
    table = saved(tokenizer, tmp_path)
    reference = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    wanted = reference(PROSE, add_special_tokens=True)["input_ids"]
    assert [*table.front, *table.encode(PROSE), *table.back] == wanted
    assert table.special[[*table.front, *table.back]].all()
    assert table.bos_id == wanted[0]
    assert table.by_offsets is (base != "bytes")


@pytest.mark.parametrize(
    ("kind", "named", "around"),
    [
        ("bytes", {}, ("<s>",)),
        ("bytes", {"bos_token": "</s>"}, ("</s>",)),
        ("bytes", NAMES, ("<s>",)),
        ("wordpiece", {"cls_token": "[CLS]", "sep_token": "[SEP]"}, ("[CLS]", "[SEP]")),
        ("bytes", {"bos_token": "<s>", "cls_token": "<s>", "sep_token": "</s>"}, ("<s>", "</s>")),
        ("bytes", {"bos_token": "absent"}, ("<s>",)),
    ],
)
def test_without_a_post_processor_names_decide(
    tmp_path: Path, kind: str, named: dict[str, str], around: tuple[str, ...]
) -> None:
    tokenizer = trained(kind)
    table = saved(tokenizer, tmp_path, **named)
    assert [*table.front, *table.back] == [tokenizer.token_to_id(name) for name in around]
    assert len(table.back) == len(around) - 1


def test_class_and_separator_without_a_configuration(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    assert saved(tokenizer, tmp_path / "bare").n_ends == 0
    tokenizer.add_special_tokens([AddedToken("[CLS]"), AddedToken("[SEP]")])
    table = saved(tokenizer, tmp_path / "named")
    assert (table.front, table.back) == ((2,), (3,))


def test_ends_are_part_of_the_identity_only_where_there_are_more_than_one(tmp_path: Path) -> None:
    spec = DatasetSpec("a", "text_features")
    plain = dataset_identity(spec, bundled_model("nano"))
    assert set(plain) == {"builder", "algorithm_version", "corpus_digest", "tokenizer_digest", "bos_id"}
    tokenizer = trained("wordpiece")
    tokenizer.post_processor = template(tokenizer, "[CLS] $A [SEP]")
    saved(tokenizer, tmp_path)
    made = dataset_identity(spec, tmp_path)
    assert (made["ends"], made["alignment"]) == ([[2], [3]], "offsets")


def test_a_post_processor_with_ids_that_are_no_tokens(tmp_path: Path) -> None:
    tokenizer = trained("wordpiece")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 999), ("[CLS]", 2))
    with pytest.raises(InputError, match="adds ids that no token has"):
        saved(tokenizer, tmp_path)


# -- tokens that do not spell the text ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def wordpiece(tmp_path_factory: pytest.TempPathFactory) -> TokenTable:
    tokenizer = trained("wordpiece")
    tokenizer.post_processor = template(tokenizer, "[CLS] $A [SEP]")
    return saved(tokenizer, tmp_path_factory.mktemp("wordpiece"))


def dropped(text: str) -> str:
    """Return what BERT's tokenizer makes of a piece of text: lower case, no accents."""
    plain = unicodedata.normalize("NFD", text.lower())
    return "".join(one for one in plain if unicodedata.category(one) != "Mn")


def test_each_token_stands_for_its_place_in_the_text(wordpiece: TokenTable) -> None:
    ids = wordpiece.encode(PROSE)
    texts = [text.decode() for text in wordpiece.own_texts(PROSE, ids)]
    entries = [wordpiece.tokenizer.id_to_token(index).removeprefix("##") for index in ids]
    known = [(text, entry) for text, entry in zip(texts, entries, strict=True) if entry != "[UNK]"]
    assert len(known) > 50
    assert all(dropped(text) == entry for text, entry in known)
    assert {"Caf", "Café", "Z", "Zürich"} & set(texts)
    assert "".join(texts) == "".join(PROSE.split())
    assert b"".join(wordpiece.pieces(PROSE, ids)).decode() == PROSE


def test_a_token_that_writes_the_blank_before_it_stands_for_it(tmp_path: Path) -> None:
    table = saved(trained("unigram"), tmp_path)
    text = "Running  water; re-running\tTests! don't"
    ids = table.encode(text)
    own = [part.decode() for part in table.own_texts(text, ids)]
    entries = [table.tokenizer.id_to_token(index) for index in ids]
    marked = [part for part, entry in zip(own, entries, strict=True) if entry.startswith("\u2581")]
    assert len(marked) == 5
    assert not marked[0].startswith(" ")
    assert [part[0] for part in marked[1:]] == [" ", " ", "\t", " "]
    # Of two blanks one is written; the other is in no token.
    assert "".join(own) == text.replace("  ", " ")


WILD = st.text(
    st.one_of(
        st.sampled_from("ab É\u00a0\t\n½ﬁ漢İß\u0301\u200b.'_"), st.characters(exclude_categories=["Cs"])
    ),
    max_size=40,
)


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
@given(text=WILD)
@settings(max_examples=150, deadline=None)
def test_places_are_ordered_and_pieces_spell_any_text(kind: str, text: str) -> None:
    table = TABLES.setdefault(kind, made_table(kind))
    ids = table.encode(text)
    places = table.offsets(text)
    assert len(ids) == len(places) == len(table.own_texts(text, ids))
    assert np.all(np.diff(places, axis=0) >= 0)
    assert np.all(places[:, 0] <= places[:, 1])
    assert np.all(places[:, 1] <= len(text))
    if ids:
        assert b"".join(table.pieces(text, ids)).decode() == text
    aligned = align_ids(text, ids, table)
    assert aligned is not None
    for place in range(len(text)):
        holders = {index for index, (start, end) in enumerate(places.tolist()) if start <= place < end}
        assert set(np.flatnonzero(aligned.sharing([(place, place + 1)], len(text)))) == holders
        if holders:
            assert aligned.holding_end_of(np.array([place]))[0] == max(holders)
            assert aligned.holding_start_of(np.array([place]))[0] == min(holders)


TABLES: dict[str, TokenTable] = {}


def made_table(kind: str) -> TokenTable:
    with tempfile.TemporaryDirectory() as folder:
        return saved(trained(kind), Path(folder))


def documents_of(*texts: str) -> Corpus:
    documents = tuple(Document(f"d{index}", text) for index, text in enumerate(texts))
    return Corpus(documents, corpus_digest(documents))


def samples_of(data: Any, corpus: Corpus, table: TokenTable) -> list[tuple[str, int, int]]:
    """Return (text, first character, one past the last) of every sample; a document is one sequence."""
    texts = {document.name: document.text for document in corpus.documents}
    found = []
    for sequence, position in zip(data.sample_sequences, data.sample_positions, strict=True):
        start, end = data.sequence_starts[sequence : sequence + 2]
        ids = data.token_ids[start:end]
        text = texts[data.documents[data.sequence_documents[sequence]]]
        assert tuple(ids[: len(table.front)]) == table.front
        assert tuple(ids[len(ids) - len(table.back) :]) == table.back
        encoding = table.tokenizer.encode(text)  # with special tokens
        assert encoding.ids == ids.tolist()
        found.append((text, *encoding.offsets[position]))
    return found


TEXTS = tuple(f"{word} {PROSE}" for word in ("Alpha", "beta", "Gamma 7", "délta", "EPSILON", "zeta"))
SIZES: dict[str, Any] = {"n_sequences": 6, "ctx_len": 256, "n_samples": 400, "min_positives": 10}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tokenizer")
    tokenizer = trained("wordpiece")
    tokenizer.post_processor = template(tokenizer, "[CLS] $A [SEP]")
    saved(tokenizer, place)
    return place


def test_text_features_are_those_of_the_text_and_not_of_the_vocabulary(folder: Path) -> None:
    corpus, table = documents_of(*TEXTS), load_tokens(folder)
    data = build_dataset(DatasetSpec("t", "text_features", **SIZES), folder, corpus)
    for (text, start, end), row in zip(samples_of(data, corpus, table), data.labels, strict=True):
        assert tuple(row) == text_features(text[start:end].encode())
    counts = dict(zip(TEXT_FEATURES, data.labels.sum(axis=0), strict=True))
    assert counts["leading_capital"] > 10
    assert counts["is_not_ascii"] > 0
    assert counts["has_leading_space"] == 0
    places = data.sequence_starts[data.sample_sequences] + data.sample_positions
    assert not table.special[data.token_ids[places]].any()
    assert "[UNK]" in [table.tokenizer.id_to_token(index) for index in data.token_ids]


def test_labels_of_patterns_and_words_go_by_places(folder: Path) -> None:
    corpus, table = documents_of(*TEXTS), load_tokens(folder)
    regex = RegexOptions((SpanPattern("number", "[0-9.]{2,}"), SpanPattern("capital word", "[A-Z][a-zé]+")))
    data = build_dataset(DatasetSpec("r", "regex", options=regex, **SIZES), folder, corpus)
    for (text, start, end), row in zip(samples_of(data, corpus, table), data.labels, strict=True):
        for column, pattern in enumerate(("[0-9.]{2,}", "[A-Z][a-zé]+")):
            inside = any(match.start() < end and start < match.end() for match in re.finditer(pattern, text))
            assert row[column] == inside
    words = TokenOptions(
        (
            TokenPredicate("the", words=("The",)),
            TokenPredicate("any the", words=("the", "zyx"), ignore_case=True),
            TokenPredicate("caps", regex="^[A-Z]"),
        )
    )
    data = build_dataset(DatasetSpec("w", "tokens", options=words, **SIZES), folder, corpus)
    for (text, start, end), row in zip(samples_of(data, corpus, table), data.labels, strict=True):
        own = text[start:end]
        assert row.tolist() == [own == "The", own.lower() == "the", own[:1].isascii() and own[:1].isupper()]
    assert data.provenance["words_without_entry"] == {"any the": ["zyx"]}


def test_python_is_labelled_although_white_space_is_dropped(folder: Path) -> None:
    source = 'def total(price):\n    """Add it up."""\n    return price * 3.50  # the price\n\n'
    table = load_tokens(folder)
    labels = python_labels(table.pieces(source, table.encode(source)))
    assert labels is not None
    offsets = table.offsets(source)
    for name, span in {
        "is_function_name": (4, 9),
        "is_docstring": (22, 38),
        "is_number": (58, 62),
        "is_comment": (64, 75),
    }.items():
        inside = (offsets[:, 0] < span[1]) & (offsets[:, 1] > span[0])
        assert inside.any()
        assert np.array_equal(labels[:, PYTHON_FEATURES.index(name)], inside), name


def test_windows_leave_room_for_both(folder: Path) -> None:
    corpus, table = documents_of(*(text * 3 for text in TEXTS)), load_tokens(folder)
    sizes = SIZES | {"ctx_len": 40, "n_sequences": 12, "n_samples": 200}
    data = build_dataset(DatasetSpec("t", "text_features", **sizes), folder, corpus)
    lengths = np.diff(data.sequence_starts)
    assert lengths.max() == 40
    assert np.all(data.token_ids[data.sequence_starts[:-1]] == table.front[0])
    assert np.all(data.token_ids[data.sequence_starts[1:] - 1] == table.back[0])
    assert data.sample_positions.min() >= 1
    assert np.all(data.sample_positions < lengths[data.sample_sequences] - 1)
    with pytest.raises(InputError, match=r"ctx_len: 9 leaves 7 tokens of text beside the 2 .* at least 10"):
        build_dataset(DatasetSpec("t", "text_features", **SIZES | {"ctx_len": 9}), folder, corpus)


def test_names_end_the_text_and_the_separator_follows(folder: Path, tmp_path: Path) -> None:
    people = ["Ann 漢字", "Mary Río", "Paul Ray", "Ann Pan", "Tom Told", "Eva Hell", "Dan Bank"]
    listed = "\n".join(f"{name},{'ab'[index % 2]}" for index, name in enumerate(people))
    (tmp_path / "people.csv").write_text(f"name,label\n{listed}\n", encoding="utf-8")
    options = EntityOptions(str(tmp_path / "people.csv"))
    table = load_tokens(folder)
    data = build_dataset(DatasetSpec("e", "entities", options=options, n_samples=40), folder)
    ends = data.sequence_starts[1:]
    assert np.all(data.token_ids[data.sequence_starts[:-1]] == table.front[0])
    assert np.all(data.token_ids[ends - 1] == table.back[0])
    assert np.array_equal(data.sample_positions, np.diff(data.sequence_starts) - 2)
    spelled = set()
    for end, length in zip(ends.tolist(), data.sample_lengths.tolist(), strict=True):
        entries = [table.tokenizer.id_to_token(token) for token in data.token_ids[end - 1 - length : end - 1]]
        spelled.add("".join(entry.removeprefix("##") for entry in entries))
    assert spelled == {dropped(name.split()[1]) for name in people[1:]}  # [UNK] is no sample
    assert data.provenance["surnames_not_written"] == 4


def test_a_surname_is_counted_by_its_place(folder: Path) -> None:
    table = load_tokens(folder)
    for text, surname in (("Ann Río", "Río"), ("O'Hara", "O'Hara"), ("Ann  van-Dyk", "van-Dyk")):
        ids, count = surname_tokens(table, text, surname)
        assert ids == table.encode(text)
        own = b"".join(table.own_texts(text, ids)[-count:]).decode()
        assert own == surname.replace(" ", "")


def test_words_that_the_vocabulary_cannot_write_are_no_directions(folder: Path) -> None:
    table = load_tokens(folder)
    spec = DatasetSpec("l", "token_list", options=TokenListOptions(("price", "Paid"), several_tokens="mean"))
    assert list_tokens(spec, table) == tuple(tuple(table.encode(word)) for word in ("price", "paid"))
    spec = DatasetSpec("l", "token_list", options=TokenListOptions(("price", "漢字"), several_tokens="mean"))
    with pytest.raises(InputError, match="words: '漢字' cannot be written with this tokenizer's vocabulary"):
        list_tokens(spec, table)
