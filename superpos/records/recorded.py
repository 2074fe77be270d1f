"""Samples whose activations are there already: of a file that a user has recorded, or planted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from superpos.records.data import LabelledTokens

Place = tuple[str, int]
"""Hookpoint and layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What a builder with the function `recorded` returns; arrays are read when they are asked for."""

    model: str
    """What the views call the model that they were recorded from."""
    places: Mapping[Place, int]
    """Width of each place, in the order in which they are read."""
    n_samples: int
    dtype: str
    """In which the activations were computed: `float32`, `float16` or `bfloat16`."""
    labelled: Callable[[], LabelledTokens]
    """Returns labels and groups; a sample is a sequence of no tokens."""
    activations: Callable[[Place], NDArray[Any]]
    """From a place to its activations, (n_samples, width), rows in the order of the labels."""
