"""Sets whose samples bring their activations: what their content depends on, and labels without a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from superpos.arrays import Bool, Int
from superpos.datasets.build import with_provenance
from superpos.datasets.imported import imported_identity
from superpos.errors import ArgumentError, InputError, plain
from superpos.kinds.builders import BUILDERS
from superpos.records.data import LabelledTokens
from superpos.records.recorded import Recorded
from superpos.specs.datasets import DatasetSpec

LEAST_SAMPLES = 20
"""Fewer cannot be split and probed."""


def recorded_identity(spec: DatasetSpec) -> dict[str, Any]:
    """Return what labels and activations depend on, as canonical JSON data; files enter by their content.

    Raises
    ------
    InputError
        If a file is missing.
    """
    identity = imported_identity(spec)
    drawn = {} if spec.kind.takes_all else {"n_samples": spec.n_samples, "seed": spec.seed}
    return {**identity, "builder": {**identity["builder"], **drawn}}


def read_recorded(spec: DatasetSpec) -> Recorded:
    """Return the samples of a set.

    Raises
    ------
    InputError
        If the builder has none, or as it says of its file or its options.
    """
    if spec.kind.recorded is None:
        raise InputError(f"datasets.{spec.name}: builder {spec.builder} brings no activations")
    try:
        found: Any = spec.kind.recorded(spec)
    except ArgumentError as error:
        raise InputError(f"datasets.{spec.name}.{error.argument}: {error.reason}") from error
    except (TypeError, ValueError) as error:
        if BUILDERS.origin(spec.builder) is None:  # a mistake of ours
            raise
        said = f"datasets.{spec.name}: builder {spec.builder}: {type(error).__name__}: {error}"
        raise InputError(plain(said, 300)) from error
    if not isinstance(found, Recorded):
        said = f"returns {type(found).__name__}; Recorded is needed"
        raise InputError(f"datasets.{spec.name}: builder {spec.builder}: {said}")
    if found.n_samples < LEAST_SAMPLES:
        raise InputError(
            f"datasets.{spec.name}: {found.n_samples} samples; at least {LEAST_SAMPLES} are needed"
        )
    if not found.places:
        raise InputError(f"datasets.{spec.name}: has no activations")
    return found


def labelled_samples(
    spec: DatasetSpec,
    names: Sequence[str],
    labels: Bool,
    *,
    source: str,
    members: Bool | None = None,
    groups: Int | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> LabelledTokens:
    """Return labels of samples that have no text: each is a sequence of no tokens.

    Parameters
    ----------
    spec
        The set.
    names
        Of the k features.
    labels
        (n_samples, k).
    source
        What stands for the document.
    members
        Which samples belong to a feature, (n_samples, k); None for all.
    groups
        Group of each sample, (n_samples,), which no split divides; None where each is one of its own.
    provenance
        What is known of the samples beside this.
    """
    n = len(labels)
    order = np.arange(n, dtype=np.int64)
    nothing = np.zeros(n, dtype=np.int64)
    own_groups = order if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64)
    made = LabelledTokens(
        feature_names=tuple(names),
        token_ids=np.zeros(0, dtype=np.int32),
        sequence_starts=np.zeros(n + 1, dtype=np.int64),
        sequence_documents=nothing,
        sequence_groups=own_groups,
        documents=(source,),
        sample_sequences=order,
        sample_positions=nothing,
        sample_lengths=nothing + 1,
        labels=labels,
        members=np.ones_like(labels) if members is None else members,
        examples=(None,) * len(names),
        corpus_digest="",
        tokenizer_digest="",
        provenance={
            "groups": "samples" if groups is None else "groups of samples",
            "n_groups": int(own_groups.max()) + 1,
            "options": asdict(spec.options),
            **(provenance or {}),
        },
    )
    return with_provenance(spec, made)
