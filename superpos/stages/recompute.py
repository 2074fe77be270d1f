"""Make one row again, alone, from what the database and the files say it was made of, and compare bits."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from superpos.datasets.artifacts import load_dataset
from superpos.db.engine import Database
from superpos.db.inputs import direction_works
from superpos.db.recompute import (
    activation_row,
    axes_exist,
    dataset_row,
    direction_row,
    fit_row,
    joint_row,
    psm_row,
)
from superpos.errors import InputError
from superpos.hashing import text_digest
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.models import ModelSpec
from superpos.stages import datasets
from superpos.stages.fit_cells import compute_work, run_joint, same_columns
from superpos.stages.probes import ProbeTask, train
from superpos.stages.psms import build

JOINT_ARRAYS = ("vectors", "logits", "similarities")
JOINT_NUMBERS = (
    "fun",
    "energy",
    "mismatch",
    "nit",
    "nfev",
    "njev",
    "gradient_norm",
    "start_radius",
    "status",
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Outcome of making a row again."""

    kind: str
    compared: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether every bit agrees."""
        return not self.differing


def recompute(database: Database, key: str, data_folder: Path) -> Comparison:
    """Make the row named `key` again and compare it with what is stored.

    Raises
    ------
    InputError
        If the key names nothing, or a specification, or something whose files are gone.
    """
    first, _, second = key.strip().lower().partition(".")
    with threadpool_limits(limits=1):  # as the workers have it
        for attempt in (_fit, _joint, _psm, _directions, _activations, _dataset):
            found = attempt(database, first, second, data_folder)
            if found is not None:
                return found
    if axes_exist(database, first):
        raise InputError(f"key {key!r} names axes, which are a specification; there is nothing to recompute")
    raise InputError(f"key {key!r} names nothing in {database.label} that can be recomputed")


def _compare(kind: str, stored: Mapping[str, Any], made: Mapping[str, Any]) -> Comparison:
    arrays = [name for name, value in made.items() if isinstance(value, np.ndarray)]
    differing = [name for name in arrays if stored[name].tobytes() != made[name].tobytes()]
    numbers = {name: value for name, value in made.items() if name not in arrays}
    differing += same_columns(stored, numbers)
    return Comparison(kind, tuple(name for name in made if name != "seconds"), tuple(differing))


def _fit(database: Database, first: str, second: str, _folder: Path) -> Comparison | None:
    found = fit_row(database, first, second) if second else None
    if found is None:
        return None
    work, stored = found
    result = compute_work(work)
    if result.failures:
        raise InputError(f"fit {first}.{second}: cannot be made again: {result.failures[0].message}")
    return _compare("fit", stored, result.fits[0].columns)


def _joint(database: Database, first: str, second: str, _folder: Path) -> Comparison | None:
    found = joint_row(database, first) if not second else None
    if found is None:
        return None
    work, stored = found
    fit = run_joint(work)
    names = (*JOINT_NUMBERS, *JOINT_ARRAYS)
    made = {name: getattr(fit, name) for name in names}
    return _compare("joint fit", stored, {**made, "status": str(fit.status)})


def _psm(database: Database, first: str, _second: str, _folder: Path) -> Comparison | None:
    found = psm_row(database, first)
    if found is None:
        return None
    work, matrix = found
    return _compare("similarity matrix", {"matrix": matrix}, {"matrix": build(work).record.matrix})


def _directions(database: Database, first: str, _second: str, folder: Path) -> Comparison | None:
    found = direction_row(database, first)
    if found is None:
        return None
    direction_id, stored, dataset_key = found
    works = direction_works(database, [direction_id])
    if not works or stored["coef_raw"] is None:
        raise InputError(f"probe set {first}: has no result to compare with")
    probes = train(ProbeTask(works[0], folder / datasets.artifact_path(dataset_key), folder))
    if probes is None:
        raise InputError(
            f"probe set {first}: its activation files below {folder} are gone or damaged; run the study again"
        )
    names = ("coef_raw", "coef_scaled", "intercept", "scale")
    return _compare("probe set", stored, {name: getattr(probes, name) for name in names})


def _activations(database: Database, first: str, _second: str, folder: Path) -> Comparison | None:
    found = activation_row(database, first)
    if found is None:
        return None
    from superpos.activations.extract import extract
    from superpos.activations.model import load_model

    row, spec, dataset_key = found
    tokens = load_dataset(folder / datasets.artifact_path(dataset_key))
    device = _device()
    model = load_model(spec, device=device, dtype=row["dtype"])
    with tempfile.TemporaryDirectory() as scratch:
        infos = extract(model, tokens, {(row["hookpoint"], row["layer"]): first}, Path(scratch))
    digest = text_digest("".join(shard.sha256 for shard in infos[0].shards))
    return _compare("activation set", row, {"content_digest": digest})


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _dataset(database: Database, first: str, _second: str, _folder: Path) -> Comparison | None:
    found = dataset_row(database, first)
    if found is None:
        return None
    row, model = found
    spec = dict(row["specification"]["spec"])
    corpus = CorpusSpec(**spec.pop("corpus"))
    with tempfile.TemporaryDirectory() as scratch:
        summary = datasets.build(
            _dataset_task(row["key"], DatasetSpec(corpus=corpus, **spec), model, scratch)
        )
    made = {"content_digest": summary.content_digest, "phi": summary.phi, "n_samples": summary.n_samples}
    return _compare("data set", row, made)


def _dataset_task(key: bytes, spec: DatasetSpec, model: ModelSpec, scratch: str) -> datasets.DatasetTask:
    return datasets.DatasetTask(key, spec, model, Path(scratch))
