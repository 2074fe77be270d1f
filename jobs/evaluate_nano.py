"""Measure the small bundled model on held-out files and write the folder that ships.

Every token of every held-out file is a target once. The network sees each file in windows of `ctx_len`
tokens with the separator first, so that a window's first token has no context but the separator; n-grams see
the token before, the separator at the start of a file. Loss: mean of -log p, nats per token; bits per byte =
sum of -log2 p over the number of UTF-8 bytes.
"""

from __future__ import annotations

import json
import math
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.nano_card import card
from jobs.nano_data import SEPARATOR, SEPARATOR_ID, NanoSettings, manifest, stream_of
from jobs.nano_network import new_model, read_weights, save_weights, state_progress
from superpos.datasets.ngrams import tuned_ngrams
from superpos.datasets.sources import load_corpus
from superpos.errors import InputError
from superpos.hashing import file_digest
from superpos.seeding import generator
from superpos.specs.datasets import CorpusSpec

RANDOM_SEEDS = (0, 1, 2)


def windows(
    tokens: NDArray[np.int32], lengths: NDArray[np.int64], ctx_len: int, batch_size: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield inputs and targets, (batch, ctx_len); targets are -1 where a file has ended."""
    rows: list[NDArray[np.int64]] = []
    ends = np.cumsum(lengths)
    for end, length in zip(ends, lengths, strict=True):
        rows += [
            tokens[start : min(start + ctx_len, end)].astype(np.int64)
            for start in range(end - length, end, ctx_len)
        ]
    for first in range(0, len(rows), batch_size):
        part = rows[first : first + batch_size]
        inputs = np.full((len(part), ctx_len), SEPARATOR_ID, dtype=np.int64)
        targets = np.full((len(part), ctx_len), -1, dtype=np.int64)
        for index, row in enumerate(part):
            inputs[index, 1 : len(row)] = row[:-1]
            targets[index, : len(row)] = row
        yield inputs, targets


def network_losses(
    model: Any, tokens: NDArray[np.int32], lengths: NDArray[np.int64], ctx_len: int
) -> NDArray[np.float64]:
    """Return -log p of every token under the network, (n_tokens,), in nats."""
    import torch

    model.eval()
    parts = []
    with torch.inference_mode():
        for inputs, targets in windows(tokens, lengths, ctx_len, batch_size=8):
            logits, wanted = model(input_ids=torch.from_numpy(inputs)).logits, torch.from_numpy(targets)
            losses = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), ignore_index=-1, reduction="none"
            )
            parts.append(losses[wanted.flatten() >= 0].double().numpy())
    return np.concatenate(parts)


def evaluate(settings: NanoSettings, work: Path, note: str = "") -> dict[str, Any]:
    """Return the training record: settings, schedule, curve, baselines, held-out losses, versions.

    Raises
    ------
    InputError
        If the corpus is no longer the one that the work folder was prepared from.
    """
    import tokenizers
    import torch
    import transformers

    corpus = load_corpus(CorpusSpec.from_text(settings.corpus))
    entries = manifest(corpus, settings.held_out)
    if entries != json.loads((work / "manifest.json").read_text(encoding="utf-8")):
        raise InputError(f"{work / 'manifest.json'}: the corpus has changed; use another --work folder")
    tokens, lengths = _part(work, "train")
    held, held_lengths = _part(work, "held_out")
    n_bytes = sum(entry["bytes"] for entry in entries if entry["split"] == "held_out")
    # In random order, so that the tenth that chooses the smoothing is like the rest.
    order = generator("sample", name="train_nano/tuning", seed=settings.seed).permutation(len(lengths))
    unigram, bigram, chosen = tuned_ngrams(stream_of(tokens, lengths, order), settings.vocab_size)
    before = np.concatenate([[SEPARATOR_ID], held[:-1]])
    before[(np.cumsum(held_lengths) - held_lengths)[held_lengths > 0]] = SEPARATOR_ID
    model = new_model(settings, settings.seed)
    read_weights(model, work)
    trained = network_losses(model, held, held_lengths, settings.ctx_len)
    per_file = [float(part.mean()) for part in np.split(trained, np.cumsum(held_lengths)[:-1]) if len(part)]
    losses = {
        "uniform": math.log(settings.vocab_size),
        "unigram": unigram.loss(held),
        "bigram": bigram.loss(before, held),
        "random_weights": [
            float(network_losses(new_model(settings, seed), held, held_lengths, settings.ctx_len).mean())
            for seed in RANDOM_SEEDS
        ],
        "trained": float(trained.mean()),
        "trained_file_quartiles": [float(value) for value in np.quantile(per_file, (0.25, 0.5, 0.75))],
    }
    progress = state_progress(work)
    seen = progress.step * settings.batch_size * settings.ctx_len
    return {
        "settings": asdict(settings),
        "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": progress.step,
        "plans": [list(plan) for plan in progress.plans],
        "tokens_seen": seen,
        "epochs": seen / (len(tokens) + len(lengths)),
        "seconds": round(progress.seconds, 1),
        "training_loss": [[step, round(loss, 4)] for step, loss in progress.losses],
        "corpus_digest": corpus.digest,
        "data": {
            split: {
                "files": sum(entry["split"] == split for entry in entries),
                "bytes": sum(entry["bytes"] for entry in entries if entry["split"] == split),
                "tokens": len(part),
            }
            for split, part in (("train", tokens), ("held_out", held))
        },
        "held_out_nats_per_token": losses,
        "held_out_bits_per_byte": {
            name: losses[name] * len(held) / math.log(2.0) / n_bytes  # type: ignore[operator]  # these are floats
            for name in ("unigram", "bigram", "trained")
        },
        "ngram_smoothing": chosen,
        "random_seeds": list(RANDOM_SEEDS),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
            "numpy": np.__version__,
        },
        "python": sys.version,
        "note": note,
    }


def ship(settings: NanoSettings, work: Path, out: Path, record: dict[str, Any]) -> None:
    """Write the model folder: weights, configuration, tokenizer, manifest, training record, card."""
    out.mkdir(parents=True, exist_ok=True)
    model = new_model(settings, settings.seed)
    read_weights(model, work)
    save_weights(model, out, half=False)
    shutil.copyfile(work / "tokenizer.json", out / "tokenizer.json")
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SEPARATOR,
        "eos_token": SEPARATOR,
        "unk_token": SEPARATOR,
        "model_max_length": settings.max_positions,
        "clean_up_tokenization_spaces": False,
    }
    _write_json(out / "tokenizer_config.json", tokenizer_config)
    entries = json.loads((work / "manifest.json").read_text(encoding="utf-8"))
    lines = ",\n".join(json.dumps(entry, sort_keys=True) for entry in entries)
    (out / "manifest.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    digests = {
        name: file_digest(out / name) for name in ("model.safetensors", "tokenizer.json", "manifest.json")
    }
    _write_json(out / "training.json", {**record, "sha256": digests})
    (out / "MODEL_CARD.md").write_text(card(record), encoding="utf-8")


def _part(work: Path, split: str) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    return np.load(work / f"{split}.tokens.npy"), np.load(work / f"{split}.lengths.npy")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
