"""Train the small bundled language model on the standard library's own text.

A byte-level BPE tokenizer and a GPT-NeoX network (the class Pythia uses), trained from scratch:

    python -m jobs.train_nano --steps 8000 --out superpos/models/nano

Every sequence is the separator followed by `ctx_len` tokens of the stream of documents, each of which starts
with the separator; documents are permuted and the stream is cut at another offset in every epoch. AdamW,
linear warm-up, cosine decay to a tenth, clipped gradients. Whole files are held out by a hash of their name.
The work folder holds tokens and state; the same command continues there, to the same bits as a run in one go
with as many threads. A run that turns out too slow may be continued with fewer `--steps`: the schedule then
follows the new number from there on and the training record says so.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.datasets.sources import Corpus, load_corpus
from superpos.errors import InputError
from superpos.hashing import file_digest, text_digest
from superpos.seeding import draw_entropy, generator
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


def new_model(settings: NanoSettings, seed: int) -> Any:
    """Return the untrained network, its weights drawn with `seed`."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=settings.vocab_size,
        hidden_size=settings.d_model,
        num_hidden_layers=settings.n_layers,
        num_attention_heads=settings.n_heads,
        intermediate_size=settings.d_mlp,
        max_position_embeddings=settings.max_positions,
        rotary_pct=settings.rotary_pct,
        use_parallel_residual=True,
        tie_word_embeddings=False,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        bos_token_id=SEPARATOR_ID,
        eos_token_id=SEPARATOR_ID,
        use_cache=False,
    )
    torch.manual_seed(draw_entropy("model_weights", seed=seed) % 2**63)
    return GPTNeoXForCausalLM(config).to(torch.float32)


def learning_rate(settings: NanoSettings, step: int, steps: int) -> float:
    """Linear warm-up, then cosine decay from `lr` to a tenth of it."""
    if step < settings.warmup:
        return settings.lr * (step + 1) / settings.warmup
    done = min(1.0, (step - settings.warmup) / max(1, steps - settings.warmup))
    return settings.lr * (0.1 + 0.45 * (1.0 + math.cos(math.pi * done)))


@dataclass
class Progress:
    """What a run has done so far; travels in the header of the state file."""

    step: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] | None = None
    """(step, mean training loss since the last entry)."""
    plans: list[tuple[int, int]] | None = None
    """(from step, number of steps planned)."""


