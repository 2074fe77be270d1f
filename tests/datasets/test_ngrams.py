from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.datasets.ngrams import fit_bigram, fit_unigram, tuned_ngrams
from superpos.errors import ArgumentError

STREAMS = st.lists(st.integers(0, 6), min_size=2, max_size=60)


def plain_bigram(
    stream: list[int], size: int, discount: Fraction, k: Fraction
) -> dict[tuple[int, int], Fraction]:
    """Kneser-Ney with counters and exact fractions."""
    pairs = Counter(pairwise(stream))
    q_total = len(pairs) + k * size
    table = {}
    for v in range(size):
        total = sum(count for (left, _), count in pairs.items() if left == v)
        kinds = sum(1 for left, _ in pairs if left == v)
        for w in range(size):
            q = (sum(1 for _, right in pairs if right == w) + k) / q_total
            if total == 0:
                table[v, w] = q
            else:
                direct = max(Fraction(pairs[v, w]) - discount, Fraction(0)) / total
                table[v, w] = direct + discount * kinds / total * q
    return table


@given(STREAMS, st.sampled_from([0.5, 0.75, 0.9]))
@settings(deadline=None)
def test_bigram_agrees_with_plain_counts(stream: list[int], discount: float) -> None:
    size = 7
    model = fit_bigram(np.array(stream), size, discount, k=0.125)
    exact = plain_bigram(stream, size, Fraction(discount), Fraction(1, 8))
    left, right = np.divmod(np.arange(size * size), size)
    found = model.probability(left, right)
    np.testing.assert_allclose(
        found, [float(exact[v, w]) for v, w in zip(left, right, strict=True)], rtol=1e-12
    )
    np.testing.assert_allclose(found.reshape(size, size).sum(axis=1), 1.0, rtol=1e-12)
    pairs = list(pairwise(stream))
    expected = -sum(log(exact[pair]) for pair in pairs) / len(pairs)
    assert model.loss(np.array(stream[:-1]), np.array(stream[1:])) == pytest.approx(expected, rel=1e-12)


@given(STREAMS, st.sampled_from([0.01, 1.0]))
@settings(deadline=None)
def test_unigram_agrees_with_plain_counts(stream: list[int], k: float) -> None:
    model = fit_unigram(np.array(stream), 7, k)
    counts = Counter(stream)
    expected = [log((counts[w] + k) / (len(stream) + 7 * k)) for w in range(7)]
    np.testing.assert_allclose(model.log_probability, expected, rtol=1e-12)


def test_tuning_picks_the_best_on_the_last_share() -> None:
    draw = np.random.default_rng(0)
    stream = draw.zipf(1.3, 4000) % 50
    _, bigram, chosen = tuned_ngrams(stream, 50, tuning_share=0.25, discounts=(0.3, 0.6, 0.9))
    losses = {
        d: fit_bigram(stream[:3000], 50, d).loss(stream[3000:-1], stream[3001:]) for d in (0.3, 0.6, 0.9)
    }
    assert chosen["discount"] == min(losses, key=losses.__getitem__)
    assert bigram.context_counts.sum() == 3999


def test_bad_streams_are_refused() -> None:
    for stream in ([], [0, 9], [-1, 0]):
        with pytest.raises(ArgumentError, match="tokens"):
            fit_unigram(np.array(stream, dtype=np.int64), 9, 1.0)
    with pytest.raises(ArgumentError, match="discount"):
        fit_bigram(np.array([0, 1]), 2, 1.0)
