"""Probes of one layer beside scikit-learn's lbfgs, one by one, at equal accuracy, on one thread.

    python -m benchmarks.probes [--quick] [--features F] [--rounds R]
    python -m benchmarks.probes --permutations R

Both see the same data and take turns in one process, after one of each that is not timed. `train_probes` is
timed whole (checks, scaler, fit of all features, scores, metrics), scikit-learn only in `fit`, on activations
that are scaled already; where that takes long it is timed on a few of the features, and their mean counts for
each. Times are CPU seconds of the process, since other processes share the machine, and ratios are taken turn
by turn: median, and the quartiles in brackets. Both are compared with a solution to a hundredth of the
tolerance: the largest entry of the gradient, the cosine of coefficients, the held-out metrics. Activations
are those of a wide layer: GELU of many mixtures of few heavy-tailed sources; labels are sparse directions in
the sources, with noise, from half to a fiftieth of the samples positive.

With `--permutations`: R label permutations of one layer, one by one with scikit-learn's scores (as sets of
probes were trained until 2026-11-30) and together, in turns within one process.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
from scipy.special import expit
from sklearn import metrics as theirs
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from superpos.arrays import Bool, Float
from superpos.probes.metrics import held_out_metrics
from superpos.probes.resample import AskedPsm, noise_ceilings
from superpos.probes.train import train_permutations, train_probes
from superpos.psms import cosine
from superpos.records.data import ProbeSet
from superpos.seeding import generator
from superpos.specs.probes import ProbeSettings

K = 11
SIZES = [(7000, 8192), (7000, 2048), (2000, 2048), (7000, 512)]
QUICK_SIZES = [(2000, 2048), (7000, 512)]
LAYERS, CORES = 16, 2


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def row(*cells: Any) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*cells: str) -> None:
    row(*cells)
    row(*("---" for _ in cells))


def layer(n: int, d: int, sources: int = 512) -> tuple[Any, Bool]:
    """Return activations (n, d), float32, and labels (n, K)."""
    rng = generator("analysis", name=f"benchmark probes {n} {d}", replicate=0)
    spread = np.arange(1, sources + 1) ** -0.4
    hidden = rng.standard_t(4, size=(n, sources)) * spread
    mixture = rng.standard_normal((sources, d)) / np.linalg.norm(spread)
    inner = (hidden @ mixture - 0.5 + 0.5 * rng.standard_normal(d)).astype(np.float32)
    inner += 0.3 * rng.standard_normal((n, d), dtype=np.float32)
    directions = rng.standard_normal((sources, K)) * (rng.random((sources, K)) < 0.05)
    scores = hidden @ directions
    scores = scores / scores.std(axis=0) + 0.3 * rng.standard_normal((n, K))
    thresholds = np.quantile(scores, 1.0 - np.geomspace(0.5, 0.02, K), axis=0).diagonal()
    return inner * expit(1.702 * inner), scores > thresholds


def gradient(Z: Float, positive: Bool, coef: Float, intercept: float) -> float:
    """Return the largest entry of the gradient of the mean objective, classes weighted alike."""
    signs = np.where(positive, 1.0, -1.0)
    weights = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum())
    pull = weights * signs * expit(-signs * (Z @ coef + intercept))
    return float(max(np.max(np.abs(coef / len(Z) - Z.T @ pull)), abs(pull.sum())))


def bench(n: int, d: int, n_features: int, rounds: int) -> None:
    X, labels = layer(n, d)
    groups, train = np.arange(n), np.arange(n) % 10 < 7
    names = tuple(f"feature {index}" for index in range(K))

    def run(**options: Any) -> ProbeSet:
        return train_probes(X, labels, names, groups, train, ProbeSettings(**options))

    own, exact = run(), run(tol=1e-10)
    Z, held_out = X[train] / own.scale, X[~train] / own.scale
    chosen = np.linspace(0, K - 1, n_features).round().astype(int).tolist()

    def theirs() -> dict[int, LogisticRegression]:
        found = {}
        for column in chosen:
            model = LogisticRegression(class_weight="balanced", tol=1e-8, max_iter=20000)
            found[column] = model.fit(Z, labels[train, column])
        return found

    reference = theirs()
    turns = []
    for turn in range(rounds):
        order = (run, theirs) if turn % 2 else (theirs, run)
        spent = {function: timed(function)[0] for function in order}
        turns.append((spent[run], spent[theirs] * K / len(chosen)))
    cosines, gaps, gradients, iterations = [], [], [], []
    for column, model in reference.items():
        coef, intercept = model.coef_[0], float(model.intercept_[0])
        gradients.append(gradient(Z, labels[train, column], coef, intercept))
        iterations.append(int(model.n_iter_[0]))
        cosines.append(cosine_of(coef, exact.coef_scaled[column]))
        reached = held_out_metrics(labels[~train, column], held_out @ coef + intercept)
        ours = own.metrics[column]
        gaps += [abs(getattr(ours, name) - value) for name, value in reached._asdict().items()]
    own_cosines = [cosine_of(*pair) for pair in zip(own.coef_scaled, exact.coef_scaled, strict=True)]
    own_gradient = max(
        gradient(Z, labels[train, column], own.coef_scaled[column], float(own.intercept[column]))
        for column in range(K)
    )
    seconds = [one for one, _ in turns]
    row(
        f"{n:,} x {d:,}",
        spread(seconds),
        f"{spread([other for _, other in turns])} ({n_features} timed)",
        f"{min(iterations)}-{max(iterations)}",
        f"**{spread([other / one for one, other in turns], 1)}**",
        f"{own_gradient:.0e} / {max(gradients):.0e}",
        f"{1.0 - min(own_cosines):.0e} / {1.0 - min(cosines):.0e}",
        f"{max(gaps):.0e}",
        f"{float(np.median(seconds)) * LAYERS / CORES / 60:.2f}",
    )


def cosine_of(a: Float, b: Float) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def spread(values: list[float], digits: int = 2) -> str:
    """Return the median with the quartiles in brackets."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def bench_ceiling(n: int, d: int) -> None:
    print(f"\n## Noise ceiling, {n:,} x {d:,}, {K} features: 10 split halves, 100 bootstraps\n")
    X, labels = layer(n, d)
    train = np.arange(n) % 10 < 7
    names = tuple(f"feature {index}" for index in range(K))

    estimate = cosine(train_probes(X, labels, names, np.arange(n), train, ProbeSettings()).coef_raw)
    asked = AskedPsm(estimate, "cosine", lambda drawn: cosine(drawn.raw))
    spent, ceiling = timed(
        lambda: noise_ceilings(X, labels, names, np.arange(n), train, ProbeSettings(), [asked])[0]
    )
    off = ~np.eye(K, dtype=bool)
    width = float(np.median((ceiling.high - ceiling.low)[off]))
    print(f"{spent:.1f} s for {120 * K} probes; median interval {width:.3f}, reliability ", end="")
    print("undefined." if ceiling.reliability is None else f"{ceiling.reliability:.3f}.")


