"""Letters of a token's own text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.sequences import TokenLabels
from superpos.kinds.builders import Builder


@dataclass(frozen=True, slots=True)
class Letters:
    """What the builder is told."""

    letters: tuple[str, ...] = ("a", "e", "r", "s", "t")
    """Each is a feature, true of tokens that hold it."""
    capitals: bool = True
    """Whether capitals count as well."""


def names(options: Letters) -> tuple[str, ...]:
    """Return the names of the features."""
    return tuple(f"has_{letter}" for letter in options.letters)


def text_labels(spec: Any, table: Any, corpus: Any) -> TextLabels:  # noqa: ARG001
    """Return the features of every token."""
    options: Letters = spec.options
    texts = [text.lower() if options.capitals else text for text in table.token_bytes]
    held = np.array([[letter.encode() in text for letter in options.letters] for text in texts])
    return TextLabels(names=names(options), labeller=lambda _, ids: TokenLabels(held[ids]))


KIND = Builder(
    name="capitals",
    version=1,
    meaning="Letters that a token holds.",
    feature="a letter in the token's own text",
    options=Letters,
    text_labels=text_labels,
    features=names,
)
"""One feature a letter."""
