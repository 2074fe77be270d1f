from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from superpos.datasets.artifacts import content_digest
from superpos.datasets.build import build_dataset, dataset_identity
from superpos.datasets.sampling import capped_counts, choose_positions
from superpos.datasets.sequences import BATCH_CHARACTERS, BATCH_DOCUMENTS, encoded
from superpos.datasets.sources import Corpus, Document, corpus_digest
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError
from superpos.hashing import canonical_json, file_digest
from superpos.models import BUNDLED, bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec, DatasetSpec

pytestmark = pytest.mark.stdlib

SPEC = DatasetSpec("text", "text_features", n_sequences=60, ctx_len=64, n_samples=600, min_positives=10)


def test_shape_of_a_set(text_set: LabelledTokens, syntax_set: LabelledTokens, table: TokenTable) -> None:
    for data in (text_set, syntax_set):
        assert len(data.sequence_starts) == 61
        lengths = np.diff(data.sequence_starts)
        assert lengths.max() == 64
        assert lengths.min() >= 9
        assert np.all(data.token_ids[data.sequence_starts[:-1]] == table.bos_id)
        assert np.sum(data.token_ids == table.bos_id) == 60
        order = list(zip(data.sample_sequences.tolist(), data.sample_positions.tolist(), strict=True))
        assert order == sorted(set(order))
        assert len(order) == 600 == len(data.labels)
        assert data.sample_positions.min() >= 1
        assert np.all(data.sample_positions < lengths[data.sample_sequences])
        assert data.labels.dtype == np.bool_
        assert len(set(data.documents)) == len(data.documents) == data.provenance["documents_used"]
        assert set(data.sequence_documents.tolist()) == set(range(len(data.documents)))
        assert np.bincount(data.sequence_documents).max() <= 3
        json.dumps(data.provenance)


def test_sequences_are_text_of_their_document(
    text_set: LabelledTokens, corpus: Corpus, table: TokenTable
) -> None:
    texts = {document.name: document.text.encode("utf-8") for document in corpus.documents}
    for sequence in range(60):
        start, end = text_set.sequence_starts[sequence : sequence + 2]
        spelled = b"".join(table.token_bytes[index] for index in text_set.token_ids[start + 1 : end])
        assert spelled in texts[text_set.documents[text_set.sequence_documents[sequence]]]


def test_every_feature_has_its_positives(text_set: LabelledTokens, syntax_set: LabelledTokens) -> None:
    for data in (text_set, syntax_set):
        in_text = data.provenance["positives_in_sequences"]
        for name, positives in zip(data.feature_names, data.labels.sum(axis=0), strict=True):
            assert positives >= min(10, in_text[name])
    assert in_text["is_class_name"] >= 10


def test_same_seed_same_content_and_another_another(corpus: Corpus, text_set: LabelledTokens) -> None:
    again = build_dataset(SPEC, bundled_model("nano"), corpus)
    assert content_digest(again) == content_digest(text_set)
    other = build_dataset(dataclasses.replace(SPEC, seed=1), bundled_model("nano"), corpus)
    assert content_digest(other) != content_digest(text_set)
    renamed = build_dataset(dataclasses.replace(SPEC, name="other"), bundled_model("nano"), corpus)
    assert content_digest(renamed) == content_digest(text_set)


def test_identity(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("Some text of no length. " * 4)
    corpus = CorpusSpec.from_text(str(path))
    spec = dataclasses.replace(SPEC, corpus=corpus)
    identity = dataset_identity(spec, bundled_model("nano"))
    assert identity["corpus_digest"] == corpus_digest([Document("text.txt", path.read_text())])
    assert identity["tokenizer_digest"] == file_digest(bundled_model("nano") / "tokenizer.json")
    text = canonical_json(identity)
    assert str(tmp_path) not in text
    # Name and place do not matter; content, seed and sizes do.
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "text.txt").write_bytes(path.read_bytes())
    elsewhere = dataclasses.replace(spec, name="b", corpus=CorpusSpec.from_text(str(moved / "text.txt")))
    assert canonical_json(dataset_identity(elsewhere, bundled_model("nano") / "tokenizer.json")) == text
    changed = [
        dataclasses.replace(spec, **change) for change in ({"seed": 3}, {"n_samples": 601}, {"ctx_len": 65})
    ]
    assert (
        len({text, *(canonical_json(dataset_identity(item, bundled_model("nano"))) for item in changed)}) == 4
    )
    path.write_text("Other text.")
    assert canonical_json(dataset_identity(spec, bundled_model("nano"))) != text


