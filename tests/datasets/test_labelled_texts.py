"""Labelled texts against the plain tokenizer, and against what their rows say."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superpos.datasets.build import build_dataset
from superpos.datasets.labelled.options import LabelledFile, LabelledTextOptions
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import DatasetSpec

Rows = list[tuple[Any, ...]]
WORDS = [
    "def",
    "class",
    "return",
    "import",
    "None",
    "self",
    "value",
    "index",
    "error",
    "name",
    "list",
    "data",
    "file",
    "line",
    "string",
    "number",
]


def some_rows(count: int, classes: tuple[str, ...] = ("0", "1"), seed: int = 0) -> Rows:
    """Return different texts, classes in turn."""
    draw = random.Random(seed)  # noqa: S311 (texts of a test)
    texts: dict[str, str] = {}
    while len(texts) < count:
        texts.setdefault(
            " ".join(draw.choices(WORDS, k=draw.randint(2, 9))), classes[len(texts) % len(classes)]
        )
    return list(texts.items())


def written(path: Path, rows: Rows, header: tuple[str, ...] = ("text", "label")) -> str:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return str(path)


def built(options: LabelledTextOptions, **values: Any) -> LabelledTokens:
    return build_dataset(
        DatasetSpec("set", "labelled_texts", options=options, **values), bundled_model("nano")
    )


def refused(options: LabelledTextOptions, **values: Any) -> str:
    with pytest.raises(InputError) as caught:
        built(options, **values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def samples(data: LabelledTokens) -> list[tuple[list[int], int, int, list[bool], list[bool]]]:
    """Return ids, position and length of every sample with its labels and members."""
    edges = data.sequence_starts.tolist()
    return [
        (data.token_ids[edges[i] : edges[i + 1]].tolist(), position, length, labels, members)
        for i, position, length, labels, members in zip(
            data.sample_sequences.tolist(),
            data.sample_positions.tolist(),
            data.sample_lengths.tolist(),
            data.labels.tolist(),
            data.members.tolist(),
            strict=True,
        )
    ]


def test_the_last_token_is_read_of_every_text(tmp_path: Path, table: TokenTable) -> None:
    rows = some_rows(60)
    data = built(LabelledTextOptions(file=written(tmp_path / "a.csv", rows)))
    assert data.feature_names == ("label",)
    expected = {}
    for text, label in rows:
        ids = [*table.front, *table.tokenizer.encode(text, add_special_tokens=False).ids]
        expected[tuple(ids)] = (len(ids) - 1, 1, [label == "1"], [True])
    assert {tuple(ids): rest for ids, *rest in samples(data) for rest in [tuple(rest)]} == expected


def test_each_of_several_files_has_texts_of_its_own(tmp_path: Path) -> None:
    one, other = some_rows(40, ("no", "yes"), 1), some_rows(30, ("no", "yes"), 2)
    shared = one[:5]
    files = (
        LabelledFile("first", written(tmp_path / "1.csv", one)),
        LabelledFile("second", written(tmp_path / "2.csv", [*other, *shared])),
    )
    data = built(LabelledTextOptions(files=files))
    assert data.feature_names == ("first", "second")
    assert data.members.sum(axis=0).tolist() == [40, 35]
    assert len(data.labels) == 70
    assert data.labels.sum(axis=0).tolist() == [20, 15 + sum(label == "yes" for _, label in shared)]
    assert data.provenance["rows"]["in_several_files"] == 5


def test_the_order_of_rows_and_their_repetition_change_nothing(tmp_path: Path) -> None:
    rows = some_rows(80, ("a", "b", "c"))
    plain = built(LabelledTextOptions(file=written(tmp_path / "a.csv", rows)), n_samples=40)
    mixed = rows * 2 + rows[:10]
    random.Random(3).shuffle(mixed)  # noqa: S311 (as above)
    other = built(LabelledTextOptions(file=written(tmp_path / "b.csv", mixed)), n_samples=40)
    assert samples(plain) == samples(other)
    np.testing.assert_array_equal(plain.sequence_groups, other.sequence_groups)
    assert other.provenance["rows"]["repeated"] == 90
    assert plain.labels.sum(axis=0).tolist() == [14, 13, 13]
