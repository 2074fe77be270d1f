"""What the probes of one set are trained on, read from files: activations, labels, split."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from superpos.activations.shards import read_shards
from superpos.arrays import Bool, Int
from superpos.datasets.artifacts import load_dataset
from superpos.datasets.labels import feature_counts
from superpos.datasets.splits import split_by_group, split_groups, split_members
from superpos.records.data import FeatureStatus, LabelledTokens
from superpos.records.work import DirectionWork
from superpos.storage.files import Place


class ProbeData(NamedTuple):
    """Inputs of the probes of the features that can be probed."""

    activations: NDArray[Any]
    """(n_samples, d)."""
    labels: Bool
    """(n_samples, k)."""
    feature_names: tuple[str, ...]
    groups: Int
    """(n_samples,)."""
    train_rows: Bool
    """(n_samples,), or (n_samples, k) where features have samples of their own."""
    members: Bool | None
    """(n_samples, k) in that case, else None."""


def feature_statuses(tokens: LabelledTokens) -> tuple[FeatureStatus, ...]:
    """Return whether each feature of a set can be probed."""
    return tuple(count.status for count in feature_counts(tokens))


def read_probe_data(work: DirectionWork, tokens_path: Place, data_folder: Place) -> ProbeData:
    """Read the inputs of a probe set.

    Raises
    ------
    FileLostError
        If a file is missing or damaged.
    """
    tokens = load_dataset(tokens_path)
    values = read_shards(data_folder, work.shards)
    usable = [i for i, status in enumerate(feature_statuses(tokens)) if status is FeatureStatus.OK]
    labels, members = tokens.labels[:, usable], tokens.members[:, usable]
    groups = split_groups(tokens)
    fraction, seed = work.settings.test_fraction, work.settings.split_seed
    shared = bool(members.all())
    return ProbeData(
        activations=values,
        labels=labels,
        feature_names=tuple(tokens.feature_names[index] for index in usable),
        groups=groups,
        train_rows=split_by_group(labels, groups, fraction, seed)
        if shared
        else split_members(labels, members, groups, fraction, seed),
        members=None if shared else members,
    )
