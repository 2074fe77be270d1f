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
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jobs.nano_data import Batches, NanoSettings, prepare
from jobs.nano_network import Progress, load_state, new_model, save_state, save_weights
from superpos.cli.ending import ended
from superpos.cli.interrupt import Interruption
from superpos.cpus import usable_cpus
from superpos.hashing import file_digest


def learning_rate(settings: NanoSettings, step: int, steps: int) -> float:
    """Linear warm-up, then cosine decay from `lr` to a tenth of it."""
    if step < settings.warmup:
        return settings.lr * (step + 1) / settings.warmup
    done = min(1.0, (step - settings.warmup) / max(1, steps - settings.warmup))
    return settings.lr * (0.1 + 0.45 * (1.0 + math.cos(math.pi * done)))


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
    if not progress.plans or progress.plans[-1][1] != steps:
        progress.plans.append((progress.step, steps))
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
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip, error_if_nonfinite=True)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        total, counted, progress.step = total + float(loss.detach()), counted + 1, step + 1
        now = time.monotonic()
        if progress.step % log_every == 0 or progress.step == end:
            progress.losses.append((progress.step, total / counted))
            speed = counted * settings.batch_size * settings.ctx_len / (now - last)
            left = (end - progress.step) * (now - start) / (progress.step - start_step)
            print(
                f"step {progress.step}/{steps}  loss {total / counted:.4f}  "
                f"{speed:.0f} tokens/s  {left / 60:.1f} min left",
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


def parser() -> argparse.ArgumentParser:
    """Return the command line: every setting is a flag."""
    flags = argparse.ArgumentParser(prog="train_nano", description=(__doc__ or "").splitlines()[0])
    for name, value in asdict(NanoSettings()).items():
        flags.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    flags.add_argument("--steps", type=int, default=8000)
    flags.add_argument("--stop-at", type=int, default=None, help="stop here although the schedule goes on")
    flags.add_argument("--work", type=Path, default=Path(".nano"), help="tokens, state, checkpoints")
    flags.add_argument("--out", type=Path, default=None, help="folder that gets the finished model")
    flags.add_argument("--threads", type=int, default=usable_cpus())
    flags.add_argument("--log-every", type=int, default=100)
    flags.add_argument("--save-every", type=int, default=500)
    flags.add_argument("--checkpoints", type=int, nargs="*", default=[0, 64, 256, 1024, 4096])
    flags.add_argument("--note", default="", help="a sentence for the record and the model card")
    flags.add_argument(
        "--evaluate-only", action="store_true", help="evaluate and ship the last state as it is"
    )
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare, train, evaluate, ship; bad input is one line and its exit status."""

    def work(_: Interruption) -> int:
        options = vars(parser().parse_args(arguments))
        run(NanoSettings(**{name: options[name] for name in asdict(NanoSettings())}), options)
        return 0

    return ended("train_nano", work)


def run(settings: NanoSettings, options: dict[str, Any]) -> None:
    """Do what the command line asks for."""
    import torch

    from jobs.evaluate_nano import evaluate, ship

    work: Path = options["work"]
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options["threads"])
    if not (work / "train.lengths.npy").exists() or not (work / "held_out.lengths.npy").exists():
        prepare(settings, work)
    if not options["evaluate_only"]:
        torch.use_deterministic_algorithms(True)
        train(
            settings,
            work,
            options["steps"],
            log_every=options["log_every"],
            save_every=options["save_every"],
            checkpoints=options["checkpoints"],
            stop_at=options["stop_at"],
        )
    if options["out"] is not None:
        record = evaluate(settings, work, options["note"])
        ship(settings, work, options["out"], record)
        losses = record["held_out_nats_per_token"]
        print(f"held out: trained {losses['trained']:.4f}, bigram {losses['bigram']:.4f} nats per token")
        print(f"{options['out']}: {file_digest(options['out'] / 'model.safetensors')}")


if __name__ == "__main__":
    raise SystemExit(main())
