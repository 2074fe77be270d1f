"""Feature sets at the paper's size: seconds and memory.

    python -m benchmarks.feature_sets [--tokenizer PATH]

Every measurement runs in a process of its own, so that its peak of memory is its own; seconds are of the
clock and of the processor, since other processes share the machine. Tables are Markdown.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from superpos.datasets.artifacts import content_digest
from superpos.datasets.build import build_dataset
from superpos.datasets.builders.sparse_probing import SparseProbingOptions
from superpos.datasets.sources import load_corpus
from superpos.models import bundled_model
from superpos.seeding import generator
from superpos.specs.datasets import DatasetSpec


def peak_megabytes() -> float:
    """Return the peak of this process' memory; that of ru_maxrss would be inherited."""
    status = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    )
    return int(status["VmHWM"].split()[0]) / 1024


def alone(function: Callable[..., None], *arguments: Any) -> None:
    """Run a measurement in a fresh process."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def row(*cells: Any) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def paper_size_text_features(tokenizer: Path) -> None:
    """Build the 11 text features on 10,000 sequences of 256 tokens of the standard library."""
    spec = DatasetSpec("text", "text_features", n_sequences=10_000, ctx_len=256, n_samples=10_000)
    clock = time.perf_counter()
    corpus = load_corpus(spec.corpus)
    read = time.perf_counter() - clock
    clock, processor = time.perf_counter(), time.process_time()
    data = build_dataset(spec, tokenizer, corpus)
    seconds, used = time.perf_counter() - clock, time.process_time() - processor
    row(
        tokenizer.name,
        f"{corpus.provenance['n_bytes'] / 1e6:.1f}",
        f"{len(corpus.documents)}",
        f"{len(data.sequence_starts) - 1} x {int(np.diff(data.sequence_starts).max())}",
        f"{read:.1f}",
        f"{seconds:.1f}",
        f"{used:.1f}",
        f"{peak_megabytes():.0f}",
        content_digest(data)[:12],
    )


def write_folder(place: Path, n_rows: int, length: int) -> None:
    """Write a folder of the sparse-probing paper: 11 token features, one position a row each on average."""
    import datasets
    import pyarrow as pa

    rng = generator("analysis", name="benchmark folder", replicate=0)
    tokens = rng.integers(2, 4096, size=(n_rows, length), dtype=np.int32)
    tokens[:, 0] = 0
    rows = pa.FixedSizeListArray.from_arrays(pa.array(tokens.ravel()), length)
    columns = {"tokens": rows.cast(pa.list_(pa.int32()))}
    for feature in range(11):
        counts = rng.poisson(1.0, size=n_rows)
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        # Distinct within a row: a random start and steps of one.
        starts = rng.integers(10, length - counts.max(), size=n_rows)
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        places = pa.array(np.repeat(starts, counts) + steps)
        classes = pa.array(rng.choice([-1, 1], size=int(counts.sum())))
        columns[f"feature {feature}|probe_indices"] = pa.ListArray.from_arrays(offsets, places)
        columns[f"feature {feature}|probe_classes"] = pa.ListArray.from_arrays(offsets, classes)
    datasets.disable_progress_bars()
    datasets.Dataset(pa.table(columns)).save_to_disk(str(place))


def import_of_168000_rows(place: Path) -> None:
    """Import a folder of 168,000 rows of 512 tokens."""
    options = SparseProbingOptions(str(place))
    spec = DatasetSpec("folder", "sparse_probing", ctx_len=512, options=options)
    clock, processor = time.perf_counter(), time.process_time()
    data = build_dataset(spec, bundled_model("nano"))
    seconds, used = time.perf_counter() - clock, time.process_time() - processor
    row(
        data.provenance["rows_read"],
        f"{len(data.token_ids) / 1e6:.0f}",
        f"{len(data.labels) / 1e6:.2f}",
        f"{seconds:.1f}",
        f"{used:.1f}",
        f"{peak_megabytes():.0f}",
        content_digest(data)[:12],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Feature sets at the paper's size.")
    parser.add_argument("--tokenizer", type=Path, help="a tokenizer.json beside the bundled one")
    arguments = parser.parse_args()
    print(f"# Feature sets\n\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.\n\n## Text features\n")
    columns = (
        "tokenizer, MB of text, documents, sequences, s to read, s to build, CPU s to build, peak MB, content"
    )
    row(*columns.split(", "))
    row(*("---" for _ in columns.split(", ")))
    for tokenizer in filter(None, (bundled_model("nano"), arguments.tokenizer)):
        alone(paper_size_text_features, tokenizer)
    print("\n## Import of a folder of the sparse-probing paper, 11 features\n")
    columns = "rows, million tokens kept, million samples, s, CPU s, peak MB, content"
    row(*columns.split(", "))
    row(*("---" for _ in columns.split(", ")))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "text_features.nano.512.168000"
        alone(write_folder, place, 168_000, 512)
        alone(import_of_168000_rows, place)


if __name__ == "__main__":
    main()
