"""What is asked and found of what matrices follow from: one target each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from superpos.arrays import Float


@dataclass(frozen=True, slots=True, eq=False)
class ExplainedWork:
    """One target with what its entries may follow from."""

    target_id: int
    kind: str
    similarity: str
    matrix: Float
    """(n, n)."""
    features: tuple[str, ...]
    """Names of the rows, (n,)."""
    phi: Float | None
    """Phi coefficients of their labels, (n, n); None without labels."""
    shares: Float | None
    """Share of the samples that have each label, (n,); None without labels on common samples."""
    n_samples: int
    """Samples behind the shares."""
    norms: Float | None
    """Lengths of the directions whose cosines these are, (n,); None where there are none."""
    order: str = "known"
    """Order of the features that their set states: `known`, `none`, `linear` or `cyclic`."""
    places: tuple[int, ...] = ()
    """Of the features in the list of their set, from 0; none where it is not known."""
    n_listed: int = 0
    """Features of that list, those without a direction among them."""


@dataclass(frozen=True, slots=True, eq=False)
class ExplainedRows:
    """Rows of one target."""

    target_id: int
    explained: Sequence[Mapping[str, Any]]
    """Of `target_explained`, without the target."""
    features: Sequence[Mapping[str, Any]]
    """Of `target_features`, likewise."""
