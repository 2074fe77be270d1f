"""Probes of every feature of one activation set, and the `shuffled_labels` control.

What the features of a layer share is done once: scaled samples and their coordinates
(`superpos.probes.design`), the preconditioner (`superpos.probes.newton`), the choice of C
(`superpos.probes.cross_validation`). What no label enters is done once for all permutations of a layer too:
checks, scaled samples, coordinates. Each permutation is then solved by itself, so that its bits do not depend
on which others are asked for with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Bool, Float
from superpos.errors import NotPermutableError
from superpos.probes.cross_validation import choose_C, grid_losses
from superpos.probes.design import Designs, scale_samples
from superpos.probes.fit import fit_design, fit_samples
from superpos.probes.inputs import ProbeInputs, Split, check_inputs
from superpos.probes.metrics import HeldOut, held_out_metrics
from superpos.probes.permutation import LabelPermutation, describe, permute_labels
from superpos.records.data import ProbeMetrics, ProbeSet
from superpos.specs.axes import check_count
from superpos.specs.probes import ProbeSettings
from superpos.threads import one_thread


def train_probes(
    activations: ArrayLike,
    labels: ArrayLike,
    feature_names: tuple[str, ...],
    groups: ArrayLike,
    train_rows: ArrayLike,
    settings: ProbeSettings,
    *,
    label_replicate: int = -1,
    members: ArrayLike | None = None,
) -> ProbeSet:
    """Train one probe a feature on the training samples and measure it on the others.

    Parameters
    ----------
    activations
        (n, d), float32 or float64.
    labels
        (n, k) booleans.
    feature_names
        Names of the k features.
    groups
        Group of each sample, (n,): no group may lie in both parts.
    train_rows
        Which samples are trained on, (n,) booleans, or (n, k) where features have samples of their own.
    settings
        Method, penalty, scaler, tolerance.
    label_replicate
        -1 for the labels as they are; r >= 0 for the control `shuffled_labels`: label rows change places
        among the training samples as `superpos.probes.permutation` says, test labels stay.
    members
        Which samples belong to a feature, (n, k) booleans; None for all. Where some do not, every feature has
        a scaler, a split and a permutation of its own among its own samples, and is measured on them.

    Returns
    -------
    ProbeSet
        Features without both classes among the training samples are left out, with their status in
        `metrics`: `no_positives` or `no_negatives` if the set has none, `too_few` if the training part has
        none. A probe whose gradient stayed above `settings.tol` has status `max_iter`. Constant activations
        give coefficients of exactly or nearly zero, which have no direction.

    Raises
    ------
    ArgumentError
        For shapes that do not fit, activations that are not finite, a group on both sides of the split.
    NotPermutableError
        For the control, if no exchange of samples changes the labels of a feature.

    Notes
    -----
    Runs on one BLAS thread, so that the bits do not depend on the machine's number of cores. Logistic probes
    are found together, so that the last bits of one depend on which others are in the set (unless features
    have samples of their own); the set is one unit of work.
    """
    found = train_permutations(
        activations, labels, feature_names, groups, train_rows, settings,
        label_replicates=(label_replicate,), members=members,
    )  # fmt: skip
    probes = next(found)
    if isinstance(probes, NotPermutableError):
        raise probes
    return probes


def train_permutations(
    activations: ArrayLike,
    labels: ArrayLike,
    feature_names: tuple[str, ...],
    groups: ArrayLike,
    train_rows: ArrayLike,
    settings: ProbeSettings,
    *,
    label_replicates: Sequence[int],
    members: ArrayLike | None = None,
) -> Iterator[ProbeSet | NotPermutableError]:
    """Yield what `train_probes` returns for each of several label replicates, bit for bit, or its refusal.

    Parameters
    ----------
    activations, labels, feature_names, groups, train_rows, settings, members
        As in `train_probes`; checked, scaled and brought into coordinates once.
    label_replicates
        -1 or permutations, each as in `train_probes`; in this order they are yielded.

    Yields
    ------
    ProbeSet or NotPermutableError
        Why no exchange of samples changes the labels of a feature.

    Raises
    ------
    ArgumentError
        As `train_probes`.
    """
    replicates = [
        -1 if replicate == -1 else check_count("label_replicate", replicate, 0)
        for replicate in label_replicates
    ]
    inputs = check_inputs(activations, labels, feature_names, groups, train_rows, members)
    tasks = [_Task(inputs, split, settings) for split in inputs.splits()]
    for index, replicate in enumerate(replicates):
        try:
            yield _trained(inputs, tasks, settings, replicate, last=index == len(replicates) - 1)
        except NotPermutableError as error:
            yield error


def _trained(
    inputs: ProbeInputs, tasks: list[_Task], settings: ProbeSettings, replicate: int, *, last: bool
) -> ProbeSet:
    k, d = len(inputs.names), inputs.X.shape[1]
    found = _Found(np.zeros((k, d + 1)), np.ones((k, d)))
    with one_thread():
        for task in tasks:
            task.permute(replicate)
        C = _chosen_C(tasks, settings) if settings.C_grid else None
        for task in tasks:
            task.fit(C, found)
            if last or len(tasks) > 1:  # designs are too large to keep several
                task.forget()
    kept = sorted(found.metrics)
    unit, note = describe(
        [(task.names(), task.permutation) for task in tasks if task.permutation is not None]
    )
    shared = inputs.members is None
    scale = found.scale[0] if shared else found.scale[kept]
    coef = found.theta[kept, :-1]
    return ProbeSet(
        feature_names=tuple(inputs.names[column] for column in kept),
        metrics=tuple(found.metrics.get(column) or _not_trained(inputs, column) for column in range(k)),
        coef_scaled=coef,
        coef_raw=coef / scale,
        intercept=np.ascontiguousarray(found.theta[kept, -1]),
        scale=scale,
        train_rows=inputs.train if shared else inputs.train[:, kept],
        label_permutation=unit,
        permutation_note=note,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What was found so far."""

    theta: Float
    """(k, d + 1)."""
    scale: Float
    """(k, d)."""
    metrics: dict[int, ProbeMetrics] = field(default_factory=dict)
    """By column."""


