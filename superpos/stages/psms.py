"""Stage `psms`: the similarity matrix of every target; equal matrices share one row and are fitted once.

The key of a control that rests on (n, d, replicate) alone, as a cosine `gaussian` does, names no directions,
and every layer of that width shares its matrix. All other keys name the directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.db.probes import source_works_by_key
from superpos.db.psms import (
    finish_targets,
    missing_targets,
    near_copies,
    refuse_targets,
    without_matrix,
)
from superpos.errors import InputError, shown
from superpos.hashing import content_key
from superpos.kinds.controls import CONTROLS
from superpos.kinds.similarities import SIMILARITIES
from superpos.psms import build_psm, rests_on_shape
from superpos.records.psms import PsmRecord
from superpos.records.work import Directions, PsmResult, TargetWork
from superpos.specs.study import MEDIAN_RULE
from superpos.specs.versions import ALGORITHM_VERSIONS
from superpos.stages.context import Context
from superpos.stages.drawn_tokens import wanted, with_rows
from superpos.stages.executor import SerialExecutor
from superpos.stages.loop import Done, Stage, leasing_of, run_stage
from superpos.stages.measures import measure_all

STAGE = "psms"
BATCH = 200


def psm_key(work: TargetWork) -> bytes:
    """Return the key under which equal matrices are one row."""
    version = ALGORITHM_VERSIONS["psm"]
    found = {
        "control": CONTROLS.identity(work.kind),
        "similarity_kind": SIMILARITIES.identity(work.similarity),
    }
    of_kinds = {name: identity for name, identity in found.items() if identity}
    if rests_on_shape(work.kind, work.similarity):
        n, width = in_space(work.directions, work.space).shape
        shared = {"kind": work.kind, "replicate": work.replicate, "n": n, "width": width}
        return content_key("psm", version, {**shared, "similarity": work.similarity, **of_kinds})
    spec: Mapping[str, Any] = {
        "kind": work.kind,
        "replicate": work.replicate,
        "space": work.space,
        "similarity": work.similarity,
        "rbf_scale": work.rbf_scale,
        **of_kinds,
    }
    return content_key("psm", version, spec, [work.direction_key])


def in_space(directions: Directions, space: str) -> Float:
    """Return the directions (k, d) of a space.

    Raises
    ------
    InputError
        If they do not have this space.
    """
    found = {"raw": directions.raw, "scaled": directions.scaled, "whitened": directions.whitened}.get(space)
    if found is None:
        raise InputError(f"these directions have no space {shown(space)}")
    return found


def _two_exclusive_classes(work: TargetWork) -> bool:
    """Whether the set is two features that are each other's complement on every sample."""
    return work.phi is not None and work.phi.shape == (2, 2) and float(work.phi[0, 1]) == -1.0


def build(work: TargetWork) -> PsmResult:
    """Return the matrix of one target.

    Raises
    ------
    InputError
        If directions do not have this similarity (a zero row under cosine, say).
    """
    if not work.fit_two_classes and _two_exclusive_classes(work):
        raise InputError(
            "two exclusive classes have opposite directions by construction, which is no geometry; "
            "`fit_two_classes = true` in the block fits them nevertheless"
        )
    given = work.directions.matrix
    if CONTROLS.get(work.kind).of_tokens:
        return PsmResult(work.target_id, psm_key(work), _of_tokens(work))
    record = build_psm(
        kind=work.kind,
        similarity=work.similarity,
        directions=None if given is not None else in_space(work.directions, work.space),
        target=given,
        rbf_scale_rule="median" if work.rbf_scale == MEDIAN_RULE else work.rbf_scale or 200.0,
        replicate=work.replicate,
        reference=None if work.reference is None else in_space(work.reference, work.space),
    )
    return PsmResult(work.target_id, psm_key(work), record)


def _of_tokens(work: TargetWork) -> PsmRecord:
    if not isinstance(work.drawn, np.ndarray):
        raise InputError(work.drawn or "no rows of other tokens were read")
    return build_psm(
        kind=work.kind,
        similarity=work.similarity,
        directions=work.drawn,
        rbf_scale_rule="median" if work.rbf_scale == MEDIAN_RULE else work.rbf_scale or 200.0,
        replicate=work.replicate,
        reference=in_space(work.directions, work.space),
    )


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """Why directions have no such matrix."""

    reason: str


def build_or_refuse(work: TargetWork) -> PsmResult | NotApplicable:
    """Return the matrix of one target, or why its directions have none."""
    try:
        return build(work)
    except InputError as error:
        return NotApplicable(str(error))


def run(context: Context) -> None:
    """Build and measure what the study lacks; small enough to be made by the driver itself."""
    said: set[str] = set()
    tried: set[int] = set()
    built = False
    for free in (True, False):  # what other runs are making is waited for at the end
        while works := _missing(context, tried, free):
            run_stage(
                context,
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
    found = missing_targets(context.database, context.study_id, BATCH + len(tried), free=free)
    return _with_drawn(context, [work for work in found if work.target_id not in tried])


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
