"""Stage `psms`: the similarity matrix of every target; equal matrices share one row and are fitted once.

The driver makes what follows from stored directions by itself, for that is small; workers make what takes the
samples (`superpos.stages.sampled`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from superpos.db.probes import source_works_by_key
from superpos.db.psms import (
    count_missing,
    finish_targets,
    missing_targets,
    near_copies,
    refuse_targets,
    without_matrix,
)
from superpos.kinds.controls import CONTROLS
from superpos.records.work import PsmResult, TargetWork
from superpos.stages.context import Context
from superpos.stages.drawn_tokens import wanted, with_rows
from superpos.stages.executor import Reporter, SerialExecutor, SilentReporter
from superpos.stages.loop import Done, Stage, leasing_of, run_stage
from superpos.stages.matrices import NotApplicable, build_or_refuse
from superpos.stages.measures import measure_all
from superpos.stages.sampled import of_samples, run_sampled

STAGE = "psms"
BATCH = 200


class Within(SilentReporter):
    """A reporter for one of many batches: the stage begins and ends once."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def advance(self, stage: str, steps: int = 1) -> None:
        """Count as the reporter of the stage does."""
        self._reporter.advance(stage, steps)

    def note(self, text: str) -> None:
        """Say what the reporter of the stage says."""
        self._reporter.note(text)


def run(context: Context) -> None:
    """Build and measure what the study lacks."""
    said: set[str] = set()
    tried: set[int] = set()
    built = False
    total = count_missing(context.database, context.study_id, _kinds_of_samples(context))
    within = replace(context, reporter=Within(context.reporter))
    if total:
        context.reporter.start(STAGE, total)
    for free in (True, False):  # what other runs are making is waited for at the end
        while works := _missing(context, tried, free):
            run_stage(
                within,
                Stage(
                    name=STAGE,
                    task=STAGE,
                    works=works,
                    total=len(works),
                    payload=lambda work: work,
                    insert=lambda done: _insert(context, done, said),
                    keys=lambda work: (work.key.hex(),),
                    leasing=leasing_of(
                        lambda work: work.key.hex(),
                        lambda work: bool(without_matrix(context.database, [work.key])),
                    ),
                    batch=BATCH,
                    executor=SerialExecutor({STAGE: build_or_refuse}, on_one_thread=True),
                ),
            )
            left = without_matrix(context.database, [work.key for work in works])
            tried |= {work.target_id for work in works if work.key in left}  # failed, here or elsewhere
            built = True
    if total:
        context.reporter.finish(STAGE)
    built |= run_sampled(context, lambda done: _insert(context, done, said), STAGE)
    measure_all(context)
    for pair in near_copies(context.database, context.plan.study.name) if built else ():
        context.reporter.note(
            f"data set {pair.dataset}: {pair.feature_a} and {pair.feature_b} are almost one direction at "
            f"every layer (cosine {pair.cosine:.4f}); they count as two features"
        )


def _insert(context: Context, done: Done[TargetWork], said: set[str]) -> None:
    """Store a batch of matrices, and what has none; say what was not `said` yet."""
    results: list[PsmResult] = []
    refused: dict[int, str] = {}
    for work, value in done:
        if isinstance(value, NotApplicable):
            refused[work.target_id] = reason = value.reason
            note = f"target {work.kind} ({work.similarity}): not applicable: {reason}"
        else:
            results.append(value)
            reason = "" if CONTROLS.get(work.kind).is_control else value.record.message
            note = f"{work.similarity} target: {reason}"
        if reason and reason not in said:
            said.add(reason)
            context.reporter.note(note)
    finish_targets(context.database, results, context.run_id)
    refuse_targets(context.database, refused, context.run_id)


def _missing(context: Context, tried: set[int], free: bool) -> list[TargetWork]:
    """Return a batch of missing targets without those that were tried in this run."""
    kinds = _kinds_of_samples(context)
    found = missing_targets(
        context.database, context.study_id, BATCH + len(tried), free=free, of_samples=kinds
    )
    return _with_drawn(context, [work for work in found if work.target_id not in tried])


def _kinds_of_samples(context: Context) -> Sequence[str]:
    return of_samples({target.kind for target in context.plan.targets})


def _with_drawn(context: Context, works: list[TargetWork]) -> list[TargetWork]:
    """Return targets with the rows of the tokens that their controls draw."""
    of_sets = wanted(works)
    sources = {source.key: source for source in source_works_by_key(context.database, list(of_sets))}
    drawn: dict[int, TargetWork] = {}
    for key, some in of_sets.items():
        source = sources[key]
        spec = context.dataset(source.dataset_key).spec
        model = None if source.model_key is None else context.model(source.model_key).spec
        drawn |= {work.target_id: work for work in with_rows(some, spec, model, source.hookpoint)}
    return [drawn.get(work.target_id, work) for work in works]
