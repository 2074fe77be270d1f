"""Whole files of every format that is read, and the command or function that reads each."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from superpos.activations.inspection import inspect_model
from superpos.cli.parser import main
from superpos.datasets.artifacts import load_dataset, save_dataset
from superpos.datasets.build import build_dataset
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.models import ModelSpec

DRAW = np.random.default_rng(20260711)
NAMES = ("north", "south", "east", "west", "up", "down")
ROWS = DRAW.normal(size=(6, 5))
UNIT = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
PHRASE = "the river ran 42 miles, past Old Mill (built 1790) and on; who knew? a_b = f(x) # no"
WORDS = PHRASE.split()
TEXTS = [" ".join(DRAW.choice(WORDS, size=40)) for _ in range(24)]
RECORDS = [{"text": text, "lang": ("en", "fr")[i % 2], "n": i} for i, text in enumerate(TEXTS)]

SIZES = "n_sequences = 24\nctx_len = 32\nn_samples = 60\nmin_positives = 5\n"
DOCUMENTS = f"""builder = "documents"
corpus = CORPUS
label_key = "lang"
min_documents = 4
skip_tokens = 1
{SIZES}"""
PREDICATES = f"""builder = "tokens"
corpus = CORPUS
{SIZES}[features]
letters = ["t", "e"]
digits = "[0-9]"
"""
TREEBANK = f"""builder = "conllu"
corpus = CORPUS
{SIZES}[features]
nouns = "upos=NOUN"
plural = "upos=NOUN & Number=Plur"
"""
PEOPLE = """builder = "entities"
entities = CORPUS
n_samples = 60
min_positives = 5
"""
SMALL_TOKENIZER = Path("small") / "tokenizer.json"
"""Beside each place: one token a byte, so that a set is built in no time."""


@dataclass(frozen=True)
class Kind:
    """A format: how a whole place of it is made inside an empty folder, and what reads it."""

    name: str
    make: Callable[[Path], Path]
    read: Callable[[Path, Path], int]
    """Reads the place; may write into the folder that comes second; returns the exit status."""
    is_refused: bool = False
    """Whether the format is not read at all."""


def small_tokenizer(file: Path) -> None:
    """Write a tokenizer of 256 bytes and a token that begins a sequence."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({character: i for i, character in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(file))


def _at(name: str, write: Callable[[Path], object]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / SMALL_TOKENIZER).parent.mkdir()
        small_tokenizer(folder / SMALL_TOKENIZER)
        write(folder / name)
        return folder / name

    return make


def _imported(*options: str) -> Callable[[Path, Path], int]:
    def read(place: Path, out: Path) -> int:
        return main(["datasets", "import", str(place), "--out", str(out / "set.toml"), "--json", *options])

    return read


def _imported_folder(place: Path, out: Path) -> int:
    return _imported("--tokenizer", str(place.parent / SMALL_TOKENIZER))(place, out)


def _built(definition: str) -> Callable[[Path, Path], int]:
    def read(place: Path, out: Path) -> int:
        set_file = place.parent / "set.toml"
        set_file.write_text(definition.replace("CORPUS", json.dumps(str(place))), encoding="utf-8")
        command = ["datasets", "build", str(set_file), "--out", str(out / "set.safetensors"), "--json"]
        return main([*command, "--tokenizer", str(place.parent / SMALL_TOKENIZER)])

    return read


def _shown(place: Path, _: Path) -> int:
    return main(
        ["datasets", "show", str(place), "--json", "--tokenizer", str(place.parent / SMALL_TOKENIZER)]
    )


def _shown_with(place: Path, _: Path) -> int:
    return main(["datasets", "show", "planets", "--tokenizer", str(place), "--json"])


def _called(function: Callable[[Path], object]) -> Callable[[Path, Path], int]:
    def read(place: Path, _: Path) -> int:
        function(place)
        return 0

    return read


def _csv(place: Path, rows: Sequence[Sequence[object]]) -> None:
    place.write_text("".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def _named_rows(place: Path, values: NDArray[np.float64]) -> None:
    named = [[name, *row] for name, row in zip(NAMES, values.tolist(), strict=True)]
    _csv(place, [["name", *range(values.shape[1])], *named])


def _jsonl(place: Path) -> None:
    place.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), encoding="utf-8")


def _jsonl_zst(place: Path) -> None:
    with pa.output_stream(str(place), compression="zstd") as stream:
        stream.write("".join(json.dumps(record) + "\n" for record in RECORDS).encode())


def _csv_gz(place: Path) -> None:
    plain = io.StringIO()
    csv.writer(plain).writerows([list(RECORDS[0]), *(list(record.values()) for record in RECORDS)])
    place.write_bytes(gzip.compress(plain.getvalue().encode(), mtime=0))


def _parquet(place: Path) -> None:
    parquet.write_table(pa.Table.from_pylist(RECORDS), place)


def _saved_set(place: Path) -> None:
    datasets.Dataset.from_list(RECORDS).save_to_disk(str(place))


def _paper_folder(place: Path) -> None:
    tokens = DRAW.integers(2, 250, size=(30, 12)).tolist()
    columns = {"tokens": tokens, "f|probe_indices": [[1, 3]] * 30, "f|probe_classes": [[1, -1]] * 30}
    datasets.Dataset.from_dict(columns).save_to_disk(str(place))


def _conllu(place: Path) -> None:
    place.write_text("".join(map(_sentence, range(96))), encoding="utf-8")


