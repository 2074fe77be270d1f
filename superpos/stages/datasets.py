"""Stage `datasets`: build feature sets, keep them as files, their counts and digests in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from superpos.activations.inspection import tokenizer_file
from superpos.datasets.artifacts import content_digest, load_dataset, save_dataset
from superpos.datasets.build import build_dataset
from superpos.datasets.duplicates import copy_reason
from superpos.datasets.notes import notes_of
from superpos.datasets.recorded import read_recorded
from superpos.datasets.summaries import summarise, summarise_imported, summarise_words
from superpos.db.datasets import check_same, dataset_digest, finish_dataset, is_missing, missing_datasets
from superpos.errors import InputError, StageError
from superpos.records.data import FeatureCopy, FeatureStatus, LabelledTokens
from superpos.records.plan import PlannedDataset
from superpos.records.work import DatasetSummary
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec
from superpos.stages.context import Context
from superpos.stages.executor import TaskError, of_store
from superpos.stages.loop import Done, Stage, leasing_of, run_stage
from superpos.storage.files import Place, check_reachable
from superpos.storage.layout import dataset_file

STAGE = "datasets"


@dataclass(frozen=True, slots=True)
class DatasetTask:
    """One feature set to build, on the machine where the data folder is."""

    key: bytes
    spec: DatasetSpec
    tokenizer_model: ModelSpec | None
    data_folder: Place


def artifact_path(key: bytes) -> str:
    """Return where a feature set lies below the data folder."""
    return dataset_file(key.hex())


def build(task: DatasetTask) -> DatasetSummary:
    """Build a feature set, write its file (if it has samples) and return what SQL keeps of it."""
    relative = artifact_path(task.key)
    if task.spec.kind.recorded:
        recorded = read_recorded(task.spec).labelled()
        save_dataset(task.data_folder / relative, recorded)
        return summarise(recorded, relative)
    if task.tokenizer_model is None:
        return summarise_imported(task.spec)
    tokenizer = tokenizer_file(task.tokenizer_model)
    if not task.spec.has_probes:
        return summarise_words(task.spec, tokenizer)
    tokens = build_dataset(task.spec, tokenizer)
    save_dataset(task.data_folder / relative, tokens)
    return summarise(tokens, relative)


def run(context: Context) -> None:
    """Build every feature set of the study that is missing.

    Raises
    ------
    InputError
        If text that the user named cannot be used; the other sets are built first.
    """
    keys = missing_datasets(context.database, context.study_id)
    refused: list[str] = []

    def insert(done: Done[bytes]) -> None:
        for key, summary in done:
            finish_dataset(context.database, key, summary, context.run_id)
            for note in _notes(summary):
                context.reporter.note(f"data set {context.dataset(key).name}: {note}")

    def refuse(key: bytes, error: TaskError) -> bool:
        if error.exit_status != InputError.exit_status:
            return False
        refused.append(f"data set {context.dataset(key).name}: {error.message}")
        return True

    run_stage(
        context,
        Stage(
            name=STAGE,
            task="dataset",
            works=keys,
            total=len(keys),
            payload=lambda key: _task(context, context.dataset(key)),
            insert=insert,
            keys=lambda key: (key.hex(),),
            prepare=lambda: context.steadily(lambda: check_reachable(context.data_folder)),
            leasing=leasing_of(bytes.hex, lambda key: is_missing(context.database, key)),
            refuse=refuse,
        ),
    )
    if refused:  # trying again is of no use: the text or the study must change, and then the key does
        raise InputError("; ".join(refused))


def _notes(summary: DatasetSummary) -> Iterator[str]:
    """Yield what the user should know of a set: how it was divided, what is left out, what is alike."""
    yield from notes_of(summary.provenance)
    left_out = set()
    for one in summary.features:
        if one.duplicate_of:
            copy = FeatureCopy(one.feature, one.duplicate_of, one.status)
            what = "labels on every sample" if summary.n_samples else "row"
            yield f"feature {one.feature} is left out ({copy_reason(copy, what)})"
            left_out.add(one.feature)
        elif one.status is not FeatureStatus.OK:
            counts = f"{one.n_positive} positives, {one.n_negative} negatives"
            yield f"feature {one.feature} is left out ({one.status}: {counts})"
    for pair in summary.provenance.get("identical_features", ()):
        first, second = pair["features"]
        if not left_out & {first, second}:
            yield (
                f"{first} and {second} have the {pair['relation']} labels on every sample, so their "
                "directions are alike or opposite by construction"
            )


def _task(context: Context, dataset: PlannedDataset) -> DatasetTask:
    return DatasetTask(
        key=dataset.key,
        spec=dataset.spec,
        tokenizer_model=dataset.tokenizer_model,
        data_folder=context.data_folder,
    )


def read(context: Context, key: bytes) -> LabelledTokens:
    """Return a built feature set from its file; one gone or damaged is built again and must be the same.

    Raises
    ------
    ContentChangedError
        If it now has other content than the results that hang on it.
    StageError
        If it cannot be built.
    """
    path = context.data_folder / artifact_path(key)
    try:
        tokens = context.steadily(lambda: load_dataset(path))
    except InputError as error:
        context.reporter.note(f"{error}; it is built again")
        for answer in context.executor.run("dataset", [_task(context, context.dataset(key))]):
            if answer.error is not None:
                raise of_store(answer.error) or StageError(answer.error.message) from error
        tokens = context.steadily(lambda: load_dataset(path))
    stored = dataset_digest(context.database, key)
    if stored is not None:
        check_same("data set", key, stored, content_digest(tokens))
    return tokens
