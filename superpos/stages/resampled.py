"""Stages `whitening` and `ceilings`: what is made of trained probes on request.

A noise ceiling says how well a matrix of the features is known: intervals of its entries from probes on
bootstrapped groups, a reliability from probes on split halves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from superpos.arrays import Float
from superpos.db.ceilings import finish_ceilings, missing_ceilings, without_ceiling
from superpos.db.probes import pass_on_refusals
from superpos.db.whitening import finish_whitened, missing_whitened, without_whitened
from superpos.psms import similarity_matrix
from superpos.records.work import CeilingResult, CeilingWork, DirectionWork, PsmToResample
from superpos.stages.context import Context
from superpos.stages.loop import Done, leasing_of
from superpos.stages.measures import measure_all
from superpos.stages.probe_inputs import ProbeData, read_probe_data
from superpos.stages.remake import run_on_files
from superpos.storage.files import Place

if TYPE_CHECKING:
    from superpos.probes.resample import Drawn

WHITENING = "whitening"
CEILINGS = "ceilings"
MIN_HALVES = 4
"""Fewest replicates of split halves; a tenth of the bootstraps if these are more."""


@dataclass(frozen=True, slots=True, eq=False)
class WhitenTask:
    """One probe set to whiten."""

    work: DirectionWork
    raw: Float
    tokens_path: Place
    data_folder: Place


@dataclass(frozen=True, slots=True)
class CeilingTask:
    """One probe set to resample."""

    work: CeilingWork
    n_resamples: int
    tokens_path: Place
    data_folder: Place


def n_halvings(n_resamples: int) -> int:
    """Return the replicates of split halves that go with so many bootstraps."""
    return max(MIN_HALVES, n_resamples // 10)


def n_probe_sets(n_resamples: int) -> int:
    """Return how many sets of probes a noise ceiling trains."""
    return n_resamples + 2 * n_halvings(n_resamples) if n_resamples else 0


def whiten(task: WhitenTask) -> Float:
    """Return directions with the inner products of the whitened ones, (k, r)."""
    from superpos.probes.whitening import whitened_directions

    data = read_probe_data(task.work, task.tokens_path, task.data_folder)
    return whitened_directions(task.raw, data.activations, data.train_rows, task.work.settings.method)


def resample(task: CeilingTask) -> list[CeilingResult]:
    """Return the noise ceiling of every matrix of a probe set."""
    from superpos.probes.resample import AskedPsm, noise_ceilings

    work = task.work
    data = read_probe_data(work.direction, task.tokens_path, task.data_folder)
    rows = _rows_by_space(work, data)
    found = noise_ceilings(
        data.activations,
        data.labels,
        data.feature_names,
        data.groups,
        data.train_rows,
        work.direction.settings,
        [AskedPsm(psm.matrix, psm.similarity, _similarity(psm, rows[psm.space])) for psm in work.psms],
        halves=n_halvings(task.n_resamples),
        bootstraps=task.n_resamples,
        members=data.members,
        C=work.C,
    )
    return [
        CeilingResult(
            psm_id=psm.psm_id,
            low=one.low,
            high=one.high,
            standard_error=one.standard_error,
            reliability=one.reliability,
            n_resamples=one.n_resamples,
            drawn=one.drawn,
        )
        for psm, one in zip(work.psms, found, strict=True)
    ]


def _rows_by_space(work: CeilingWork, data: ProbeData) -> dict[str, Callable[[Drawn], Float]]:
    """Return how the directions of a draw are seen in each space that is asked for."""
    found: dict[str, Callable[[Drawn], Float]] = {
        "raw": lambda drawn: drawn.raw,
        "scaled": lambda drawn: drawn.scaled,
    }
    if any(psm.space == "whitened" for psm in work.psms):
        from superpos.probes.whitening import Whitening

        whitening = Whitening(data.activations, data.train_rows, work.direction.settings.method)

        def whitened(drawn: Drawn) -> Float:
            if drawn.counts is None:
                return whitening.directions(drawn.raw)
            return whitening.drawn_directions(drawn.raw, drawn.counts)

        found["whitened"] = whitened
    if any(psm.space == "pattern" for psm in work.psms):
        from superpos.probes.sample_sums import training_sums

        sums = training_sums(*data[:5], work.direction.settings.scaler, members=data.members)
        found["pattern"] = lambda drawn: sums.patterns(drawn.raw, drawn.counts, drawn.kept)
    return found


def _similarity(psm: PsmToResample, rows: Callable[[Drawn], Float]) -> Callable[[Drawn], Float]:
    """Return the function from the probes of a draw to this matrix, C as the features have it."""
    return lambda drawn: similarity_matrix(rows(drawn), psm.similarity, psm.rbf_scale_resolved)


def run_whitening(context: Context) -> None:
    """Whiten the directions of the study's probe sets that targets in the space `whitened` wait for."""
    pass_on_refusals(context.database)

    def insert(done: Done[tuple[DirectionWork, Float]]) -> None:
        for (work, _), whitened in done:
            finish_whitened(context.database, work.direction_id, whitened)

    run_on_files(
        context,
        name=WHITENING,
        task="whiten",
        works=missing_whitened(context.database, context.study_id),
        probes=lambda found: (found[0],),
        payload=lambda found, tokens_path, data_folder: WhitenTask(
            work=found[0], raw=found[1], tokens_path=tokens_path, data_folder=data_folder
        ),
        insert=insert,
        leasing=leasing_of(
            lambda found: found[0].key.hex(),
            lambda found: without_whitened(context.database, found[0].direction_id),
        ),
    )


def run_ceilings(context: Context) -> None:
    """Find the noise ceilings that the study asks for and that are not there yet."""
    n_resamples = context.plan.study.noise_ceiling
    if n_resamples == 0:
        return
    run_on_files(
        context,
        name=CEILINGS,
        task="resample",
        works=missing_ceilings(context.database, context.study_id, n_resamples),
        probes=lambda work: (work.direction,),
        payload=lambda work, tokens_path, data_folder: CeilingTask(
            work=work, n_resamples=n_resamples, tokens_path=tokens_path, data_folder=data_folder
        ),
        insert=lambda done: _insert_ceilings(context, done),
        leasing=leasing_of(
            lambda work: work.direction.key.hex(),
            lambda work: without_ceiling(context.database, work, n_resamples),
        ),
    )
    measure_all(context)  # what reads the ceilings


def _insert_ceilings(context: Context, done: Done[CeilingWork]) -> None:
    for _, ceilings in done:
        finish_ceilings(context.database, ceilings)
        unknown = max(int(np.isnan(np.diagonal(result.low)).sum()) for result in ceilings)
        if unknown:
            context.reporter.note(
                f"noise ceilings: {unknown} features are in too few groups to be in every resample; their "
                "pairs have no interval"
            )
