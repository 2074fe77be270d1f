"""Targets that take the samples themselves: controls that draw sums of samples, and the space `pattern`.

What they need is in no table: activations lie in files, matrices of a model in its weights. So they are built
by workers, all targets of a layer together, from one reading of its samples; `superpos.probes.sample_sums`
has the sums. A directions set and a draw are summed by themselves: the bits do not depend on the company.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from superpos.activations.inspection import tokenizer_file
from superpos.arrays import Float
from superpos.datasets.token_classes import token_classes
from superpos.datasets.tokens import load_tokens
from superpos.db.probes import direction_works, source_works
from superpos.db.psms import missing_sampled, target_works, without_matrix
from superpos.kinds.controls import CONTROLS, Control
from superpos.probes.sample_sums import SampleSums, rows_near_mean, training_sums
from superpos.records.work import Directions, SampledWork, TargetWork
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec
from superpos.stages.context import Context
from superpos.stages.drawn_tokens import kept_words, matrix_at
from superpos.stages.loop import Done, Leasing, Stage, run_stage
from superpos.stages.matrices import Built, build_or_refuse, in_space
from superpos.stages.probe_inputs import read_probe_data
from superpos.stages.remake import run_on_files
from superpos.storage.files import Place
from superpos.threads import one_thread

TASK = "sampled"
MOST_TARGETS = 400
"""Targets of one piece of work at most, so that workers share a layer and a stopped run loses little."""
MOST_SETS = 32
"""Sets of directions of one piece of work at most, which are held together."""
DRAWN_BYTES = 2**28
"""Size of the draws that are held together, their shares and their directions."""
K = TypeVar("K")
Drawn = Mapping[tuple[str, int], Float]
"""By control and replicate the directions (k, d)."""


@dataclass(frozen=True, slots=True, eq=False)
class SampledTask:
    """Targets of one layer, their samples named by their files, or of one matrix of a model."""

    work: SampledWork
    targets: tuple[TargetWork, ...]
    tokens_path: Place | None = None
    data_folder: Place | None = None
    spec: DatasetSpec | None = None
    """Of rows of a matrix: the data set and the model."""
    model: ModelSpec | None = None


def of_samples(kinds: Collection[str]) -> list[str]:
    """Return which kinds of target draw from samples."""
    return [kind for kind in kinds if CONTROLS.get(kind).of_samples]


def takes_samples(work: TargetWork) -> bool:
    """Whether a target needs the samples themselves."""
    return work.space == "pattern" or CONTROLS.get(work.kind).of_samples


def build_sampled(task: SampledTask) -> list[Built]:
    """Return the matrix of each target, or why there is none.

    Raises
    ------
    FileLostError
        If a file of the activations is gone or damaged.
    InputError
        If a model or its tokenizer cannot be read.
    """
    with one_thread():
        return list(_of_rows(task) if task.work.source is not None else _of_activations(task))


def _of_activations(task: SampledTask) -> Iterator[Built]:
    """Yield what is built of the training samples of probes, in the order of the targets."""
    assert task.tokens_path is not None and task.data_folder is not None  # noqa: S101, PT018 (of probes)
    work = task.work.directions[0]
    settings = work.settings
    data = read_probe_data(work, task.tokens_path, task.data_folder)
    sums = training_sums(*data[:5], settings.scaler, members=data.members)
    patterns: dict[int, Float] = {}

    def with_pattern(directions: Directions) -> Directions:
        if directions.raw is None:
            return directions
        if id(directions) not in patterns:
            patterns[id(directions)] = sums.patterns(directions.raw)
        return replace(directions, pattern=patterns[id(directions)])

    whitened = None
    if any(CONTROLS.get(one.kind).of_samples and one.space == "whitened" for one in task.targets):
        from superpos.probes.whitening import Whitening

        whitened = Whitening(data.activations, data.train_rows, settings.method).directions
    scales = _scales(sums)
    spaces: dict[str, Callable[[Float], Float]] = {
        "raw": lambda raw: raw,
        "scaled": lambda raw: raw * scales,
        "pattern": lambda raw: raw * scales**2,  # a vector: the sum of the activations as they are
    }
    if whitened is not None:
        spaces["whitened"] = whitened
    for part in _in_parts(task.targets, sums.n_samples, (sums.n_directions, sums.width)):
        drawn = _draws(part, (sums.n_samples, sums.n_directions, sums.width), sums.of_shares)
        for target in part:
            one = target
            if one.space == "pattern":
                reference = None if one.reference is None else with_pattern(one.reference)
                one = replace(one, directions=with_pattern(one.directions), reference=reference)
            if CONTROLS.get(one.kind).of_samples:
                found = spaces[one.space](drawn[one.kind, one.replicate])
                one = replace(one, drawn=_with_norms(found, in_space(one.directions, one.space)))
            yield build_or_refuse(one)


def _scales(sums: SampleSums) -> Float:
    """Return what the scaler divides by, (k, d): a row each where directions have samples of their own."""
    found = np.empty((sums.n_directions, sums.width))
    for rows, samples in sums.parts:
        found[rows] = samples.scale
    return found


def _of_rows(task: SampledTask) -> Iterator[Built]:
    """Yield what is built of the rows of a matrix of a model: those of tokens that have a text."""
    from superpos.activations.embeddings import matrix_rows

    source, spec, model = task.work.source, task.spec, task.model
    assert source is not None and spec is not None and model is not None  # noqa: S101, PT018 (of rows)
    classes = token_classes(load_tokens(tokenizer_file(model)))
    tokens = [int(token) for token in np.flatnonzero(classes >= 0)]
    rows = matrix_rows(model, tokens, matrix_at(source.hookpoint))
    sizes = [len(word) for word in kept_words(spec, model, source.hookpoint)[0]]
    shape = (len(rows), len(sizes), rows.shape[1])
    for part in _in_parts(task.targets, len(rows), shape[1:]):
        drawn = _draws(part, shape, lambda shares: rows_near_mean(rows, shares, sizes))
        for target in part:
            found = drawn[target.kind, target.replicate]
            yield build_or_refuse(
                replace(target, drawn=_with_norms(found, in_space(target.directions, target.space)))
            )


def _in_parts(
    targets: Sequence[TargetWork], n_samples: int, shape: tuple[int, int]
) -> Iterator[list[TargetWork]]:
    """Yield targets in order, with no more draws at a time than may be held together."""
    k, d = shape
    most = max(1, int(DRAWN_BYTES / (8 * k * (n_samples + d))))
    part: list[TargetWork] = []
    draws: set[tuple[str, int]] = set()
    for target in targets:
        new = {(target.kind, target.replicate)} if CONTROLS.get(target.kind).of_samples else set()
        if part and len(draws | new) > most:
            yield part
            part, draws = [], set()
        part.append(target)
        draws |= new
    yield part


def _draws(
    part: Sequence[TargetWork], shape: tuple[int, int, int], sums: Callable[[Sequence[Float]], Float]
) -> Drawn:
    """Return the draws of some targets, each once, from (n_samples, k, d)."""
    n_samples, k, d = shape
    wanted = list(
        dict.fromkeys((one.kind, one.replicate) for one in part if CONTROLS.get(one.kind).of_samples)
    )
    if not wanted:
        return {}
    shares = [_shares(CONTROLS.get(kind))(n_samples, k, d, replicate) for kind, replicate in wanted]
    return dict(zip(wanted, sums(shares), strict=True))


def _shares(control: Control) -> Callable[[int, int, int, int], Float]:
    assert control.shares is not None  # noqa: S101 (what draws from samples has them)
    return control.shares


def _with_norms(drawn: Float, features: Float) -> Float:
    """Return rows with the norms of the features; a row of zeros, of constant activations, stays one."""
    norms = np.linalg.norm(drawn, axis=1)
    scale = np.linalg.norm(features, axis=1) / np.where(norms > 0.0, norms, 1.0)
    return np.asarray(drawn * scale[:, None])


def run_sampled(context: Context, insert: Callable[[Done[TargetWork]], None], stage: str) -> bool:
    """Build what the study lacks of such targets; whether there was any."""
    kinds = of_samples({target.kind for target in context.plan.targets})
    works = list(_missing(context, kinds))
    of_probes = [work for work in works if work.source is None]
    of_rows = [work for work in works if work.source is not None]

    def store(done: Done[SampledWork]) -> None:
        for work, values in done:
            targets = target_works(context.database, [target_id for target_id, _ in work.targets])
            insert(list(zip(targets, values, strict=True)))

    run_on_files(
        context,
        name=stage,
        task=TASK,
        works=of_probes,
        probes=lambda work: work.directions,
        payload=lambda work, tokens_path, data_folder: SampledTask(
            work, _targets(context, work), tokens_path, data_folder
        ),
        insert=store,
        leasing=_leasing(context),
        keys=lambda work: work.keys,
        split=_pieces,
    )
    run_stage(
        context,
        Stage(
            name=stage,
            task=TASK,
            works=of_rows,
            total=sum(len(work.targets) for work in of_rows),
            payload=lambda work: _task_of_rows(context, work),
            insert=store,
            keys=lambda work: work.keys,
            steps=lambda work: len(work.targets),
            leasing=_leasing(context),
            split=_pieces,
        ),
    )
    return bool(works)


def _targets(context: Context, work: SampledWork) -> tuple[TargetWork, ...]:
    """Return the targets of a piece of work with their arrays, in its order."""
    return target_works(context.database, [target_id for target_id, _ in work.targets])


def _task_of_rows(context: Context, work: SampledWork) -> SampledTask:
    source = work.source
    assert source is not None and source.model_key is not None  # noqa: S101, PT018 (of rows of a model)
    spec, model = context.dataset(source.dataset_key).spec, context.model(source.model_key).spec
    return SampledTask(work, _targets(context, work), spec=spec, model=model)


def _leasing(context: Context) -> Leasing[SampledWork]:
    def missing(work: SampledWork, failed: Collection[str]) -> SampledWork | None:
        left = without_matrix(context.database, [key for _, key in work.targets])
        keys = {key.hex() for key in left} - set(failed)
        return _part(work, keys) if keys else None

    return Leasing(lambda work: work.keys, _part, missing)


def _part(work: SampledWork, keys: Collection[str]) -> SampledWork:
    return replace(work, targets=tuple(one for one in work.targets if one[1].hex() in keys))


def _pieces(work: SampledWork) -> Sequence[SampledWork]:
    """Return the targets one by one: what fails with one of them is no fault of the others."""
    return [replace(work, targets=(one,)) for one in work.targets] if len(work.targets) > 1 else []


def _missing(context: Context, kinds: Sequence[str]) -> Iterator[SampledWork]:
    """Yield the missing targets of each layer, and of each matrix of a model, in parts."""
    rows = missing_sampled(context.database, context.study_id, kinds)
    of_set: dict[tuple[bool, int], list[tuple[int, bytes]]] = {}
    for target_id, key, direction_id, probed in rows:
        of_set.setdefault((probed, direction_id), []).append((target_id, key))
    probed_ids = [direction_id for probed, direction_id in of_set if probed]
    layers: dict[tuple[object, ...], list[SampledWork]] = {}
    for one in direction_works(context.database, probed_ids) if probed_ids else ():
        work = SampledWork(tuple(of_set[True, one.direction_id]), directions=(one,))
        layers.setdefault((one.activation_key, one.activation_digest, one.settings), []).append(work)
    for sets in layers.values():
        for first in range(0, len(sets), MOST_SETS):
            some = sets[first : first + MOST_SETS]
            targets = [target for work in some for target in work.targets]
            directions = tuple(work.directions[0] for work in some)
            yield from (SampledWork(part, directions) for part in _cut(targets))
    source_ids = [direction_id for probed, direction_id in of_set if not probed]
    for source in source_works(context.database, source_ids) if source_ids else ():
        for part in _cut(of_set[False, source.direction_id]):
            yield SampledWork(part, source=source)


def _cut(targets: Sequence[K]) -> Iterator[tuple[K, ...]]:
    for first in range(0, len(targets), MOST_TARGETS):
        yield tuple(targets[first : first + MOST_TARGETS])