def bench_permutations(n: int, d: int, replicates: int) -> None:
    """Time sets of probes of permuted labels, one by one and together, in blocks that take turns."""
    X, labels = layer(n, d)
    names, groups = tuple(f"feature {index}" for index in range(K)), np.arange(n) // 20
    given = (X, labels, names, groups, groups % 10 < 7, ProbeSettings())
    train = groups % 10 < 7
    spent, scored, same = np.zeros(2), np.zeros(2), True
    for first in range(0, replicates, 8):
        block = range(first, min(first + 8, replicates))
        seconds, alone = timed(lambda block=block: [train_probes(*given, label_replicate=r) for r in block])
        spent[0] += seconds
        seconds, together = timed(
            lambda block=block: list(train_permutations(*given, label_replicates=block))
        )
        spent[1] += seconds
        for one, other in zip(alone, together, strict=True):
            if not isinstance(other, ProbeSet):
                raise TypeError(other)
            same = same and np.array_equal(one.coef_raw, other.coef_raw) and one.metrics == other.metrics
            scores = X[~train].astype(np.float64) @ one.coef_raw.T + one.intercept
            seconds, _ = timed(lambda s=scores: [with_sklearn(labels[~train, c], s[:, c]) for c in range(K)])
            scored[0] += seconds
            seconds, _ = timed(
                lambda s=scores: [held_out_metrics(labels[~train, c], s[:, c]) for c in range(K)]
            )
            scored[1] += seconds
    before = (spent[0] - scored[1] + scored[0]) / replicates
    row(
        f"{n:,} x {d:,}", replicates, f"{1e3 * before:.0f}", f"{1e3 * spent[1] / replicates:.0f}",
        f"**{before * replicates / spent[1]:.2f}**", f"{1e3 * scored[0] / replicates:.1f}",
        f"{1e3 * scored[1] / replicates:.2f}", "yes" if same else "NO",
    )  # fmt: skip


def with_sklearn(positive: Bool, scores: Float) -> tuple[float, ...]:
    """Return the metrics of one probe as scikit-learn computes them."""
    said = scores > 0.0
    found = [
        score(positive, said)
        for score in (theirs.balanced_accuracy_score, theirs.f1_score, theirs.matthews_corrcoef)
    ]
    found += [score(positive, scores) for score in (theirs.roc_auc_score, theirs.average_precision_score)]
    return float(np.mean(said == positive)), *map(float, found)


def main() -> None:
    parser = argparse.ArgumentParser(description="Probes of one layer beside scikit-learn.")
    parser.add_argument("--quick", action="store_true", help="the two small sizes (a minute)")
    parser.add_argument(
        "--features",
        type=int,
        default=0,
        help="features that scikit-learn is timed on (all, of large sizes 2)",
    )
    parser.add_argument("--rounds", type=int, default=0, help="turns (default 7, of large sizes 3)")
    parser.add_argument("--permutations", type=int, default=0, help="only this: so many of one layer")
    arguments = parser.parse_args()
    if arguments.permutations:
        print(f"# {arguments.permutations} label permutations of a layer, load {os.getloadavg()[0]:.1f}\n")
        header(
            "samples x width", "sets", "one by one, scikit-learn's scores, ms a set", "together, ms a set",
            "ratio", "its scores, ms", "ours, ms", "same bits",
        )  # fmt: skip
        with threadpool_limits(limits=1):
            for n, d in ((4000, 512), (2000, 512), (2000, 2048)):
                bench_permutations(n, d, arguments.permutations)
        return
    print("# Probes: all features of a layer in step beside scikit-learn one by one\n")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; one thread. ", end=""
    )
    print(f"NumPy {np.__version__}, scikit-learn {sklearn.__version__}. {K} features, 70 % for training.\n")
    header(
        "samples x width",
        "all features, s",
        "scikit-learn, s",
        "its iterations",
        "ratio",
        "largest gradient, own / scikit-learn",
        "1 - cosine to the exact solution",
        "largest difference of a metric",
        f"{LAYERS} layers on {CORES} cores, min",
    )
    with threadpool_limits(limits=1):
        for n, d in QUICK_SIZES if arguments.quick else SIZES:
            small = (n, d) in QUICK_SIZES
            bench(n, d, arguments.features or (K if small else 2), arguments.rounds or (7 if small else 3))
        bench_ceiling(*(QUICK_SIZES if arguments.quick else SIZES)[-1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory of this process: {peak:.0f} MB.")


if __name__ == "__main__":
    main()
