"""The model card of the small bundled model, every number taken from its training record."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from jobs.nano_data import SEPARATOR, SEPARATOR_ID

MARGIN = 0.5
"""Nats per token by which the network should beat the bigram; the card says so where it does not."""

WIDTH = 100
"""Columns of the card's lines; tables are as wide as they are."""

_CARD = """# nano

A GPT-NeoX language model ({n_layers} layers, width {d_model}, {n_heads} heads, MLP width {d_mlp}, parallel
residual, rotary share {rotary_pct:g}, untied embeddings, {n_parameters:,} parameters, float32) with a
byte-level BPE tokenizer of {vocab_size:,} entries, both trained from scratch by `jobs/train_nano.py`. It is
small, but really trained: something to measure geometry on where no model hub can be reached. This card is
written by the job from `training.json`.

## Data

The standard library of Python {python} as it is installed: sources and their prose, files of equal content
once, files that are not UTF-8 left out. Whole files are held out by a hash of their name.

| part | files | bytes | tokens |
|---|---|---|---|
{data}

`manifest.json` has the path, SHA-256, size and part of every file.

## Training

{steps:,} steps of {batch_size} sequences of {ctx_len} tokens: {tokens_seen:,} tokens, {epochs:.2f} epochs,
{minutes:.0f} minutes. AdamW (betas 0.9 and 0.95, weight decay {weight_decay:g} on matrices), peak learning
rate {lr:g}, {warmup} steps of warm-up, cosine decay to a tenth, gradients clipped at {clip:g}, seed {seed}.
Every sequence starts with `{separator}` (id {separator_id}). Schedule: {plans}.{note}

| step | {curve_steps} |
|---|{curve_rule}
| training loss | {curve_losses} |

## Held-out loss

Every token of the held-out files once; the network sees windows of {ctx_len} tokens, whose first tokens have
little context. n-grams are counted on the training files, their smoothing is chosen on a tenth of those.

| model | nats per token | bits per byte |
|---|---|---|
{losses}

The trained network is {verdict}. Quartiles of its loss over files: {quartiles}.

Weights of early steps of the same training, in half precision, may lie in `checkpoints/step<N>`: the loss
there falls from that of random weights to this one.

## Limits

It has read one library and nothing else: Python sources, their docstrings and tests, some English prose,
hardly any other language. Held-out files share authors, idioms and sometimes near-copies with training files
(codec tables, families of tests), so the held-out loss flatters it. Positions beyond {ctx_len} were never
trained although the configuration allows {max_positions}. It is no assistant and its text is of no use.

## Licence

The text is the Python standard library's, under the PSF License Agreement; none of it ships here but what the
tokenizer's vocabulary and the manifest's file names show.
"""


def card(record: dict[str, Any]) -> str:
    """Return the card of a training record (Markdown)."""
    settings, nats = record["settings"], record["held_out_nats_per_token"]
    bits, smoothing = record["held_out_bits_per_byte"], record["ngram_smoothing"]
    gain = nats["bigram"] - nats["trained"]
    curve = _thinned(record["training_loss"], 12)
    rows = [
        ("uniform", nats["uniform"], None),
        (f"unigram (additive, k = {smoothing['k']:g})", nats["unigram"], bits["unigram"]),
        (f"bigram (interpolated Kneser-Ney, D = {smoothing['discount']:g})", nats["bigram"], bits["bigram"]),
    ]
    for seed, loss in zip(record["random_seeds"], nats["random_weights"], strict=True):
        rows.append((f"random weights, seed {seed}", loss, None))
    rows.append(("**trained**", nats["trained"], bits["trained"]))
    text = _CARD.format(
        **settings,
        n_parameters=record["n_parameters"],
        python=record["versions"]["python"],
        steps=record["steps"],
        tokens_seen=record["tokens_seen"],
        epochs=record["epochs"],
        minutes=record["seconds"] / 60,
        note=f" {record['note']}" if record["note"] else "",
        separator=SEPARATOR,
        separator_id=SEPARATOR_ID,
        plans="; ".join(f"from step {start} on, {steps} steps" for start, steps in record["plans"]),
        data="\n".join(
            f"| {name} | {part['files']:,} | {part['bytes']:,} | {part['tokens']:,} |"
            for name, part in (("train", record["data"]["train"]), ("held out", record["data"]["held_out"]))
        ),
        curve_steps=" | ".join(str(step) for step, _ in curve),
        curve_rule="---|" * len(curve),
        curve_losses=" | ".join(f"{loss:.2f}" for _, loss in curve),
        losses="\n".join(
            f"| {name} | {loss:.3f} | {'' if bit is None else f'{bit:.3f}'} |" for name, loss, bit in rows
        ),
        verdict=f"{gain:.2f} nats per token below the bigram"
        if gain >= MARGIN
        else f"only {gain:.2f} nats per token below the bigram, less than the {MARGIN:g} asked for",
        quartiles=", ".join(f"{value:.2f}" for value in nats["trained_file_quartiles"]),
    )
    return "\n\n".join(map(_folded, text.split("\n\n"))).rstrip() + "\n"


def _folded(paragraph: str) -> str:
    """Return a paragraph with lines of at most `WIDTH` columns; headings and tables as they are."""
    if paragraph.startswith(("#", "|")):
        return paragraph
    return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)


def _thinned(curve: list[list[float]], count: int) -> list[list[float]]:
    """Return about `count` entries, evenly spaced in the logarithm of the step, the last included."""
    if len(curve) <= count:
        return curve
    picked = np.unique(np.geomspace(1, len(curve), count).round().astype(int))
    return [curve[index - 1] for index in picked]
