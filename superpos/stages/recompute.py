"""Make one row again, alone, from what the database and the files say it was made of, and compare bits.

Files that are gone or damaged are made again in a scratch folder first, and must be what they were.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from superpos.activations.inspection import inspect_model
from superpos.db.ceilings import ceiling_works
from superpos.db.engine import Database
from superpos.db.probes import (
    direction_works,
    direction_works_by_key,
    left_out_rows,
    source_works,
    source_works_by_key,
)
from superpos.db.recompute import (
    activation_row,
    axes_exist,
    dataset_row,
    direction_row,
    feature_rows,
    fit_row,
    joint_row,
    model_row,
    probe_rows,
    psm_row,
)
from superpos.errors import InputError, shown
from superpos.kinds.controls import FEATURES
from superpos.records.psms import PsmRecord
from superpos.records.work import SampledWork, SourceWork, TargetWork
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec
from superpos.specs.probes import CEILING_METHOD
from superpos.stages.bounds import bounds_again
from superpos.stages.drawn_tokens import wanted, with_rows
from superpos.stages.fit_cells import compute_work, same_columns
from superpos.stages.matrices import NotApplicable, build
from superpos.stages.measures import measured_again
from superpos.stages.plan_models import RECORDED
from superpos.stages.probes import NotTrained, ProbeTask, train
from superpos.stages.resampled import CeilingTask, WhitenTask, resample, whiten
from superpos.stages.sampled import SampledTask, build_sampled, takes_samples
from superpos.stages.scratch import Scratch, build_again, extract_again
from superpos.stages.sources import SourceTask, read_source
from superpos.storage.files import Place
from superpos.threads import one_thread


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


def recompute(database: Database, key: str, data_folder: Place) -> Comparison:
    """Make the row named `key` again and compare it with what is stored.

    Raises
    ------
    InputError
        If the key names nothing, a specification, or a row without a result.
    ContentChangedError
        If files that had to be made again are not what they were.
    """
    first, _, second = key.strip().lower().partition(".")
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        scratch = Scratch(database, data_folder, Path(folder))
        for attempt in (_fit, _joint, _psm, _directions, _activations, _dataset, _model):
            found = attempt(scratch, first, second)
            if found is not None:
                return found
    if axes_exist(database, first):
        raise InputError(
            f"key {shown(key)} names axes, which are a specification; there is nothing to recompute"
        )
    raise InputError(f"key {shown(key)} names nothing in {database.label} that can be recomputed")


def _compare(kind: str, stored: Mapping[str, Any], made: Mapping[str, Any]) -> Comparison:
    arrays = [name for name, value in made.items() if isinstance(value, np.ndarray)]
    differing = [name for name in arrays if stored[name].tobytes() != made[name].tobytes()]
    numbers = {name: value for name, value in made.items() if name not in arrays}
    differing += same_columns(stored, numbers)
    return Comparison(kind, tuple(name for name in made if name != "seconds"), tuple(differing))


def _fit(scratch: Scratch, first: str, second: str) -> Comparison | None:
    found = fit_row(scratch.database, first, second) if second else None
    if found is None:
        return None
    work, stored = found
    result = compute_work(work)
    if result.failures:
        raise InputError(f"fit {first}.{second}: cannot be made again: {result.failures[0].message}")
    fit = result.fits[0]
    kept: dict[str, Any] = {}
    if stored["vectors"] is not None:
        kept = {"vectors": fit.vectors, "similarities": fit.similarities}
        kept |= {} if fit.polished is None else {"polished": fit.polished}
    bounds = bounds_again(scratch.database, stored["joint_id"])
    known = stored["energy_bound"] if bounds is None else dict(bounds.ends).get(stored["fit_axes_id"])
    return _compare("fit", stored, {**fit.columns, **kept, "energy_bound": known})


def _joint(scratch: Scratch, first: str, second: str) -> Comparison | None:
    found = joint_row(scratch.database, first) if not second else None
    if found is None:
        return None
    work, stored = found
    result = compute_work(work)
    fit = result.joint
    if fit is None:
        raise InputError(f"joint fit {first}: cannot be made again")
    names = (
        "fun", "fun_cg", "energy", "mismatch", "nit", "nfev", "njev", "nit_polish", "gradient_norm",
        "start_radius", "message",
    )  # fmt: skip
    made = {
        **{name: getattr(fit, name) for name in (*names, "vectors", "logits", "similarities", "importance")},
        "status": str(fit.status),
        "verdict": str(fit.verdict),
        "distance": result.distance,
        "importance_entropy": result.entropy,
        "norm_min": float(fit.norms.min()),
        "norm_max": float(fit.norms.max()),
    }
    bounds = bounds_again(scratch.database, stored["joint_id"])
    if bounds is not None:
        made |= {"energy_bound": bounds.bound, "bound_method": bounds.method}
    return _compare("joint fit", stored, made)


def _psm(scratch: Scratch, first: str, _second: str) -> Comparison | None:
    found = psm_row(scratch.database, first)
    if found is None:
        return None
    work, stored = found
    record = _record(scratch, work)
    made: dict[str, Any] = {
        "matrix": record.matrix,
        "similarity": record.similarity,
        "rbf_scale_resolved": record.rbf_scale_resolved,
        "min_eigenvalue": record.min_eigenvalue,
        "rank": record.rank,
        "warning": record.message,
    }
    for name, quartiles in (("value", record.quartiles), ("exponent", record.ratio_quartiles)):
        values = [None] * 3 if quartiles is None else quartiles.tolist()
        made |= {
            f"{name}_{part}": value for part, value in zip(("q25", "median", "q75"), values, strict=True)
        }
    if work.kind == FEATURES:
        made["entries"] = record.matrix[np.triu_indices(len(record.matrix), 1)]
    if stored["n_resamples"]:
        made |= _ceiling(scratch, stored)
    measures = stored["measures"]
    kept: dict[str, Any] = {}
    again = measured_again(record, stored["width"], measures, stored["intervals"])
    for (name, place), (_, *numbers) in measures.items():
        said = " ".join(("measure", name, *place.said))
        kept |= {said: numbers[0], f"bound of {said}": numbers[1]}
        if (name, place) in again:
            made |= dict(zip((said, f"bound of {said}"), again[name, place], strict=True))
    return _compare("similarity matrix", {**stored, **kept}, made)


def _record(scratch: Scratch, work: TargetWork) -> PsmRecord:
    """Make the matrix of a target again, from tables, or from files where it takes samples."""
    if not takes_samples(work):
        return build(_with_drawn(scratch, work)).record
    targets = ((work.target_id, work.key),)
    directions = direction_works_by_key(scratch.database, [work.direction_key])
    if directions:
        tokens_path = scratch.tokens(directions[0].dataset_key)
        folder = scratch.activations(directions[0], tokens_path)
        task = SampledTask(SampledWork(targets, directions), (work,), tokens_path, folder)
    else:
        (source,) = source_works_by_key(scratch.database, [work.direction_key])
        spec, model = _inputs_of_source(scratch, source)
        task = SampledTask(SampledWork(targets, source=source), (work,), spec=spec, model=model)
    (made,) = build_sampled(task)
    if isinstance(made, NotApplicable):
        raise InputError(f"target {work.key.hex()}: cannot be made again: {made.reason}")
    return made.record


def _with_drawn(scratch: Scratch, work: TargetWork) -> TargetWork:
    """Return a target with the rows of the tokens that its control draws."""
    for key, some in wanted([work]).items():
        (source,) = source_works_by_key(scratch.database, [key])
        spec, model = _inputs_of_source(scratch, source)
        (work,) = with_rows(some, spec, model, source.hookpoint)
    return work


def _ceiling(scratch: Scratch, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Find the noise ceiling of a matrix again."""
    work = ceiling_works(scratch.database, stored["psm_id"])[0]
    tokens_path = scratch.tokens(work.direction.dataset_key)
    folder = scratch.activations(work.direction, tokens_path)
    found = resample(
        CeilingTask(work=work, n_resamples=stored["n_resamples"], tokens_path=tokens_path, data_folder=folder)
    )[0]
    pairs = np.triu_indices(len(found.low), 1)
    arrays = {name: getattr(found, name)[pairs] for name in ("low", "high", "standard_error")}
    if stored["drawn"] is not None:  # older databases did not keep them
        arrays["drawn"] = found.drawn
    return {**arrays, "reliability": found.reliability, "ceiling_method": CEILING_METHOD}


