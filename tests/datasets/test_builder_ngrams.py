from __future__ import annotations

import dataclasses
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.datasets.artifacts import content_digest
from superpos.datasets.build import build_dataset
from superpos.datasets.builders.ngrams import NgramOptions, scan_corpus
from superpos.datasets.phrases import Phrase
from superpos.datasets.sources import Corpus, Document, corpus_digest, load_corpus
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec, DatasetSpec

pytestmark = pytest.mark.stdlib

NANO = bundled_model("nano")
LIBRARY = ("return value", "default value", "event loop", "if the", "such as", "is not None")
WIKI = ("united states", "new york", "world war", "such as", "at least", "end of", "one of the")
SIZES: dict[str, Any] = {"n_sequences": 500, "ctx_len": 64, "n_samples": 4000, "min_positives": 10}


@lru_cache(maxsize=512)
def words_of(text: str) -> list[tuple[str, int, int, str]]:
    """White-space separated pieces with their places and the white space before them, one by one."""
    found, place, gap = [], 0, ""
    while place < len(text):
        if text[place].isspace():
            gap += text[place]
            place += 1
            continue
        start = place
        while place < len(text) and not text[place].isspace():
            place += 1
        found.append((text[start:place], start, place, gap))
        gap = ""
    return found


def letter(character: str) -> bool:
    return character.isalnum() or character == "_"


def one_space(gap: str) -> bool:
    return gap != "" and gap.replace("\r\n", "\n").replace("\r", "\n").count("\n") <= 1


def occurrences_of(phrase: str, text: str, fold: bool = True) -> set[int]:
    """Where the phrase ends, by comparing white-space separated pieces."""
    wanted = phrase.lower().split() if fold else phrase.split()
    pieces, ends = words_of(text), set()
    for index in range(len(pieces) - len(wanted) + 1):
        if not (pieces[index + 1][0].lower() if fold else pieces[index + 1][0]).startswith(wanted[1]):
            continue
        run = pieces[index : index + len(wanted)]
        said = [piece.lower() if fold else piece for piece, *_ in run]
        head, tail = said[0].removesuffix(wanted[0]), said[-1].removeprefix(wanted[-1])
        if (
            said[0].endswith(wanted[0])
            and said[-1].startswith(wanted[-1])
            and said[1:-1] == wanted[1:-1]
            and not (head and letter(head[-1]))
            and not (tail and letter(tail[0]))
            and all(one_space(gap) for *_, gap in run[1:])
        ):
            ends.add(run[-1][1] + len(wanted[-1]))
    return ends


def foil_of(phrase: str, text: str, end: int) -> bool:
    """Whether the word that ends at `end` is a foil of the phrase."""
    wanted = phrase.lower().split()
    start = end
    while start > 0 and letter(text[start - 1]):
        start -= 1
    pieces = [piece.lower() for piece, _, last, _ in words_of(text[:start]) if last <= start]
    gap = text[len(text[:start].rstrip()) : start]
    if not pieces or not one_space(gap):
        return False
    after = text[start:end].lower() == wanted[-1] and letter(pieces[-1][-1])
    before = pieces[-1].endswith(wanted[-2]) and (len(wanted) == 2 or pieces[-2].endswith(wanted[-3]))
    return after or before


def checked(data: LabelledTokens, plain: Any) -> Counter[str]:
    """Check 200 random samples; count occurrences and foils."""
    kinds: Counter[str] = Counter()
    ends: dict[str, list[set[int]]] = {}
    for sample in plain.some(200):
        found = plain(sample)
        if found is None:
            continue
        text, _, last = found
        if text not in ends:
            ends[text] = [occurrences_of(phrase, text) for phrase in data.feature_names]
        labels = [last + 1 in places for places in ends[text]]
        assert data.labels[sample].tolist() == labels, text[max(0, last - 40) : last + 10]
        assert last + 1 == len(text) or not letter(text[last + 1])
        if any(labels):
            kinds["occurrence"] += 1
        else:
            assert any(
                foil_of(phrase, text[max(0, last - 200) :], min(last, 200) + 1)
                for phrase in data.feature_names
            )
            kinds["foil"] += 1
    return kinds


def spec_of(phrases: tuple[str, ...], **changes: Any) -> DatasetSpec:
    options = NgramOptions(
        phrases, **{key: changes.pop(key) for key in ("ignore_case", "negatives") if key in changes}
    )
    return DatasetSpec("n", "ngrams", options=options, **{**SIZES, **changes})


@pytest.fixture(scope="module")
def some_library(corpus: Corpus) -> Corpus:
    return Corpus(corpus.documents[:80], corpus_digest(corpus.documents[:80]))


@pytest.fixture(scope="module")
def library_set(some_library: Corpus) -> LabelledTokens:
    return build_dataset(spec_of(LIBRARY), NANO, some_library)


