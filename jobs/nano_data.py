"""Data of the small bundled model: settings, split by whole files, tokenizer, sequences of an epoch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.datasets.sources import Corpus, load_corpus
from superpos.errors import InputError
from superpos.hashing import text_digest
from superpos.seeding import generator
from superpos.specs.datasets import CorpusSpec

SEPARATOR = "<|endoftext|>"
SEPARATOR_ID = 0


@dataclass(frozen=True)
class NanoSettings:
    """What is trained, and how; part of the training record."""

    corpus: str = "stdlib"
    vocab_size: int = 4096
    n_layers: int = 4
    d_model: int = 128
    n_heads: int = 4
    d_mlp: int = 512
    max_positions: int = 512
    rotary_pct: float = 0.25
    ctx_len: int = 256
    batch_size: int = 8
    lr: float = 2e-3
    warmup: int = 200
    weight_decay: float = 0.1
    clip: float = 1.0
    held_out: float = 0.05
    seed: int = 0


def is_held_out(name: str, share: float) -> bool:
    """Whether a file belongs to the held-out part: decided by the SHA-256 of its name alone."""
    return int(text_digest(name)[:8], 16) < share * 2**32


def manifest(corpus: Corpus, share: float) -> list[dict[str, Any]]:
    """Return path, sha256, bytes and split of every document."""
    return [
        {
            "path": document.name,
            "sha256": text_digest(document.text),
            "bytes": len(document.text.encode("utf-8")),
            "split": "held_out" if is_held_out(document.name, share) else "train",
        }
        for document in corpus.documents
    ]


def prepare(settings: NanoSettings, work: Path) -> list[dict[str, Any]]:
    """Train the tokenizer on the training files and write the tokens of both parts; returns the manifest."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    corpus = load_corpus(CorpusSpec.from_text(settings.corpus), min_documents=2)
    entries = manifest(corpus, settings.held_out)
    (work / "manifest.json").write_text(json.dumps(entries))
    texts = {
        split: [
            doc.text for doc, entry in zip(corpus.documents, entries, strict=True) if entry["split"] == split
        ]
        for split in ("train", "held_out")
    }
    if not all(texts.values()):
        raise InputError(
            f"{settings.corpus}: corpus too small: {len(texts['train'])} training and "
            f"{len(texts['held_out'])} held-out files"
        )
    if not (work / "tokenizer.json").exists():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=settings.vocab_size,
            special_tokens=[SEPARATOR],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts["train"], trainer, length=len(texts["train"]))
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            bos_token=SEPARATOR,
            eos_token=SEPARATOR,
            unk_token=SEPARATOR,
            model_max_length=settings.max_positions,
            clean_up_tokenization_spaces=False,
        ).save_pretrained(str(work))
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    for split, parts in texts.items():
        encoded = tokenizer.encode_batch(parts, add_special_tokens=False)
        lengths = np.array([len(item.ids) for item in encoded], dtype=np.int64)
        stream = np.concatenate([np.asarray(item.ids, dtype=np.int32) for item in encoded])
        _replace_npy(work / f"{split}.tokens.npy", stream)
        _replace_npy(work / f"{split}.lengths.npy", lengths)
        print(
            f"{split}: {len(parts)} files, {sum(len(p.encode()) for p in parts)} bytes, {len(stream)} tokens"
        )
    return entries


def stream_of(
    tokens: NDArray[np.int32], lengths: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Return the documents in this order as one stream, the separator before each."""
    ends = np.cumsum(lengths)
    parts: list[NDArray[np.int32]] = []
    for index in order:
        parts += [
            np.array([SEPARATOR_ID], dtype=np.int32),
            tokens[ends[index] - lengths[index] : ends[index]],
        ]
    return np.concatenate(parts)


def epoch_sequences(
    tokens: NDArray[np.int32], lengths: NDArray[np.int64], ctx_len: int, seed: int, epoch: int
) -> NDArray[np.int32]:
    """Return the sequences of one epoch, (n, 1 + ctx_len), each with the separator first."""
    draw = generator("sample", name=f"train_nano/epoch/{epoch}", seed=seed)
    stream = stream_of(tokens, lengths, draw.permutation(len(lengths)))
    offset = int(draw.integers(ctx_len)) if len(stream) >= 2 * ctx_len else 0
    count = (len(stream) - offset) // ctx_len
    if count == 0:
        raise InputError(f"corpus too small: {len(stream)} tokens, one sequence has {ctx_len}")
    body = stream[offset : offset + count * ctx_len].reshape(count, ctx_len)[draw.permutation(count)]
    return np.concatenate([np.full((count, 1), SEPARATOR_ID, dtype=np.int32), body], axis=1)


class Batches:
    """Batch of any step, made from the epoch it falls into."""

    def __init__(self, settings: NanoSettings, work: Path) -> None:
        self._settings = settings
        self._tokens: NDArray[np.int32] = np.load(work / "train.tokens.npy")
        self._lengths: NDArray[np.int64] = np.load(work / "train.lengths.npy")
        self._epoch = -1
        self._sequences = np.empty((0, 0), dtype=np.int32)
        # Each epoch keeps at least this many sequences whatever its offset, so that a step has a fixed place.
        stream = len(self._tokens) + len(self._lengths)
        self.per_epoch = max(1, (stream // settings.ctx_len - 1) // settings.batch_size)

    def __getitem__(self, step: int) -> NDArray[np.int64]:
        """Return token ids, (batch_size, 1 + ctx_len)."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._sequences = epoch_sequences(
                self._tokens, self._lengths, self._settings.ctx_len, self._settings.seed, epoch
            )
            self._epoch = epoch
        size = self._settings.batch_size
        rows = np.arange(place * size, (place + 1) * size) % len(self._sequences)
        return self._sequences[rows].astype(np.int64)


def _replace_npy(path: Path, array: NDArray[Any]) -> None:
    with (path.parent / f"{path.name}.tmp").open("wb") as stream:
        np.save(stream, array)
    (path.parent / f"{path.name}.tmp").replace(path)
