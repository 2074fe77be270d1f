"""Coverage of intervals of similarities of probes, where the truth is known.

    python benchmarks/intervals.py [--quick] [--measures]

Planted logistic features with known directions; groups of samples share a part of their activations. Probes
are those of the package's defaults (balanced classes, the paper's scaler, C = 1), solved here for all
bootstraps of a feature at once: Newton's preconditioner of the estimate, Barzilai and Borwein's steps.
Coverage is of the mean over samples of this size, and of the limit of infinitely many (the same penalty a
sample). What was decided from it is in docs/decisions/0014; of `--measures`, numbers of the whole matrix of
cosines instead of its entries, in 0050.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky
from scipy.special import expit
from scipy.stats import t as student

from superpos.arrays import Bool, Float
from superpos.intervals import bias_t, bias_t_above
from superpos.kinds.measures import MEASURES
from superpos.kinds.potentials import Potential
from superpos.probes.ceiling import interval
from superpos.psms.measuring import Asked, answer

MIXING = np.array([[1.0, 0, 0, 0], [0.6, 0.8, 0, 0], [-0.5, 0.2, 0.8, 0], [0.1, 0, 0.3, 0.95]])
K = len(MIXING)
PAIRS = np.triu_indices(K, 1)
MANY = 100_000
"""Samples that stand for infinitely many."""
SIZES = ((250, 4, 30), (60, 10, 30), (150, 3, 120), (300, 5, 200))
"""Groups, samples a group, dimensions."""
KINDS = (("raw", "cosine"), ("raw", "rbf"), ("whitened", "cosine"))


def draw(random: np.random.Generator, n_groups: int, per: int, d: int) -> tuple[Float, Bool]:
    """Return samples (n, d) and labels (n, K)."""
    axes = np.linalg.qr(np.random.default_rng(1).standard_normal((d, K)))[0].T
    spectrum = np.exp(-np.linspace(0.0, 3.0, d))
    shared = np.repeat(random.standard_normal((n_groups, d)), per, axis=0)
    X = np.sqrt(0.3) * shared + np.sqrt(0.7) * random.standard_normal((n_groups * per, d))
    X = X * np.sqrt(spectrum / spectrum.mean()) + 0.3
    margins = 2.0 * X @ (MIXING @ axes).T - np.array([0.0, 0.5, 1.0, 1.5])
    return X, random.random(margins.shape) < expit(margins)


def weights(y: Bool, counts: Float) -> Float:
    """Return balanced weights, (n, m), of one feature under m columns of counts."""
    positive, total = counts.T @ y, counts.sum(axis=0)
    return counts * np.where(y[:, None], total / (2.0 * positive), total / (2.0 * (total - positive)))


def fit(X1: Float, y: Bool, C: float, counts: Float) -> tuple[Float, Float]:
    """Return the probe of all samples (d + 1,) and those of each column of counts (m, d + 1)."""
    penalty = np.append(np.ones(X1.shape[1] - 1), 1e-12)
    w = weights(y, np.ones((len(y), 1)))[:, 0]
    theta = np.zeros(X1.shape[1])
    for _ in range(30):
        p = expit(X1 @ theta)
        factor = cho_factor(C * (X1.T * (w * p * (1.0 - p))) @ X1 + np.diag(penalty))
        step = cho_solve(factor, C * X1.T @ (w * (p - y)) + penalty * theta)
        theta = theta - step
        if np.abs(step).max() < 1e-8 * np.abs(theta).max():
            break
    drawn, w = np.repeat(theta[:, None], counts.shape[1], axis=1), weights(y, counts)
    before: tuple[Float, Float] | None = None
    for _ in range(200):
        slope = C * X1.T @ (w * (expit(X1 @ drawn) - y[:, None])) + penalty[:, None] * drawn
        step = cho_solve(factor, slope)
        if float((slope * step).sum(axis=0).max(initial=0.0)) < 1e-8:
            break
        length = np.ones(counts.shape[1])
        if before is not None:
            moved, change = drawn - before[0], slope - before[1]
            curvature = np.sum(change * cho_solve(factor, change), axis=0)
            length = np.clip(np.sum(moved * change, axis=0) / np.maximum(curvature, 1e-300), 0.1, 3.0)
        before = drawn, slope
        drawn = drawn - length * step
    return theta, drawn.T


def probes(X: Float, labels: Bool, C: float, counts: Float) -> tuple[Float, Float]:
    """Return directions in the units of the activations, (K, d) and of every bootstrap (m, K, d)."""
    scale = 10.0 * np.maximum(X.std(axis=0), 1e-3)
    X1 = np.column_stack([X / scale, np.ones(len(X))])
    found = [fit(X1, labels[:, column], C, counts) for column in range(K)]
    own = np.array([theta[:-1] for theta, _ in found]) / scale
    return own, np.stack([drawn[:, :-1] for _, drawn in found], axis=1) / scale


def similarities(P: Float, kind: str, C: float) -> Float:
    """Return the similarities of pairs, (..., pairs)."""
    products = P @ np.swapaxes(P, -1, -2)
    squares = np.diagonal(products, axis1=-2, axis2=-1)
    lengths = squares[..., :, None] * squares[..., None, :]
    if kind == "cosine":
        return np.asarray((products / np.sqrt(lengths))[..., PAIRS[0], PAIRS[1]])
    gaps = squares[..., :, None] + squares[..., None, :] - 2.0 * products
    return np.asarray(np.exp(-gaps[..., PAIRS[0], PAIRS[1]] / C))


def whitened(P: Float, X: Float, counts: Float | None = None) -> Float:
    """Return directions under the causal inner product of the samples."""
    sigma = np.cov(X, rowvar=False, bias=True, fweights=None if counts is None else counts.astype(int))
    return np.asarray(P @ cholesky(sigma + 1e-9 * np.eye(len(sigma)), lower=True))


def candidates(estimate: Float, drawn: Float, kind: str) -> Iterator[tuple[str, Float, Float]]:
    """Yield name and ends of every kind of interval; the first axis of `drawn` is that of the bootstraps."""
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    yield "percentile", low, high
    normal, half = NormalDist(), 0.5 / len(drawn)
    share = np.clip(np.mean(drawn < estimate, axis=0), half, 1.0 - half)
    tails = [[normal.cdf(2.0 * normal.inv_cdf(p) + z) for p in share] for z in (-1.96, 1.96)]
    ends = [[np.quantile(drawn[:, j], q) for j, q in enumerate(row)] for row in tails]
    yield "BC", np.array(ends[0]), np.array(ends[1])
    yield "reflected", 2.0 * estimate - high, 2.0 * estimate - low
    low, high, _ = interval(estimate, drawn, "cosine" if kind == "cosine" else "rbf")
    yield "bias_t", low, high


def study(n_groups: int, per: int, d: int, repeats: int, bootstraps: int) -> None:
    """Print the coverage of every kind of interval for one size."""
    n = n_groups * per
    X, labels = draw(np.random.default_rng(999), MANY // per, per, d)
    own, _ = probes(X, labels, n / len(X), np.ones((len(X), 0)))
    squares = np.sum((own[:, None] - own[None]) ** 2, axis=-1)
    C = float(np.median(squares[PAIRS]))
    spaces = {"raw": own, "whitened": whitened(own, X)}
    limits = {key: similarities(spaces[key[0]], key[1], C) for key in KINDS}
    ends: dict[tuple[str, str], dict[str, list[tuple[Float, Float]]]] = {key: {} for key in KINDS}
    estimates: dict[tuple[str, str], list[Float]] = {key: [] for key in KINDS}
    for repeat in range(repeats):
        random = np.random.default_rng(1000 + repeat)
        X, labels = draw(random, n_groups, per, d)
        picks = random.integers(n_groups, size=(bootstraps, n_groups))
        times = np.stack([np.bincount(row, minlength=n_groups) for row in picks], axis=1)
        counts = np.repeat(times, per, axis=0).astype(np.float64)
        own, drawn = probes(X, labels, 1.0, counts)
        white = np.stack([whitened(P, X, counts[:, b]) for b, P in enumerate(drawn)])
        both = {"raw": (own, drawn), "whitened": (whitened(own, X), white)}
        for key in KINDS:
            estimate, replicates = (similarities(P, key[1], C) for P in both[key[0]])
            estimates[key].append(estimate)
            for name, low, high in candidates(estimate, replicates, key[1]):
                ends[key].setdefault(name, []).append((low, high))
    for key in KINDS:
        mean = np.mean(estimates[key], axis=0)
        cells = []
        for name, found in ends[key].items():
            low, high = (np.array(side) for side in zip(*found, strict=True))
            shares = [np.mean((low <= truth) & (truth <= high)) for truth in (mean, limits[key])]
            cells.append(f"{name} {shares[0]:.2f} / {shares[1]:.2f}")
        print(
            f"| {n_groups} x {per}, {d} | {' '.join(key)} | {bootstraps} | {' | '.join(cells)} |", flush=True
        )


KERNELS: tuple[tuple[Any, ...], ...] = (("exp",), ("exp", 4.0), ("log",), ("riesz", 1.0))
MEASURED: tuple[Asked, ...] = (
    *(Asked(MEASURES.get("own_energy"), Potential(*kernel)) for kernel in KERNELS),
    *(Asked(MEASURES.get(name)) for name in ("simplex_score", "etf_error", "effective_dimension")),
)


NAMES = (*(asked.said for asked in MEASURED), "own_energy, scaled, mean over kernels")


def measured(P: Float) -> tuple[Float, Float]:
    """Return numbers of the cosines of directions (m, K, d), (k, m), and what each never falls below (k,)."""
    matrices = np.tile(np.eye(K), (len(P), 1, 1))
    matrices[:, PAIRS[0], PAIRS[1]] = matrices[:, PAIRS[1], PAIRS[0]] = similarities(P, "cosine", 1.0)
    found, failed = answer(list(matrices), MEASURED)
    if failed:
        raise SystemExit(f"failed: {failed}")
    scaled = np.mean([found[one].scaled for one in MEASURED[: len(KERNELS)]], axis=0)
    floors = [found[one].bound[0] for one in MEASURED]
    return np.vstack([*(found[one].value for one in MEASURED), scaled]), np.array([*floors, 0.0])


def of_measures(estimate: Float, drawn: Float, floors: Float) -> Iterator[tuple[str, Float, Float]]:
    """Yield name and ends of every kind of interval of numbers (k,), their bootstraps (B, k) and floors."""
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    yield "percentile", low, high
    yield "reflected", 2.0 * estimate - high, 2.0 * estimate - low
    reach = student.ppf(0.975, len(drawn) - 1) * np.std(drawn, axis=0, ddof=1)
    yield "t, no bias", estimate - reach, estimate + reach
    low, high, _ = bias_t(estimate, drawn)
    yield "bias_t", low, high
    ends = [bias_t_above(*one) for one in zip(estimate, drawn.T, floors, strict=True)]
    yield "bias_t above the bound", *np.array(ends).T


def study_measures(n_groups: int, per: int, d: int, repeats: int, bootstraps: int) -> None:
    """Print the coverage of every kind of interval of measures for one size."""
    n = n_groups * per
    X, labels = draw(np.random.default_rng(999), MANY // per, per, d)
    own, _ = probes(X, labels, n / len(X), np.ones((len(X), 0)))
    numbers, floors = measured(own[None])
    limit = numbers[:, 0]
    estimates: list[Float] = []
    ends: dict[str, list[tuple[Float, Float]]] = {}
    for repeat in range(repeats):
        random = np.random.default_rng(1000 + repeat)
        X, labels = draw(random, n_groups, per, d)
        picks = random.integers(n_groups, size=(bootstraps, n_groups))
        times = np.stack([np.bincount(row, minlength=n_groups) for row in picks], axis=1)
        own, drawn = probes(X, labels, 1.0, np.repeat(times, per, axis=0).astype(np.float64))
        numbers, _ = measured(np.concatenate([own[None], drawn]))
        estimates.append(numbers[:, 0])
        for name, low, high in of_measures(numbers[:, 0], numbers[:, 1:].T, floors):
            ends.setdefault(name, []).append((low, high))
    mean, spread = np.mean(estimates, axis=0), np.std(estimates, axis=0, ddof=1)
    for index, said in enumerate(NAMES):
        cells = []
        for name, found in ends.items():
            low, high = (np.array(side)[:, index] for side in zip(*found, strict=True))
            shares = [np.mean((low <= one) & (one <= high)) for one in (mean[index], limit[index])]
            cells.append(f"{name} {shares[0]:.2f} / {shares[1]:.2f}")
        where = f"{said}: mean {mean[index]:.3g}, sd {spread[index]:.2g}, limit {limit[index]:.3g}"
        print(f"| {n_groups} x {per}, {d} | {bootstraps} | {where} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of intervals, nominal 95 %: mean / limit.")
    parser.add_argument("--quick", action="store_true", help="one size, 40 repeats")
    parser.add_argument("--measures", action="store_true", help="numbers of the matrix, not its entries")
    arguments = parser.parse_args()
    one = study_measures if arguments.measures else study
    for n_groups, per, d in SIZES[:1] if arguments.quick else SIZES:
        for bootstraps in (20,) if arguments.quick else (20, 200):
            one(n_groups, per, d, 40 if arguments.quick else 200, bootstraps)


if __name__ == "__main__":
    main()
