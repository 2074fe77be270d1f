"""Extraction beside the bare forward pass and beside the plain recipe: same weights, same run, one thread.

    python -m benchmarks.extraction [--quick] [--model SIZE]... [--repeats R]
    python -m benchmarks.extraction --hookpoints MODEL [--at HOOKPOINT]... [--tokens N]... [--repeats R]

Models are shapes of the Pythia suite with random weights, activations are `mlp.act` of all layers, samples
are as dense as in a text feature set (10 in a window of 128 tokens). Corpora: *windows* of 128 tokens, as
text feature sets are cut, and *sentences* of 4 to 128 tokens (log-normal, median 24).

- Bare forward pass: the backbone over the very batches that extraction forms.
- Extraction: `extract` as stages call it, files written and hashed, without the three oracle sequences.
- Plain recipe: whole sequences padded in corpus order, as many a batch as the token budget allows, a hook a
  layer that copies all positions to the host, rows picked afterwards and saved with NumPy. It runs the
  backbone alone; with its language-model head, as first scripts do, it takes longer by the last column.

All alternate within a repeat; times are CPU seconds of the process, since other processes share the machine,
and ratios are taken repeat by repeat. Tables are Markdown: median, and the quartiles in brackets.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from superpos.activations.batches import padded, probed_sequences, token_batches
from superpos.activations.extract import extract
from superpos.activations.model import LoadedModel, load_model
from superpos.records.data import LabelledTokens
from superpos.seeding import generator
from superpos.specs.models import ModelSpec, expand_sites

DENSITY = 10 / 128
"""Probed positions a token."""
TOKEN_BUDGET = 1024
"""Tokens of a batch at most, where hookpoints are compared."""


@dataclass(frozen=True, slots=True)
class Case:
    """One model and the size of its corpus."""

    size: str
    n_tokens: int
    token_budget: int


CASES = {
    case.size: case
    for case in (
        Case("pythia-14m", 8192, 2048),
        Case("pythia-70m", 3072, 1024),
        Case("pythia-160m", 1024, 512),
        Case("pythia-410m", 512, 512),
        Case("pythia-1b", 512, 512),
    )
}
USUAL, QUICK = ["pythia-70m", "pythia-160m"], ["pythia-14m"]


def corpus(kind: str, n_tokens: int, vocab_size: int = 50_304) -> LabelledTokens:
    """Return random tokens in windows or sentences, in no order of length, with random positions."""
    rng = generator("analysis", name=f"benchmark extraction {kind}", replicate=0)
    lengths: list[int] = []
    while sum(lengths) < n_tokens:
        drawn = 128 if kind == "windows" else int(np.clip(np.exp(rng.normal(np.log(24), 0.7)), 4, 128))
        lengths.append(drawn)
    positions = [
        np.sort(rng.choice(length, size=max(1, round(DENSITY * length)), replace=False)) for length in lengths
    ]
    counts = np.array([chosen.size for chosen in positions])
    n_samples = int(counts.sum())
    return LabelledTokens(
        feature_names=("feature",),
        token_ids=rng.integers(0, vocab_size, size=sum(lengths)).astype(np.int32),
        sequence_starts=np.concatenate([[0], np.cumsum(lengths)]),
        sequence_documents=np.arange(len(lengths)),
        sequence_groups=np.arange(len(lengths)),
        documents=("",) * len(lengths),
        sample_sequences=np.repeat(np.arange(len(lengths)), counts),
        sample_positions=np.concatenate(positions),
        sample_lengths=np.ones(n_samples, dtype=np.int64),
        labels=np.zeros((n_samples, 1), dtype=bool),
        members=np.ones((n_samples, 1), dtype=bool),
        examples=(None,),
        corpus_digest="",
        tokenizer_digest="",
    )


def load(size: str) -> LoadedModel:
    if size not in CASES:
        return load_model(ModelSpec(size))
    return load_model(ModelSpec(f"EleutherAI/{size}", weights="random", seed=0))


def bare_forward(model: LoadedModel, tokens: LabelledTokens, token_budget: int) -> None:
    """Run the backbone over the batches of an extraction."""
    with torch.inference_mode():
        for batch in token_batches(probed_sequences(tokens), token_budget):
            ids, mask, _, _ = (torch.as_tensor(part) for part in padded(batch))
            model.module(input_ids=ids, attention_mask=mask, use_cache=False)


def extraction(
    model: LoadedModel,
    tokens: LabelledTokens,
    token_budget: int,
    root: Path,
    hookpoints: Sequence[str] = ("mlp.act",),
) -> None:
    """Write hookpoints of every layer into an empty folder."""
    shutil.rmtree(root, ignore_errors=True)
    sites = expand_sites(hookpoints, None, model.info.n_layers)
    stems = {site: f"{number:032x}" for number, site in enumerate(sites)}
    extract(model, tokens, stems, root, token_budget=token_budget, oracle_sequences=0)


def plain_recipe(model: LoadedModel, tokens: LabelledTokens, token_budget: int, root: Path) -> None:
    """Do the same as it is done in a first script; the language-model head is left out here too."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    starts = tokens.sequence_starts.tolist()
    longest = int(np.diff(tokens.sequence_starts).max())
    size = max(1, token_budget // longest)
    rows: dict[int, list[Any]] = {layer: [] for layer in range(model.info.n_layers)}
    copies: dict[int, Any] = {}

    def keep(layer: int) -> Callable[..., None]:
        def hook(_: Any, inputs: Any) -> None:
            copies[layer] = inputs[0].detach().to("cpu", copy=True)

        return hook

    handles = [
        model.structure.down_projection(layer).register_forward_pre_hook(keep(layer)) for layer in rows
    ]
    try:
        for first in range(0, len(starts) - 1, size):
            chosen = range(first, min(first + size, len(starts) - 1))
            lengths = [starts[index + 1] - starts[index] for index in chosen]
            ids = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
            mask = torch.zeros_like(ids)
            for row, index in enumerate(chosen):
                ids[row, : lengths[row]] = torch.as_tensor(
                    tokens.token_ids[starts[index] : starts[index + 1]].astype(np.int64)
                )
                mask[row, : lengths[row]] = 1
            with torch.inference_mode():
                model.module(input_ids=ids, attention_mask=mask, use_cache=False)
            inside = (tokens.sample_sequences >= first) & (tokens.sample_sequences < chosen.stop)
            where = tokens.sample_sequences[inside] - first, tokens.sample_positions[inside]
            for layer, values in copies.items():
                rows[layer].append(values.numpy()[where])
    finally:
        for handle in handles:
            handle.remove()
    for layer, parts in rows.items():
        np.save(root / f"{layer}.npy", np.concatenate(parts))


def padded_tokens(tokens: LabelledTokens, token_budget: int) -> int:
    """Return the tokens that the plain recipe runs, padding included."""
    lengths = np.diff(tokens.sequence_starts)
    size = max(1, token_budget // int(lengths.max()))
    batches = [lengths[first : first + size] for first in range(0, lengths.size, size)]
    return sum(int(batch.size * batch.max()) for batch in batches)


def head_seconds(head: torch.nn.Linear, n_tokens: int) -> float:
    """Return what logits of so many tokens cost."""
    chunk = torch.randn(128, head.in_features)
    with torch.inference_mode():
        head(chunk)
        times = [timed(lambda: head(chunk)) for _ in range(5)]
    return statistics.median(times) * n_tokens / chunk.shape[0]


def timed(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def spread(values: list[float], digits: int = 2) -> str:
    """Return the median with the quartiles in brackets."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{statistics.median(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def row(*cells: Any) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*cells: str) -> None:
    row(*cells)
    row(*("---" for _ in cells))


def bench_speed(cases: list[Case], repeats: int, folder: Path) -> None:
    print("\n## Tokens per second, `mlp.act` of all layers\n")
    header(
        "model", "corpus", "tokens", "samples", "bare forward s", "extraction s", "tokens/s",
        "extraction / bare forward", "plain recipe s", "extraction / plain recipe", "head, s",
    )  # fmt: skip
    for case in cases:
        model = load(case.size)
        for kind in ("windows", "sentences"):
            tokens = corpus(kind, case.n_tokens)
            runs: dict[str, Callable[[], None]] = {
                "bare": lambda: bare_forward(model, tokens, case.token_budget),  # noqa: B023 -- called within this turn
                "extract": lambda: extraction(model, tokens, case.token_budget, folder / "own"),  # noqa: B023
                "plain": lambda: plain_recipe(model, tokens, case.token_budget, folder / "plain"),  # noqa: B023
            }
            bare_forward(model, corpus(kind, 256), case.token_budget)
            head = torch.nn.Linear(model.info.d_model, model.info.vocab_size, bias=False)
            times: dict[str, list[float]] = {name: [] for name in runs}
            for repeat in range(repeats):
                names = list(runs)
                for name in names[repeat % 3 :] + names[: repeat % 3]:
                    times[name].append(timed(runs[name]))
            check_equal(model, folder)
            pairs = list(zip(times["bare"], times["extract"], times["plain"], strict=True))
            row(
                case.size,
                kind,
                tokens.token_ids.size,
                tokens.sample_positions.size,
                spread(times["bare"]),
                spread(times["extract"]),
                spread([tokens.token_ids.size / own for own in times["extract"]], 0),
                spread([bare / own for bare, own, _ in pairs]),
                spread(times["plain"]),
                f"{spread([plain / own for _, own, plain in pairs])} x",
                f"{head_seconds(head, padded_tokens(tokens, case.token_budget)):.2f}",
            )


def bench_hookpoints(name: str, at: Sequence[str], n_tokens: int, repeats: int, folder: Path) -> None:
    """Compare hookpoints, or every one and all at once, with the bare forward pass; turns alternate."""
    print(f"\n## All layers at each hookpoint, {n_tokens:,} tokens\n")
    header("model", "hookpoint", "sites", "bare forward s", "extraction s", "bare forward / extraction")
    model = load(name)
    tokens = corpus("windows", n_tokens, model.info.vocab_size)
    there = model.structure.hookpoints
    budget = min(n_tokens, TOKEN_BUDGET)
    extraction(model, corpus("windows", 256, model.info.vocab_size), budget, folder / "own", there)
    each = {one: (one,) for one in (at or there)}
    for label, hookpoints in (each if at else {"all of them": there, **each}).items():
        runs = {
            "bare": lambda: bare_forward(model, tokens, budget),
            "own": lambda: extraction(model, tokens, budget, folder / "own", hookpoints),  # noqa: B023 -- called within this turn
        }
        pairs = []
        for repeat in range(repeats):
            taken = {run: timed(runs[run]) for run in list(runs)[:: -1 if repeat % 2 else 1]}
            pairs.append((taken["bare"], taken["own"]))
        row(
            Path(name).name,
            label,
            len(expand_sites(hookpoints, None, model.info.n_layers)),
            spread([bare for bare, _ in pairs]),
            spread([own for _, own in pairs]),
            spread([bare / own for bare, own in pairs], 3),
        )


def check_equal(model: LoadedModel, folder: Path) -> None:
    """Compare what both ways have written, so that nothing is timed that is not the same."""
    from safetensors.numpy import load_file

    for layer in range(model.info.n_layers):
        (path,) = folder.glob(f"own/activations/00/{layer:032x}-*.safetensors")
        own, plain = load_file(path)["activations"], np.load(folder / "plain" / f"{layer}.npy")
        gap = float(np.abs(own - plain).max() / np.sqrt(np.mean(plain**2)))
        if gap > 1e-3:
            raise SystemExit(f"{model.info.name}: layer {layer} differs by {gap:.2g}; nothing is compared")


WORKER = """
import sys
from pathlib import Path
import torch
from benchmarks.extraction import corpus, extraction, load

torch.set_num_threads(1)

def memory(name):
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status[name].split()[0]) / 1024

model = load(sys.argv[1])
extraction(model, corpus("windows", 1024), 1024, Path(sys.argv[3]))
before = memory("VmRSS")
extraction(model, corpus("windows", int(sys.argv[2])), 1024, Path(sys.argv[3]))
print(before, memory("VmHWM"))
"""


def bench_memory(size: str, n_tokens: int, folder: Path) -> None:
    print("\n## Peak memory\n")
    header("model", "corpus", "bytes written", "resident before, MB", "peak, MB", "peak / peak at 1x")
    peaks: list[float] = []
    for factor in (1, 10):
        # The peak of ru_maxrss would be this process' own, which a child inherits; VmHWM starts anew with it.
        root = folder / f"memory {factor}"
        ran = subprocess.run(
            [sys.executable, "-c", WORKER, size, str(factor * n_tokens), str(root)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        before, peak = map(float, ran.stdout.split())
        peaks.append(peak)
        written = sum(path.stat().st_size for path in root.rglob("*.safetensors"))
        row(
            size,
            f"{factor}x ({factor * n_tokens} tokens)",
            f"{written / 2**20:.0f} MB",
            f"{before:.0f}",
            f"{peak:.0f}",
            f"{peak / peaks[0]:.3f}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Extraction beside the bare forward pass and a plain recipe."
    )
    parser.add_argument("--quick", action="store_true", help="the shape of 14m only (half a minute)")
    parser.add_argument(
        "--model", action="append", choices=list(CASES), help="shapes to run instead (default 70m and 160m)"
    )
    parser.add_argument(
        "--hookpoints",
        metavar="MODEL",
        help="compare every hookpoint of this folder or package, all its layers, and nothing else",
    )
    parser.add_argument(
        "--at", action="append", default=[], metavar="HOOKPOINT", help="only these of them, each by itself"
    )
    parser.add_argument(
        "--tokens", action="append", type=int, metavar="N", help="tokens that they are read at (default 1024)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="repeats a case (default 5)")
    arguments = parser.parse_args()
    if arguments.repeats < 2:
        parser.error(f"--repeats {arguments.repeats}: quartiles need at least 2")
    sizes = arguments.model or (QUICK if arguments.quick else USUAL)
    print("# Extraction beside the bare forward pass and a plain recipe\n")
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; one thread, ", end="")
    print(f"float32. Python {platform.python_version()}, NumPy {np.__version__}, ", end="")
    print(f"torch {torch.__version__}, ", end="")
    print(f"transformers {transformers.__version__}. {arguments.repeats} repeats a case.")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault(
            "SUPERPOS_MODELS", folder
        )  # presets are written there, and not into the user's cache
        if arguments.hookpoints:
            for n_tokens in arguments.tokens or [1024]:
                bench_hookpoints(
                    arguments.hookpoints, arguments.at, n_tokens, arguments.repeats, Path(folder)
                )
            return
        bench_speed([CASES[size] for size in sizes], arguments.repeats, Path(folder))
        bench_memory("pythia-14m", 2048 if arguments.quick else 8192, Path(folder))


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
