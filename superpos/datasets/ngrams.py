"""n-gram models over token ids: what a language model has to beat.

Unigram, additive smoothing: p(w) = (c(w) + k) / (N + k V).
Bigram, interpolated Kneser-Ney (Kneser and Ney 1995; Chen and Goodman 1999, section 2.7), one discount D:
    p(w | v) = max(c(v w) - D, 0) / c(v) + D N(v .) / c(v) * q(w),   q(w) = (N(. w) + k) / (N(. .) + k V)
with c counts of pairs, N numbers of distinct pairs, V the vocabulary; an unseen v gives q(w). Every
distribution sums to 1 and no token has probability 0. Losses are means of -log p in nats per token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Float, Int
from superpos.errors import ArgumentError

DISCOUNTS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
ADDITIVE = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True, eq=False)
class Unigram:
    """Additively smoothed distribution of single tokens."""

    log_probability: Float
    """(V,)."""

    def loss(self, targets: NDArray[np.integer]) -> float:
        """Return the mean of -log p over `targets`, in nats."""
        return float(-self.log_probability[targets].mean())


@dataclass(frozen=True, slots=True, eq=False)
class Bigram:
    """Interpolated Kneser-Ney distribution of a token after another."""

    pairs: Int
    """Seen pairs as v V + w, ascending, (n_pairs,)."""
    pair_counts: Int
    """(n_pairs,)."""
    context_counts: Int
    """c(v), (V,)."""
    context_types: Int
    """N(v .), (V,)."""
    continuation: Float
    """q, (V,)."""
    discount: float

    def probability(self, contexts: NDArray[np.integer], targets: NDArray[np.integer]) -> Float:
        """Return p(target | context) for aligned arrays of token ids."""
        size = len(self.continuation)
        wanted = contexts.astype(np.int64) * size + targets
        index = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
        counts = np.where(self.pairs[index] == wanted, self.pair_counts[index], 0)
        total = self.context_counts[contexts]
        seen = total > 0
        safe = np.maximum(total, 1)
        direct = np.maximum(counts - self.discount, 0.0) / safe
        reserve = np.where(seen, self.discount * self.context_types[contexts] / safe, 1.0)
        return np.asarray(direct + reserve * self.continuation[targets], dtype=np.float64)

    def loss(self, contexts: NDArray[np.integer], targets: NDArray[np.integer]) -> float:
        """Return the mean of -log p(target | context), in nats."""
        return float(-np.log(self.probability(contexts, targets)).mean())


def fit_unigram(tokens: NDArray[np.integer], vocab_size: int, k: float) -> Unigram:
    """Count tokens of a stream, (n,), and smooth by `k` > 0."""
    counts = np.bincount(_checked(tokens, vocab_size), minlength=vocab_size) + float(k)
    return Unigram(np.log(counts / counts.sum()))


def fit_bigram(tokens: NDArray[np.integer], vocab_size: int, discount: float, k: float = 1e-3) -> Bigram:
    """Count the pairs of neighbours of a stream, (n,).

    Raises
    ------
    ArgumentError
        For fewer than two tokens, ids outside the vocabulary, or a discount outside (0, 1).
    """
    ids = _checked(tokens, vocab_size)
    if len(ids) < 2 or not 0.0 < discount < 1.0:
        raise ArgumentError(
            "discount" if len(ids) >= 2 else "tokens", "at least two tokens, discount in (0, 1)"
        )
    pairs, counts = np.unique(ids[:-1] * vocab_size + ids[1:], return_counts=True)
    types = np.bincount(pairs % vocab_size, minlength=vocab_size) + float(k)
    return Bigram(
        pairs=pairs,
        pair_counts=counts.astype(np.int64),
        context_counts=np.bincount(ids[:-1], minlength=vocab_size).astype(np.int64),
        context_types=np.bincount(pairs // vocab_size, minlength=vocab_size).astype(np.int64),
        continuation=types / types.sum(),
        discount=float(discount),
    )


def tuned_ngrams(
    tokens: NDArray[np.integer],
    vocab_size: int,
    tuning_share: float = 0.1,
    discounts: Sequence[float] = DISCOUNTS,
    additive: Sequence[float] = ADDITIVE,
) -> tuple[Unigram, Bigram, dict[str, float]]:
    """Choose the smoothing on the last share of the training stream, then count the whole stream.

    Returns
    -------
    tuple
        Unigram, bigram, and what was chosen: `k`, `discount`.
    """
    cut = int(len(tokens) * (1.0 - tuning_share))
    fit, tune = tokens[:cut], tokens[cut:]
    k = min(additive, key=lambda value: fit_unigram(fit, vocab_size, value).loss(tune))
    discount = min(discounts, key=lambda value: fit_bigram(fit, vocab_size, value).loss(tune[:-1], tune[1:]))
    chosen = {"k": float(k), "discount": float(discount)}
    return fit_unigram(tokens, vocab_size, k), fit_bigram(tokens, vocab_size, discount), chosen


def _checked(tokens: NDArray[np.integer], vocab_size: int) -> Int:
    ids = np.asarray(tokens, dtype=np.int64)
    if ids.ndim != 1 or len(ids) == 0 or ids.min() < 0 or ids.max() >= vocab_size:
        raise ArgumentError("tokens", f"must be a stream of ids from 0 to {vocab_size - 1}")
    return ids
