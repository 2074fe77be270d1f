"""Directions that are sums of the training samples, without a decomposition of their covariance.

With x_s the n training samples of a feature, m their mean, D the scaler's scale (`superpos.probes.design`), a
direction w on the scaled samples and p = D^-1 w on the samples as they are:

    of shares g   w = sum_s g_s D^-1 (x_s - m) / sqrt(n - 1)       N(0, D^-1 Sigma D^-1) for standard normal g
    pattern       a = Sigma p = sum_s (x_s - m) <x_s - m, p> / n   covariance of each neuron with the score

A probe with an L2 penalty is such a sum itself, over the samples as they are scaled (the representer
theorem), and its shares come from the labels: y_s minus what the probe predicts. So random shares leave all
that is no label; as the penalty grows, the probe of random labels becomes such a sum. Mean differences have
D = 1.

Sources: S. Haufe et al., On the interpretation of weight vectors of linear models in multivariate
neuroimaging, NeuroImage 87 (2014), for patterns; B. Schölkopf, R. Herbrich, A. J. Smola, A generalized
representer theorem, COLT (2001).

Every set of directions is summed by itself, in blocks of columns whose width depends on the samples alone:
bits do not depend on what is asked for with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, Int, as_matrix
from superpos.errors import ArgumentError, ShapeError
from superpos.probes.design import ScaledSamples, scale_samples
from superpos.probes.inputs import check_inputs
from superpos.threads import one_thread


@dataclass(frozen=True, slots=True, eq=False)
class SampleSums:
    """Sums of the training samples of directions, which may have samples of their own."""

    n_samples: int
    """Of the set, the held-out ones among them."""
    parts: tuple[tuple[Int, ScaledSamples], ...]
    """Directions that share their samples, as rows of P, and these samples."""

    @property
    def n_directions(self) -> int:
        """How many directions there are."""
        return sum(len(rows) for rows, _ in self.parts)

    @property
    def width(self) -> int:
        """Their dimensions."""
        return int(self.parts[0][1].X.shape[1])

    def of_shares(self, shares: Sequence[Float]) -> Float:
        """Return directions in the units of the activations, (r, k, d).

        Parameters
        ----------
        shares
            r arrays (n_samples, k), of which a direction takes its column in the rows of its samples.

        Raises
        ------
        ShapeError, ArgumentError
            If shares have another shape, or a direction has fewer than two samples.
        """
        for one in shares:
            if one.shape != (self.n_samples, self.n_directions):
                wanted = (self.n_samples, self.n_directions)
                raise ShapeError("shares", f"shape {one.shape} is not {wanted}, (samples, directions)")
        found = np.empty((len(shares), self.n_directions, self.width))
        with one_thread():
            for rows, samples in self.parts:
                n = len(samples.rows)
                if n < 2:
                    raise ArgumentError("train_rows", f"{n} training samples have no covariance")
                own = [one[np.ix_(samples.rows, rows)].T / np.sqrt(n - 1.0) for one in shares]
                for columns in samples.blocks():
                    block, scale = samples.block(columns), samples.scale[columns]
                    for place, weights in enumerate(own):
                        found[place, rows, columns] = weights @ block / scale
        return found

    def patterns(self, coef_raw: ArrayLike, counts: Int | None = None, kept: Int | None = None) -> Float:
        """Return the patterns of directions, (k, d).

        Parameters
        ----------
        coef_raw
            Directions in the units of the activations, (k, d).
        counts
            How often each training sample counts, (n,), where all directions share their samples; None for
            once.
        kept
            Which directions of the set they are, (k,); None for all.

        Raises
        ------
        ShapeError, ArgumentError
            If shapes do not fit, or samples are counted that directions do not share.
        """
        P = as_matrix("coef_raw", coef_raw)
        places = np.arange(self.n_directions) if kept is None else np.asarray(kept)
        if P.shape != (len(places), self.width):
            wanted = (len(places), self.width)
            raise ShapeError("coef_raw", f"shape {P.shape} is not {wanted}, (directions, dimensions)")
        if counts is not None and len(self.parts) > 1:
            raise ArgumentError("counts", "directions with samples of their own have counts of their own")
        found = np.empty_like(P)
        with one_thread():
            for rows, samples in self.parts:
                here = np.flatnonzero(np.isin(places, rows))
                if here.size:
                    found[here] = _patterns(samples, P[here], counts)
        return found


def _patterns(samples: ScaledSamples, P: Float, counts: Int | None) -> Float:
    """Return D times the sums over the scaled samples of each one times its centred score."""
    n = len(samples.rows)
    if counts is not None and counts.shape != (n,):
        raise ShapeError("counts", f"shape {counts.shape} is not ({n},), one a training sample")
    weights = np.ones(n) if counts is None else counts.astype(np.float64)
    scores = np.zeros((n, len(P)))
    for columns in samples.blocks():
        scores += samples.block(columns) @ (P[:, columns] * samples.scale[columns]).T
    total = weights.sum()
    # Centred scores sum to 0 over the samples that count, so that the samples need not be centred anew.
    scores -= weights @ scores / total
    scores *= weights[:, None] / total
    return np.asarray(samples.combine(scores).T * samples.scale)


def training_sums(
    activations: ArrayLike,
    labels: ArrayLike,
    feature_names: tuple[str, ...],
    groups: ArrayLike,
    train_rows: ArrayLike,
    scaler: str,
    *,
    members: ArrayLike | None = None,
) -> SampleSums:
    """Return the sums of the samples that the probes of `train_probes` are trained on, a row each.

    Parameters
    ----------
    activations, labels, feature_names, groups, train_rows, members
        As in `superpos.probes.train.train_probes`; labels say which features have a probe.
    scaler
        Of the probes.

    Raises
    ------
    ArgumentError
        As `train_probes`; if no feature has a probe.
    """
    inputs = check_inputs(activations, labels, feature_names, groups, train_rows, members)
    splits = [split for split in inputs.splits() if split.columns]
    if not splits:
        raise ArgumentError("labels", "no feature has both classes among its training samples")
    kept = sorted(column for split in splits for column in split.columns)
    return SampleSums(
        len(inputs.X),
        tuple(
            (np.searchsorted(kept, split.columns), scale_samples(inputs.X, split.train, scaler))
            for split in splits
        ),
    )


def rows_near_mean(rows: ArrayLike, shares: Iterator[Float] | Sequence[Float], sizes: ArrayLike) -> Float:
    """Return draws of the means of `sizes` rows each, to two moments, (r, k, d).

        m + sum_s g_s (x_s - m) / sqrt((n - 1) size)       N(m, Sigma / size) for standard normal g

    Parameters
    ----------
    rows
        Rows of a matrix of a model, (n, d), two or more.
    shares
        r arrays (n, k).
    sizes
        Tokens of each word, (k,).

    Raises
    ------
    ShapeError, ArgumentError
        As `SampleSums.of_shares`.
    """
    X, per_word = np.asarray(rows), np.asarray(sizes, dtype=np.float64)
    samples = scale_samples(X, np.arange(len(X)), "none")
    sums = SampleSums(len(X), ((np.arange(len(per_word)), samples),))
    drawn = sums.of_shares(list(shares))
    return np.asarray(samples.mean + drawn / np.sqrt(per_word)[:, None])
