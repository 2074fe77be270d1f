"""What is said of a set: windows instead of documents, labels that are one in two spellings."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from superpos.datasets.build import build_dataset
from superpos.datasets.builders.conllu import ConlluOptions, WordProperty
from superpos.datasets.builders.directions import DirectionFileOptions
from superpos.datasets.builders.documents import DocumentOptions
from superpos.datasets.builders.entities import EntityOptions
from superpos.datasets.builders.sparse_probing import SparseProbingOptions
from superpos.datasets.builders.token_list import TokenListOptions
from superpos.datasets.groups import DOCUMENTS, EQUAL_ROWS, NAMES, NAMES_ONLY
from superpos.datasets.notes import foreseen, notes_of
from superpos.datasets.sources import load_corpus
from superpos.datasets.spellings import sense, spelled_alike
from superpos.datasets.summaries import summarise_imported, summarise_words
from superpos.models import bundled_model
from superpos.specs.datasets import CorpusSpec, DatasetSpec

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "1.0"), ("1", "01"), ("1e2", "100"), (COMPOSED, DECOMPOSED), ("a b", "a  b "), ("\uff11", "1")],
)
def test_one_sense(one: str, other: str) -> None:
    assert sense(one) == sense(other)
    assert spelled_alike([one, "z", other]) == [sorted([one, other])]


@pytest.mark.parametrize(
    ("one", "other"), [("C", "c"), ("1", "True"), ("nan", "inf"), ("a", "á"), ("1", "1.5")]
)
def test_two_senses(one: str, other: str) -> None:
    assert spelled_alike([one, other]) == []


def test_only_groups_with_a_class_in_use_are_said() -> None:
    labels = ["1", "1.0", "2", "2.0"]
    assert spelled_alike(labels, ["2"]) == [["2", "2.0"]]
    assert spelled_alike(labels, ["3"]) == []


def test_a_note_names_both_spellings() -> None:
    provenance = {"labels_alike": [["1", "1.0"], sorted([COMPOSED, DECOMPOSED])]}
    first, second = notes_of(provenance)
    assert first.startswith("'1' and '1.0' spell one number, but are kept apart")
    assert second.startswith(r"'cafe\u0301' and 'caf\xe9' spell one word, but are kept apart")
    assert notes_of({}) == ()


@pytest.mark.parametrize("rule", [NAMES_ONLY, EQUAL_ROWS])
def test_groups_that_may_part_a_document_are_said(rule: str) -> None:
    (note,) = notes_of({"groups": rule})
    assert note.startswith(f"groups of the split are {rule}; ")
    assert notes_of({"groups": NAMES}) == notes_of({"groups": DOCUMENTS}) == ()


@pytest.mark.parametrize(("count", "said"), [(1, "1 document,"), (9, "9 documents,"), (10, "")])
def test_few_documents_are_said_to_be_split_by_window(tmp_path: Path, count: int, said: str) -> None:
    for index in range(count):
        words = " ".join(f"w{index}x{place}" for place in range(600))
        (tmp_path / f"{index}.txt").write_text(words, encoding="utf-8")
    spec = DatasetSpec(
        "few", "text_features", CorpusSpec("text", str(tmp_path)), n_sequences=20, ctx_len=32, n_samples=100
    )
    data = build_dataset(spec, bundled_model("nano"))
    corpus = load_corpus(spec.corpus)
    assert notes_of(foreseen(spec, corpus)) == notes_of(data.provenance)
    notes = notes_of(data.provenance)
    expected = [f"sequences come from {said} fewer than 10, so the split is by window"] if said else []
    assert [note.partition(":")[0] for note in notes] == expected
    assert (len(np.unique(data.sequence_groups)) == count) == (not said)


def labels_alike(spec: DatasetSpec) -> Any:
    return build_dataset(spec, bundled_model("nano")).provenance["labels_alike"]


def test_labels_of_documents(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    labels = [*(12 * [1]), *(12 * [2]), *(3 * [1.0]), *(12 * [COMPOSED]), *(12 * [DECOMPOSED]), 7, 7.0]
    rows = [
        {"text": " ".join(f"w{index}x{place}" for place in range(200)), "label": label}
        for index, label in enumerate(labels)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    corpus = CorpusSpec("text", str(path), label_key="label")
    sizes: dict[str, Any] = {"n_sequences": 40, "ctx_len": 32, "n_samples": 200, "min_positives": 10}
    spec = DatasetSpec("d", "documents", corpus, options=DocumentOptions(), **sizes)
    words = sorted([COMPOSED, DECOMPOSED])
    assert labels_alike(spec) == [["1", "1.0"], words]
    asked = DatasetSpec("d", "documents", corpus, options=DocumentOptions(classes=("1", "2")), **sizes)
    assert labels_alike(asked) == [["1", "1.0"]]
    assert foreseen(asked, load_corpus(corpus))["labels_alike"] == [["1", "1.0"]]


def test_labels_of_entities(tmp_path: Path) -> None:
    rows = [f"Name{index} Surname{index},{label}" for index, label in enumerate(["1", "1.0", "2"] * 8)]
    (tmp_path / "names.csv").write_text("\n".join(["name,label", *rows]), encoding="utf-8")
    options = EntityOptions(str(tmp_path / "names.csv"), templates=("They met {name}",))
    assert labels_alike(DatasetSpec("e", "entities", options=options)) == [["1", "1.0"]]


def test_labels_of_an_imported_folder(tmp_path: Path) -> None:
    rows = [
        {"tokens": [5 + row, 6, 7, 8], "lang": label, "probe_indices": [1, 2]}
        for row, label in enumerate([COMPOSED, unicodedata.normalize("NFD", COMPOSED), "b"] * 8)
    ]
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "folder"))
    options = SparseProbingOptions(str(tmp_path / "folder"))
    assert labels_alike(DatasetSpec("s", "sparse_probing", options=options)) == [
        sorted([COMPOSED, DECOMPOSED])
    ]


def test_values_of_a_treebank(tmp_path: Path) -> None:
    words = [DECOMPOSED, "noir", COMPOSED, "une"]
    lines = [
        f"# newdoc id = d{index}\n"
        + "".join(
            f"{place}\t{word}\t{word}\t{'NOUN' if place % 2 else 'ADJ'}\t_\t_\t0\troot\t_\t_\n"
            for place, word in enumerate([*words, f"w{index}"], start=1)
        )
        for index in range(30)
    ]
    (tmp_path / "t.conllu").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = ConlluOptions((WordProperty("cafe", f"lemma={COMPOSED}"), WordProperty("noun", "upos=NOUN")))
    spec = DatasetSpec(
        "t",
        "conllu",
        CorpusSpec("text", str(tmp_path / "t.conllu")),
        n_sequences=20,
        ctx_len=16,
        n_samples=40,
        min_positives=5,
        options=options,
    )
    assert labels_alike(spec) == [[COMPOSED, DECOMPOSED]]


def test_names_of_imported_rows_and_words(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("1,0.5,1\n1.0,1,0.5\n", encoding="utf-8")
    options = DirectionFileOptions(str(tmp_path / "v.csv"), names=("1", "1.0"))
    spec = DatasetSpec("v", "directions", options=options)
    assert not notes_of({"labels_alike": []})
    (tmp_path / "v.csv").write_text("0.5,1\n1,0.5\n", encoding="utf-8")
    assert summarise_imported(spec).provenance["labels_alike"] == [["1", "1.0"]]
    words = DatasetSpec("w", "token_list", options=TokenListOptions(("1", "１", "2"), several_tokens="mean"))
    assert summarise_words(words, bundled_model("nano")).provenance["labels_alike"] == [["1", "１"]]