def _sentence(number: int) -> str:
    """Return a sentence of CoNLL-U; every eighth begins a document."""
    words = [WORDS[(number * step) % len(WORDS)].strip(",;?()") for step in range(1, 9)]
    lines = [f"# newdoc id = d{number}"] if number % 8 == 0 else []
    lines.append("# text = " + " ".join(words))
    for place, form in enumerate(words, start=1):
        kind, feats = (("NOUN", "Number=Plur"), ("NOUN", "_"), ("VERB", "Tense=Past"))[(number + place) % 3]
        lines.append("\t".join([str(place), form, form.lower(), kind, "_", feats, "0", "root", "_", "_"]))
    return "\n".join(lines) + "\n\n"


def _people(place: Path) -> None:
    _csv(place, [["name", "label"], *([f"N{i} Sur{i}", "ab"[i % 2]] for i in range(24))])


def _set_file(place: Path) -> None:
    text = place.parent / "t.txt"
    text.write_text("\n".join(TEXTS), encoding="utf-8")
    place.write_text(PREDICATES.replace("CORPUS", json.dumps(str(text))), encoding="utf-8")


def _artifact(place: Path) -> None:
    text = place.with_suffix(".txt")
    text.write_text("\n".join(TEXTS), encoding="utf-8")
    sizes = {"n_sequences": 20, "ctx_len": 16, "n_samples": 40, "min_positives": 2}
    spec = DatasetSpec("s", "text_features", CorpusSpec("text", str(text)), **sizes)
    save_dataset(place, build_dataset(spec, place.parent / SMALL_TOKENIZER))


def _model(place: Path) -> None:
    place.mkdir()
    config = {
        "model_type": "gpt_neox", "hidden_size": 8, "num_hidden_layers": 2, "intermediate_size": 16,
        "num_attention_heads": 2, "vocab_size": 4096, "max_position_embeddings": 32, "rotary_pct": 0.25,
    }  # fmt: skip
    (place / "config.json").write_text(json.dumps(config), encoding="utf-8")
    small_tokenizer(place / "tokenizer.json")
    weights = {"gpt_neox.embed_in.weight": np.ones((4, 4), np.float32), "b": np.ones(3, np.float16)}
    save_file(weights, place / "model.safetensors")


def _decoder(path: Path) -> None:
    import torch

    torch.save({"decoder.weight": torch.from_numpy(ROWS.T.copy()), "bias": torch.ones(5)}, path)


def _autoencoder(place: Path) -> None:
    place.mkdir()
    config = {"d_in": 5, "d_sae": 6, "hook_name": "blocks.1.hook_resid_post", "model_name": "m"}
    (place / "cfg.json").write_text(json.dumps(config), encoding="utf-8")
    weights = {"W_dec": ROWS, "W_enc": ROWS.T.copy(), "b_enc": np.ones(6), "b_dec": np.ones(5)}
    save_file(weights, place / "sae_weights.safetensors")


def _inspected(place: Path) -> object:
    return inspect_model(ModelSpec(str(place)))


KINDS: tuple[Kind, ...] = (
    Kind("npz", _at("m.npz", lambda p: np.savez(p, w=ROWS, other=ROWS[0])), _imported("--tensor", "w")),
    Kind("npz_packed", _at("m.npz", lambda p: np.savez_compressed(p, ROWS)), _imported()),
    Kind("npz_psm", _at("m.npz", lambda p: np.savez(p, UNIT @ UNIT.T)), _imported("--psm", "cosine")),
    Kind("npy", _at("m.npy", lambda p: np.save(p, ROWS)), _imported(), is_refused=True),
    Kind("safetensors", _at("m.safetensors", lambda p: save_file({"w": ROWS}, p)), _imported()),
    Kind("torch", _at("ae.pt", _decoder), _imported("--part", "decoder")),
    Kind("autoencoder", _at("sae", _autoencoder), _imported()),
    Kind("csv", _at("m.csv", lambda p: _named_rows(p, ROWS)), _imported()),
    Kind("csv_psm", _at("m.csv", lambda p: _named_rows(p, UNIT @ UNIT.T)), _imported("--psm", "cosine")),
    Kind("tsv", _at("m.tsv", lambda p: p.write_text("a\t1\t2\nb\t3\t4\n")), _imported(), is_refused=True),
    Kind("jsonl", _at("c.jsonl", _jsonl), _built(DOCUMENTS)),
    Kind("jsonl_zst", _at("c.jsonl.zst", _jsonl_zst), _built(DOCUMENTS)),
    Kind("csv_gz", _at("c.csv.gz", _csv_gz), _built(DOCUMENTS)),
    Kind("json", _at("c.json", lambda p: p.write_text(json.dumps(RECORDS))), _built(DOCUMENTS)),
    Kind("parquet", _at("c.parquet", _parquet), _built(DOCUMENTS)),
    Kind("saved_set", _at("c", _saved_set), _built(DOCUMENTS)),
    Kind("text", _at("c.txt", lambda p: p.write_text("\n".join(TEXTS))), _built(PREDICATES)),
    Kind("conllu", _at("c.conllu", _conllu), _built(TREEBANK)),
    Kind("entities", _at("p.csv", _people), _built(PEOPLE)),
    Kind("paper_folder", _at("p", _paper_folder), _imported_folder),
    Kind("set_file", _at("s.toml", _set_file), _shown),
    Kind("tokenizer", _at("tokenizer.json", small_tokenizer), _shown_with),
    Kind("artifact", _at("a.safetensors", _artifact), _called(load_dataset)),
    Kind("model", _at("model", _model), _called(_inspected)),
)
"""Every format that a user or a run hands on to be read."""
