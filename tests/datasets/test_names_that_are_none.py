"""Names of features, labels and documents that no database holds are refused by every reader and builder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from superpos.datasets import build as building
from superpos.datasets.build import build_dataset
from superpos.datasets.builders.conllu import ConlluOptions, WordProperty
from superpos.datasets.builders.directions import DirectionFileOptions
from superpos.datasets.builders.documents import DocumentOptions
from superpos.datasets.builders.entities import EntityOptions
from superpos.datasets.builders.ngrams import NgramOptions
from superpos.datasets.builders.psm import PsmFileOptions
from superpos.datasets.builders.regex import RegexOptions, SpanPattern
from superpos.datasets.builders.sparse_probing import SparseProbingOptions
from superpos.datasets.builders.sparse_probing import build as import_folder
from superpos.datasets.builders.token_list import TokenListOptions
from superpos.datasets.builders.tokens import TokenOptions, TokenPredicate
from superpos.datasets.entity_text.lists import read_entities
from superpos.datasets.imported import read_imported
from superpos.datasets.sources import load_corpus
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError
from superpos.models import bundled_model
from superpos.specs.datasets import CorpusSpec, DatasetSpec

BAD = ("a\0b", "a\x07", "a\u202eb", "x" * 501)


@pytest.fixture(params=BAD, ids=["nul", "control", "direction", "long"])
def bad(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def refused(call: Callable[[], object], *said: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    assert any(why in message for why in ("U+0000", "U+0007", "U+202E", "501 characters")), message
    assert all(part in message for part in said), message


def corpus(path: Path, **options: Any) -> Callable[[], object]:
    return lambda: load_corpus(CorpusSpec("text", str(path), **options))


@pytest.mark.parametrize(("file", "place"), [("c.jsonl", "line 2"), ("c.json", "item 2"), ("c", "row 2")])
def test_labels_of_records(tmp_path: Path, bad: str, file: str, place: str) -> None:
    rows = [{"text": "one", "lang": "en"}, {"text": "two", "lang": bad}]
    path = tmp_path / file
    if file == "c":
        datasets.Dataset.from_list(rows).save_to_disk(str(path))
    else:
        path.write_text(json.dumps(rows) if file == "c.json" else "\n".join(map(json.dumps, rows)))
    refused(corpus(path, label_key="lang"), str(path), place, "'lang'")


def test_half_a_surrogate_pair_as_a_label(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "one", "lang": "\\ud800"}')
    with pytest.raises(InputError, match=r"line 1: under 'lang' is '\\ud800', which is no label: .*U\+D800"):
        corpus(path, label_key="lang")()


@pytest.mark.parametrize("name", [b"a\x01.txt", b"\xff.txt"], ids=["control", "no_text"])
def test_files_of_a_folder(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "fine.txt").write_text("fine")
    (tmp_path / os.fsdecode(name)).write_text("text")
    with pytest.raises(InputError, match=rf"^{tmp_path}: .*U\+(0001|DCFF)"):
        corpus(tmp_path)()
    with pytest.raises(InputError, match=r"is no path: it holds .*U\+(0001|DCFF)"):
        corpus(tmp_path / os.fsdecode(name))()


def test_documents_of_a_treebank(tmp_path: Path) -> None:
    path = tmp_path / "t.conllu"
    path.write_text("# newdoc id = a\0b\n1\tHi\thi\tINTJ\t_\t_\t0\troot\t_\t_\n", encoding="utf-8")
    with pytest.raises(InputError, match="U\\+0000"):
        corpus(path)()
    path.write_text("# newdoc id = a\u202eb\n1\tHi\thi\tINTJ\t_\t_\t0\troot\t_\t_\n", encoding="utf-8")
    refused(corpus(path), f"{path}: line 1: ")


def test_imported_rows(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "m.csv"
    file.write_text(f"north,1,2\n{bad},3,4\n", encoding="utf-8")
    spec = DatasetSpec("mine", "directions", options=DirectionFileOptions(str(file)))
    refused(lambda: read_imported(spec), f"{file}: row 1: ")
    file.write_text("1,2\n3,4\n")
    names = tmp_path / "names.txt"
    names.write_text(f"north\n{bad}\n", encoding="utf-8")
    named = replace(spec, options=DirectionFileOptions(str(file), names_file=str(names)))
    refused(lambda: read_imported(named), f"{names}: row 1: ")


def test_a_byte_order_mark_before_the_names(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("1,2\n3,4\n", encoding="utf-8-sig")
    (tmp_path / "n.txt").write_text("north\nsouth\n", encoding="utf-8-sig")
    options = DirectionFileOptions(str(tmp_path / "m.csv"), names_file=str(tmp_path / "n.txt"))
    found = read_imported(DatasetSpec("mine", "directions", options=options))
    assert found.names == ("north", "south")
    np.testing.assert_array_equal(found.values, [[1.0, 2.0], [3.0, 4.0]])


def test_entities(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "p.csv"
    for column, row in (("name", f"{bad},x"), ("label", f"Ada King,{bad}")):
        path.write_text(f"name,label\nMax Born,y\n{row}\n", encoding="utf-8")
        refused(lambda: read_entities(path, "name", "label"), f"{path}: line 3, column {column!r}: ")


def test_folders_of_the_paper(tmp_path: Path, table: TokenTable, bad: str) -> None:
    columns: dict[str, list[Any]] = {
        "tokens": [[0, *range(10, 20)]] * 30,
        "lang": [*["C", "Go"] * 14, "C", bad],
        "probe_indices": [[3, 5]] * 30,
    }

    def read(folder: Path) -> Callable[[], object]:
        options = SparseProbingOptions(str(folder))
        return lambda: import_folder(DatasetSpec("s", "sparse_probing", options=options), table)

    datasets.Dataset.from_dict(columns).save_to_disk(str(tmp_path / "a"))
    refused(read(tmp_path / "a"), f"{tmp_path / 'a'}: row 29, column 'lang': ")
    named = {"tokens": columns["tokens"], "f|probe_indices": [[3]] * 30, "f|probe_classes": [[1]] * 30}
    datasets.Dataset.from_dict(named).save_to_disk(str(tmp_path / "b"))
    info = tmp_path / "b" / "dataset_info.json"
    info.write_text(info.read_text().replace('"f|', f"{json.dumps(bad)[:-1]}|"))
    refused(read(tmp_path / "b"), f"{info}: column ")


@pytest.mark.parametrize(
    "options",
    [
        lambda name: TokenOptions((TokenPredicate("x", ("a",)), TokenPredicate(name, ("b",)))),
        lambda name: RegexOptions((SpanPattern("x", "a"), SpanPattern(name, "b"))),
        lambda name: NgramOptions(("New York", f"{name} b")),
        lambda name: DocumentOptions(("x", name)),
        lambda name: ConlluOptions((WordProperty("x", "upos=X"), WordProperty(name, "upos=Y"))),
        lambda name: EntityOptions("occupation", classes=("x", name)),
        lambda name: TokenListOptions(("x", name)),
        lambda name: DirectionFileOptions("m.csv", names=("x", name)),
        lambda name: SparseProbingOptions("folder", features=("x", name)),
        lambda name: DirectionFileOptions("m.csv", hookpoint=name),
        lambda name: PsmFileOptions("m.csv", "cosine", hookpoint=name),
    ],
)
def test_what_a_builder_is_told(options: Callable[[str], object], bad: str) -> None:
    with pytest.raises(
        ArgumentError, match=r"holds U\+|is too long for a name|holds the character NUL|is no name: "
    ):
        options(bad)


def test_texts_that_are_no_names_may_hold_more() -> None:
    assert TokenPredicate("indented", ("a\tb", "x" * 501)).words[0] == "a\tb"
    assert EntityOptions("occupation", templates=("Line one.\n{name}",)).templates == ("Line one.\n{name}",)


def test_whatever_a_builder_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("\n".join(f"one two {i} three" for i in range(300)))
    sizes = {"n_sequences": 20, "ctx_len": 16, "n_samples": 40, "min_positives": 2}
    spec = DatasetSpec("s", "text_features", CorpusSpec("text", str(tmp_path / "a.txt")), **sizes)
    whole = build_dataset(spec, bundled_model("nano"))
    for changes, what in (
        ({"feature_names": ("a\0b", *whole.feature_names[1:])}, "feature"),
        ({"documents": ("a\0b",) * len(whole.documents)}, "document"),
    ):
        made = replace(whole, **changes)
        monkeypatch.setattr(building, "build_from_corpus", lambda *_, made=made: made)
        refused(lambda: build_dataset(spec, bundled_model("nano")), str(tmp_path), f"no name of a {what}")