def test_prose_gives_text_features_and_single_documents_many_sequences(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text(
        "".join(f"Chapter {i}. The cat No {i * 7} sat on the MAT, café or not.\n" for i in range(400))
    )
    spec = DatasetSpec("book", "text_features", CorpusSpec.from_text(str(path)), 20, 32, 300, 5)
    data = build_dataset(spec, bundled_model("nano"))
    assert data.documents == ("book.txt",)
    chunks = [tuple(ids.tolist()) for ids in np.split(data.token_ids, data.sequence_starts[1:-1])]
    assert len(set(chunks)) == 20
    assert data.labels[:, data.feature_names.index("is_not_ascii")].sum() >= 5


def test_documents_that_are_no_python_are_left_out_and_counted() -> None:
    good = "\n".join(
        f"def f{i}(x):\n    '''doc {i}'''\n    return x.y({i})  # c\n\nclass C{i}: pass" for i in range(60)
    )
    documents = tuple(Document(f"{i}.py", good if i % 2 else "don't { " + good) for i in range(8))
    corpus = Corpus(documents, corpus_digest(documents))
    spec = DatasetSpec("p", "python_syntax", n_sequences=12, ctx_len=32, n_samples=200, min_positives=3)
    data = build_dataset(spec, bundled_model("nano"), corpus)
    assert data.provenance["documents_not_labelled"] >= 2
    assert all(int(name.split(".")[0]) % 2 for name in data.documents)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n_sequences": 2000}, "sequences of up to 64 tokens"),
        ({"n_samples": 5000}, "5000 samples asked for"),
    ],
)
def test_too_small_a_corpus(corpus: Corpus, change: dict[str, int], says: str) -> None:
    few = Corpus(corpus.documents[:8], corpus_digest(corpus.documents[:8]))
    with pytest.raises(InputError, match="stdlib: corpus too small") as caught:
        build_dataset(dataclasses.replace(SPEC, **change), bundled_model("nano"), few)
    assert says in str(caught.value)


def test_rare_positions_are_topped_up_and_spread() -> None:
    sequences = np.repeat(np.arange(100), 50)
    labels = np.zeros((5000, 3), dtype=bool)
    labels[:, 0] = np.arange(5000) % 2 == 0
    labels[0:50, 1] = True
    labels[50:1000:50, 1] = True
    labels[:, 2] = True
    labels[[3, 77, 4000], 2] = False
    chosen = choose_positions(labels, sequences, 400, 20, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 400
    assert np.array_equal(chosen, np.sort(chosen))
    assert (~labels[chosen, 2]).sum() == 3
    assert labels[chosen, 1].sum() >= 20
    # 20 sequences have the feature, one of them fifty times: each gives one before any gives two.
    assert len(np.unique(sequences[chosen][labels[chosen, 1]])) == 20
    with pytest.raises(ArgumentError, match="n_samples"):
        choose_positions(labels, sequences, 5001, 20, np.random.default_rng(0))


@pytest.mark.parametrize("seed", range(6))
def test_positions_chosen_by_the_words_of_the_docstring(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, k, wanted = 300, 3, 25
    count = int(rng.integers(20, n if seed % 2 else 70))
    labels = rng.random((n, k)) < rng.uniform(0.02, 0.6, k)
    sequences = np.sort(rng.integers(0, 40, n))
    found = choose_positions(labels, sequences, count, wanted, np.random.default_rng(seed))
    wanted = min(wanted, count // k)
    # Position by position: from the sequence that has given fewest so far, the one drawn earliest.
    order = np.random.default_rng(seed).permutation(n).tolist()
    sides = [set(np.flatnonzero(labels[:, j])) for j in range(k)]
    sides += [set(range(n)) - side for side in sides]
    chosen: set[int] = set()
    for side in sorted(sides, key=len):
        given = [0] * 40
        for position in side & chosen:
            given[sequences[position]] += 1
        while len(side & chosen) < wanted and len(chosen) < count and side - chosen:
            rest = [position for position in order if position in side - chosen]
            position = min(rest, key=lambda position: given[sequences[position]])
            given[sequences[position]] += 1
            chosen.add(position)
    chosen |= set([position for position in order if position not in chosen][: count - len(chosen)])
    assert found.tolist() == sorted(chosen)


def test_documents_are_encoded_as_alone(corpus: Corpus, table: TokenTable) -> None:
    long = Document("long", "So much to say. " * (BATCH_CHARACTERS // 16 + 5))
    few = (*corpus.documents[: BATCH_DOCUMENTS + 3], long, Document("odd", "<|endoftext|> \x00\ud7ff é\r\n"))
    read = Corpus(few, corpus_digest(few))
    order = np.random.default_rng(0).permutation(len(few)).tolist()
    assert list(encoded(read, table, order)) == [(index, table.encode(few[index].text)) for index in order]


@pytest.mark.slow
def test_a_fifth_of_the_size_of_the_paper_in_a_fifth_of_its_time() -> None:
    """A minute on two cores is 120 seconds of the processor (benchmarks/feature_sets.py takes the whole)."""
    program = """
import time
from pathlib import Path
from superpos.datasets.build import build_dataset
from superpos.models import bundled_model
from superpos.specs.datasets import DatasetSpec
spec = DatasetSpec("text", "text_features", n_sequences=2_000, ctx_len=256, n_samples=2_000)
data = build_dataset(spec, bundled_model("nano"))
peak = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())["VmHWM"]
print(len(data.sequence_starts) - 1, len(data.labels), time.process_time(), int(peak.split()[0]) / 1024)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    n_sequences, n_samples, seconds, megabytes = map(float, ran.stdout.split())
    assert (n_sequences, n_samples) == (2_000, 2_000)
    assert seconds < 24
    assert megabytes < 2048


def test_capped_counts() -> None:
    labels = np.array([[True, False]] * 7)
    assert capped_counts(labels, 50).tolist() == [5, 0, 0, 5]
    assert capped_counts(labels, 5).tolist() == [1, 0, 0, 1]


def test_bundled_models() -> None:
    assert BUNDLED == ("nano",)
    with pytest.raises(InputError, match="'nan' is not bundled; allowed: nano"):
        bundled_model("nan")
