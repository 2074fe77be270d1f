from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from jobs.nano_data import Batches, NanoSettings, is_held_out, stream_of
from jobs.train_nano import learning_rate, main
from superpos.hashing import file_digest
from superpos.models import CHECKPOINTS, bundled_model

TINY = [
    *("--vocab-size", "300", "--n-layers", "2", "--d-model", "32", "--n-heads", "2", "--d-mlp", "64"),
    *("--max-positions", "64", "--ctx-len", "32", "--batch-size", "2", "--warmup", "2", "--held-out", "0.3"),
    *("--threads", "1", "--log-every", "1", "--save-every", "2", "--checkpoints", "0", "2"),
]
SHIPPED = {
    "MODEL_CARD.md",
    "config.json",
    "manifest.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "training.json",
}


@pytest.fixture(autouse=True, scope="module")
def torch_settings() -> Iterator[None]:
    """The job sets the process up for itself; the tests after this one get their settings back."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for i in range(12):
        lines = [f"def f{i}_{j}(x):  # é\n    return x + {j * i}\n" for j in range(10 + i)]
        (folder / f"m{i}.py").write_text("".join(lines), encoding="utf-8")
    return folder


def job(corpus: Path, work: Path, *arguments: str) -> int:
    return main([*TINY, "--corpus", str(corpus), "--work", str(work), *arguments])


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("trained")
    assert (
        job(corpus, folder / "work", "--steps", "3", "--out", str(folder / "out"), "--note", "Said so.") == 0
    )
    return folder / "work", folder / "out"


def test_everything_is_written(trained: tuple[Path, Path], corpus: Path) -> None:
    work, out = trained
    assert {path.name for path in out.iterdir()} == SHIPPED
    entries = json.loads((out / "manifest.json").read_text())
    assert [entry["path"] for entry in entries] == sorted(path.name for path in corpus.iterdir())
    for entry in entries:
        path = corpus / entry["path"]
        assert (entry["sha256"], entry["bytes"]) == (file_digest(path), path.stat().st_size)
        assert entry["split"] == ("held_out" if is_held_out(entry["path"], 0.3) else "train")
    assert {entry["split"] for entry in entries} == {"train", "held_out"}
    record = json.loads((out / "training.json").read_text())
    assert record["steps"] == 3
    assert record["plans"] == [[0, 3]]
    assert [step for step, _ in record["training_loss"]] == [1, 2, 3]
    assert record["sha256"]["model.safetensors"] == file_digest(out / "model.safetensors")
    card = (out / "MODEL_CARD.md").read_text()
    assert f"{record['held_out_nats_per_token']['trained']:.3f}" in card
    assert "less than the 0.5 asked for" in card
    assert "Said so." in card
    for step in (0, 2):
        weights = AutoModelForCausalLM.from_pretrained(work / "checkpoints" / f"step{step}")
        assert weights.dtype == torch.float16


def test_same_seed_gives_the_same_bits(trained: tuple[Path, Path], corpus: Path, tmp_path: Path) -> None:
    _, out = trained
    assert (
        job(corpus, tmp_path / "work", "--steps", "3", "--out", str(tmp_path / "out"), "--note", "Said so.")
        == 0
    )
    for name in SHIPPED - {"training.json", "MODEL_CARD.md"}:
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes(), name
    records = [json.loads((folder / "training.json").read_text()) for folder in (out, tmp_path / "out")]
    for record in records:
        del record["seconds"]
    assert records[0] == records[1]
    assert (
        job(corpus, tmp_path / "other", "--steps", "3", "--seed", "1", "--out", str(tmp_path / "seed1")) == 0
    )
    assert (tmp_path / "seed1" / "model.safetensors").read_bytes() != (out / "model.safetensors").read_bytes()


def test_resumed_run_ends_on_the_same_bits(trained: tuple[Path, Path], corpus: Path, tmp_path: Path) -> None:
    _, out = trained
    work = tmp_path / "work"
    for arguments in (["--stop-at", "1"], ["--stop-at", "2"], ["--out", str(tmp_path / "out")]):
        assert job(corpus, work, "--steps", "3", *arguments) == 0
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()
    curves = [
        json.loads((folder / "training.json").read_text())["training_loss"]
        for folder in (out, tmp_path / "out")
    ]
    assert curves[0] == curves[1]


def test_a_shorter_plan_is_recorded(corpus: Path, tmp_path: Path) -> None:
    assert job(corpus, tmp_path / "work", "--steps", "9", "--stop-at", "1") == 0
    assert job(corpus, tmp_path / "work", "--steps", "2", "--out", str(tmp_path / "out")) == 0
    assert json.loads((tmp_path / "out" / "training.json").read_text())["plans"] == [[0, 9], [1, 2]]


def test_losses_agree_with_plain_counts_and_single_files(trained: tuple[Path, Path], corpus: Path) -> None:
    _, out = trained
    record = json.loads((out / "training.json").read_text())
    losses = record["held_out_nats_per_token"]
    tokenizer, model = AutoTokenizer.from_pretrained(out), AutoModelForCausalLM.from_pretrained(out)
    parts: dict[str, list[list[int]]] = {"train": [], "held_out": []}
    for entry in json.loads((out / "manifest.json").read_text()):
        text = (corpus / entry["path"]).read_text(encoding="utf-8")
        parts[entry["split"]].append(tokenizer(text, add_special_tokens=False)["input_ids"])
    tokens = [token for file in parts["held_out"] for token in file]
    # The network, one file and one window at a time.
    nats = []
    for file in parts["held_out"]:
        for start in range(0, len(file), 32):
            window = file[start : start + 32]
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([[0, *window[:-1]]])).logits[0]
            nats += (-torch.log_softmax(logits.double(), 1)[range(len(window)), window]).tolist()
    assert len(nats) == len(tokens)
    assert losses["trained"] == pytest.approx(float(np.mean(nats)), rel=1e-5)
    n_bytes = sum(
        entry["bytes"]
        for entry in json.loads((out / "manifest.json").read_text())
        if entry["split"] == "held_out"
    )
    assert record["held_out_bits_per_byte"]["trained"] == pytest.approx(
        sum(nats) / math.log(2) / n_bytes, rel=1e-5
    )
    # n-grams, by counters. The stream is in random order: pairs across files are those into the separator,
    # which no target is, so only the number of continuations of the last tokens depends on the order.
    k, discount = record["ngram_smoothing"]["k"], record["ngram_smoothing"]["discount"]
    stream = [token for file in parts["train"] for token in [0, *file]]
    counts = Counter(stream)
    unigram = [math.log((counts[token] + k) / (len(stream) + 300 * k)) for token in tokens]
    assert losses["unigram"] == pytest.approx(-float(np.mean(unigram)), rel=1e-10)
    pairs = Counter(pairwise(stream))
    context = Counter(left for left, _ in pairwise(stream))
    kinds, continuations = Counter(left for left, _ in pairs), Counter(right for _, right in pairs)
    bigram = []
    for file in parts["held_out"]:
        for left, right in pairwise([0, *file]):
            q = (continuations[right] + 1e-3) / (len(pairs) + 300 * 1e-3)
            if context[left]:
                share = max(pairs[left, right] - discount, 0) / context[left]
                bigram.append(math.log(share + discount * kinds[left] / context[left] * q))
            else:
                bigram.append(math.log(q))
    assert losses["bigram"] == pytest.approx(-float(np.mean(bigram)), rel=2e-3)


def test_batches_walk_through_every_epoch(trained: tuple[Path, Path], corpus: Path) -> None:
    work, _ = trained
    settings = NanoSettings(
        corpus=str(corpus), vocab_size=300, ctx_len=32, batch_size=2, held_out=0.3, max_positions=64
    )
    batches = Batches(settings, work)
    tokens, lengths = np.load(work / "train.tokens.npy"), np.load(work / "train.lengths.npy")
    stream = stream_of(tokens, lengths, np.arange(len(lengths)))
    assert np.sum(stream == 0) == len(lengths)
    seen = [tuple(row) for step in range(batches.per_epoch) for row in batches[step].tolist()]
    assert len(set(seen)) == len(seen) >= (len(stream) // 32 - 1) // 2 * 2
    assert all(row[0] == 0 and len(row) == 33 for row in seen)
    first = batches[0].copy()
    assert not np.array_equal(first, batches[batches.per_epoch])
    assert np.array_equal(first, batches[0])


def test_learning_rate_warms_up_and_decays_to_a_tenth() -> None:
    settings = NanoSettings(lr=1.0, warmup=10)
    rates = [learning_rate(settings, step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_bad_input_is_one_line(
    trained: tuple[Path, Path], corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work, _ = trained
    assert job(corpus, work, "--steps", "4", "--lr", "0.5") == 2
    assert "begun with other settings" in capsys.readouterr().err
    assert job(corpus, tmp_path / "a", "--evaluate-only", "--out", str(tmp_path / "out")) == 2
    assert "train first" in capsys.readouterr().err
    assert job(tmp_path / "nowhere", tmp_path / "b") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_shipped_checkpoints_are_steps_of_one_training() -> None:
    trained = bundled_model("nano")
    tokenizer = AutoTokenizer.from_pretrained(trained)
    # Text that none of them has seen: this file.
    ids = tokenizer(Path(__file__).read_text(encoding="utf-8"), return_tensors="pt")["input_ids"][:, :256]
    losses = []
    for revision in (*CHECKPOINTS["nano"], ""):
        folder = bundled_model("nano", revision)
        assert (folder / "tokenizer.json").read_bytes() == (trained / "tokenizer.json").read_bytes()
        assert (folder / "model.safetensors").stat().st_size <= 8_000_000
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.inference_mode():
            losses.append(float(model(input_ids=ids, labels=ids).loss))
    assert abs(losses[0] - math.log(4096)) < 0.3  # untrained: every token alike
    assert losses == sorted(losses, reverse=True)
    assert losses[0] - losses[-1] > 3.0


def test_shipped_model_is_what_its_record_says() -> None:
    folder = bundled_model("nano")
    record = json.loads((folder / "training.json").read_text())
    assert {path.name for path in folder.iterdir()} == SHIPPED | {"checkpoints"}
    for name, digest in record["sha256"].items():
        assert file_digest(folder / name) == digest
    assert (folder / "model.safetensors").stat().st_size <= 8_000_000
    assert (folder / "manifest.json").stat().st_size < 400_000
    losses = record["held_out_nats_per_token"]
    assert losses["trained"] < losses["bigram"] - 0.5
    assert min(losses["random_weights"]) > losses["unigram"] > losses["bigram"]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.config.architectures == ["GPTNeoXForCausalLM"]
    assert sum(parameter.numel() for parameter in model.parameters()) == record["n_parameters"]
    assert (tokenizer.bos_token_id, len(tokenizer)) == (0, 4096)
    text = "import os\n\ndef main():\n    return os.path.join('é', \"b\")\n"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    # Text it has never seen: this file. Order matters to it, far beyond the frequencies of tokens.
    ids = tokenizer(Path(__file__).read_text(encoding="utf-8"), add_special_tokens=False)["input_ids"][:250]
    shuffled = np.random.default_rng(0).permutation(ids).tolist()
    nats = []
    for window in (ids, shuffled):
        batch = torch.tensor([[0, *window]])
        with torch.inference_mode():
            nats.append(float(model(input_ids=batch, labels=batch).loss))
    assert nats[0] < 4.5
    assert nats[0] < nats[1] - 1.5
