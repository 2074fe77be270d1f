from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superpos.datasets.build import build_dataset
from superpos.datasets.builders.tokens import TokenOptions, TokenPredicate, predicate_table, text_labels
from superpos.datasets.sources import Corpus, load_corpus
from superpos.datasets.spelling import byte_alphabet
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError
from superpos.kinds.builders import NoOptions
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec, DatasetSpec

pytestmark = pytest.mark.stdlib

FEATURES = (
    TokenPredicate("article", words=("the", "a", "an")),
    TokenPredicate("self", words=("self", "None", "antidisestablishment"), ignore_case=True),
    TokenPredicate("vowel_first", regex=r"^ ?[aeiou]"),
    TokenPredicate("line_break", regex=r"\n"),
    TokenPredicate("three_letters", regex=r"^ ?[a-z]{3}$", ignore_case=True),
    TokenPredicate("brackets", regex=r"[()\[\]{}]"),
)
SIZES: dict[str, Any] = {"n_sequences": 60, "ctx_len": 64, "n_samples": 600, "min_positives": 15}
WORD = frozenset(string.ascii_letters)


def plain(s: str) -> tuple[bool, ...]:
    """The features of a token's text without `re` and without the builder."""
    bare = s[1:] if s[:1] == " " else s
    return (
        bare in ("the", "a", "an"),
        bare.lower() in ("self", "none"),
        bare[:1] in tuple("aeiou"),
        any(character == "\n" for character in s),
        # `$` also matches before one line break at the end.
        len(bare.removesuffix("\n")) == 3 and set(bare.removesuffix("\n")) <= WORD,
        bool(set(s) & set("()[]{}")),
    )


def vocabulary_texts(table: TokenTable) -> dict[int, str]:
    """What each entry spells, from the tokenizer's own vocabulary; None where it is no text."""
    alphabet, found = byte_alphabet(), {}
    for entry, index in table.tokenizer.get_vocab(with_added_tokens=False).items():
        try:
            found[index] = bytes(alphabet[character] for character in entry).decode("utf-8")
        except UnicodeDecodeError:
            continue
    return found


def checked(data: LabelledTokens, table: TokenTable) -> int:
    """Check 200 random samples; return how many were text."""
    texts = vocabulary_texts(table)
    draw, count = np.random.default_rng(5), 0
    for sample in draw.permutation(len(data.labels))[:200]:
        start = data.sequence_starts[data.sample_sequences[sample]]
        index = int(data.token_ids[start + data.sample_positions[sample]])
        if index in texts:
            count += 1
            assert tuple(data.labels[sample].tolist()) == plain(texts[index]), texts[index]
    return count


def test_labels_of_the_standard_library(corpus: Corpus, table: TokenTable) -> None:
    spec = DatasetSpec("t", "tokens", options=TokenOptions(FEATURES), **SIZES)
    data = build_dataset(spec, bundled_model("nano"), corpus)
    assert data.feature_names == tuple(feature.name for feature in FEATURES)
    assert checked(data, table) > 190
    assert data.labels.sum(axis=0).min() >= 15
    assert data.provenance["words_without_entry"] == {"self": ["antidisestablishment"]}
    counts = np.array([plain(text) for text in vocabulary_texts(table).values()]).sum(axis=0)
    assert list(data.provenance["vocabulary_entries"].values()) == counts.tolist()


def test_labels_of_stories_with_pythia(
    pythia_tokenizer: Path, pythia_table: TokenTable, shared_text: Path
) -> None:
    read = load_corpus(CorpusSpec.from_text(str(shared_text / "wikitext2-valid.txt")))
    sizes = {**SIZES, "n_sequences": 120, "min_positives": 2}
    spec = DatasetSpec("t", "tokens", options=TokenOptions(FEATURES), **sizes)
    data = build_dataset(spec, pythia_tokenizer, read)
    assert checked(data, pythia_table) > 190
    assert data.labels[:, 0].sum() > 20


def test_every_entry_of_the_vocabulary(table: TokenTable) -> None:
    found = predicate_table(FEATURES, table)
    for index, text in vocabulary_texts(table).items():
        if not table.special[index]:
            assert tuple(found[index].tolist()) == plain(text), text
    assert not found[table.special].any()


def test_special_tokens_have_no_features(table: TokenTable) -> None:
    features = (TokenPredicate("end", regex="endoftext"), TokenPredicate("any", regex=r"(?s:.)"))
    found = predicate_table(features, table)
    assert found[table.bos_id].tolist() == [False, False]
    assert found[:, 1].sum() == len(table.token_bytes) - 1


def test_pieces_of_characters_are_unknown_characters(table: TokenTable) -> None:
    piece = next(
        index
        for index, token in enumerate(table.token_bytes)
        if len(token) == 1 and token[0] > 127 and not table.special[index]
    )
    features = (TokenPredicate("word", regex=r"\w"), TokenPredicate("other", regex=r"[^\w\s]"))
    assert predicate_table(features, table)[piece].tolist() == [False, True]


def test_words_with_a_space_of_their_own_and_case(table: TokenTable) -> None:
    features = (
        TokenPredicate("spaced", words=(" the",)),
        TokenPredicate("plain", words=("the",)),
        TokenPredicate("folded", words=("THE",), ignore_case=True),
    )
    found = predicate_table(features, table)
    spelled = [
        {table.token_bytes[index] for index in np.flatnonzero(found[:, column])} for column in range(3)
    ]
    assert spelled[0] == {b" the"}
    assert spelled[1] == {b" the", b"the"}
    assert {b" the", b"the", b"The", b" The"} <= spelled[2]
    assert all(item.strip().lower() == b"the" for item in spelled[2])


def test_predicates_are_asked_once_an_entry(
    corpus: Corpus, table: TokenTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counting(feature: TokenPredicate) -> Callable[[str], bool]:
        def holds(text: str) -> bool:
            asked.append(text)
            return text.startswith(feature.name)

        return holds

    monkeypatch.setattr("superpos.datasets.builders.tokens.predicate", counting)
    features = (TokenPredicate("a", regex="a"), TokenPredicate("b", regex="b"))
    labels = text_labels(DatasetSpec("t", "tokens", options=TokenOptions(features), **SIZES), table, corpus)
    assert len(asked) == 2 * len(table.token_bytes)
    for document in corpus.documents[:5]:
        labels.labeller(document, table.encode(document.text))
    assert len(asked) == 2 * len(table.token_bytes)


def test_options_of_another_builder(corpus: Corpus, table: TokenTable) -> None:
    spec = DatasetSpec("t", "text_features", options=NoOptions(), **SIZES)
    with pytest.raises(ArgumentError, match="options: NoOptions is not what builder tokens is told"):
        text_labels(spec, table, corpus)
