"""Labelled texts against the plain tokenizer, and against what their rows say."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from superpos.datasets.build import build_dataset, dataset_identity
from superpos.datasets.labelled.drawing import shares
from superpos.datasets.labelled.options import LabelledFile, LabelledTextOptions
from superpos.datasets.notes import notes_of
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.hashing import content_key
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
    assert {document.partition(":")[0] for document in data.documents} == {"first/1.csv", "second/2.csv"}


def test_files_may_have_words_of_their_own_for_the_positive(tmp_path: Path) -> None:
    files = (
        LabelledFile("first", written(tmp_path / "1.csv", some_rows(40, ("bigram", "other"), 1))),
        LabelledFile("second", written(tmp_path / "2.csv", some_rows(40, ("0", "1"), 2))),
    )
    data = built(LabelledTextOptions(files=files, positive=("bigram", "1")))
    assert data.labels.sum(axis=0).tolist() == [20, 20]
    message = refused(LabelledTextOptions(files=files, positive=("bigram",)))
    assert "2.csv: positive: no text has the label 'bigram' under 'label'; allowed: 0, 1" in message


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


def test_what_labels_say_is_what_features_are(tmp_path: Path) -> None:
    def of(there: tuple[str, ...], **options: Any) -> tuple[tuple[str, ...], list[int]]:
        file = written(tmp_path / "a.csv", some_rows(60, there))
        data = built(LabelledTextOptions(file=file, **options))
        assert data.members.all()
        return data.feature_names, data.labels.sum(axis=0).tolist()

    for pair in (("0", "1"), ("False", "True"), ("no", "YES"), ("-1", "1"), ("0.0", "1.0")):
        assert of(pair) == (("label",), [30])
    assert of(("cat", "dog")) == (("cat", "dog"), [30, 30])
    assert of(("cat", "dog"), positive=("dog",)) == (("dog",), [30])
    assert of(("cat", "dog"), positive=("DOG",), feature="is dog") == (("is dog",), [30])
    assert of(("0", "1"), classes=("1", "0")) == (("1", "0"), [30, 30])
    assert of(("10", "9", "8")) == (("8", "9", "10"), [20, 20, 20])
    assert of(("a", "b", "c"), classes=("c", "a")) == (("c", "a"), [20, 20])
    assert of(("a", "b", "c"), positive=("c", "a")) == (("label",), [40])
    assert of(("a;b", "b", "c"), label_separator=";") == (("a", "b", "c"), [20, 40, 20])


def test_lists_of_labels_and_columns_of_labels(tmp_path: Path) -> None:
    texts = [text for text, _ in some_rows(40)]
    lines = [{"t": text, "tags": ["x"] * (i % 2) + ["y"] * (i % 3 == 0)} for i, text in enumerate(texts)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    data = built(LabelledTextOptions(file=str(path), text_key="t", label_key="tags"))
    assert data.feature_names == ("x", "y")
    assert data.labels.sum(axis=0).tolist() == [20, 14]
    rows = [(text, i % 2, ("", "no", "yes", "yes")[i % 4]) for i, text in enumerate(texts)]
    file = written(tmp_path / "b.csv", rows, ("text", "odd", "third"))
    data = built(LabelledTextOptions(file=file, label_keys=("odd", "third")))
    assert data.feature_names == ("odd", "third")
    assert data.members.sum(axis=0).tolist() == [40, 30]
    assert data.labels.sum(axis=0).tolist() == [20, 20]


def test_numbers_are_divided_at_quantiles_of_the_different_texts(tmp_path: Path) -> None:
    texts = [text for text, _ in some_rows(80)]
    values = np.random.default_rng(0).normal(size=80)
    rows = list(zip(texts, values.tolist(), strict=True))
    file = written(tmp_path / "a.csv", rows + rows[:30])
    assert "80 different numbers under 'label' are no classes; divide them at quantiles" in refused(
        LabelledTextOptions(file=file)
    )
    data = built(LabelledTextOptions(file=file, bins=(0.25, 0.5, 0.75)))
    edges = np.quantile(values, [0.25, 0.5, 0.75])
    assert data.labels.sum(axis=0).tolist() == np.bincount(np.digitize(values, edges)).tolist()
    assert data.feature_names[0] == f"below {edges[0]:g}"
    assert data.provenance["bins_at"] == {"label": edges.tolist()}
    [above] = built(LabelledTextOptions(file=file, bins=(0.5,))).labels.T
    assert above.sum() == (values >= np.median(values)).sum()


def test_contradictory_empty_and_unlabelled_rows_are_counted(tmp_path: Path) -> None:
    rows = some_rows(60)
    bad = [(rows[0][0], "1" if rows[0][1] == "0" else "0"), rows[1], ("  ", "1"), ("x y", ""), ("x z", "NaN")]
    plain = built(LabelledTextOptions(file=written(tmp_path / "a.csv", rows[1:])))
    data = built(LabelledTextOptions(file=written(tmp_path / "b.csv", [*rows, *bad])))
    assert samples(data) == samples(plain)
    counts = {name: count for name, count in data.provenance["rows"].items() if count}
    assert counts == {
        "read": 65, "empty": 1, "without_label": 2, "repeated": 1, "contradictory": 2, "texts": 59,
    }  # fmt: skip
    assert notes_of(data.provenance) == (
        "65 rows hold 59 texts; rows left out: 1 empty, 2 without label, 1 repeated, 2 contradictory",
    )


def test_texts_that_are_one_for_the_tokenizer(tmp_path: Path) -> None:
    """Texts that are cut to the same tokens: kept once if they agree, left out if they do not."""
    rows = [(f"{word} {i} " + "def class return " * 5, str(i % 2)) for i, word in enumerate(WORDS)]
    rows += [(f"{text} end", label) for text, label in some_rows(40)]
    data = built(LabelledTextOptions(file=written(tmp_path / "a.csv", rows)), ctx_len=12)
    assert data.provenance["texts_left_out"]["same_tokens_contradictory"] > 2
    sequences = [tuple(ids) for ids, *_ in samples(data)]
    assert len(set(sequences)) == len(sequences)
    assert data.provenance["texts_drawn"] == len(sequences) < len(rows)


def test_groups_are_those_of_the_key_and_of_texts_alike(tmp_path: Path) -> None:
    rows = [(f"{text} {i}", label, f"doc {i // 4}") for i, (text, label) in enumerate(some_rows(40))]
    rows += [(rows[0][0].upper(), rows[0][1], "doc 99"), (rows[39][0], rows[39][1], "doc 50")]
    rows += [(f"of fifty {i}", str(i % 2), "doc 50") for i in range(2)]
    file = written(tmp_path / "a.csv", rows, ("text", "label", "doc"))
    data = built(LabelledTextOptions(file=file, group_key="doc"))
    group = dict(zip(data.documents, data.sequence_groups.tolist(), strict=True))
    of_line = [group.get(f"a.csv:{line}") for line in range(2, 46)]
    assert len(set(group.values())) == 10  # doc 99 is the first one, doc 50 the last, through equal texts
    assert len(set(of_line[:4])) == 1
    assert of_line[0] == of_line[40]
    assert of_line[39] == of_line[42] == of_line[43]
    assert of_line[41] is None
    alone = built(LabelledTextOptions(file=file))
    assert len(np.unique(alone.sequence_groups)) == len(alone.documents) - 1
    one = written(tmp_path / "b.csv", [(*row[:2], "doc") for row in rows], ("text", "label", "doc"))
    assert "group_key: all texts have one 'doc'" in refused(LabelledTextOptions(file=one, group_key="doc"))


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(0, 200))
def test_strata_share_alike(rooms: list[int], total: int) -> None:
    given_ = shares(total, rooms)
    assert sum(given_) == min(total, sum(rooms))
    assert all(0 <= one <= room for one, room in zip(given_, rooms, strict=True))
    # Nobody has more than one above a stratum that could still give.
    open_ = [one for one, room in zip(given_, rooms, strict=True) if one < room]
    assert not open_ or max(given_) <= min(open_) + 1


@pytest.mark.parametrize(
    "name", ["a.csv", "a.csv.zst", "a.tsv.gz", "a.jsonl", "a.jsonl.zst", "a.parquet", "saved"]
)
def test_every_format_gives_the_same_set(tmp_path: Path, name: str) -> None:
    rows = [*some_rows(39), ('say "hi",\nthen\tgo', "1")]
    expected = samples(built(LabelledTextOptions(file=written(tmp_path / "plain.csv", rows))))
    path = tmp_path / name
    table = pa.table({"text": [text for text, _ in rows], "label": [int(label) for _, label in rows]})
    if name == "saved":
        datasets.Dataset(table).save_to_disk(str(path))
    elif name == "a.parquet":
        parquet.write_table(table, path)
    else:
        text = io.StringIO(newline="")
        if "jsonl" in name:
            text.writelines(json.dumps({"text": t, "label": int(label)}) + "\n" for t, label in rows)
        else:
            writer = csv.writer(text, delimiter="\t" if "tsv" in name else ",")
            writer.writerows([("text", "label"), *rows])
        codec = {"zst": "zstd", "gz": "gzip"}.get(name.rpartition(".")[2])
        with pa.OSFile(str(path), "wb") as out:
            target = pa.CompressedOutputStream(out, codec) if codec else out
            target.write(text.getvalue().encode())
            target.close()
    assert samples(built(LabelledTextOptions(file=str(path)))) == expected


def test_a_template_stands_around_every_text(tmp_path: Path, table: TokenTable) -> None:
    rows = some_rows(30)
    file = written(tmp_path / "a.csv", rows)
    data = built(LabelledTextOptions(file=file, template="{text} is {odd}\n", positive=("1",)))
    ends = {tuple(ids[-3:]) for ids, *_ in samples(data)}
    assert len(ends) == 1
    prompts = {(*table.front, *table.encode(f"{text} is {{odd}}\n")) for text, _ in rows}
    assert {tuple(ids) for ids, *_ in samples(data)} == prompts


def test_keys_carry_content_and_names_of_features_but_no_paths(tmp_path: Path) -> None:
    rows = some_rows(40)
    one, other = written(tmp_path / "a.csv", rows), written(tmp_path / "b.csv", rows)
    third = written(tmp_path / "c.csv", rows[1:])

    def key(**options: Any) -> str:
        spec = DatasetSpec("set", "labelled_texts", options=LabelledTextOptions(**options))
        return content_key("dataset", 1, dataset_identity(spec, bundled_model("nano"))).hex()

    assert key(file=one) == key(file=other) != key(file=third)
    assert key(file=one) != key(file=one, position="mean")
    pair = (LabelledFile("x", one), LabelledFile("y", third))
    assert key(files=pair) == key(files=(LabelledFile("x", other), pair[1]))
    assert key(files=pair) != key(files=(LabelledFile("z", one), pair[1]))