def test_labels_of_the_standard_library(
    library_set: LabelledTokens, some_library: Corpus, table: TokenTable, plain_samples: Any
) -> None:
    data = library_set
    kinds = checked(data, plain_samples(data, some_library, table, 63))
    assert kinds["occurrence"] > 30
    assert kinds["foil"] > 60
    expected = [
        sum(len(occurrences_of(phrase, d.text)) for d in some_library.documents) for phrase in LIBRARY
    ]
    assert list(data.provenance["occurrences"].values()) == expected
    assert min(expected) >= 5


def test_labels_of_wikipedia_with_pythia(
    pythia_tokenizer: Path, pythia_table: TokenTable, shared_text: Path, plain_samples: Any
) -> None:
    whole = load_corpus(CorpusSpec.from_text(str(shared_text / "wikitext2-valid.txt"))).documents[0].text
    documents = tuple(
        Document(str(place), whole[place : place + 20000]) for place in range(0, len(whole), 20000)
    )
    read = Corpus(documents, corpus_digest(documents))
    data = build_dataset(spec_of(WIKI, n_sequences=2000), pythia_tokenizer, read)
    kinds = checked(data, plain_samples(data, read, pythia_table, 63))
    assert kinds["occurrence"] > 40
    assert kinds["foil"] > 70
    expected = [sum(len(occurrences_of(phrase, d.text)) for d in documents) for phrase in WIKI]
    assert list(data.provenance["occurrences"].values()) == expected
    # Every sample of the corpus is there but for those that were cut.
    lost = data.provenance["samples_lost"]
    assert lost["within_a_token"] == 0
    assert data.labels.sum() >= 0.9 * sum(expected)
    # Two foils for each occurrence, of either kind alike where there are enough of both.
    foils = [data.provenance[key]["such as"] for key in ("foils_after", "foils_before")]
    assert foils == [data.provenance["occurrences"]["such as"]] * 2
    york = [data.provenance[key]["new york"] for key in ("foils_after", "foils_before")]
    assert sum(york) == 2 * data.provenance["occurrences"]["new york"]


def test_the_last_token_of_the_last_word_is_sampled() -> None:
    text = "One high school. A low school, a high tower. The high\n  school's schools; high\n\nschool "
    text += "high schools."
    documents = tuple(Document(str(index), f"{index} sides. " + text) for index in range(12))
    read = Corpus(documents, corpus_digest(documents))
    phrases = ("high school", "low tower")
    data = build_dataset(spec_of(phrases, negatives=40), NANO, read)
    assert data.provenance["occurrences"] == {"high school": 24, "low tower": 0}
    # After: "low school". Before: "high tower", "high schools".
    assert data.provenance["foils_after"] == {"high school": 12, "low tower": 0}
    assert data.provenance["foils_before"] == {"high school": 24, "low tower": 0}
    assert data.labels[:, 0].sum() == 24
    assert len(data.labels) == 60


def test_choice_of_foils_is_deterministic_and_even(table: TokenTable) -> None:
    documents = tuple(
        Document(
            str(index),
            f"The red house {index}, blue house, green house. A red car, red tree, red book {index}.",
        )
        for index in range(50)
    )
    read = Corpus(documents, corpus_digest(documents))
    phrases = ("red house", "blue car")
    first = scan_corpus(NgramOptions(phrases, negatives=2), read, table, 0)
    assert (first.occurrences[0], first.foils_after[0], first.foils_before[0]) == (50, 50, 50)
    again = scan_corpus(NgramOptions(phrases, negatives=2), read, table, 0)
    other = scan_corpus(NgramOptions(phrases, negatives=2), read, table, 1)
    places = [
        {index: sorted(item.starts) for index, item in scan.samples.items()} for scan in (first, again, other)
    ]
    assert places[0] == places[1] != places[2]
    odd = scan_corpus(NgramOptions(phrases, negatives=1), read, table, 0)
    assert (odd.foils_after[0], odd.foils_before[0]) == (25, 25)
    few = scan_corpus(NgramOptions(phrases, negatives=5), read, table, 0)
    assert (few.foils_after[0], few.foils_before[0]) == (100, 150)
    all_there_are = scan_corpus(NgramOptions(phrases, negatives=9), read, table, 0)
    assert (all_there_are.foils_after[0], all_there_are.foils_before[0]) == (100, 150)


def test_foils_of_the_other_kind_where_one_is_scarce(table: TokenTable) -> None:
    documents = (Document("a", "new york " * 10 + "old york, " * 30 + "new car, " * 4),)
    read = Corpus(documents, corpus_digest(documents))
    found = scan_corpus(NgramOptions(("new york", "x y"), negatives=2), read, table, 0)
    assert (found.occurrences[0], found.foils_before[0], found.foils_after[0]) == (10, 4, 16)


