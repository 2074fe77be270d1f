"""Probes on resampled groups of the training samples, and what they say of how well a PSM is known.

    halves      the groups are dealt out into two halves, probes are trained on each
    bootstrap   as many groups as there are, drawn with replacement (Efron 1979)

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
from superpos.probes.ceiling import NoiseCeiling, interval, reliability
from superpos.probes.cross_validation import deal_groups
from superpos.probes.design import make_design, scale_samples
from superpos.probes.fit import fit_design, mean_differences
from superpos.probes.inputs import ProbeInputs, Split, check_inputs
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


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Probes of one draw."""

    raw: Float
    """Coefficients on the activations, (k, d)."""
    scaled: Float
    """Coefficients on the scaled activations, (k, d)."""
    counts: Int | None
    """How often each training sample counts, (n,); None where features have draws of their own."""
    kept: Int | None = None
    """Which features of the set they are, (k,), where some could not be resampled; None for all."""


@dataclass(frozen=True, slots=True, eq=False)
class AskedPsm:
    """A PSM that is to be known better."""

    estimate: Float
    """The PSM of the probes on all training samples, (k, k)."""
    similarity: str
    of: Callable[[Drawn], Float]
    """Returns the PSM of the probes of one draw, (k, k)."""


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
    found = _directions(inputs, settings, draws, C)
    return ((drawn.raw, drawn.scaled) for drawn in found)


def noise_ceilings(
    activations: ArrayLike,
    labels: ArrayLike,
    feature_names: tuple[str, ...],
    groups: ArrayLike,
    train_rows: ArrayLike,
    settings: ProbeSettings,
    psms: Sequence[AskedPsm],
    *,
    halves: int = 10,
    bootstraps: int = 100,
    level: float = 0.95,
    members: ArrayLike | None = None,
    C: float | None = None,
) -> tuple[NoiseCeiling, ...]:
    """Return intervals and reliability for each of several PSMs of the same resampled probes.

    Parameters
    ----------
    activations, labels, feature_names, groups, train_rows, settings, members, C
        As in `resampled_directions`.
    psms
        What is to be known.
    halves, bootstraps
        Replicates of each, 1 and 2 or more.
    level
        Nominal coverage of the intervals, in (0, 1).

    Raises
    ------
    ArgumentError
        As `resampled_directions`; a level outside (0, 1); PSMs that are not of these features.
    """
    coverage = as_number("level", level, minimum=0.0, exclusive=True)
    if coverage >= 1.0:
        raise ArgumentError("level", f"{coverage:g} must be below 1")

    draws: list[Draw] = [("halves", replicate) for replicate in range(check_count("halves", halves, 1))]
    n_halves = 2 * len(draws)
    draws += [("bootstrap", replicate) for replicate in range(check_count("bootstraps", bootstraps, 2))]
    inputs = check_inputs(activations, labels, feature_names, groups, train_rows, members)
    matrices: list[list[Float]] = [[] for _ in psms]
    for drawn in _directions(inputs, settings, draws, C):
        for found, asked in zip(matrices, psms, strict=True):
            found.append(_similarities(asked, drawn))
    return tuple(
        _ceiling(asked, found[:n_halves], np.array(found[n_halves:]), coverage)
        for asked, found in zip(psms, matrices, strict=True)
    )


def _ceiling(asked: AskedPsm, split: list[Float], drawn: Float, coverage: float) -> NoiseCeiling:
    """Return the ceiling from the PSMs of all halves, and those of all bootstraps (B, k, k)."""
    low, high, error = interval(asked.estimate, drawn, asked.similarity, coverage)
    first, second = np.triu_indices(drawn.shape[-1], 1)
    entries = np.ascontiguousarray(drawn[:, first, second])
    return NoiseCeiling(low, high, error, reliability(split[::2], split[1::2]), len(drawn), entries)


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
) -> Iterator[Drawn]:
    """Yield the probes of all features, draw by draw."""
    if settings.C_grid and C is None:
        raise ArgumentError("C", "must be given where the settings have a grid")
    splits = inputs.splits()
    if inputs.members is None:
        return _resampled(inputs, splits[0], settings, draws, C)
    return _stacked([list(_resampled(inputs, split, settings, draws, C)) for split in splits])


def _resampled(
    inputs: ProbeInputs, split: Split, settings: ProbeSettings, draws: list[Draw], C: float | None
) -> Iterator[Drawn]:
    """Yield the probes of features that share their samples."""
    if not split.columns:
        return
    labels = inputs.labels[split.train][:, list(split.columns)]
    groups = inputs.groups[split.train]
    samples = scale_samples(inputs.X, split.train, settings.scaler)
    k, d = labels.shape[1], inputs.X.shape[1]
    with one_thread():
        design = None if settings.method == "mean_difference" else make_design(samples)
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
                    fits = mean_differences(samples, labels[:, columns], counts)
                else:
                    begin = None if start is None else start[:, columns]
                    fits = fit_design(design, labels[:, columns], settings, C=C, counts=counts, start=begin)
            theta[tuple(np.array(at).T)] = fits.theta[:, :-1]
        for coef, sample_counts in zip(theta, resamples, strict=True):
            yield Drawn(coef / samples.scale, coef, sample_counts)


def _stacked(parts: list[list[Drawn]]) -> Iterator[Drawn]:
    """Yield the rows of features with samples of their own together."""
    for rows in zip(*parts, strict=True):
        yield Drawn(np.vstack([one.raw for one in rows]), np.vstack([one.scaled for one in rows]), None)


def _similarities(asked: AskedPsm, drawn: Drawn) -> Float:
    """Return the PSM with NaN in the rows and columns of features that could not be resampled."""
    k = len(drawn.raw)
    if asked.estimate.shape != (k, k):
        raise ShapeError(
            "psms", f"shape {asked.estimate.shape} is not ({k}, {k}), the features of the probes"
        )
    matrix = np.full((k, k), np.nan)
    kept = np.flatnonzero(np.isfinite(drawn.raw).all(axis=1))
    if kept.size >= 2:
        part = Drawn(drawn.raw[kept], drawn.scaled[kept], drawn.counts, kept)
        found = np.asarray(asked.of(part), dtype=np.float64)
        if found.shape != (kept.size, kept.size):
            raise ShapeError("psms", f"a similarity of shape {found.shape} is not ({kept.size}, {kept.size})")
        matrix[np.ix_(kept, kept)] = found
    return matrix
