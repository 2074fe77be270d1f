"""Noise ceiling: how well a pairwise similarity matrix (PSM) is known, from probes on resampled groups.

    halves      the groups of the training samples are dealt out into two halves, probes are trained on each;
                with r the correlation of the two PSMs over pairs i < j, a mean over replicates,
                reliability = 2 r / (1 + r)                       (Spearman 1910, Brown 1910)
    bootstrap   as many groups as there are, drawn with replacement (Efron 1979). On a scale u on which the
                spread hardly depends on the place, arctanh c for similarities of cosines and log(r^2 / C)
                for those of distances, that is log(-log r) for the RBF, the interval is that of
                `superpos.intervals`; standard error = s |dc / du|, s the replicates' deviation there

Probes of fewer distinct samples are noisier, and noise pulls similarities towards those of unrelated
directions: replicates lie to that side of the estimate, about as far as the estimate does of what it would be
without noise. Percentiles of the replicates are therefore no interval of anything. This one is an interval of
what such probes say of the pair on average over samples of this size; it always holds the estimate, and it
reaches on to where the bias of the replicates points. Coverage, and where it ends: docs/decisions/0014.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from superpos.arrays import Float
from superpos.intervals import bias_t
from superpos.kinds.similarities import SIMILARITIES, Similarity

LARGEST, SMALLEST = 1.0 - 1e-15, 1e-300
"""Similarities beyond these have no place on the scale."""
MOST = 20.0
"""Place on the scale of the RBF from which on the similarity is 0."""


@dataclass(frozen=True, slots=True, eq=False)
class NoiseCeiling:
    """How well the similarities are known."""

    low: Float
    """Lower ends of the intervals, (k, k); NaN where a feature is in too few groups to be resampled."""
    high: Float
    """Upper ends, (k, k)."""
    standard_error: Float
    """Standard deviation over the replicates, (k, k); NaN likewise."""
    reliability: float | None
    """Of the whole matrix, from split halves; None for fewer than three pairs or similarities all alike."""
    n_resamples: int
    """Replicates of the bootstrap."""
    drawn: Float
    """Similarities of the pairs i < j, row by row, of every bootstrap, (B, k (k - 1) / 2); NaN likewise."""


def interval(
    estimate: Float, drawn: Float, similarity: str, coverage: float = 0.95
) -> tuple[Float, Float, Float]:
    """Return ends of intervals and standard errors, each of the shape of `estimate`.

    Parameters
    ----------
    estimate
        Similarities of the probes of all training samples.
    drawn
        Those of bootstrapped probes, one more axis in front; where one is NaN the result is.
    similarity
        Which similarity it is.
    coverage
        Nominal coverage.
    """
    kind = SIMILARITIES.get(similarity, "similarity")
    to, back, slope = (_cosine_to, np.tanh, _cosine_slope) if kind.angular else _scale_of(kind)
    first, last, spread = bias_t(to(estimate), to(drawn), coverage)
    ends = back(first), back(last)
    # The scale of the RBF falls as the similarity rises; similarities of 1 were moved off it a little.
    low, high = np.minimum(np.minimum(*ends), estimate), np.maximum(np.maximum(*ends), estimate)
    return low, high, spread * slope(estimate)


def _cosine_to(values: Float) -> Float:
    return np.asarray(np.arctanh(np.clip(values, -LARGEST, LARGEST)))


def _cosine_slope(values: Float) -> Float:
    return np.asarray(np.maximum(1.0 - values**2, 0.0))


def _scale_of(kind: Similarity) -> tuple[Callable[[Float], Float], ...]:
    """Return the logarithm of r^2 / C of similarities, the way back, and |dS / d place|."""

    def to(values: Float) -> Float:
        return np.asarray(np.log(kind.argument_of(np.clip(values, SMALLEST, LARGEST))))

    def back(places: Float) -> Float:
        return np.asarray(kind.value(np.exp(np.minimum(places, MOST))))

    def slope(values: Float) -> Float:
        values = np.clip(values, SMALLEST, 1.0)
        x = kind.argument_of(values)
        with np.errstate(all="ignore"):  # a slope may be infinite where the distance is 0
            return np.asarray(np.where(x > 0.0, np.abs(kind.slope(x, values) * x), 0.0))

    return to, back, slope


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
