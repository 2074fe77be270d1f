"""What labelled texts cannot be made of: one line with file, row or key, and what is allowed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from superpos.datasets.build import build_dataset
from superpos.datasets.labelled.candidates import read_candidates
from superpos.datasets.labelled.options import LabelledFile, LabelledTextOptions
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.reading import texts
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import load_feature_set

GOOD = "text,label\n" + "".join(f"word {i} is here,{i % 2}\n" for i in range(40))
NAMED = GOOD.replace(",0\n", ",dog\n").replace(",1\n", ",cat\n")
NUMBERS = "text,label\n" + "".join(f"word {i} is here,{i * 1.5}\n" for i in range(40))
LINES = "".join(json.dumps({"text": f"word {i}", "label": i % 2}) + "\n" for i in range(40))


def packed(text: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(text.encode())
    return sink.getvalue().to_pybytes()


FILES: list[tuple[str, str | bytes, dict[str, Any], str]] = [
    ("a.csv", GOOD, {"text_key": "prompt"}, "a.csv: no column 'prompt' for the text; columns: text, label"),
    ("a.csv", GOOD, {"label_key": "target"}, "no column 'target' for the label; columns: text, label"),
    ("a.csv", GOOD, {"group_key": "doc"}, "no column 'doc' for the group; columns: text, label"),
    ("a.csv", "text,label,text\nx,1,y\n", {}, "line 1: there is more than one column 'text'"),
    ("a.csv", "", {}, "no column 'text' for the text; columns: none"),
    (
        "a.csv",
        "text,label\n",
        {},
        "no text with a label under 'label' (rows: 0 read, 0 empty, 0 without label",
    ),
    ("a.csv", GOOD.replace(",1\n", ",0\n"), {}, "every label under 'label' is '0'; at least 2 are needed"),
    ("a.csv", GOOD.encode("utf-16"), {}, "line 1: not UTF-8: byte 0xff at offset 0 (it begins like UTF-16"),
    ("a.csv", (GOOD + "café,1\n").encode("latin-1"), {}, "line 42: not UTF-8: byte 0xe9 at offset 724"),
    ("a.csv", GOOD + "a,b,1\n", {}, "line 42: 3 cells; the header has 2 columns"),
    ("a.csv", GOOD + "a\n", {}, "line 42: 1 cells; the header has 2 columns"),
    ("a.csv", GOOD + '"a,1\n', {}, "line 42: not CSV: unexpected end of data"),
    ("a.csv", GOOD + 'x,"a\x07b"\n', {}, "line 42: under 'label' is 'a\\x07b', which is no label: it holds"),
    (
        "a.csv",
        NAMED,
        {"positive": ("cow",)},
        "positive: no text has the label 'cow' under 'label'; allowed: cat",
    ),
    ("a.csv", NAMED, {"classes": ("cat", "cow")}, "classes: no text has the label 'cow' under 'label'"),
    ("a.csv", NAMED, {"classes": ("CAT", "Cat")}, "classes: ['CAT', 'Cat'] name the label 'cat' twice"),
    (
        "a.csv",
        "text,x,y\n" + "".join(f"word {i},{i % 2},\n" for i in range(30)),
        {"label_keys": ("x", "y")},
        "no text has a label under 'y'; leave the column out",
    ),
    (
        "a.jsonl",
        "".join(f'{{"text": "word {i}", "label": []}}\n' for i in range(30)),
        {},
        "every label under 'label' is an empty list; at least 2 are needed",
    ),
    ("a.csv", NAMED, {"bins": (0.5,)}, "line 2: under 'label' is 'dog', no number that bins divide"),
    ("a.csv", NUMBERS + "x,inf\n", {"bins": (0.5,)}, "line 42: under 'label' is 'inf', no number"),
    ("a.csv", GOOD, {"bins": (0.1, 0.2)}, "bins: the quantiles [0.1, 0.2] of 'label' are 0, 0; they leave"),
    ("a.csv", NUMBERS, {}, "40 different numbers under 'label' are no classes; divide them at quantiles"),
    (
        "a.csv",
        "text,label\n" + "".join(f"word {i},id {i}\n" for i in range(150)),
        {},
        "150 different labels under 'label' are too many for classes (at most 100); name those to keep",
    ),
    ("a.csv", GOOD, {"split": "train"}, "split: 'train' does not apply: "),
    ("a.csv", "text,label\na,0\nb,1\n", {}, "2 texts; at least 20 are needed (rows: 2 read, 2 texts)"),
    ("a.csv", GOOD, {"label_keys": ("label", "x")}, "no column 'x' for the label"),
    (
        "a.csv",
        "text,x,y\n" + "".join(f"word {i},{i % 2},{i % 3}\n" for i in range(30)),
        {"label_keys": ("x", "y")},
        "column 'y' holds 0, 1, 2; say which of them make its feature true (positive)",
    ),
    ("a.csv.zst", packed(GOOD)[:-9], {}, "a.csv.zst: cannot be read as zstd: Truncated compressed stream"),
    ("a.csv.zst", GOOD, {}, "a.csv.zst: cannot be read as zstd: "),
    ("a.csv.gz", GOOD, {}, "a.csv.gz: cannot be read as gzip: "),
    ("a.csv.gz", gzip.compress(GOOD.encode())[:-6], {}, "a.csv.gz: cannot be read as gzip: "),
    (
        "a.parquet.gz",
        GOOD,
        {},
        "is not read compressed; files of .csv, .tsv, .jsonl are (.zst or .gz behind it)",
    ),
    ("a.csv.xz", GOOD, {}, "holds no records; labelled texts come as .csv, .tsv, .jsonl"),
    ("a.txt", GOOD, {}, "holds no records; labelled texts come as .csv, .tsv, .jsonl"),
    ("a.parquet", "PAR1", {}, "cannot be read as Parquet: "),
    (
        "a.jsonl",
        LINES + '{"text": "x", "label": ["a"]}\n',
        {},
        "line 41: under 'label' is a list of labels, in rows",
    ),
    (
        "a.jsonl",
        LINES + '{"text": "x", "label": {"a": 1}}\n',
        {},
        "line 41: under 'label' is {'a': 1}; a label is",
    ),
    (
        "a.jsonl",
        LINES + '{"text": 3, "label": 1}\n',
        {},
        "line 41: no text under 'text' but 3; a text is a string",
    ),
    ("a.jsonl", LINES + '{"label": 1}\n', {}, "line 41: no text under 'text'; it has label"),
    ("a.jsonl", LINES + '"x"\n', {}, "line 41: 'x' is no record of keys and values"),
    ("a.jsonl", LINES + "{x\n", {}, "line 41: not JSON: "),
    (
        "a.jsonl",
        LINES + '{"text": "a\\ud800", "label": 1}\n',
        {},
        "half a surrogate pair at character 1, no text",
    ),
]


@pytest.mark.parametrize(("name", "content", "options", "says"), FILES)
def test_files_that_cannot_be_read(
    tmp_path: Path, name: str, content: str | bytes, options: dict[str, Any], says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    spec = DatasetSpec("set", "labelled_texts", options=LabelledTextOptions(file=str(path), **options))
    with pytest.raises(InputError) as caught:
        build_dataset(spec, bundled_model("nano"))
    message = str(caught.value)
    assert says in message
    assert str(path) in message
    assert "\n" not in message


def test_places_without_a_file(tmp_path: Path) -> None:
    for file, says in (
        (str(tmp_path / "none.csv"), "none.csv: no such file or folder of labelled texts"),
        (str(tmp_path), "holds no records; labelled texts come as"),
        (
            "package:no-such-distribution/x.csv",
            "no distribution of this name is installed; install it: pip install",
        ),
    ):
        with pytest.raises(InputError, match=says):
            read_candidates(LabelledTextOptions(file=file))


def test_lines_and_cells_that_do_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "LONGEST_LINE", 1 << 20)
    (tmp_path / "a.csv").write_text(GOOD + "x" * (1 << 21))
    (tmp_path / "b.csv.zst").write_bytes(packed("y" * (1 << 24)))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"z" * (1 << 24)))
    for name, line in (("a.csv", 42), ("b.csv.zst", 1), ("c.jsonl.gz", 1)):
        with pytest.raises(InputError, match=f"{name}: line {line}: has more than 1,048,576 bytes"):
            read_candidates(LabelledTextOptions(file=str(tmp_path / name)))


def test_a_file_of_several_classes_is_no_one_feature(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text(NAMED)
    files = tuple(LabelledFile(name, str(tmp_path / f"{name}.csv")) for name in ("a", "b"))
    with pytest.raises(
        InputError, match=r"b.csv: files.b: has the classes 'cat', 'dog'; of several files each"
    ):
        read_candidates(LabelledTextOptions(files=files))


SETS: list[tuple[str, str]] = [
    ("", "file: give either `file` or `files`, a file for each feature"),
    ("file = 'a.csv'\nfiles = ['a.csv', 'b.csv']", "file: give either `file` or `files`"),
    (
        "files = ['x/a.csv', 'y/a.csv.gz']",
        "files: holds two files of one name; make it a table of names to files",
    ),
    ("files = {a = 'a.csv'}", "files: holds 1; at least 2 are needed"),
    ("files = {a = 3, b = 'a.csv'}", "files.a: 3 is not text"),
    ("files = {a = '', b = 'a.csv'}", "files.a: 'a' has no file"),
    ("files = {a = 'a.csv', b = 'b.csv'}\nlabel_keys = ['x']", "files: does not apply beside several labels"),
    ("file = 'a.csv'\ntext_key = 'label'", "text_key: 'label' is another key, too"),
    ("file = 'a.csv'\ngroup_key = 'text'", "group_key: 'text' is another key, too"),
    ("file = 'a.csv'\nclasses = ['a']", "classes: holds 1; at least 2 are needed"),
    ("file = 'a.csv'\nbins = [0.5, 0.25]", "bins: [0.5, 0.25] do not rise between 0 and 1"),
    ("file = 'a.csv'\nbins = [50]", "bins: [50.0] do not rise between 0 and 1"),
    ("file = 'a.csv'\nbins = [0.5]\npositive = 'x'", "positive: does not apply beside bins"),
    ("file = 'a.csv'\nposition = 'first'", "position: 'first' is unknown; allowed: last, end, mean, max"),
    ("file = 'a.csv'\ntemplate = 'Is it true?'", "template: 'Is it true?' has {text} 0 times; with it once"),
    ("file = 'a.csv'\nconfig = 'x'", "config: 'x' applies to data sets of the hub only"),
    ("file = 'hub:a/b'", "max_rows: 0 would read a whole data set of the hub; say how many rows"),
    ("file = 'a.csv'\ncorpus = 'b.csv'", "corpus: does not apply: the texts are those of `file` or `files`"),
    ("file = 'a.csv'\nlabelkey = 'x'", "labelkey: unknown key; allowed: "),
]


@pytest.mark.parametrize(("lines", "says"), SETS)
def test_keys_that_do_not_go(tmp_path: Path, lines: str, says: str) -> None:
    path = tmp_path / "set.toml"
    path.write_text(f"builder = 'labelled_texts'\n{lines}\n")
    with pytest.raises(InputError) as caught:
        load_feature_set(str(path))
    assert str(caught.value).startswith(f"{path}: {says}")


def test_labels_are_written_as_the_file_has_them(tmp_path: Path) -> None:
    path = tmp_path / "set.toml"
    path.write_text(
        "builder = 'labelled_texts'\nfiles = ['a.csv.zst', 'b.jsonl']\npositive = [1, true, 2.5, 'x']\n"
    )
    (tmp_path / "a.csv.zst").write_bytes(b"")
    options = load_feature_set(str(path)).options
    assert options.positive == ("1", "True", "2.5", "x")
    assert options.files == (
        LabelledFile("a", str(tmp_path / "a.csv.zst")),  # beside the set file
        LabelledFile("b", "b.jsonl"),
    )