@dataclass(slots=True, eq=False)
class _Task:
    """Features that share their samples."""

    inputs: ProbeInputs
    split: Split
    settings: ProbeSettings
    permutation: LabelPermutation | None = None
    _designs: Designs | None = None

    def names(self) -> tuple[str, ...]:
        return tuple(self.inputs.names[column] for column in self.split.columns)

    def permute(self, replicate: int) -> None:
        """Let label rows change places; -1 leaves them where they are."""
        self.permutation = None
        if replicate != -1 and self.split.columns:
            groups = self.inputs.groups[self.split.train]
            self.permutation = permute_labels(self._given(), self.names(), groups, replicate)

    def labels(self) -> Bool:
        """Return the labels of the training samples, (n_train, features)."""
        return self._given() if self.permutation is None else self.permutation.labels

    def _given(self) -> Bool:
        return self.inputs.labels[self.split.train][:, list(self.split.columns)]

    def designs(self) -> Designs:
        """Return the coordinates of the samples, which no label enters."""
        if self._designs is None:
            self._designs = Designs(scale_samples(self.inputs.X, self.split.train, self.settings.scaler))
        return self._designs

    def forget(self) -> None:
        self._designs = None

    def losses(self) -> Float:
        """Return the sum over the features of the held-out loss of every C of the grid."""
        groups = self.inputs.groups[self.split.train]
        design = self.designs().make()
        return len(self.split.columns) * grid_losses(design, self.labels(), groups, self.settings)

    def fit(self, C: float | None, found: _Found) -> None:
        """Fit and measure the features."""
        columns = list(self.split.columns)
        samples = self.designs().samples
        found.scale[slice(None) if self.inputs.members is None else columns] = samples.scale
        if not columns:
            return
        labels = self.labels()
        if C is None:
            fits = fit_samples(self.designs(), labels, self.settings)
        else:
            fits = fit_design(self.designs().make(), labels, self.settings, C=C)
        scores = samples.scores(fits.theta, self.split.test)
        for index, column in enumerate(columns):
            found.theta[column] = fits.theta[index]
            test = self.inputs.labels[self.split.test, column]
            held = held_out_metrics(test, scores[:, index])
            found.metrics[column] = ProbeMetrics(
                self.inputs.names[column],
                "converged" if fits.converged[index] else "max_iter",
                *self.inputs.counts(column)[:2],
                int(labels[:, index].sum()) + int(test.sum()),
                *held,
                norm=float(np.linalg.norm(fits.theta[index, :-1] / samples.scale)),
                nit=int(fits.nit[index]),
                C=C,
            )


def _chosen_C(tasks: list[_Task], settings: ProbeSettings) -> float | None:  # noqa: N802 - C is the symbol
    """Return the C of the grid that is best for all features together."""
    total = np.zeros(len(settings.C_grid))
    for task in tasks:
        if not task.split.columns:
            return None
        total += task.losses()
        if len(tasks) > 1:  # designs are too large to keep several
            task.forget()
    return choose_C(total, settings) if tasks else None


def _not_trained(inputs: ProbeInputs, column: int) -> ProbeMetrics:
    status = inputs.statuses[column].value
    return ProbeMetrics(inputs.names[column], status, *inputs.counts(column), *HeldOut(), norm=None, nit=0)
