"""Noise ceiling: how well a pairwise similarity matrix (PSM) is known, from probes on resampled groups.

    halves      the groups of the training samples are dealt out into two halves, probes are trained on each;
                with r the correlation of the two PSMs over pairs i < j, a mean over replicates,
                reliability = 2 r / (1 + r)                       (Spearman 1910, Brown 1910)
    bootstrap   as many groups as there are, drawn with replacement (Efron 1979); with s the standard deviation
                of a pair's similarity over B replicates, b the mean of these less the estimate, and t the
                quantile of Student's distribution with B - 1 degrees of freedom,
                low, high = min(estimate, estimate - b) - t s,  max(estimate, estimate - b) + t s

Probes of fewer distinct samples are noisier, and noise pulls similarities towards those of unrelated
directions: resampled ones lie to one side of the estimate by about as much as the estimate lies to that side
of what infinitely many samples would give. So b is the bias of the estimate. The interval is one for both:
the similarity that such probes have on average over samples of this size, and the one without the bias; it
always holds the estimate. Percentiles hold neither (measured in docs/decisions/0014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from superpos.arrays import Float


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


def interval(
    estimate: Float, drawn: Float, coverage: float = 0.95, lowest: float = -1.0
) -> tuple[Float, Float, Float]:
    """Return ends of intervals and standard errors, each of the shape of `estimate`.

    Parameters
    ----------
    estimate
        Similarities of the probes of all training samples.
    drawn
        Those of bootstrapped probes, one more axis in front; where one is NaN the result is.
    coverage
        Nominal coverage.
    lowest
        Smallest value of the similarity; the largest is 1, and intervals end there.
    """
    error = np.std(drawn, axis=0, ddof=1)
    reach = float(student.ppf(0.5 + 0.5 * coverage, len(drawn) - 1)) * error
    unbiased = 2.0 * estimate - np.mean(drawn, axis=0)
    low = np.clip(np.minimum(estimate, unbiased) - reach, lowest, 1.0)
    high = np.clip(np.maximum(estimate, unbiased) + reach, lowest, 1.0)
    return low, high, error


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
