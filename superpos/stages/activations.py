"""Stage `activations`: all missing sites of a model on a data set in one pass, into checked files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from superpos.activations.inspection import inspect_model
from superpos.activations.recorded import write_recorded
from superpos.datasets.artifacts import load_dataset
from superpos.datasets.recorded import read_recorded, recorded_identity
from superpos.db.activations import finish_activations, missing_activations, without_activations
from superpos.db.datasets import dataset_digest
from superpos.errors import ContentChangedError
from superpos.hashing import canonical_json, text_digest
from superpos.records.data import ActivationInfo, ModelInfo
from superpos.records.work import ActivationWork
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec
from superpos.stages import datasets
from superpos.stages.context import Context
from superpos.stages.loop import Done, Leasing, Stage, run_stage
from superpos.storage.files import Place, check_reachable

STAGE = "activations"
Group = tuple[ActivationWork, ...]
"""Sites of one model on one data set."""


@dataclass(frozen=True, slots=True)
class ExtractionTask:
    """One pass of one model over one data set."""

    model: ModelSpec
    info: ModelInfo
    dtype: str
    pooling: str
    tokens_path: Place
    data_folder: Place
    sites: tuple[tuple[str, int, str], ...]
    """Hookpoint, layer and file stem of every site."""


@dataclass(frozen=True, slots=True)
class RecordedTask:
    """Places of one set that brings its activations."""

    spec: DatasetSpec
    identity: Mapping[str, Any]
    """What the content of the set depends on, as it was planned."""
    data_folder: Place
    sites: tuple[tuple[str, int, str], ...]


def take_recorded(task: RecordedTask) -> list[ActivationInfo]:
    """Write the shards of every place of a set that brings its activations.

    Raises
    ------
    ContentChangedError
        If its file is not the one that the study was planned with.
    """
    identity = canonical_json(task.identity)
    if canonical_json(recorded_identity(task.spec)) != identity:
        raise ContentChangedError(f"data set {task.spec.name}: its file changed since the study was planned")
    recorded = read_recorded(task.spec)
    return [
        write_recorded(
            recorded.activations((hookpoint, layer)),
            hookpoint,
            layer,
            task.data_folder,
            stem,
            dtype=recorded.dtype,
            identity=text_digest(identity),
        )
        for hookpoint, layer, stem in task.sites
    ]


def extract_sites(task: ExtractionTask | RecordedTask) -> list[ActivationInfo]:
    """Load the model, run it over the data set and write the shards of every site.

    Raises
    ------
    ContentChangedError
        If the model's files are not the ones the study was planned with.
    """
    if isinstance(task, RecordedTask):
        return take_recorded(task)
    import torch

    from superpos.activations.extract import extract
    from superpos.activations.model_cache import held_model

    if inspect_model(task.model, check_weights=False) != task.info:
        raise ContentChangedError(f"model {task.model.name}: its files changed since the study was planned")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = held_model(task.model, task.info, device=device, dtype=task.dtype)
    tokens = load_dataset(task.tokens_path)
    stems = {(hookpoint, layer): stem for hookpoint, layer, stem in task.sites}
    return extract(model, tokens, stems, task.data_folder, pooling=task.pooling)


def run(context: Context) -> None:
    """Extract every activation set of the study that is missing."""
    extract_works(context, missing_activations(context.database, context.study_id))


def extract_works(context: Context, works: Sequence[ActivationWork], *, again: bool = False) -> None:
    """Extract activation sets, grouped so that a model passes once over each data set.

    Parameters
    ----------
    context
        The study.
    works
        What to extract.
    again
        Whether sets that are finished are extracted too, for their files are lost.
    """

    def common(work: ActivationWork) -> tuple[bytes, bytes, str, str]:
        return work.model_key, work.dataset_key, work.dtype, work.pooling

    groups = [tuple(group) for _, group in groupby(sorted(works, key=common), key=common)]

    def prepare() -> None:
        context.steadily(lambda: check_reachable(context.data_folder))
        for group in groups:
            datasets.read(context, group[0].dataset_key)  # is there, and is what results hang on

    def part(group: Group, keys: Collection[str]) -> Group:
        return tuple(work for work in group if work.key.hex() in keys)

    def missing(group: Group, failed: Collection[str]) -> Group | None:
        keys = {work.key for work in group}
        left = keys if again else without_activations(context.database, keys)
        return part(group, {key.hex() for key in left} - set(failed)) or None

    run_stage(
        context,
        Stage(
            name=STAGE,
            task="extract",
            works=groups,
            total=len(works),
            prepare=prepare,
            payload=lambda group: _task(context, group),
            insert=lambda done: _insert(context, done),
            keys=lambda group: [work.key.hex() for work in group],
            leasing=Leasing(lambda group: [work.key.hex() for work in group], part, missing),
            steps=len,
        ),
    )


def _task(context: Context, group: Group) -> ExtractionTask | RecordedTask:
    dataset = context.dataset(group[0].dataset_key)
    sites = tuple((work.hookpoint, work.layer, work.key.hex()) for work in group)
    if dataset.spec.kind.recorded:
        return RecordedTask(dataset.spec, dataset.identity, context.data_folder, sites)
    model = context.model(group[0].model_key)
    return ExtractionTask(
        model=model.spec,
        info=model.info,
        dtype=group[0].dtype,
        pooling=group[0].pooling,
        tokens_path=context.data_folder / datasets.artifact_path(group[0].dataset_key),
        data_folder=context.data_folder,
        sites=sites,
    )


def _insert(context: Context, done: Done[Group]) -> None:
    for group, infos in done:
        by_site = {(info.hookpoint, info.layer): info for info in infos}
        results = [(work, by_site[work.hookpoint, work.layer]) for work in group]
        digest = dataset_digest(context.database, group[0].dataset_key)
        assert digest is not None  # noqa: S101 (missing_activations asks for built data sets only)
        finish_activations(context.database, results, digest, context.run_id)
        for work, info in results:
            if info.status != "ok":
                name = context.model(work.model_key).name
                context.reporter.note(
                    f"model {name}: {work.hookpoint} of layer {work.layer} is left out "
                    f"({info.status} activations in {work.dtype})"
                )
