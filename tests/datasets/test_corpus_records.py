from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
from pyarrow import parquet

from superpos.datasets.sources import Corpus, Document, corpus_digest, load_corpus, source_digest
from superpos.errors import ArgumentError, InputError
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.stages.input_places import absolute, corpus_label

ROWS = [
    {"text": "one", "lang": "en", "n": 1},
    {"text": "deux\r\n\u2028", "lang": "fr", "n": 2},
    {"text": "tre", "lang": "it", "n": 3},
]


def read(path: Path, **options: Any) -> Corpus:
    return load_corpus(CorpusSpec("text", str(path), **options))


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows in the format that the name of the file says."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    elif path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    else:
        datasets.Dataset.from_list(rows).save_to_disk(str(path))
    return path


@pytest.mark.parametrize("name", ["c.jsonl", "c.json", "c.parquet", "c"])
def test_records_of_every_format_are_the_same_documents(tmp_path: Path, name: str) -> None:
    corpus = read(written(tmp_path / name, ROWS), label_key="lang")
    assert corpus.documents == tuple(
        Document(f"{name}:{i}", row["text"], row["lang"]) for i, row in enumerate(ROWS, start=1)
    )
    plain = read(tmp_path / name)
    assert [document.label for document in plain.documents] == [""] * 3
    assert plain.digest == corpus_digest(plain.documents) != corpus.digest
    assert [document.label for document in read(tmp_path / name, label_key="n").documents] == ["1", "2", "3"]
    assert read(tmp_path / name, max_documents=2).documents == plain.documents[:2]
    assert source_digest(CorpusSpec("text", str(tmp_path / name), label_key="lang")) == corpus.digest


@pytest.mark.parametrize("name", ["c.csv", "c.tsv", "c.csv.zst", "c.tsv.gz", "c.jsonl.zst", "c.jsonl.gz"])
def test_compressed_and_separated_records_are_the_same_documents(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = io.StringIO(newline="")
    if "jsonl" in name:
        text.writelines(json.dumps(row) + "\n" for row in ROWS)
    else:
        writer = csv.DictWriter(text, ["n", "text", "lang"], delimiter="\t" if "tsv" in name else ",")
        writer.writeheader()
        writer.writerows(ROWS)
    codec = {"zst": "zstd", "gz": "gzip"}.get(name.rpartition(".")[2])
    with pa.OSFile(str(path), "wb") as out:
        target = pa.CompressedOutputStream(out, codec) if codec else out
        target.write(b"\xef\xbb\xbf" + text.getvalue().encode())
        target.close()
    corpus = read(path, label_key="lang")
    # A row of CSV is named by its last line; a text with a line end in it takes two.
    lines = [1, 2, 3] if "jsonl" in name else [2, 4, 5]
    assert corpus.documents == tuple(
        Document(f"{name}:{line}", row["text"], row["lang"]) for line, row in zip(lines, ROWS, strict=True)
    )
    assert source_digest(CorpusSpec("text", str(path), label_key="lang")) == corpus.digest
    assert "no text under 'body'" in (said := refused(path, text_key="body")) or "no column 'body'" in said
    assert str(path) in said
    assert "'topic'" in refused(path, label_key="topic")


@pytest.mark.parametrize("name", ["c.jsonl", "c.json", "c.parquet", "c"])
def test_lists_of_texts_are_one_document_each(tmp_path: Path, name: str) -> None:
    rows = [
        {"contexts": ["a", "b"], "lang": "x"},
        {"contexts": [], "lang": "y"},
        {"contexts": ["c", " "], "lang": "x"},
    ]
    corpus = read(written(tmp_path / name, rows), text_key="contexts", label_key="lang")
    assert [(d.name, d.text, d.label) for d in corpus.documents] == [
        (f"{name}:1.1", "a", "x"),
        (f"{name}:1.2", "b", "x"),
        (f"{name}:3.1", "c", "x"),
    ]
    assert corpus.provenance["skipped"]["empty"] == 1


@pytest.mark.parametrize("name", ["c.jsonl", "c.json", "c.parquet", "c"])
def test_missing_columns_and_labels(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, [*ROWS, {"text": "quatre", "lang": None, "n": 4}])
    unit = {"c.jsonl": "line", "c.json": "item"}.get(name, "row")
    message = refused(path, label_key="lang")
    assert f"{path}: {unit} 4: no label under 'lang'" in message
    message = refused(path, text_key="body")
    assert str(path) in message
    assert "'body'" in message
    assert all(column in message for column in ("text", "lang", "n"))
    message = refused(path, label_key="topic")
    assert str(path) in message
    assert "'topic'" in message
    message = refused(path, text_key="n")
    assert f"{unit} 1: no text under 'n' but 1;" in message


def test_a_text_without_value_is_empty(tmp_path: Path) -> None:
    path = written(tmp_path / "c.parquet", [{"text": None}, {"text": "a"}, {"text": ""}])
    corpus = read(path)
    assert [document.name for document in corpus.documents] == ["c.parquet:2"]
    assert corpus.provenance["skipped"] == {"empty": 2, "duplicate": 0, "two_labels": 0}


def test_equal_texts_are_read_once_and_under_two_labels_not_at_all(tmp_path: Path) -> None:
    rows = [
        {"text": text, "lang": lang}
        for text, lang in [("a", "x"), ("b", "x"), ("a", "x"), ("b", "y"), ("c", "y"), ("b", "y")]
    ]
    path = written(tmp_path / "c.jsonl", rows)
    plain, labelled = read(path), read(path, label_key="lang")
    assert [document.text for document in plain.documents] == ["a", "b", "c"]
    assert plain.provenance["skipped"] == {"empty": 0, "duplicate": 3, "two_labels": 0}
    assert [document.text for document in labelled.documents] == ["a", "c"]
    assert labelled.provenance["skipped"] == {"empty": 0, "duplicate": 1, "two_labels": 3}
    assert labelled.provenance["n_documents"] == 2
    assert labelled.provenance["n_bytes"] == 2


def test_json_lists_of_texts_and_what_is_no_list(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(["a", "b", "a"]))
    assert read(path).documents == (Document("c.json:1", "a"), Document("c.json:2", "b"))
    assert "item 1: no label under 'lang'" in refused(path, label_key="lang")
    path.write_text('{"text": "a"}')
    assert "holds no list" in refused(path)
    path.write_text('[\n"a",\n}')
    assert "not JSON: Expecting value (line 3, column 1)" in refused(path)
    path.write_text("[" * 100_000)
    assert "nested too deeply" in refused(path)
    path.write_text('["a", 3]')
    assert "item 2: no text under 'text' or 'content'" in refused(path)


def test_half_a_surrogate_pair_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "fine \\ud83d\\ude00"}\n{"text": "ab\\ud83d"}\n')
    assert "'c.jsonl:2': half a surrogate pair at character 2" in refused(path)


