"""Stage `probes`: train the probes of every missing direction set, each on the activations of one layer.

What differs in nothing but the permutation of the labels is one task, up to a size: its files are read, its
samples split, scaled and brought into coordinates once. The bits of a set do not depend on its company.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from superpos.datasets.artifacts import load_dataset
from superpos.datasets.duplicates import copy_reason
from superpos.db.probes import (
    finish_directions,
    finish_sources,
    missing_directions,
    missing_sources,
    pass_on_refusals,
    without_directions,
)
from superpos.errors import NotPermutableError
from superpos.records.data import FeatureStatus, LabelledTokens, ProbeMetrics, ProbeSet
from superpos.records.work import DirectionResult, DirectionWork, SourceWork
from superpos.stages.context import Context
from superpos.stages.loop import Done, Leasing, Stage, leasing_of, run_stage
from superpos.stages.probe_inputs import feature_statuses, read_probe_data
from superpos.stages.remake import run_on_files
from superpos.stages.sources import MIN_FEATURES, SourceTask
from superpos.storage.files import Place

STAGE = "probes"


MOST_SETS = 32
"""Sets of probes of one task at most, so that workers share a layer and a stopped run loses little."""
TASK_ENTRIES = 2.5e8
"""Entries of the activations, times sets of probes, from which on a task is large enough."""
SetsOfLayer = tuple[DirectionWork, ...]
"""Sets of probes that differ in the permutation of the labels alone."""


@dataclass(frozen=True, slots=True)
class ProbeTask:
    """Sets of probes of one layer, their labels and activations named by their files."""

    works: SetsOfLayer
    tokens_path: Place
    data_folder: Place


@dataclass(frozen=True, slots=True)
class NotTrained:
    """Why there are no probes."""

    reason: str


def train(task: ProbeTask) -> list[ProbeSet | NotTrained]:
    """Return the trained probes of each set, or why there are none.

    Raises
    ------
    FileLostError
        If a file is gone or damaged.
    """
    from superpos.probes.train import train_permutations

    work = task.works[0]
    tokens = load_dataset(task.tokens_path)
    statuses = feature_statuses(tokens)
    usable = sum(status is FeatureStatus.OK for status in statuses)
    alone = usable == 1 and not tokens.copies  # it has no geometry, but what its probe reads counts
    if usable < MIN_FEATURES and not alone:
        found = f"{usable} features have enough positives and negatives"
        if tokens.copies:
            same = ", ".join(copy.feature for copy in tokens.copies)
            found = f"one feature is left, {tokens.copies[0].of}, whose labels {same} repeat on every sample"
        return [NotTrained(f"{found}; geometry needs {MIN_FEATURES}")] * len(task.works)
    data = read_probe_data(work, task.tokens_path, task.data_folder)
    trained = train_permutations(
        data.activations,
        data.labels,
        data.feature_names,
        data.groups,
        data.train_rows,
        work.settings,
        label_replicates=[one.label_replicate for one in task.works],
        members=data.members,
    )
    return [
        NotTrained(f"shuffled_labels: {probes}")
        if isinstance(probes, NotPermutableError)
        else _with_left_out(probes, tokens, statuses)
        for probes in trained
    ]


def by_layer(works: Sequence[DirectionWork]) -> Iterator[SetsOfLayer]:
    """Yield sets of probes that share samples and settings together, as many as are one task's work."""
    layers: dict[tuple[object, ...], list[DirectionWork]] = {}
    for work in works:
        layers.setdefault((work.activation_key, work.activation_digest, work.settings), []).append(work)
    for layer in layers.values():
        entries = sum(shard.n_rows * shard.width for shard in layer[0].shards)
        size = min(MOST_SETS, max(1, int(TASK_ENTRIES / max(entries, 1))))
        for first in range(0, len(layer), size):
            yield tuple(layer[first : first + size])


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

    def insert(done: Done[SetsOfLayer]) -> None:
        results = [
            (work, _result(work, value))
            for works, values in done
            for work, value in zip(works, values, strict=True)
        ]
        finish_directions(context.database, [result for _, result in results], context.run_id)
        for work, result in results:
            note = f"data set {context.dataset(work.dataset_key).name}: {result.reason}"
            if result.reason and note not in said:
                said.add(note)
                context.reporter.note(note)

    def pieces(works: SetsOfLayer) -> Sequence[SetsOfLayer]:
        """Return the sets one by one: what fails with one of them is no fault of the others."""
        return [(work,) for work in works] if len(works) > 1 else []

    def part(works: SetsOfLayer, keys: Collection[str]) -> SetsOfLayer:
        return tuple(work for work in works if work.key.hex() in keys)

    def missing(works: SetsOfLayer, failed: Collection[str]) -> SetsOfLayer | None:
        left = without_directions(context.database, [work.key for work in works])
        return part(works, {key.hex() for key in left} - set(failed)) or None

    run_on_files(
        context,
        name=STAGE,
        task="probes",
        works=list(by_layer(missing_directions(context.database, context.study_id))),
        probes=lambda works: works,
        payload=ProbeTask,
        insert=insert,
        leasing=Leasing(lambda works: [work.key.hex() for work in works], part, missing),
        split=pieces,
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
            leasing=leasing_of(
                lambda work: work.key.hex(),
                lambda work: bool(without_directions(context.database, [work.key])),
            ),
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