def train(
    settings: NanoSettings,
    work: Path,
    steps: int,
    *,
    log_every: int,
    save_every: int,
    checkpoints: Sequence[int] = (),
    stop_at: int | None = None,
) -> Progress:
    """Train up to `steps` (or stop before at `stop_at`) from the last state in `work`."""
    import torch

    model = new_model(settings, settings.seed)
    model.train()
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=settings.lr,
        betas=(0.9, 0.95),
        eps=1e-8,
        foreach=False,
        fused=True,
    )
    progress = load_state(work, settings, model, optimiser)
    losses, plans = progress.losses or [], progress.plans or []
    if not plans or plans[-1][1] != steps:
        plans.append((progress.step, steps))
    progress.losses, progress.plans = losses, plans
    batches, end = Batches(settings, work), min(steps, stop_at or steps)
    total, counted, before, last = 0.0, 0, progress.seconds, time.monotonic()
    start_step, start = progress.step, time.monotonic()
    for step in range(progress.step, end):
        if step in checkpoints:
            save_weights(model, work / "checkpoints" / f"step{step}", half=True)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(settings, step, steps)
        ids = torch.from_numpy(batches[step])
        logits = model(input_ids=ids[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip, error_if_nonfinite=True)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        total, counted, progress.step = total + float(loss.detach()), counted + 1, step + 1
        now = time.monotonic()
        if progress.step % log_every == 0 or progress.step == end:
            losses.append((progress.step, total / counted))
            speed = counted * settings.batch_size * settings.ctx_len / (now - last)
            left = (end - progress.step) * (now - start) / (progress.step - start_step)
            print(
                f"step {progress.step}/{steps}  loss {total / counted:.4f}  {speed:.0f} tokens/s  {left / 60:.1f} min left",
                flush=True,
            )
            total, counted, last = 0.0, 0, now
        if progress.step % save_every == 0 or progress.step == end:
            progress.seconds = before + now - start
            save_state(work, settings, model, optimiser, progress)
    if progress.step == steps and steps in checkpoints:
        save_weights(model, work / "checkpoints" / f"step{steps}", half=True)
    save_weights(model, work / "weights", half=False)
    return progress


def save_weights(model: Any, folder: Path, *, half: bool) -> None:
    """Write config.json and model.safetensors, in float16 if `half`."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    dtype = torch.float16 if half else torch.float32
    tensors = {name: value.detach().to(dtype).contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors.tmp", metadata={"format": "pt"})
    (folder / "model.safetensors.tmp").replace(folder / "model.safetensors")
    config = {**model.config.to_diff_dict(), "architectures": ["GPTNeoXForCausalLM"], "dtype": str(dtype)[6:]}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def save_state(work: Path, settings: NanoSettings, model: Any, optimiser: Any, progress: Progress) -> None:
    """Write weights, moments and progress to one safetensors file, whole or not at all."""
    from safetensors.torch import save_file

    tensors = {f"model.{name}": value.detach().contiguous() for name, value in model.named_parameters()}
    for name, parameter in model.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"{key}.{name}"] = value.detach().contiguous()
    header = {"settings": json.dumps(asdict(settings)), "progress": json.dumps(asdict(progress))}
    save_file(tensors, work / "state.safetensors.tmp", metadata=header)
    (work / "state.safetensors.tmp").replace(work / "state.safetensors")


def load_state(work: Path, settings: NanoSettings, model: Any, optimiser: Any) -> Progress:
    """Put the last state back, if there is one.

    Raises
    ------
    InputError
        If the work folder was begun with other settings.
    """
    import torch
    from safetensors import safe_open

    path = work / "state.safetensors"
    if not path.exists():
        return Progress()
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
        if json.loads(header["settings"]) != asdict(settings):
            raise InputError(f"{path}: was begun with other settings; use another --work folder")
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(file.get_tensor(f"model.{name}"))
                optimiser.state[parameter] = {
                    key: file.get_tensor(f"{key}.{name}") for key in ("step", "exp_avg", "exp_avg_sq")
                }
    return Progress(**json.loads(header["progress"]))


def _replace_npy(path: Path, array: NDArray[Any]) -> None:
    with (path.parent / f"{path.name}.tmp").open("wb") as stream:
        np.save(stream, array)
    (path.parent / f"{path.name}.tmp").replace(path)


def parser() -> argparse.ArgumentParser:
    """Return the command line: every setting is a flag."""
    flags = argparse.ArgumentParser(prog="train_nano", description=(__doc__ or "").splitlines()[0])
    for name, value in asdict(NanoSettings()).items():
        flags.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    flags.add_argument("--steps", type=int, default=8000)
    flags.add_argument("--stop-at", type=int, default=None, help="stop here although the schedule goes on")
    flags.add_argument("--work", type=Path, default=Path(".nano"), help="tokens, state, checkpoints")
    flags.add_argument("--out", type=Path, default=None, help="folder that gets the finished model")
    flags.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    flags.add_argument("--log-every", type=int, default=100)
    flags.add_argument("--save-every", type=int, default=500)
    flags.add_argument("--checkpoints", type=int, nargs="*", default=[0, 64, 256, 1024, 4096])
    flags.add_argument(
        "--evaluate-only", action="store_true", help="evaluate and ship the last state as it is"
    )
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare, train, evaluate, ship."""
    import torch

    from jobs.evaluate_nano import evaluate, ship

    options = vars(parser().parse_args(arguments))
    settings = NanoSettings(**{name: options[name] for name in asdict(NanoSettings())})
    work: Path = options["work"]
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options["threads"])
    torch.use_deterministic_algorithms(True)
    if not (work / "train.tokens.npy").exists() or not (work / "held_out.tokens.npy").exists():
        prepare(settings, work)
    stop_at = 0 if options["evaluate_only"] else options["stop_at"]
    if not options["evaluate_only"]:
        train(
            settings,
            work,
            options["steps"],
            log_every=options["log_every"],
            save_every=options["save_every"],
            checkpoints=options["checkpoints"],
            stop_at=stop_at,
        )
    if options["out"] is not None:
        record = evaluate(settings, work)
        ship(settings, work, options["out"], record)
        print(f"{options['out']}: {file_digest(options['out'] / 'model.safetensors')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