def test_a_byte_order_mark_is_no_part_of_records(tmp_path: Path) -> None:
    for name, content in (("c.jsonl", '{"text": "one"}\n{"text": "two"}\n'), ("c.json", '["one", "two"]')):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8-sig")
        corpus = read(path)
        assert corpus.documents == (Document(f"{name}:1", "one"), Document(f"{name}:2", "two"))
        path.write_text(content, encoding="utf-8")
        assert read(path).digest == corpus.digest
    # Offsets are those of the file, and a mark further on is a character like any other.
    (tmp_path / "c.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "caf\xe9"}\n')
    assert "line 1: not UTF-8: byte 0xe9 at offset 16" in refused(tmp_path / "c.jsonl")
    (tmp_path / "c.jsonl").write_bytes(b'{"text": "a"}\n\xef\xbb\xbf{"text": "b"}\n')
    assert read(tmp_path / "c.jsonl").documents[1] == Document("c.jsonl:2", "b")


@pytest.mark.parametrize("name", ["c.jsonl", "c.json"])
def test_long_numbers_are_read_past_unless_they_are_asked_for(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    records = ['{"text": "a", "n": 1, "m": ' + "9" * 5000 + "}", '{"text": "b", "n": 12, "m": -1}']
    path.write_text("\n".join(records) if name == "c.jsonl" else f"[{','.join(records)}]")
    assert [(d.text, d.label) for d in read(path, label_key="n").documents] == [("a", "1"), ("b", "12")]
    unit = "line" if name == "c.jsonl" else "item"
    assert refused(path, label_key="m") == (
        f"{path}: {unit} 1: no label under 'm' but a whole number of 5000 digits; "
        "a label is a string or a number"
    )
    assert f"{unit} 1: no text under 'm' but a whole number of 5000 digits" in refused(path, text_key="m")


def test_records_nested_too_deeply_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "a"}\n{"text": ' + "[" * 100_000 + "\n")
    assert refused(path) == f"{path}: line 2: not read: lists or records are nested too deeply"


def test_messages_do_not_repeat_whole_records(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"x" * 10_000: 1, "text": {"y": "z" * 10_000}}))
    assert len(refused(path)) < 400 + len(str(path))
    path.write_text(json.dumps({f"{'x' * 500}{i}": 1 for i in range(1000)}))
    assert len(refused(path)) < 2000 + len(str(path))


