"""What is made of trained probes on request: whitened directions, and noise ceilings of their matrices.

A noise ceiling says how well a matrix of the features is known: intervals of its entries from probes on
bootstrapped groups, a reliability from probes on split halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from superpos.arrays import Float
from superpos.db.failures import clear_failures
from superpos.db.resampled import finish_ceilings, finish_whitened, missing_ceilings, missing_whitened
from superpos.psms import cosine, rbf
from superpos.records.work import CeilingResult, CeilingWork, DirectionWork, PsmToResample
from superpos.stages import activations, datasets
from superpos.stages.context import Context
from superpos.stages.probe_inputs import read_probe_data

STAGE = "probes"
MIN_HALVES = 4
"""Fewest replicates of split halves; a tenth of the bootstraps if these are more."""


@dataclass(frozen=True, slots=True, eq=False)
class WhitenTask:
    """One probe set to whiten."""

    work: DirectionWork
    raw: Float
    tokens_path: Path
    data_folder: Path


@dataclass(frozen=True, slots=True)
class CeilingTask:
    """One probe set to resample."""

    work: CeilingWork
    n_resamples: int
    tokens_path: Path
    data_folder: Path


def n_halvings(n_resamples: int) -> int:
    """Return the replicates of split halves that go with so many bootstraps."""
    return max(MIN_HALVES, n_resamples // 10)


def n_probe_sets(n_resamples: int) -> int:
    """Return how many sets of probes a noise ceiling trains."""
    return n_resamples + 2 * n_halvings(n_resamples) if n_resamples else 0


def whiten(task: WhitenTask) -> Float:
    """Return directions with the inner products of the whitened ones, (k, r)."""
    from superpos.probes.covariance import whitened_directions

    data = read_probe_data(task.work, task.tokens_path, task.data_folder)
    return whitened_directions(task.raw, data.activations, data.train_rows, task.work.settings.method)


def resample(task: CeilingTask) -> list[CeilingResult]:
    """Return the noise ceiling of every matrix of a probe set."""
    from superpos.probes.resample import noise_ceilings

    work = task.work
    data = read_probe_data(work.direction, task.tokens_path, task.data_folder)
    found = noise_ceilings(
        data.activations,
        data.labels,
        data.feature_names,
        data.groups,
        data.train_rows,
        work.direction.settings,
        [_similarity(psm) for psm in work.psms],
        halves=n_halvings(task.n_resamples),
        bootstraps=task.n_resamples,
        members=data.members,
        C=work.C,
    )
    return [
        CeilingResult(psm.psm_id, one.low, one.high, one.reliability, one.n_resamples)
        for psm, one in zip(work.psms, found, strict=True)
    ]


def _similarity(psm: PsmToResample) -> Any:
    """Return the function from raw and scaled coefficients to this matrix, C as the features have it."""

    def similarity(raw: Float, scaled: Float) -> Float:
        rows = raw if psm.space == "raw" else scaled
        return cosine(rows) if psm.similarity == "cosine" else rbf(rows, scale=psm.rbf_scale_resolved)

    return similarity


def run_whitening(context: Context) -> None:
    """Whiten the directions of the study's probe sets that targets in the space `whitened` wait for."""
    found = missing_whitened(context.database, context.study_id)
    works = [work for work, _ in found]
    tasks = [WhitenTask(work, raw, *_places(context, work)) for work, raw in found]
    for index, value in _answers(context, "whiten", "whitening", works, tasks):
        finish_whitened(context.database, works[index].direction_id, cast("Float", value))


def run_ceilings(context: Context) -> None:
    """Find the noise ceilings that the study asks for and that are not there yet."""
    n_resamples = context.plan.study.noise_ceiling
    if n_resamples == 0:
        return
    found = missing_ceilings(context.database, context.study_id, n_resamples)
    works = [work.direction for work in found]
    tasks = [CeilingTask(work, n_resamples, *_places(context, work.direction)) for work in found]
    for _, value in _answers(context, "resample", "noise ceilings", works, tasks):
        finish_ceilings(context.database, cast("list[CeilingResult]", value))


def _places(context: Context, work: DirectionWork) -> tuple[Path, Path]:
    return context.data_folder / datasets.artifact_path(work.dataset_key), context.data_folder


def _answers(
    context: Context, task: str, title: str, works: Sequence[DirectionWork], tasks: Sequence[Any]
) -> Any:
    """Run tasks, yield (index, value) of those that worked, record the others; files come first.

    Failures count as those of the probe set.
    """
    if not works:
        return
    activations.restore(context, works)
    context.reporter.start(title, len(works))
    for answer in context.executor.run(task, tasks):
        key = works[answer.index].key
        if answer.error is not None:
            context.fail(STAGE, key, answer.error)
        else:
            yield answer.index, answer.value
            clear_failures(context.database, STAGE, [key.hex()])
        context.reporter.advance(title)
    context.reporter.finish(title)
