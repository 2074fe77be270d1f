"""Whole files of every format that is read, and the command or function that reads each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
from pyarrow import parquet
from safetensors.numpy import save_file

from superpos.activations.inspection import inspect_model
from superpos.cli.parser import main
from superpos.datasets.artifacts import load_dataset, save_dataset
from superpos.datasets.build import build_dataset
from superpos.models import bundled_model
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.models import ModelSpec

DRAW = np.random.default_rng(20260711)
NAMES = ("north", "south", "east", "west", "up", "down")
ROWS = DRAW.normal(size=(6, 5))
UNIT = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
WORDS = "the river ran 42 miles, past Old Mill (built 1790) and on; who knew? a_b = f(x) # no".split()
TEXTS = [" ".join(DRAW.choice(WORDS, size=40)) for _ in range(24)]
RECORDS = [{"text": text, "lang": ("en", "fr")[i % 2], "n": i} for i, text in enumerate(TEXTS)]

DOCUMENTS = """builder = "documents"
corpus = {corpus}
label_key = "lang"
min_documents = 4
skip_tokens = 1
n_sequences = 24
ctx_len = 16
n_samples = 60
min_positives = 5
"""
WORDS_OF_TEXT = """builder = "tokens"
corpus = {corpus}
n_sequences = 24
ctx_len = 16
n_samples = 60
min_positives = 5
[features]
articles = ["the", "a"]
digits = "[0-9]"
"""
TREEBANK = """builder = "conllu"
corpus = {corpus}
n_sequences = 24
ctx_len = 16
n_samples = 60
min_positives = 5
[features]
nouns = "upos=NOUN"
plural = "upos=NOUN & Number=Plur"
"""
PEOPLE = """builder = "entities"
entities = {corpus}
n_samples = 60
min_positives = 5
"""


@dataclass(frozen=True)
class Kind:
    """A format: how a whole place of it is made, which of its files is damaged, and what reads it."""

    name: str
    make: Callable[[Path], Path]
    """Makes the file or folder inside an empty folder and returns it."""
    read: Callable[[Path, Path], int]
    """Reads the place; may write into the second folder; returns the exit status."""


def _written(name: str, write: Callable[[Path], object]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write(folder / name)
        return folder / name

    return make


def _imported(*options: str) -> Callable[[Path, Path], int]:
    def read(place: Path, out: Path) -> int:
        return main(["datasets", "import", str(place), "--out", str(out / "set.toml"), "--json", *options])

    return read


def _built(definition: str) -> Callable[[Path, Path], int]:
    def read(place: Path, out: Path) -> int:
        with (place.parent / "set.toml").open("w", encoding="utf-8") as stream:
            stream.write(definition.format(corpus=json.dumps(str(place))))
        made = out / "set.safetensors"
        return main(["datasets", "build", str(place.parent / "set.toml"), "--out", str(made), "--json"])

    return read


def _called(function: Callable[[Path], object]) -> Callable[[Path, Path], int]:
    def read(place: Path, _: Path) -> int:
        function(place)
        return 0

    return read


def _sentence(number: int) -> str:
    """Return a sentence of CoNLL-U; every eighth begins a document."""
    words = [WORDS[(number * step) % len(WORDS)].strip(",;?()") for step in range(1, 9)]
    lines = [f"# newdoc id = d{number}"] if number % 8 == 0 else []
    lines.append("# text = " + " ".join(words))
    for place, form in enumerate(words, start=1):
        kind, feats = (("NOUN", "Number=Plur"), ("NOUN", "_"), ("VERB", "Tense=Past"))[(number + place) % 3]
        lines.append("\t".join([str(place), form, form.lower(), kind, "_", feats, "0", "root", "_", "_"]))
    return "\n".join(lines) + "\n\n"


def _csv(place: Path, rows: list[list[object]]) -> None:
    place.write_text("".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def _named_rows(place: Path, values: np.ndarray) -> None:
    _csv(place, [["name", *range(values.shape[1])], *([n, *r] for n, r in zip(NAMES, values.tolist(), strict=True))])


def _saved(place: Path) -> None:
    datasets.Dataset.from_list(RECORDS).save_to_disk(str(place))


def _paper(place: Path) -> None:
    tokens = DRAW.integers(2, 4000, size=(30, 12)).tolist()
    columns = {"tokens": tokens, "f|probe_indices": [[1, 3]] * 30, "f|probe_classes": [[1, -1]] * 30}
    datasets.Dataset.from_dict(columns).save_to_disk(str(place))


def _artifact(place: Path) -> None:
    text = place.with_suffix(".txt")
    text.write_text("\n".join(TEXTS), encoding="utf-8")
    spec = DatasetSpec(
        "s", "text_features", CorpusSpec("text", str(text)), n_sequences=20, ctx_len=16, n_samples=40, min_positives=2
    )
    save_dataset(place, build_dataset(spec, bundled_model("nano")))
    text.unlink()


def _model(place: Path) -> None:
    place.mkdir()
    config = {
        "model_type": "gpt_neox", "hidden_size": 8, "num_hidden_layers": 2, "intermediate_size": 16,
        "num_attention_heads": 2, "vocab_size": 4096, "max_position_embeddings": 32, "rotary_pct": 0.25,
    }  # fmt: skip
    (place / "config.json").write_text(json.dumps(config))
    shutil.copy(bundled_model("nano") / "tokenizer.json", place)
    save_file({"gpt_neox.embed_in.weight": np.ones((4, 4), np.float32), "b": np.ones(3, np.float16)}, place / "model.safetensors")


def _tokenizer(place: Path) -> None:
    shutil.copy(bundled_model("nano") / "tokenizer.json", place)


def _show_with_tokenizer(place: Path, out: Path) -> int:
    return main(["datasets", "show", "planets", "--tokenizer", str(place), "--json"])


def _set(place: Path, out: Path) -> int:
    return main(["datasets", "show", str(place), "--json"])


def _both_forms(place: Path) -> None:
    place.write_text(WORDS_OF_TEXT.format(corpus=json.dumps(str(place.parent / "t.txt"))), encoding="utf-8")
    (place.parent / "t.txt").write_text("\n".join(TEXTS), encoding="utf-8")


KINDS: tuple[Kind, ...] = (
    Kind("npz", _written("m.npz", lambda p: np.savez(p, w=ROWS, other=ROWS[0])), _imported("--tensor", "w")),
    Kind("npz_packed", _written("m.npz", lambda p: np.savez_compressed(p, ROWS)), _imported()),
    Kind("npz_psm", _written("m.npz", lambda p: np.savez(p, UNIT @ UNIT.T)), _imported("--psm", "cosine")),
    Kind("npy", _written("m.npy", lambda p: np.save(p, ROWS)), _imported()),
    Kind("safetensors", _written("m.safetensors", lambda p: save_file({"w": ROWS}, p)), _imported()),
    Kind("csv", _written("m.csv", lambda p: _named_rows(p, ROWS)), _imported()),
    Kind("csv_psm", _written("m.csv", lambda p: _named_rows(p, UNIT @ UNIT.T)), _imported("--psm", "cosine")),
    Kind("tsv", _written("m.tsv", lambda p: p.write_text("a\t1\t2\nb\t3\t4\n")), _imported()),
    Kind("jsonl", _written("c.jsonl", lambda p: p.write_text("".join(json.dumps(r) + "\n" for r in RECORDS))), _built(DOCUMENTS)),
    Kind("json", _written("c.json", lambda p: p.write_text(json.dumps(RECORDS))), _built(DOCUMENTS)),
    Kind("parquet", _written("c.parquet", lambda p: parquet.write_table(pa.Table.from_pylist(RECORDS), p)), _built(DOCUMENTS)),
    Kind("saved_set", _written("c", _saved), _built(DOCUMENTS)),
    Kind("text", _written("c.txt", lambda p: p.write_text("\n".join(TEXTS))), _built(WORDS_OF_TEXT)),
    Kind("conllu", _written("c.conllu", lambda p: p.write_text("".join(map(_sentence, range(96))))), _built(TREEBANK)),
    Kind("entities", _written("p.csv", lambda p: _csv(p, [["name", "label"], *([f"N{i} Sur{i}", "ab"[i % 2]] for i in range(24))])), _built(PEOPLE)),
    Kind("paper_folder", _written("p", _paper), _imported()),
    Kind("set_file", _written("s.toml", _both_forms), _set),
    Kind("tokenizer", _written("tokenizer.json", _tokenizer), _show_with_tokenizer),
    Kind("artifact", _written("a.safetensors", _artifact), _called(load_dataset)),
    Kind("model", _written("model", _model), _called(lambda place: inspect_model(ModelSpec(str(place))))),
)  # fmt: skip