def test_a_saved_set_whose_offsets_point_beyond_its_text(tmp_path: Path) -> None:
    path = written(tmp_path / "c", [{"text": f"text {i}"} for i in range(100)])
    (file,) = path.glob("*.arrow")
    data = bytearray(file.read_bytes())
    place = data.index((12).to_bytes(4, "little") + (18).to_bytes(4, "little"))
    data[place : place + 4] = b"\xff\xff\xff\x7f"
    file.write_bytes(data)
    assert f"{path}: rows from 1 on: cannot be read as a saved data set: " in refused(path)


def test_parquet_that_is_none_or_no_text(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    path.write_bytes(b"PAR1 not really PAR1")
    assert f"{path}: cannot be read as Parquet" in refused(path)
    values = pa.array([b"fine"] * 1500 + [b"caf\xe9"], pa.binary())
    parquet.write_table(pa.table({"text": values}), path)
    assert "row 1501: no text under 'text' but b'caf\\xe9'" in refused(path)
    # Text by its type, but not by its bytes: pyarrow believes the type.
    parquet.write_table(pa.table({"text": values.view(pa.string())}), path)
    assert "row 1501: column 'text' is not UTF-8: byte 0xe9 at offset 3" in refused(path)
    parquet.write_table(pa.table({"text": pa.array([b"caf\xc3\xa9"])}), path)
    assert read(path).documents[0].text == "café"


def test_parquet_is_not_read_beyond_what_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    rows = pa.table({"text": [f"text {i}" for i in range(5000)]})
    parquet.write_table(rows, path, row_group_size=1000, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    start = parquet.ParquetFile(path).metadata.row_group(4).column(0).data_page_offset
    data[start : start + 200] = b"\xff" * 200
    path.write_bytes(data)
    assert len(read(path, max_documents=900).documents) == 900
    assert "cannot be read as Parquet" in refused(path)


def test_folder_of_parquet_files_and_its_splits(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("about the data")
    for index, name in enumerate(["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"]):
        written(tmp_path / "data" / f"{name}.parquet", [{"text": f"text {index}"}])
    assert [document.text for document in read(tmp_path).documents] == ["text 2", "text 0", "text 1"]
    train = read(tmp_path, split="train").documents
    assert [document.name for document in train] == [
        "data/train-00000-of-00002.parquet:1",
        "data/train-00001-of-00002.parquet:1",
    ]
    assert "no Parquet file of split 'dev'; files: data/test" in refused(tmp_path, split="dev")


def test_saved_splits(tmp_path: Path) -> None:
    splits = {
        name: datasets.Dataset.from_dict({"text": [f"{name} text"]}) for name in ("train", "validation")
    }
    path = tmp_path / "saved"
    datasets.DatasetDict(splits).save_to_disk(str(path))
    assert read(path, split="validation").documents[0].text == "validation text"
    assert "no split 'test'; splits: train, validation" in refused(path, split="test")
    assert "several splits; name one of them; splits: train, validation" in refused(path)
    one = tmp_path / "one"
    datasets.DatasetDict({"only": splits["train"]}).save_to_disk(str(one))
    assert read(one).documents[0].text == "train text"
    table = tmp_path / "table"
    splits["train"].save_to_disk(str(table))
    assert "no split 'dev'; it has no splits" in refused(table, split="dev")
    (table / "state.json").write_text("{")
    assert f"{table}: cannot be read as a saved data set: " in refused(table)


def test_saved_labels_have_names_whatever_the_format_and_order(tmp_path: Path) -> None:
    features = datasets.Features(
        {"text": datasets.Value("large_string"), "y": datasets.ClassLabel(names=["neg", "pos"])}
    )
    table = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "y": [0, 1, 0]}, features=features)
    path = tmp_path / "saved"
    table.select([2, 1]).with_format("numpy").save_to_disk(str(path))
    assert [(d.text, d.label) for d in read(path, label_key="y").documents] == [("c", "neg"), ("b", "pos")]
    # The same names in the Parquet files that the library writes.
    table.to_parquet(str(tmp_path / "t.parquet"))
    labels = [d.label for d in read(tmp_path / "t.parquet", label_key="y").documents]
    assert labels == ["neg", "pos", "neg"]
    assert [d.label for d in read(tmp_path / "t.parquet", label_key="text").documents] == ["a", "b", "c"]
    datasets.Dataset.from_dict({"text": ["a"], "y": [-1]}, features=features).save_to_disk(
        str(tmp_path / "n")
    )
    assert "row 1: no label under 'y'" in refused(tmp_path / "n", label_key="y")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    broken = Path("/proc/self/mem")  # reading its first page fails, whoever reads
    if not broken.is_file():
        pytest.skip("no file that fails to be read here")
    for name in ("a.txt", "a.jsonl", "a.json", "a.parquet", "a.conllu"):
        (tmp_path / name).symlink_to(broken)
        assert f"{tmp_path / name}: cannot be read" in refused(tmp_path / name)


def test_folders_as_labels(tmp_path: Path) -> None:
    for name, text in [("en/a.txt", "one"), ("fr/deep/b.txt", "deux"), ("fr/c.md", "trois")]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    corpus = read(tmp_path, label_key="folder")
    assert [(d.name, d.label) for d in corpus.documents] == [
        ("en/a.txt", "en"),
        ("fr/c.md", "fr"),
        ("fr/deep/b.txt", "fr"),
    ]
    (tmp_path / "top.txt").write_text("quatre")
    assert "top.txt: lies in no folder below" in refused(tmp_path, label_key="folder")


def test_what_does_not_apply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    written(tmp_path / "b.jsonl", ROWS)
    for path, options, says in [
        (tmp_path / "a.txt", {"label_key": "lang"}, "label_key: 'lang' does not apply"),
        (tmp_path / "a.txt", {"split": "train"}, "split: 'train' does not apply"),
        (tmp_path / "b.jsonl", {"split": "train"}, "split: 'train' does not apply"),
        (tmp_path, {"split": "train"}, "split: 'train' does not apply"),
        (tmp_path, {"label_key": "lang"}, "label_key: 'lang' is a key of records"),
    ]:
        assert says in refused(path, **options)
    for key in ("label_key", "split"):
        with pytest.raises(ArgumentError, match=f"{key}: 'x' does not apply: the standard library has no"):
            load_corpus(CorpusSpec(**{key: "x"}))
    with pytest.raises(ArgumentError, match="reads no text"):
        load_corpus(CorpusSpec("none"))
    assert source_digest(CorpusSpec("none")) == ""


def test_union_labels_documents_by_part(tmp_path: Path) -> None:
    first = written(tmp_path / "a.jsonl", [*ROWS, {"text": "both", "lang": "en"}])
    second = tmp_path / "b.txt"
    second.write_text("four")
    third = written(tmp_path / "c.json", [{"text": "both"}, {"text": "six"}])
    parts = (
        ("rows", CorpusSpec("text", str(first), label_key="lang")),
        ("book", CorpusSpec("text", str(second))),
        ("more", CorpusSpec("text", str(third))),
    )
    corpus = load_corpus(CorpusSpec("union", parts=parts))
    assert [(d.name, d.label) for d in corpus.documents] == [
        ("rows/a.jsonl:1", "rows"),
        ("rows/a.jsonl:2", "rows"),
        ("rows/a.jsonl:3", "rows"),
        ("book/b.txt", "book"),
        ("more/c.json:2", "more"),
    ]
    assert corpus.provenance["skipped"]["two_labels"] == 2
    assert corpus.provenance["parts"]["rows"]["n_documents"] == 4
    assert corpus.provenance["corpus"] == "rows+book+more"
    assert corpus.digest == source_digest(CorpusSpec("union", parts=parts))
    others = [
        CorpusSpec("union", parts=parts[::-1]),
        CorpusSpec("union", parts=(("x", parts[0][1]), *parts[1:])),
        CorpusSpec("union", parts=parts, max_documents=2),
    ]
    assert len({corpus.digest, *(source_digest(other) for other in others)}) == 4
    assert len(load_corpus(others[2]).documents) == 2
    with pytest.raises(ArgumentError, match="parts: 'book' occurs twice"):
        load_corpus(CorpusSpec("union", parts=(parts[1], parts[1])))


def test_conllu_files_keep_their_lines(tmp_path: Path) -> None:
    lines = ["# newdoc id = d1", "1\tHi\thi\tINTJ\tUH\t_\t0\troot\t_\t_", "", "# newdoc id = d2"]
    lines += [
        "1\tBye\tbye\tINTJ\tUH\t_\t0\troot\t_\tSpaceAfter=No",
        "2\t!\t!\tPUNCT\t.\t_\t1\tpunct\t_\t_",
        "",
    ]
    (tmp_path / "a.conllu").write_text("\n".join(lines))
    (tmp_path / "README.txt").write_text("about the treebank")
    folder, file = read(tmp_path), read(tmp_path / "a.conllu")
    assert folder.documents == file.documents
    assert [(d.name, d.text) for d in file.documents] == [("a.conllu#d1", "Hi"), ("a.conllu#d2", "Bye!")]
    assert file.documents[1].source.split("\n")[1].split("\t")[1] == "Bye"
    # Other columns, other content.
    (tmp_path / "a.conllu").write_text("\n".join(lines).replace("INTJ", "NOUN"))
    assert read(tmp_path).digest != folder.digest
    (tmp_path / "a.conllu").write_text("1\tHi")
    assert f"{tmp_path / 'a.conllu'}: line 1: 2 columns" in refused(tmp_path)


@pytest.fixture(scope="module")
def shared_text() -> Path:
    root = Path(os.environ.get("SUPERPOS_SHARED_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
    if not (root / "text").is_dir():
        pytest.skip("the shared texts are not here; set SUPERPOS_SHARED_DATA")
    return root / "text"


def once(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text.strip()))


def test_real_stories(shared_text: Path) -> None:
    path = shared_text / "tinystories_1000_clean.json"
    assert [d.text for d in read(path).documents] == once(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["code_files", "licences"])
def test_real_files_with_labels_in_every_format(shared_text: Path, tmp_path: Path, name: str) -> None:
    path = shared_text / f"{name}.jsonl"
    key = {"code_files": "lang", "licences": "repo"}[name]
    table = pa.Table.from_pylist(
        [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    datasets.Dataset(table).save_to_disk(str(tmp_path / "t"))
    pairs = list(zip(table["text"].to_pylist(), map(str, table[key].to_pylist()), strict=True))
    labels: dict[str, set[str]] = {}
    for text, label in pairs:
        labels.setdefault(text, set()).add(label)
    expected = [
        (text, label) for text, label in dict.fromkeys(pairs) if text.strip() and len(labels[text]) == 1
    ]
    for source in (path, tmp_path / "t.parquet", tmp_path / "t"):
        found = read(source, label_key=key)
        assert [(d.text, d.label) for d in found.documents] == expected
        assert len({d.name for d in found.documents}) == len(expected)
        skipped = found.provenance["skipped"]
        assert len(expected) + sum(skipped.values()) == table.num_rows


def test_real_contexts_are_lists(shared_text: Path) -> None:
    path = shared_text / "en-fr.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    for key in ("contexts0", "contexts1"):
        texts = [text for row in rows for text in row[key]]
        assert [d.text for d in read(path, text_key=key).documents] == once(texts)


def test_real_treebank_has_a_document_each(shared_text: Path) -> None:
    path = shared_text / "en_ewt-ud-dev.conllu"
    corpus = read(path)
    n = path.read_text(encoding="utf-8").count("# newdoc id")
    assert len(corpus.documents) + corpus.provenance["skipped"]["duplicate"] == n
    assert all(d.source.startswith(f"# newdoc id = {d.name.split('#', 1)[1]}\n") for d in corpus.documents)


def test_files_of_installed_distributions_are_corpora(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made").mkdir()
    file = written(tmp_path / "made" / "rows.jsonl", ROWS)
    about = tmp_path / "made-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1.0\n")
    (about / "RECORD").write_text("made/rows.jsonl,,\nmade-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    named = CorpusSpec.from_text("package:made/made/rows.jsonl", label_key="lang")
    assert load_corpus(named).documents == read(file, label_key="lang").documents
    assert source_digest(named) == source_digest(CorpusSpec("text", str(file), label_key="lang"))
    spec = DatasetSpec("s", "text_features", named)
    assert corpus_label(spec) == "rows.jsonl"
    assert absolute(spec).corpus == named  # the same name on every machine
