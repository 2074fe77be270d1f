"""What probes are trained from: activations, labels and the samples of every feature, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superpos.arrays import Bool, Int
from superpos.errors import ArgumentError, NonFiniteError, ShapeError
from superpos.records.data import FeatureStatus


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Features that are probed on the same samples, and which of these they are trained on."""

    columns: tuple[int, ...]
    """The features, as columns of the labels."""
    train: Int
    """Rows of the training samples, (n_train,)."""
    test: Int
    """Rows of the held-out samples, (n_test,)."""


@dataclass(frozen=True, slots=True, eq=False)
class ProbeInputs:
    """Checked arguments of `superpos.probes.train.train_probes`."""

    X: NDArray[Any]
    """Activations, (n, d)."""
    labels: Bool
    """(n, k)."""
    names: tuple[str, ...]
    groups: NDArray[Any]
    """(n,)."""
    train: Bool
    """Training samples, (n,), or (n, k) where features have samples of their own."""
    members: Bool | None
    """Which samples belong to a feature, (n, k); None where all do."""

    @property
    def statuses(self) -> list[FeatureStatus]:
        """Return whether each feature can be probed."""
        return [self._status(column) for column in range(len(self.names))]

    def splits(self) -> list[Split]:
        """Return the features that can be probed, those with the same samples together."""
        usable = tuple(column for column, status in enumerate(self.statuses) if status is FeatureStatus.OK)
        if self.members is None:
            return [Split(usable, np.flatnonzero(self.train), np.flatnonzero(~self.train))]
        return [
            Split(
                (column,),
                np.flatnonzero(self.train[:, column]),
                np.flatnonzero(self.members[:, column] & ~self.train[:, column]),
            )
            for column in usable
        ]

    def counts(self, column: int) -> tuple[int, int, int]:
        """Return the numbers of training samples, held-out samples and positives of a feature."""
        train = self.train if self.members is None else self.train[:, column]
        own = np.ones_like(train) if self.members is None else self.members[:, column]
        n_train = int(np.count_nonzero(train))
        return n_train, int(np.count_nonzero(own)) - n_train, int(self.labels[own, column].sum())

    def _status(self, column: int) -> FeatureStatus:
        positive, train = self.labels[:, column], self.train
        if self.members is not None:
            own, train = self.members[:, column], train[:, column]
            positive, train = positive[own], train[own]
        if not np.any(positive):
            return FeatureStatus.NO_POSITIVES
        if np.all(positive):
            return FeatureStatus.NO_NEGATIVES
        if not np.any(positive[train]) or np.all(positive[train]):
            return FeatureStatus.TOO_FEW
        return FeatureStatus.OK


def check_inputs(
    activations: ArrayLike,
    labels: ArrayLike,
    feature_names: tuple[str, ...],
    groups: ArrayLike,
    train_rows: ArrayLike,
    members: ArrayLike | None = None,
) -> ProbeInputs:
    """Return the arguments after checking that they belong together; see `train_probes`.

    Raises
    ------
    ArgumentError
        For shapes that do not fit, activations that are not finite, a group on both sides of a split.
    """
    X, Y, train, group = map(np.asarray, (activations, labels, train_rows, groups))
    own = None if members is None else np.asarray(members)
    if X.ndim != 2 or X.shape[1] < 1 or X.dtype.kind != "f":
        raise ShapeError("activations", f"{X.dtype} {X.shape} is not a matrix of floating-point numbers")
    shape = (len(X), len(feature_names))
    if Y.dtype != np.bool_ or Y.shape != shape:
        raise ShapeError("labels", f"{Y.dtype} {Y.shape} is not boolean {shape}")
    if own is not None and (own.dtype != np.bool_ or own.shape != shape):
        raise ShapeError("members", f"{own.dtype} {own.shape} is not boolean {shape}")
    if own is not None and bool(own.all()) and train.ndim == 1:
        own = None
    wanted = shape[:1] if own is None else shape
    if train.dtype != np.bool_ or train.shape != wanted:
        raise ShapeError("train_rows", f"{train.dtype} {train.shape} is not boolean {wanted}")
    if group.shape != shape[:1]:
        raise ShapeError("groups", f"shape {group.shape} is not {shape[:1]}")
    if not np.any(train):
        raise ArgumentError("train_rows", "there are no training samples")
    if not np.all(np.isfinite(X)):
        raise NonFiniteError("activations", f"{int(np.sum(~np.isfinite(X)))} entries are not finite")
    if own is not None and np.any(train & ~own):
        raise ArgumentError("train_rows", "a feature is trained on samples that are not its own")
    for column in range(shape[1] if own is not None else 1):
        part = train if own is None else train[:, column]
        rest = ~part if own is None else own[:, column] & ~part
        if np.intersect1d(group[part], group[rest]).size:
            raise ArgumentError("train_rows", "a group has samples on both sides of the split")
    return ProbeInputs(X, Y, tuple(feature_names), group, train, own)
