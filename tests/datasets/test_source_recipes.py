"""Sources that ship, on rows written in exactly their layouts: Marks & Tegmark's, SAEBench's on the hub."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superpos.datasets.build import build_dataset
from superpos.datasets.labelled import rows as labelled_rows
from superpos.datasets.records import Record
from superpos.datasets.source_listing import listed_sets
from superpos.datasets.tokens import load_tokens
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec
from superpos.specs.feature_sets import load_source_set
from superpos.specs.set_sources import load_source

NANO = bundled_model("nano")


def built(source: str, name: str, place: str = "") -> LabelledTokens:
    return build_dataset(load_source_set(load_source(source), name, place), NANO)


def read_texts(tokens: LabelledTokens) -> list[str]:
    """The tokens that are read, each sample's."""
    table = load_tokens(NANO)
    ends = tokens.sequence_starts[tokens.sample_sequences] + tokens.sample_positions
    spans = zip(ends, tokens.sample_lengths, strict=True)
    return [
        b"".join(table.token_bytes[i] for i in tokens.token_ids[end - length + 1 : end + 1]).decode()
        for end, length in spans
    ]


@pytest.fixture
def statements(tmp_path: Path) -> Path:
    """The folder `datasets` of the repository: columns differ, but for the first and `label`."""
    columns = {
        "cities": ("statement", "label", "city", "country", "correct_country"),
        "neg_cities": ("statement", "label", "city", "country", "correct_country"),
        "sp_en_trans": ("statement", "label"),
        "neg_sp_en_trans": ("statement", "label"),
        "larger_than": ("statement", "label", "n1", "n2", "diff", "abs_diff"),
        "smaller_than": ("statement", "label", "n1", "n2", "diff", "abs_diff"),
        "cities_cities_conj": ("statement", "label", "statement1", "statement2", "label1", "label2"),
        "cities_cities_disj": ("statement", "label", "statement1", "statement2", "label1", "label2"),
        "likely": ("statement", "label", "likelihood"),
    }
    for name, header in columns.items():
        with (tmp_path / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(header)
            for n in range(24):
                more = ["x"] * (len(header) - 2)
                writer.writerow([f'It is said of "{name}", as\nof {n}, that it is so.', n % 2, *more])
    (tmp_path / "xor.py").write_text("# what made them\n", encoding="utf-8")
    return tmp_path


def test_statements_are_read_at_their_full_stop(statements: Path) -> None:
    tokens = built("geometry-of-truth", "cities", str(statements))
    assert tokens.feature_names == ("label",)
    assert (tokens.labels.sum(), len(tokens.labels)) == (12, 24)
    assert set(read_texts(tokens)) == {"."}


def test_truth_is_a_feature_for_each_topic(statements: Path) -> None:
    tokens = built("geometry-of-truth", "truth", str(statements))
    assert len(tokens.feature_names) == 8
    assert tokens.members.sum(axis=0).tolist() == [24] * 8
    assert tokens.members.sum(axis=1).max() == 1  # statements of its own
    assert (tokens.labels & tokens.members).sum(axis=0).tolist() == [12] * 8


def test_every_file_of_statements_is_listed(statements: Path) -> None:
    sets = {one.name: one for one in listed_sets(load_source("geometry-of-truth"), str(statements))}
    assert set(sets) == {"truth", *(path.stem for path in statements.glob("*.csv"))}
    assert all(not one.refused for one in sets.values())


HUB: dict[str, Callable[[int], dict[str, Any]]] = {
    "LabHC/bias_in_bios": lambda n: {"hard_text": f"They are {n}.", "profession": n % 12, "gender": n % 2},
    "canrager/amazon_reviews_mcauley_1and5": lambda n: {
        "text": f"It came after {n} days.",
        "category": n % 9,
        "rating": (1.0, 5.0)[n % 2],
    },
    "fancyzhx/ag_news": lambda n: {
        "text": f"Report number {n}.",
        "label": ("World", "Sports", "Business")[n % 3],
    },
}
"""Rows as `datasets` gives them: professions and categories are numbers, ratings floats, news have names."""


@pytest.mark.parametrize(
    ("name", "features", "positives"),
    [
        ("bias_in_bios", ("0", "1", "2", "6", "9"), [10] * 5),
        ("amazon_category", ("1", "2", "3", "5", "6"), [14, 14, 13, 13, 13]),
        ("amazon_sentiment", ("five stars",), [60]),
        ("ag_news", ("Business", "Sports", "World"), [40] * 3),
    ],
)
def test_sets_of_saebench_are_the_mean_over_a_text(
    monkeypatch: pytest.MonkeyPatch, name: str, features: tuple[str, ...], positives: list[int]
) -> None:
    asked: list[CorpusSpec] = []

    def rows(spec: CorpusSpec, columns: Sequence[str], choose: Any) -> Iterator[Record]:
        asked.append(spec)
        for n in range(120):
            values = HUB[spec.path](n)
            choose(list(values))
            yield Record("row", n + 1, {column: values[column] for column in columns})

    monkeypatch.setattr(labelled_rows, "hub_records", rows)
    tokens = built("saebench", name)
    assert tokens.feature_names == features
    assert tokens.labels.sum(axis=0).tolist() == positives
    assert {(spec.split, spec.max_documents) for spec in asked} == {("train", 20_000)}
    assert all(text.endswith(".") for text in read_texts(tokens))  # the whole text, its tokens together
    starts = tokens.sample_positions - tokens.sample_lengths + 1
    table = load_tokens(NANO)
    np.testing.assert_array_equal(starts, len(table.front))