def _directions(scratch: Scratch, first: str, _second: str) -> Comparison | None:
    found = direction_row(scratch.database, first)
    if found is None:
        return None
    direction_id, stored, dataset_key = found
    sources = source_works(scratch.database, [direction_id])
    if sources:
        return _source(scratch, sources[0], stored)
    works = direction_works(scratch.database, [direction_id])
    if not works or stored["coef_raw"] is None:
        raise InputError(f"probe set {first}: has no result to compare with")
    tokens_path = scratch.tokens(dataset_key)
    folder = scratch.activations(works[0], tokens_path)
    (probes,) = train(ProbeTask(works[:1], tokens_path, folder))
    if isinstance(probes, NotTrained):
        raise InputError(f"probe set {first}: cannot be made again: {probes.reason}")
    arrays = ("coef_raw", "coef_scaled", "intercept", "scale")
    made = {name: getattr(probes, name) for name in (*arrays, "label_permutation", "permutation_note")}
    if stored["coef_whitened"] is not None:
        made["coef_whitened"] = whiten(
            WhitenTask(work=works[0], raw=probes.coef_raw, tokens_path=tokens_path, data_folder=folder)
        )
    kept = dict(stored)
    for row, metrics in zip(probe_rows(scratch.database, direction_id), probes.metrics, strict=True):
        for name, value in asdict(metrics).items():
            made[f"{metrics.feature}.{name}"] = value
            kept[f"{metrics.feature}.{name}"] = row[name]
    return _compare("probe set", kept, made)