def test_a_sample_needs_the_longest_phrase_that_ends_there(table: TokenTable) -> None:
    documents = (Document("a", "out of one of the house"),)
    read = Corpus(documents, corpus_digest(documents))
    for phrases in (("one of the", "of the"), ("of the", "one of the")):
        found = scan_corpus(NgramOptions(phrases), read, table, 0)
        [sampled] = found.samples.values()
        end = documents[0].text.index(" house")
        assert sampled.starts[end] == documents[0].text.index("one")
        assert sampled.phrases[end] == {0, 1}


def test_samples_of_a_cut_phrase_are_lost_and_counted(table: TokenTable) -> None:
    # A phrase at every place of a chunk: some are cut by its end.
    documents = tuple(
        Document(str(index), "x " * index + "high school " * 60 + f"high tower {index}")
        for index in range(20)
    )
    read = Corpus(documents, corpus_digest(documents))
    data = build_dataset(spec_of(("high school", "low tower"), ctx_len=16), NANO, read)
    assert data.provenance["samples_lost"]["cut"] > 0
    starts, ends = data.sequence_starts[:-1], data.sequence_starts[1:]
    for sample in np.flatnonzero(data.labels[:, 0]):
        sequence = data.sample_sequences[sample]
        ids = data.token_ids[starts[sequence] + 1 : ends[sequence]][: data.sample_positions[sample]]
        spelled = b"".join(table.token_bytes[index] for index in ids)
        assert spelled.endswith(b"high school")


def test_samples_are_of_all_phrases_and_the_seed_decides(
    library_set: LabelledTokens, some_library: Corpus
) -> None:
    assert library_set.members.all()
    again = build_dataset(spec_of(LIBRARY), NANO, some_library)
    assert content_digest(again) == content_digest(library_set)
    other = build_dataset(dataclasses.replace(spec_of(LIBRARY), seed=1), NANO, some_library)
    assert content_digest(other) != content_digest(library_set)


@pytest.mark.parametrize(
    ("text", "fold", "expected"),
    [
        ("bye bye bye", True, ["bye bye", "bye bye"]),
        ("Bye  BYE", True, ["Bye  BYE"]),
        ("Bye bye", False, []),
        ("bye\nbye", False, ["bye\nbye"]),
        ("bye \r\n bye", False, ["bye \r\n bye"]),
        ("bye\n\nbye", False, []),
        ("goodbye bye byes", False, []),
        ("(bye bye)", False, ["bye bye"]),
        ("bye-bye bye", False, ["bye bye"]),
        ("\u0130 bye bye", True, ["bye bye"]),
    ],
)
def test_occurrences(text: str, fold: bool, expected: list[str]) -> None:
    spans = Phrase("bye bye", fold).spans(text)
    assert [text[start:end] for start, end in spans.occurrences] == expected
    assert {end for _, end in spans.occurrences} == occurrences_of("bye bye", text, fold)


def test_other_case_is_neither_occurrence_nor_foil() -> None:
    spans = Phrase("new york", ignore_case=False).spans("New york, NEW YORK, new york, old york, new car")
    assert len(spans.occurrences) == 1
    text = "New york, NEW YORK, new york, old york, new car"
    assert [text[slice(*span)] for span in spans.after] == ["old york"]
    assert [text[slice(*span)] for span in spans.before] == ["new car"]


def test_three_words() -> None:
    text = "one of the, two of the, of the, one of a, one on the, out one of them"
    spans = Phrase("one of the").spans(text)
    assert [text[slice(*span)] for span in spans.occurrences] == ["one of the"]
    assert [text[slice(*span)] for span in spans.after] == ["of the", "of the", "on the"]
    assert [text[slice(*span)] for span in spans.before] == ["one of a", "one of them"]


WORDS = st.lists(
    st.sampled_from(["a", "b", "A", "ab", "a,", "(b", " ", "  ", "\n", "\n\n", " \n ", "\t", "-", "\u00e9"]),
    max_size=25,
).map("".join)


@given(text=WORDS, fold=st.booleans(), phrase=st.sampled_from(["a b", "a a", "b ab", "a b a", "\u00e9 a"]))
@settings(max_examples=300, deadline=None)
def test_occurrences_of_any_text(text: str, fold: bool, phrase: str) -> None:
    spans = Phrase(phrase, fold).spans(text)
    ends = {end for _, end in spans.occurrences}
    assert ends == occurrences_of(phrase, text, fold)
    alike = occurrences_of(phrase, text, True)
    assert not alike & {end for _, end in spans.after}
    for start, end in spans.after + spans.before:
        assert len(text[start:end].split()) in (2, len(phrase.split()))
        assert start == 0 or not letter(text[start - 1])
        assert end == len(text) or not letter(text[end])


def test_phrases_that_do_not_occur(corpus: Corpus) -> None:
    with pytest.raises(InputError, match="stdlib: phrases: none of the 2 phrases occurs in the corpus"):
        build_dataset(spec_of(("zebra crossing", "purple haze")), NANO, corpus)
