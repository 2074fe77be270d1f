"""Noise ceiling: how well a pairwise similarity matrix (PSM) is known, from probes on resampled groups.

    halves      the groups of the training samples are dealt out into two halves, probes are trained on each;
                with r the correlation of the two PSMs over pairs i < j, a mean over replicates,
                reliability = 2 r / (1 + r)                       (Spearman 1910, Brown 1910)
    bootstrap   as many groups as there are, drawn with replacement; the ends of the interval of a pair are
                percentiles of its similarity over replicates     (Efron 1979)

Resampled probes share samples, scale and coordinates with those of all training samples and start from them;
a group that is drawn twice has twice the weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superpos.arrays import Bool, Float, Int, as_number
from superpos.errors import ArgumentError, ShapeError
from superpos.probes.design import make_design, scale_samples
from superpos.probes.fit import fit_design, mean_differences
from superpos.probes.folds import deal_groups
from superpos.probes.inputs import ProbeInputs, Samples, check_inputs
from superpos.seeding import generator
from superpos.specs.axes import check_choice, check_count
from superpos.specs.probes import ProbeSettings
from superpos.threads import one_thread

ResampleKind = Literal["halves", "bootstrap"]
RESAMPLE_KINDS: tuple[str, ...] = get_args(ResampleKind)
BATCH = 96
"""Probes that are trained in step."""
Draw = tuple[ResampleKind, int]
"""Kind and replicate."""
Similarity = Callable[[Float, Float], Float]
"""PSM (k, k) of raw and of scaled coefficients (k, d)."""


@dataclass(frozen=True, slots=True, eq=False)
class NoiseCeiling:
    """How well the similarities are known."""

    low: Float
    """Lower ends of the intervals, (k, k); NaN where a feature is in too few groups to be resampled."""
    high: Float
    """Upper ends, (k, k)."""
    reliability: float | None
    """Of the whole matrix, from split halves; None for fewer than three pairs or similarities all alike."""
    n_resamples: int
    """Replicates of the bootstrap."""


def resampled_directions(
    activations: ArrayLike,
    labels: ArrayLike,
    feature_names: tuple[str, ...],
    groups: ArrayLike,
    train_rows: ArrayLike,
    settings: ProbeSettings,
    *,
    kind: ResampleKind,
    replicates: int,
    members: ArrayLike | None = None,
    C: float | None = None,
) -> Iterator[tuple[Float, Float]]:
    """Yield (raw, scaled) coefficients, (k, d) each, of the features that `train_probes` keeps.

    Parameters
    ----------
    activations, labels, feature_names, groups, train_rows, settings, members
        As in `superpos.probes.train.train_probes`.
    kind
        `halves` yields twice as many pairs as `replicates`, the halves of a replicate one after the other.
    replicates
        Replicates of the draw, 1 or more.
    C
        Inverse strength of the penalty; None for that of the settings. With a grid in the settings it must be
        given: the choice for all training samples.

    Yields
    ------
    tuple of ndarray
        Rows are NaN for a feature without both classes in the resample.

    Raises
    ------
    ArgumentError
        As `train_probes`; an unknown kind; a C that is missing.

    Notes
    -----
    Features that share their samples are held one batch of probes at a time, others for all replicates.
    """
    check_choice("kind", kind, RESAMPLE_KINDS)
    draws = [(kind, replicate) for replicate in range(check_count("replicates", replicates, 1))]
    inputs = check_inputs(activations, labels, feature_names, groups, train_rows, members)
    return _directions(inputs, settings, draws, C)


def noise_ceilings(
    activations: ArrayLike,
    labels: ArrayLike,
    feature_names: tuple[str, ...],
    groups: ArrayLike,
    train_rows: ArrayLike,
    settings: ProbeSettings,
    similarities: Sequence[Similarity],
    *,
    halves: int = 10,
    bootstraps: int = 100,
    level: float = 0.95,
    members: ArrayLike | None = None,
    C: float | None = None,
) -> tuple[NoiseCeiling, ...]:
    """Return intervals and reliability for each of several similarities of the same resampled probes.

    Parameters
    ----------
    activations, labels, feature_names, groups, train_rows, settings, members, C
        As in `resampled_directions`.
    similarities
        PSMs of raw and of scaled coefficients.
    halves, bootstraps
        Replicates of each.
    level
        Coverage of the intervals, in (0, 1).

    Raises
    ------
    ArgumentError
        As `resampled_directions`; a level outside (0, 1).
    """
    coverage = as_number("level", level, minimum=0.0, exclusive=True)
    if coverage >= 1.0:
        raise ArgumentError("level", f"{coverage:g} must be below 1")

    draws: list[Draw] = [("halves", replicate) for replicate in range(check_count("halves", halves, 1))]
    n_halves = 2 * len(draws)
    draws += [("bootstrap", replicate) for replicate in range(check_count("bootstraps", bootstraps, 1))]
    inputs = check_inputs(activations, labels, feature_names, groups, train_rows, members)
    matrices: list[list[Float]] = [[] for _ in similarities]
    for raw, scaled in _directions(inputs, settings, draws, C):
        for found, similarity in zip(matrices, similarities, strict=True):
            found.append(_similarities(similarity, raw, scaled))
    return tuple(_ceiling(found, n_halves, coverage) for found in matrices)


def _ceiling(matrices: list[Float], n_halves: int, coverage: float) -> NoiseCeiling:
    """Return the ceiling from the matrices of all halves, and after them of all bootstraps."""
    split, drawn = matrices[:n_halves], np.array(matrices[n_halves:])
    known = np.all(np.isfinite(drawn), axis=0)
    ends = np.full((2, *known.shape), np.nan)
    tail = 50.0 * (1.0 - coverage)
    ends[:, known] = np.percentile(drawn[:, known], [tail, 100.0 - tail], axis=0)
    return NoiseCeiling(ends[0], ends[1], reliability(split[::2], split[1::2]), len(drawn))


def reliability(first: list[Float], second: list[Float]) -> float | None:
    """Return 2 r / (1 + r), r the mean correlation of the PSMs (k, k) of first and second halves.

    Pairs that are NaN in a replicate are left out of it; None if no replicate has three pairs that differ.
    """
    correlations = []
    for one, other in zip(first, second, strict=True):
        pairs = np.triu_indices(len(one), 1)
        a, b = one[pairs], other[pairs]
        both = np.isfinite(a) & np.isfinite(b)
        a, b = a[both], b[both]
        if a.size >= 3 and np.ptp(a) > 0.0 and np.ptp(b) > 0.0:
            correlations.append(float(np.corrcoef(a, b)[0, 1]))
    if not correlations:
        return None
    mean = float(np.mean(correlations))
    # Halves that contradict each other know nothing; the formula would go to minus infinity.
    return 2.0 * mean / (1.0 + mean) if mean > 0.0 else 0.0


def resample_counts(
    labels: Bool, groups: NDArray[Any], kind: ResampleKind, replicate: int
) -> tuple[Int, ...]:
    """Return how often each training sample counts, (n,), in a replicate's two halves or one bootstrap."""
    draw = generator("analysis", name=f"probe {kind}", replicate=replicate)
    if kind == "halves":
        half = deal_groups(labels, groups, 2, draw)
        return np.asarray(half == 0, dtype=np.int64), np.asarray(half == 1, dtype=np.int64)
    names, indices = np.unique(groups, return_inverse=True)
    times = np.bincount(draw.integers(len(names), size=len(names)), minlength=len(names))
    return (np.asarray(times[indices], dtype=np.int64),)


