"""Rows of the same matrix of the model for other tokens, drawn at random and matched by class.

What is compared with rows of an embedding has to be a row of it: they have a mean, lie in a cone and differ
in norm, which no random direction does. A token is drawn for every token of a word, of the same class
(`superpos.datasets.token_classes`: a leading space or none; digits, letters or other), without replacement,
and none of the words themselves.

A class needs `LEAST` tokens for each one that the words take of it. One that has fewer is widened, first to
all with the same leading space, then to all; special tokens and those without a text are never drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Int
from superpos.errors import ArgumentError
from superpos.kinds.controls import Control
from superpos.kinds.looks import Look
from superpos.psms.draws import control_draw

LEAST = 3
"""Tokens that a class holds for each one that is drawn of it."""
SPACED = 2
"""Classes are 2 kind + (1 with a leading space), so that the remainder tells the space."""


def random_tokens(
    words: Sequence[Sequence[int]], classes: ArrayLike, replicate: int, width: int
) -> list[tuple[int, ...]]:
    """Return for every word as many other tokens of the classes of its own.

    Parameters
    ----------
    words
        Token ids of each word, n of them.
    classes : array_like, (vocabulary,)
        Class of every token; below 0 for what is never drawn.
    replicate, width
        The draw is that of (replicate, n, width), whatever the words.

    Raises
    ------
    ArgumentError
        If the vocabulary holds too few other tokens.
    """
    of_token: Int = np.asarray(classes, dtype=np.int64)
    own = np.unique([token for word in words for token in word])
    free = of_token >= 0
    free[own] = False
    rng = control_draw("random_tokens", replicate, len(words), width)
    # One order of the whole vocabulary; each class is taken from its front.
    order = rng.permutation(len(of_token))
    order = order[free[order]]
    pools = [_keys(of_token, level) for level in range(3)]
    counts = [Counter(keys[free].tolist()) for keys in pools]
    wanted = [Counter(int(keys[token]) for word in words for token in word) for keys in pools]
    total = sum(map(len, words))
    if len(order) < LEAST * total:
        raise ArgumentError(
            "words", f"{total} tokens need {LEAST * total} others to draw from; there are {len(order)}"
        )
    taken: set[int] = set()
    drawn = []
    for word in words:
        found = []
        for token in word:
            level = _level(token, pools, counts, wanted)
            same = order if level == len(pools) - 1 else order[pools[level][order] == pools[level][token]]
            found.append(next(int(other) for other in same if int(other) not in taken))
            taken.add(found[-1])
        drawn.append(tuple(found))
    return drawn


def _level(
    token: int, pools: Sequence[Int], counts: Sequence[Counter[int]], wanted: Sequence[Counter[int]]
) -> int:
    """Return the narrowest level at which there are tokens enough beside a token; the last has them."""
    for level, keys in enumerate(pools[:-1]):
        here = int(keys[token])
        if here >= 0 and counts[level][here] >= LEAST * wanted[level][here]:
            return level
    return len(pools) - 1


def _keys(classes: Int, level: int) -> Int:
    """Return the class of every token at a level: as it is, its leading space alone, all alike."""
    return (classes, np.where(classes >= 0, classes % SPACED, -1), np.where(classes >= 0, 0, -1))[level]


KIND = Control(
    name="random_tokens",
    version=1,
    rank=60,
    meaning="Rows of the same matrix of the model for other tokens of the same classes.",
    draws_from="tokens",
    keeps="The matrix, so its mean and its cone; how many tokens a word has, and their classes.",
    destroys="What the words mean.",
    tokens=random_tokens,
    look=Look(colour="#882255", dashes=(0, (3, 1, 1, 1)), width=1.5, marker="D"),
)
