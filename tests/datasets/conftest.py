"""Real text that several tests share: part of the standard library, and the bundled tokenizer."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest

from superpos.datasets.build import build_dataset
from superpos.datasets.sources import Corpus, load_corpus
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec, DatasetSpec

SMALL = {"n_sequences": 60, "ctx_len": 64, "n_samples": 600, "min_positives": 10}


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return load_corpus(CorpusSpec(max_documents=160))


@pytest.fixture(scope="session")
def table() -> TokenTable:
    return load_tokens(bundled_model("nano"))


@pytest.fixture(scope="session")
def text_set(corpus: Corpus) -> LabelledTokens:
    return build_dataset(DatasetSpec("text", "text_features", **SMALL), bundled_model("nano"), corpus)


@pytest.fixture(scope="session")
def syntax_set(corpus: Corpus) -> LabelledTokens:
    return build_dataset(DatasetSpec("syntax", "python_syntax", **SMALL), bundled_model("nano"), corpus)


@pytest.fixture(scope="session")
def pythia_tokenizer() -> Path:
    root = Path(os.environ.get("SUPERPOS_SHARED_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
    file = root / "pythia" / "20B_tokenizer.json"
    if not file.is_file():
        pytest.skip("the Pythia tokenizer is not here; set SUPERPOS_SHARED_DATA")
    return file


@pytest.fixture(scope="session")
def pythia_table(pythia_tokenizer: Path) -> TokenTable:
    return load_tokens(pythia_tokenizer)


@pytest.fixture(scope="session")
def shared_text() -> Path:
    root = Path(os.environ.get("SUPERPOS_SHARED_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
    if not (root / "text").is_dir():
        pytest.skip("the shared texts are not here; set SUPERPOS_SHARED_DATA")
    return root / "text"


@dataclass
class PlainSamples:
    """Where the samples of a set lie in their documents, byte by byte; shares no code with the builders."""

    data: LabelledTokens
    corpus: Corpus
    table: TokenTable
    length: int

    def __post_init__(self) -> None:
        self.texts = {document.name: document.text for document in self.corpus.documents}
        self.read: dict[str, tuple[list[int], list[int], list[int]]] = {}

    def _document(self, name: str) -> tuple[list[int], list[int], list[int]]:
        if name not in self.read:
            ids = self.table.encode(self.texts[name])
            ends = list(accumulate(len(self.table.token_bytes[index]) for index in ids))
            if type(self.table.tokenizer.normalizer).__name__ == "NFC":
                self.texts[name] = unicodedata.normalize("NFC", self.texts[name])
            of_byte = [
                place
                for place, character in enumerate(self.texts[name])
                for _ in range(len(character.encode("utf-8")))
            ]
            assert len(of_byte) == ends[-1]
            self.read[name] = ids, ends, of_byte
        return self.read[name]

    def __call__(self, sample: int) -> tuple[str, int, int] | None:
        """Return text, first character and last character of a sample; None if its place is not unique."""
        sequence = int(self.data.sample_sequences[sample])
        start, end = (int(edge) for edge in self.data.sequence_starts[sequence : sequence + 2])
        lead = int(self.data.token_ids[start] == self.table.bos_id)
        wanted = self.data.token_ids[start + lead : end].tolist()
        name = self.data.documents[int(self.data.sequence_documents[sequence])]
        ids, ends, of_byte = self._document(name)
        places = [
            place for place in range(0, len(ids), self.length) if ids[place : place + len(wanted)] == wanted
        ]
        assert places
        if len(places) > 1:
            return None
        token = places[0] + int(self.data.sample_positions[sample]) - lead
        first = ends[token] - len(self.table.token_bytes[ids[token]])
        return self.texts[name], of_byte[first], of_byte[ends[token] - 1]

    def some(self, count: int) -> list[int]:
        """Return random samples, the same ones in every run."""
        draw = np.random.default_rng(20260101)
        return draw.permutation(len(self.data.labels))[:count].tolist()


@pytest.fixture(scope="session")
def plain_samples() -> type[PlainSamples]:
    return PlainSamples