def _source(scratch: Scratch, work: SourceWork, stored: Mapping[str, Any]) -> Comparison:
    """Read directions without probes again."""
    if stored["content_digest"] is None:
        raise InputError(f"directions {work.key.hex()}: have no result to compare with")
    spec, model = _inputs_of_source(scratch, work)
    result = read_source(SourceTask(work, spec, model))
    if result.reason:
        raise InputError(f"directions {work.key.hex()}: cannot be made again: {result.reason}")
    left_out = left_out_rows(result)
    if result.matrix is not None:
        return _compare("imported matrix", stored, {"matrix": result.matrix, "left_out": left_out})
    return _compare("directions", stored, {"coef_raw": result.vectors, "left_out": left_out})


def _inputs_of_source(scratch: Scratch, work: SourceWork) -> tuple[DatasetSpec, ModelSpec | None]:
    """Return the data set and the model of directions without probes."""
    row = dataset_row(scratch.database, work.dataset_key.hex())
    model = None if work.model_key is None else model_row(scratch.database, work.model_key.hex())
    if row is None:
        raise InputError(f"directions {work.key.hex()}: their data set is gone")
    spec = DatasetSpec.from_json(row[0]["specification"]["spec"])
    return spec, None if model is None else model[1]


def _activations(scratch: Scratch, first: str, _second: str) -> Comparison | None:
    found = activation_row(scratch.database, first)
    if found is None:
        return None
    row, spec, dataset_key = found
    if row["status"] == "planned":
        raise InputError(f"activation set {first}: has no result to compare with")
    dataset = dataset_row(scratch.database, dataset_key.hex())
    if dataset is None:
        raise InputError(f"activation set {first}: its data set is gone")
    specification = dataset[0]["specification"]
    tokens_path = scratch.tokens(dataset_key)
    info, digest = extract_again(row, spec, tokens_path, scratch.folder, specification)
    made = {
        "content_digest": digest,
        "status": "done" if info.status == "ok" else "not_applicable",
        "n_rows": info.n_rows,
        "d_hook": info.d_hook,
        "agreement": info.agreement,
    }
    return _compare("activation set", row, made)


def _dataset(scratch: Scratch, first: str, _second: str) -> Comparison | None:
    found = dataset_row(scratch.database, first)
    if found is None:
        return None
    row, model = found
    if row["status"] == "planned":
        raise InputError(f"data set {first}: has no result to compare with")
    summary = build_again(row, model, scratch.folder)
    names = ("content_digest", "phi", "n_documents", "n_sequences", "n_tokens", "n_samples")
    made = {name: getattr(summary, name) for name in names}
    kept = dict(row)
    stored = feature_rows(scratch.database, row["dataset_id"])
    columns = ("feature", "n_positive", "n_negative", "status", "duplicate_of")
    for one, feature in zip(stored, summary.features, strict=True):
        made |= {f"{feature.feature}.{name}": getattr(feature, name) for name in columns}
        kept |= {f"{feature.feature}.{name}": one[name] for name in columns}
    return _compare("data set", kept, made)


def _model(scratch: Scratch, first: str, _second: str) -> Comparison | None:
    """Compare a model's files with what they were."""
    found = model_row(scratch.database, first)
    if found is None:
        return None
    row, spec = found
    if row["family"] == RECORDED:
        raise InputError(f"model {first}: stands for activations of no model; nothing can be compared")
    info = asdict(inspect_model(spec, check_weights=False))
    shape, made_of = ("family", "n_layers", "d_model", "d_mlp"), ("quantization", "file_digest")
    names = (*shape, "config_digest", "weights_digest", "tokenizer_digest", *made_of)
    return _compare("model", row, {name: info[name] for name in names})
