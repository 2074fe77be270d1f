"""Stage `probes`: train the probes of every missing direction set, each on the activations of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from superpos.datasets.artifacts import load_dataset
from superpos.datasets.duplicates import copy_reason
from superpos.db.directions import finish_directions, missing_directions, pass_on_refusals
from superpos.db.inputs import activation_works
from superpos.db.sources import finish_sources, missing_sources
from superpos.errors import InputError, NotPermutableError
from superpos.records.data import FeatureStatus, LabelledTokens, ProbeMetrics, ProbeSet
from superpos.records.work import DirectionResult, DirectionWork, SourceResult
from superpos.stages import activations, datasets, resampled
from superpos.stages.context import Context
from superpos.stages.executor import TaskError
from superpos.stages.probe_inputs import feature_statuses, read_probe_data
from superpos.stages.sources import MIN_FEATURES, SourceTask

STAGE = "probes"


@dataclass(frozen=True, slots=True)
class ProbeTask:
    """One set of probes, its labels and activations named by their files."""

    work: DirectionWork
    tokens_path: Path
    data_folder: Path


@dataclass(frozen=True, slots=True)
class NotTrained:
    """Why there are no probes."""

    reason: str
    lost: bool
    """Whether an activation file is gone or damaged, so that it must be made again."""


def train(task: ProbeTask) -> ProbeSet | NotTrained:
    """Return the trained probes, or why there are none."""
    from superpos.probes.train import train_probes

    work = task.work
    tokens = load_dataset(task.tokens_path)
    statuses = feature_statuses(tokens)
    usable = sum(status is FeatureStatus.OK for status in statuses)
    if usable < MIN_FEATURES:
        found = f"{usable} features have enough positives and negatives"
        if tokens.copies:
            same = ", ".join(copy.feature for copy in tokens.copies)
            found = f"one feature is left, {tokens.copies[0].of}, whose labels {same} repeat on every sample"
        return NotTrained(f"{found}; geometry needs {MIN_FEATURES}", lost=False)
    try:
        data = read_probe_data(work, task.tokens_path, task.data_folder)
    except InputError as error:
        return NotTrained(str(error), lost=True)
    try:
        probes = train_probes(
            data.activations,
            data.labels,
            data.feature_names,
            data.groups,
            data.train_rows,
            work.settings,
            label_replicate=work.label_replicate,
            members=data.members,
        )
    except NotPermutableError as error:
        return NotTrained(f"shuffled_labels: {error}", lost=False)
    return _with_left_out(probes, tokens, statuses)


def _with_left_out(probes: ProbeSet, tokens: LabelledTokens, statuses: Sequence[FeatureStatus]) -> ProbeSet:
    """Return the probes with an entry for every feature of the set, also for those with too few labels."""
    trained = {metrics.feature: metrics for metrics in probes.metrics}
    entries = []
    for index, (name, status) in enumerate(zip(tokens.feature_names, statuses, strict=True)):
        left_out = ProbeMetrics(
            feature=name,
            status=str(status),
            n_train=0,
            n_test=0,
            n_positive=int(tokens.labels[:, index].sum()),
            accuracy=None,
            balanced_accuracy=None,
            f1=None,
            mcc=None,
            roc_auc=None,
            average_precision=None,
            norm=None,
            nit=0,
        )
        entries.append(trained.get(name, left_out))
    return replace(probes, metrics=tuple(entries))


def run(context: Context) -> None:
    """Make the missing directions of the study: read those without probes, train the others."""
    _read_sources(context)
    works = missing_directions(context.database, context.study_id)
    if works:
        context.reporter.start(STAGE, len(works))
        lost = _train(context, works)
        if lost:  # files can be made again, and must then be the same
            again = activation_works(context.database, {work.activation_key for work in lost})
            activations.extract_works(context, again)
            for work in _train(context, lost):
                files = f"activation files below {context.data_folder} are gone or damaged again"
                context.fail(STAGE, work.key, TaskError("files_lost", f"{work.key.hex()}: {files}"))
                context.reporter.advance(STAGE)
        context.reporter.finish(STAGE)
    pass_on_refusals(context.database)
    resampled.run_whitening(context)


def _read_sources(context: Context) -> None:
    """Read directions that come without probes."""
    works = missing_sources(context.database, context.study_id)
    if not works:
        return
    context.reporter.start(STAGE, len(works))
    tasks = [
        SourceTask(
            work,
            context.dataset(work.dataset_key).spec,
            None if work.model_key is None else context.model(work.model_key).spec,
        )
        for work in works
    ]
    for answer in context.executor.run("source", tasks):
        work = works[answer.index]
        if answer.error is not None:
            context.fail(STAGE, work.key, answer.error)
        else:
            result: SourceResult = answer.value
            finish_sources(context.database, [result], context.run_id)
            context.succeed(STAGE, work.key)
            name = context.dataset(work.dataset_key).name
            if result.reason:
                context.reporter.note(f"data set {name}: {result.reason}")
            if work.model_key is not None:  # of an imported set it was said when the set was read
                for copy in result.copies:
                    reason = copy_reason(copy, f"row of the {work.hookpoint} matrix")
                    context.reporter.note(f"data set {name}: feature {copy.feature} is left out ({reason})")
        context.reporter.advance(STAGE)
    context.reporter.finish(STAGE)


def _train(context: Context, works: tuple[DirectionWork, ...]) -> tuple[DirectionWork, ...]:
    """Train and write; return the work whose activation files must be made again."""
    for key in {work.dataset_key for work in works}:
        datasets.read(context, key)
    lost: list[DirectionWork] = []
    said: set[str] = set()  # layers and replicates have the same to say
    tasks = (
        ProbeTask(work, context.data_folder / datasets.artifact_path(work.dataset_key), context.data_folder)
        for work in works
    )
    for answer in context.executor.run("probes", tasks):
        work = works[answer.index]
        if answer.error is not None:
            context.fail(STAGE, work.key, answer.error)
        elif isinstance(answer.value, NotTrained) and answer.value.lost:
            lost.append(work)
            continue
        else:
            result = _result(work, answer.value)
            finish_directions(context.database, [result], context.run_id)
            context.succeed(STAGE, work.key)
            note = f"data set {context.dataset(work.dataset_key).name}: {result.reason}"
            if result.reason and note not in said:
                said.add(note)
                context.reporter.note(note)
        context.reporter.advance(STAGE)
    return tuple(lost)


def _result(work: DirectionWork, probes: ProbeSet | NotTrained) -> DirectionResult:
    if isinstance(probes, NotTrained):
        return DirectionResult(work.direction_id, None, probes.reason, work.activation_digest)
    reason = ""
    if len(probes.feature_names) < MIN_FEATURES:
        reason = f"{len(probes.feature_names)} features could be probed; geometry needs {MIN_FEATURES}"
    return DirectionResult(work.direction_id, probes, reason, work.activation_digest)
