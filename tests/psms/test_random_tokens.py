"""Rows of other tokens: classes, what is never drawn, paired draws, small vocabularies; and a whole study."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.datasets.token_classes import token_classes
from superpos.errors import ArgumentError
from superpos.kinds.controls import CONTROLS
from superpos.psms import build_psm
from superpos.psms.controls.random_tokens import LEAST, random_tokens

VOCABULARY = np.random.default_rng(0).choice([-1, 0, 1, 2, 4], 3000, p=[0.1, 0.3, 0.3, 0.2, 0.1])


def words_of(seed: int, lengths: list[int]) -> list[tuple[int, ...]]:
    rng = np.random.default_rng(seed)
    tokens = rng.choice(np.flatnonzero(VOCABULARY >= 0), sum(lengths), replace=False).tolist()
    return [tuple(tokens.pop() for _ in range(length)) for length in lengths]


@given(
    seed=st.integers(0, 10_000), replicate=st.integers(0, 50),
    lengths=st.lists(st.integers(1, 3), min_size=2, max_size=9),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_tokens_are_others_of_the_same_classes_each_once(seed, replicate, lengths) -> None:
    words = words_of(seed, lengths)
    drawn = random_tokens(words, VOCABULARY, replicate, 64)
    assert [len(word) for word in drawn] == lengths
    flat = [token for word in drawn for token in word]
    own = [token for word in words for token in word]
    assert len(set(flat)) == len(flat)
    assert not set(flat) & set(own)
    np.testing.assert_array_equal(VOCABULARY[flat], VOCABULARY[own])
    assert drawn == random_tokens(words, VOCABULARY, replicate, 64)
    assert drawn != random_tokens(words, VOCABULARY, replicate + 1, 64)


def test_every_token_of_a_class_is_drawn_alike() -> None:
    classes = np.zeros(23, dtype=int)
    drawn = Counter(
        token
        for r in range(2000)
        for word in random_tokens([(0,), (1,), (2,)], classes, r, 8)
        for token in word
    )
    counts = np.array([drawn[token] for token in range(23)])
    assert counts[:3].sum() == 0
    assert counts[3:].min() > 230  # 2,000 x 3 / 20 = 300, standard deviation 16
    assert counts[3:].max() < 370


def test_a_set_has_the_same_draw_in_both_matrices_and_in_other_networks() -> None:
    """The draw rests on replicate, n and width: another word of the same classes leaves the others alone."""
    classes = np.zeros(1000, dtype=int)
    one = random_tokens([(1,), (2,), (3,)], classes, 4, 64)
    assert one == random_tokens([(1,), (2,), (3,)], classes, 4, 64)
    assert one != random_tokens([(1,), (2,), (3,)], classes, 4, 128)


def test_a_class_with_too_few_tokens_is_widened_to_its_space_then_to_all() -> None:
    digits = list(range(3))
    classes = np.array([2, 2, 2, *[2] * 4, *[0] * 50, *[1] * 50])  # 4 others for 3
    drawn = [token for (token,) in random_tokens([(t,) for t in digits], classes, 0, 8)]
    assert set(classes[drawn]) <= {0, 2}
    classes = np.array([2, 2, 2, *[1] * 50])  # nothing without a space is left
    drawn = [token for (token,) in random_tokens([(t,) for t in digits], classes, 0, 8)]
    assert set(classes[drawn]) == {1}
    with pytest.raises(ArgumentError, match=rf"^words: 3 tokens need {3 * LEAST} others to draw from"):
        random_tokens([(t,) for t in digits], np.zeros(8, dtype=int), 0, 8)


def test_classes_are_read_from_bytes() -> None:
    spelled = (b"<s>", b" the", b"the", b" 12", b"7", b" x9", b"()", b"  ", b"\xc3", " é".encode(), b"")
    table: Any = SimpleNamespace(token_bytes=spelled, special=np.array([True] + [False] * 10))
    assert token_classes(table).tolist() == [-1, 1, 0, 3, 2, 5, 4, 6, 8, 1, 6]


def test_what_is_no_row_of_a_matrix_is_refused_in_one_line() -> None:
    with pytest.raises(
        ArgumentError, match=r"^kind: 'random_tokens' needs directions; an imported matrix has"
    ):
        build_psm(kind="random_tokens", similarity="cosine", target=np.eye(4))
    CONTROLS.get("random_tokens").check()


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda words, _c, _r, _w: [(1,)] * len(words), "gives words of other numbers of tokens"),
        (lambda words, _c, _r, _w: [tuple(word) for word in words], "gives tokens of the words themselves"),
        (lambda _words, _c, _r, _w: [(1,), (2, 5), (6,)], "must give one draw for each replicate"),
    ],
)
def test_a_control_from_elsewhere_that_draws_no_tokens_is_refused(draw: Any, said: str) -> None:
    from dataclasses import replace

    with pytest.raises(ArgumentError, match=rf"^tokens: {said}"):
        replace(CONTROLS.get("random_tokens"), tokens=draw).check()
