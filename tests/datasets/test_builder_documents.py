from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superpos.datasets.build import build_dataset
from superpos.datasets.builders.documents import DocumentOptions
from superpos.datasets.sequences import document_order
from superpos.datasets.sources import Corpus, Document, corpus_digest, load_corpus
from superpos.datasets.tokens import load_tokens
from superpos.errors import ArgumentError, InputError
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec, DatasetSpec

pytestmark = pytest.mark.stdlib

SIZES: dict[str, Any] = {"n_sequences": 60, "ctx_len": 64, "n_samples": 600, "min_positives": 60}


def labelled(pairs: list[tuple[str, str, str]]) -> Corpus:
    documents = tuple(Document(name, text, label) for name, text, label in pairs)
    return Corpus(documents, corpus_digest(documents))


def spec_of(options: DocumentOptions | None = None, **changes: Any) -> DatasetSpec:
    return DatasetSpec("d", "documents", options=options or DocumentOptions(), **{**SIZES, **changes})


@pytest.fixture(scope="module")
def by_folder(corpus: Corpus) -> Corpus:
    """The standard library's files, labelled by what their path says."""
    return labelled(
        [
            (document.name, document.text, document.name.split("/")[0] if "/" in document.name else "top")
            for document in corpus.documents
        ]
    )


def checked(data: LabelledTokens, read: Corpus, path: Path, skip: int) -> None:
    """Check 200 random samples against the text around them, found in documents by plain search."""
    table = load_tokens(path)
    lead = int(table.bos_id >= 0)
    texts = {label: [d.text for d in read.documents if d.label == label] for label in data.feature_names}
    names = {document.name: document for document in read.documents}
    draw = np.random.default_rng(3)
    for sample in draw.permutation(len(data.labels))[:200]:
        sequence = data.sample_sequences[sample]
        start, end = data.sequence_starts[sequence : sequence + 2]
        assert data.sample_positions[sample] >= skip + lead
        spelled = b"".join(table.token_bytes[index] for index in data.token_ids[start + lead : end])
        owners = [
            label for label in data.feature_names if any(spelled in text.encode() for text in texts[label])
        ]
        document = names[data.documents[data.sequence_documents[sequence]]]
        assert spelled in document.text.encode()
        assert document.label in owners
        positive = [name for name, on in zip(data.feature_names, data.labels[sample], strict=True) if on]
        assert positive == [document.label]


def test_labels_of_the_standard_library(by_folder: Corpus) -> None:
    counts = Counter(document.label for document in by_folder.documents)
    data = build_dataset(spec_of(), bundled_model("nano"), by_folder)
    assert data.feature_names == tuple(sorted(name for name, count in counts.items() if count >= 10))
    checked(data, by_folder, bundled_model("nano"), 8)
    assert data.provenance["documents_of_class"] == {name: counts[name] for name in data.feature_names}
    others = sum(count for count in counts.values() if count < 10)
    assert data.provenance["documents_of_other_labels"] == others
    assert data.labels.sum(axis=0).min() >= 60


def test_programming_languages_with_pythia(pythia_tokenizer: Path, shared_text: Path) -> None:
    where = CorpusSpec.from_text(str(shared_text / "code_files.jsonl"), label_key="lang")
    read = load_corpus(where)
    short = labelled([(d.name, d.text[:4000], d.label) for d in read.documents])
    options = DocumentOptions(classes=("sql", "go", "python", "cpp"), skip_tokens=4)
    data = build_dataset(spec_of(options), pythia_tokenizer, short)
    assert data.feature_names == ("sql", "go", "python", "cpp")
    checked(data, short, pythia_tokenizer, 4)
    # Nine C++ files among 488: classes take turns, so each has a similar number of sequences.
    sequences = [len(set(data.sample_sequences[data.labels[:, column]].tolist())) for column in range(4)]
    assert min(sequences) >= 12, sequences
    assert data.labels.sum(axis=1).tolist() == [1] * 600


