"""Features that are counted twice: the same or the opposite of another one, which is no geometry.

    labels     the same on every sample, or on none, of features that have the same samples; their probes
               are one, or each other's negative
    vectors    equal rows, or one the negative of the other
    matrix     rows of a similarity matrix that are equal up to rounding, or (cosine) each other's negative

Of features that are the same or opposite the first is kept. Where nothing else is left the first opposite one
stays too: that is a set of two exclusive classes, and `fit_two_classes` decides about it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from superpos.arrays import Bool, Float
from superpos.records.data import FeatureCopy, FeatureStatus

ROUNDING = 1e-6
"""How far equal rows of a stored similarity matrix may be apart: files of single precision."""
Alike = tuple[int, int]
"""The first feature that one is the same as (1) or the opposite of (-1)."""


def label_copies(
    names: Sequence[str], labels: Bool, members: Bool, usable: Sequence[bool]
) -> tuple[FeatureCopy, ...]:
    """Return the features that repeat an earlier one on every sample; unusable ones are no part of it.

    Parameters
    ----------
    names
        Names of the k features.
    labels, members
        Labels, and which samples belong to a feature, (n, k) each.
    usable
        Whether each feature can be probed, (k,).
    """
    columns = [column for column, good in enumerate(usable) if good]
    forms = []
    for column in columns:
        own = members[:, column]
        place = np.packbits(own).tobytes()
        positive, negative = (own & part for part in (labels[:, column], ~labels[:, column]))
        forms.append((place + np.packbits(positive).tobytes(), place + np.packbits(negative).tobytes()))
    return _copies([names[column] for column in columns], _alike(forms))


def vector_copies(names: Sequence[str], rows: Float) -> tuple[FeatureCopy, ...]:
    """Return the rows (n, d) that repeat an earlier one, or are its negative."""
    # Adding 0 makes -0 the 0 that it equals.
    return _copies(names, _alike(((row + 0.0).tobytes(), (0.0 - row).tobytes()) for row in rows))


def matrix_copies(names: Sequence[str], matrix: Float) -> tuple[FeatureCopy, ...]:
    """Return the features whose row of a similarity matrix (n, n) repeats an earlier one, or its negative.

    No row of an RBF matrix is the negative of another, since there are no negative entries.
    """
    alike: list[Alike] = [(index, 1) for index in range(len(names))]
    for first, second in np.argwhere(np.triu(np.abs(matrix) >= 1.0 - ROUNDING, 1)):
        sign = 1 if matrix[first, second] > 0.0 else -1
        known = alike[second][0] == second and alike[first][0] == first
        if known and np.max(np.abs(matrix[first] - sign * matrix[second])) <= ROUNDING:
            alike[second] = (int(first), sign)
    return _copies(names, alike)


def _alike(forms: Iterable[tuple[bytes, bytes]]) -> list[Alike]:
    """Return what every feature is alike to, from its bytes and those of its opposite."""
    first: dict[bytes, int] = {}  # by digest, for the bytes of many rows would take their room once more
    found: list[Alike] = []
    for index, form in enumerate(forms):
        own, opposite = (hashlib.sha256(content).digest() for content in form)
        if own in first:
            found.append((first[own], 1))
        elif opposite in first:
            found.append((first[opposite], -1))
        else:
            first[own] = index
            found.append((index, 1))
    return found


def _copies(names: Sequence[str], alike: Sequence[Alike]) -> tuple[FeatureCopy, ...]:
    two_classes = len({first for first, _ in alike}) == 1
    kept: dict[Alike, tuple[str, int]] = {}
    copies = []
    for name, (first, sign) in zip(names, alike, strict=True):
        key = (first, sign if two_classes else 1)
        if key in kept:
            of, its_sign = kept[key]
            status = FeatureStatus.DUPLICATE if sign == its_sign else FeatureStatus.OPPOSITE
            copies.append(FeatureCopy(name, of, status))
        else:
            kept[key] = (name, sign)
    return tuple(copies)


def copy_reason(copy: FeatureCopy, what: str) -> str:
    """Return why a feature is left out, for people; `what` says in what: labels, row."""
    relation = "the same" if copy.status is FeatureStatus.DUPLICATE else "the opposite"
    return f'{copy.status} of {copy.of}: {relation} {what}; duplicates = "keep" keeps it'
