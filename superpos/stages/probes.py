"""Stage `probes`: train the probes of every missing direction set, each on the activations of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from superpos.datasets.artifacts import load_dataset
from superpos.datasets.duplicates import copy_reason
from superpos.db.probes import (
    finish_directions,
    finish_sources,
    missing_directions,
    missing_sources,
    pass_on_refusals,
)
from superpos.errors import NotPermutableError
from superpos.records.data import FeatureStatus, LabelledTokens, ProbeMetrics, ProbeSet
from superpos.records.work import DirectionResult, DirectionWork, SourceWork
from superpos.stages.context import Context
from superpos.stages.loop import Done, Stage, run_stage
from superpos.stages.probe_inputs import feature_statuses, read_probe_data
from superpos.stages.remake import run_on_files
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


def train(task: ProbeTask) -> ProbeSet | NotTrained:
    """Return the trained probes, or why there are none.

    Raises
    ------
    FileLostError
        If a file is gone or damaged.
    """
    from superpos.probes.train import train_probes

    work = task.work
    tokens = load_dataset(task.tokens_path)
    statuses = feature_statuses(tokens)
    usable = sum(status is FeatureStatus.OK for status in statuses)
    alone = usable == 1 and not tokens.copies  # it has no geometry, but what its probe reads counts
    if usable < MIN_FEATURES and not alone:
        found = f"{usable} features have enough positives and negatives"
        if tokens.copies:
            same = ", ".join(copy.feature for copy in tokens.copies)
            found = f"one feature is left, {tokens.copies[0].of}, whose labels {same} repeat on every sample"
        return NotTrained(f"{found}; geometry needs {MIN_FEATURES}")
    data = read_probe_data(work, task.tokens_path, task.data_folder)
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
        return NotTrained(f"shuffled_labels: {error}")
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
    said: set[str] = set()  # layers and replicates have the same to say

    def insert(done: Done[DirectionWork]) -> None:
        for work, value in done:
            result = _result(work, value)
            finish_directions(context.database, [result], context.run_id)
            note = f"data set {context.dataset(work.dataset_key).name}: {result.reason}"
            if result.reason and note not in said:
                said.add(note)
                context.reporter.note(note)

    run_on_files(
        context,
        name=STAGE,
        task="probes",
        works=missing_directions(context.database, context.study_id),
        probes=lambda work: work,
        payload=ProbeTask,
        insert=insert,
    )
    pass_on_refusals(context.database)


def _read_sources(context: Context) -> None:
    """Read directions that come without probes."""
    works = missing_sources(context.database, context.study_id)

    def payload(work: SourceWork) -> SourceTask:
        model = None if work.model_key is None else context.model(work.model_key).spec
        return SourceTask(work, context.dataset(work.dataset_key).spec, model)

    run_stage(
        context,
        Stage(
            name=STAGE,
            task="source",
            works=works,
            total=len(works),
            payload=payload,
            insert=lambda done: _insert_sources(context, done),
            keys=lambda work: (work.key.hex(),),
        ),
    )


def _insert_sources(context: Context, done: Done[SourceWork]) -> None:
    for work, result in done:
        finish_sources(context.database, [result], context.run_id)
        name = context.dataset(work.dataset_key).name
        if result.reason:
            context.reporter.note(f"data set {name}: {result.reason}")
        if work.model_key is not None:  # of an imported set it was said when the set was read
            for copy in result.copies:
                reason = copy_reason(copy, f"row of the {work.hookpoint} matrix")
                context.reporter.note(f"data set {name}: feature {copy.feature} is left out ({reason})")


def _result(work: DirectionWork, probes: ProbeSet | NotTrained) -> DirectionResult:
    if isinstance(probes, NotTrained):
        return DirectionResult(
            direction_id=work.direction_id,
            probes=None,
            reason=probes.reason,
            activation_digest=work.activation_digest,
        )
    reason = ""
    if len(probes.feature_names) < MIN_FEATURES:
        count = len(probes.feature_names)
        reason = f"{count} feature{'s' * (count != 1)} could be probed; geometry needs {MIN_FEATURES}"
    return DirectionResult(
        direction_id=work.direction_id, probes=probes, reason=reason, activation_digest=work.activation_digest
    )