def test_a_class_of_five_documents_in_five_thousand() -> None:
    draw = np.random.default_rng(0)
    words = ["red", "green", "blue", "small", "large", "house", "tree", "stone", "river", "cloud"]
    pairs = [
        (
            str(index),
            " ".join(draw.choice(words, size=90)) + f" {index}",
            "rare" if index in rare else "common",
        )
        for rare in [{17, 1200, 2222, 3456, 4999}]
        for index in range(5000)
    ]
    read = labelled(pairs)
    options = DocumentOptions(classes=("common", "rare"))
    data = build_dataset(spec_of(options, n_sequences=100, n_samples=1000, min_positives=100), NANO, read)
    rare_names = {"17", "1200", "2222", "3456", "4999"}
    assert rare_names <= set(data.documents)
    positives = data.labels[:, 1]
    assert positives.sum() >= 100
    documents = np.array(data.documents)[data.sequence_documents[data.sample_sequences]]
    assert set(documents[positives].tolist()) == rare_names
    # The others are read no further than needed.
    assert data.provenance["documents_read"] < 200


NANO = bundled_model("nano")


def test_labels_of_just_enough_documents_are_classes() -> None:
    text = "some words of a document that goes on for a while and ends with a number: "
    counts = {"many": 12, "enough": 4, "few": 3}
    read = labelled(
        [(f"{name}{i}", text * 3 + str(i), name) for name, count in counts.items() for i in range(count)]
    )
    spec = spec_of(DocumentOptions(min_documents=4), n_sequences=16, n_samples=200, min_positives=10)
    data = build_dataset(spec, NANO, read)
    assert data.feature_names == ("enough", "many")
    assert data.provenance["documents_of_other_labels"] == 3
    assert not any(name.startswith("few") for name in data.documents)


def test_unlabelled_documents_are_not_read(by_folder: Corpus) -> None:
    read = labelled(
        [
            (d.name, d.text, "" if d.label == "top" and i % 2 else d.label)
            for i, d in enumerate(by_folder.documents)
        ]
    )
    data = build_dataset(spec_of(DocumentOptions(min_documents=5)), NANO, read)
    labels = {document.name: document.label for document in read.documents}
    assert all(labels[name] for name in data.documents)
    assert "" not in data.feature_names
    assert data.provenance["documents_not_labelled"] == 0


def test_order_of_strata() -> None:
    strata = np.array([0] * 40 + [1] * 5 + [-1] * 10 + [2] * 20)
    order = document_order(75, strata, np.random.default_rng(0))
    assert sorted(order.tolist()) == [*range(45), *range(55, 75)]
    turns = strata[order].tolist()
    assert all(set(turns[3 * turn : 3 * turn + 3]) == {0, 1, 2} for turn in range(5))
    assert all(set(turns[15 + 2 * turn : 17 + 2 * turn]) == {0, 2} for turn in range(15))
    assert turns[45:] == [0] * 20
    again = document_order(75, strata, np.random.default_rng(0))
    assert again.tolist() == order.tolist()
    assert document_order(75, None, np.random.default_rng(1)).tolist() == (
        np.random.default_rng(1).permutation(75).tolist()
    )


def test_refusals(corpus: Corpus, by_folder: Corpus) -> None:
    with pytest.raises(InputError, match=r"stdlib: no document has a label.*label_key.*'folder'"):
        build_dataset(spec_of(), NANO, corpus)
    with pytest.raises(
        InputError, match=r"no document has the label 'asyncioo'; allowed: .*did you mean 'asyncio'"
    ):
        build_dataset(spec_of(DocumentOptions(classes=("asyncioo", "top"))), NANO, by_folder)
    with pytest.raises(
        InputError, match=r"min_documents: 1 of .* labels have 50 documents.*the largest: \w+ \d+, "
    ):
        build_dataset(spec_of(DocumentOptions(min_documents=50)), NANO, by_folder)
    with pytest.raises(ArgumentError, match="skip_tokens: 63 leaves none of the 63 tokens"):
        build_dataset(spec_of(DocumentOptions(skip_tokens=63)), NANO, by_folder)
