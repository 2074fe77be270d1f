"""Every table, under one import; a module holds those that one stage writes."""

from __future__ import annotations

from superpos.db.metadata import metadata
from superpos.db.tables.activations import activation_sets, models, shards
from superpos.db.tables.analysis import analyses, best_match, layer_pairs, measure_tests, study_answers
from superpos.db.tables.datasets import datasets, features
from superpos.db.tables.explained import target_explained, target_features
from superpos.db.tables.fits import fit_arrays, fit_axes, fits, importance, joint_axes, joint_fits
from superpos.db.tables.leases import leases
from superpos.db.tables.probes import direction_rows, direction_sets, probes
from superpos.db.tables.psms import psm_entries, psm_measures, psm_resamples, psms, targets
from superpos.db.tables.runs import cell_failures, runs
from superpos.db.tables.studies import (
    block_fit_axes,
    block_joint_axes,
    block_targets,
    blocks,
    studies,
    study_datasets,
    study_models,
)

__all__ = [
    "activation_sets",
    "analyses",
    "best_match",
    "block_fit_axes",
    "block_joint_axes",
    "block_targets",
    "blocks",
    "cell_failures",
    "datasets",
    "direction_rows",
    "direction_sets",
    "features",
    "fit_arrays",
    "fit_axes",
    "fits",
    "importance",
    "joint_axes",
    "joint_fits",
    "layer_pairs",
    "leases",
    "measure_tests",
    "metadata",
    "models",
    "probes",
    "psm_entries",
    "psm_measures",
    "psm_resamples",
    "psms",
    "runs",
    "shards",
    "studies",
    "study_answers",
    "study_datasets",
    "study_models",
    "target_explained",
    "target_features",
    "targets",
]
