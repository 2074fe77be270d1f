"""Real text that several tests share: part of the standard library, and the bundled tokenizer."""

from __future__ import annotations

import os
from pathlib import Path

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