def _directions(
    inputs: ProbeInputs, settings: ProbeSettings, draws: list[Draw], C: float | None
) -> Iterator[tuple[Float, Float]]:
    """Yield the coefficients of all features, draw by draw."""
    if settings.C_grid and C is None:
        raise ArgumentError("C", "must be given where the settings have a grid")
    parts = inputs.samples()
    if inputs.members is None:
        return _resampled(inputs, parts[0], settings, draws, C)
    return _stacked([list(_resampled(inputs, part, settings, draws, C)) for part in parts])


def _resampled(
    inputs: ProbeInputs, part: Samples, settings: ProbeSettings, draws: list[Draw], C: float | None
) -> Iterator[tuple[Float, Float]]:
    """Yield the coefficients of features that share their samples."""
    if not part.columns:
        return
    labels = inputs.labels[part.train][:, list(part.columns)]
    groups = inputs.groups[part.train]
    scaled = scale_samples(inputs.X, part.train, settings.scaler)
    k, d = labels.shape[1], inputs.X.shape[1]
    with one_thread():
        design = None if settings.method == "mean_difference" else make_design(scaled)
        start = None
        if design is not None and settings.method == "logistic":
            start = fit_design(design, labels, settings, C=C).coordinates
    step = max(1, BATCH // k)
    for first in range(0, len(draws), step):
        resamples = [
            counts
            for kind, replicate in draws[first : first + step]
            for counts in resample_counts(labels, groups, kind, replicate)
        ]
        theta = np.full((len(resamples), k, d), np.nan)
        at = [
            (resample, column)
            for resample, counts in enumerate(resamples)
            for column in range(k)
            if 0 < (counts @ labels[:, column]) < counts.sum()
        ]
        if at:
            columns = [column for _, column in at]
            counts = np.stack([resamples[resample] for resample, _ in at], axis=1)
            with one_thread():
                if design is None:
                    fits = mean_differences(scaled, labels[:, columns], counts)
                else:
                    begin = None if start is None else start[:, columns]
                    fits = fit_design(design, labels[:, columns], settings, C=C, counts=counts, start=begin)
            theta[tuple(np.array(at).T)] = fits.theta[:, :-1]
        for coef in theta:
            yield coef / scaled.scale, coef


def _stacked(parts: list[list[tuple[Float, Float]]]) -> Iterator[tuple[Float, Float]]:
    """Yield the rows of features with samples of their own together."""
    for rows in zip(*parts, strict=True):
        yield np.vstack([raw for raw, _ in rows]), np.vstack([scaled for _, scaled in rows])


def _similarities(similarity: Similarity, raw: Float, scaled: Float) -> Float:
    """Return the PSM with NaN in the rows and columns of features that could not be resampled."""
    matrix = np.full((len(raw), len(raw)), np.nan)
    kept = np.flatnonzero(np.isfinite(raw).all(axis=1))
    if kept.size >= 2:
        found = np.asarray(similarity(raw[kept], scaled[kept]), dtype=np.float64)
        if found.shape != (kept.size, kept.size):
            raise ShapeError("similarity", f"shape {found.shape} is not ({kept.size}, {kept.size})")
        matrix[np.ix_(kept, kept)] = found
    return matrix
