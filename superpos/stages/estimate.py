"""How long a study will take and how much room it needs, before anything is computed.

Fits are estimated from the mean seconds that the database holds for the same optimiser and back end, else
from those that the optimisers state (measured at n = 11, f = 10; see docs/benchmarks.md). Extraction counts
2 operations a weight and token. These are estimates: `superpos status` shows the measured rate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from superpos.activations.inspection import hook_width
from superpos.db.engine import Database
from superpos.db.planned import ceiling_keys, count_done, known_copies, seconds_per_fit, whitened_keys
from superpos.kinds.controls import CONTROLS
from superpos.kinds.optimisers import OPTIMISERS
from superpos.psms import rests_on_shape
from superpos.records.data import ModelInfo
from superpos.records.plan import StudyPlan
from superpos.specs.blocks import Product, disjoint
from superpos.stages.fits import KEEP_ALL_LIMIT
from superpos.stages.resampled import n_probe_sets
from superpos.stages.room import sql_bytes

JOINT_SECONDS = {"scipy": 0.15, "compiled": 0.01}
"""Of one joint fit by back end; those of a re-optimisation stand at its optimiser."""
CPU_OPERATIONS = 8e10
"""Operations a second of one core in a forward pass (measured on Pythia-160m)."""
GPU_OPERATIONS = 1e14
PROBE_SECONDS = 1.5e-8
"""Of one probe for each sample and dimension (measured from 512 to 8,192 dimensions)."""
MEAN_SECONDS = 1e-9
"""The same of a difference of means, with its scores (measured from 512 to 4,096 dimensions)."""
RESAMPLE_SHARE = 0.3
"""Seconds of a probe on resampled groups over those of the first: the matrices are there already."""
WHITENING_SHARE = 0.6
"""Seconds of whitening a set over those of its probes (measured at 8,192 dimensions)."""
DRAW_SECONDS, PATTERN_SECONDS = 1.5e-9, 4e-9
"""Of a draw of sums of samples, and of the patterns of a set, for each sample and dimension (at 11 features,
measured from 512 to 8,192 dimensions)."""
ASSUMED_FEATURES = 11
"""Features of a set before it is built."""


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """One stage of a plan."""

    stage: str
    planned: int
    done: int
    seconds: float
    """CPU seconds of what is missing."""


class LeftOut(NamedTuple):
    """A feature that its data set leaves out as a copy."""

    dataset: str
    feature: str
    status: str
    duplicate_of: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A plan in numbers."""

    stages: tuple[StageEstimate, ...]
    n_fits: int
    n_joint: int
    n_shared: int
    """Fits that need no computation of their own because targets share a matrix."""
    cpu_seconds: float
    gpu_seconds: float
    """Of the extraction, if it ran on one GPU."""
    sql_bytes: float
    disk_bytes: float
    basis: str
    """Where the seconds of a fit come from."""
    left_out: tuple[LeftOut, ...] = ()
    """Features that are left out as copies, of the sets that are built already or are known from a file."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self) | {"left_out": [one._asdict() for one in self.left_out]}


def estimate(plan: StudyPlan, database: Database) -> Estimate:
    """Return the estimate of a plan against what a database holds."""
    done = count_done(database, plan)
    measured = seconds_per_fit(database)
    counts = _counts(plan, measured)
    operations = _forward_operations(plan)
    probes, whitened = _probe_seconds(plan), whitened_keys(plan)
    planned = {
        "datasets": (len(plan.datasets), 3.0 * len(plan.datasets)),
        "activations": (len(plan.activations), operations / CPU_OPERATIONS),
        "probes": (len(plan.directions), sum(probes.values())),
        "whitening": (len(whitened), WHITENING_SHARE * sum(probes[key] for key in whitened)),
        "psms": (len(plan.targets), 0.005 * len(plan.targets) + _sampled_seconds(plan)),
        "ceilings": (len(ceiling_keys(plan)), _ceiling_seconds(plan, probes)),
        "fits": (counts.n_fits, counts.seconds),
    }
    stages = tuple(
        StageEstimate(
            stage=stage,
            planned=count,
            done=done[stage],
            seconds=total * (1 - done[stage] / count if count else 0.0),
        )
        for stage, (count, total) in planned.items()
    )
    keep = plan.study.store_vectors == "all" and counts.n_fits <= KEEP_ALL_LIMIT
    return Estimate(
        stages=stages,
        n_fits=counts.n_fits,
        n_joint=counts.n_joint,
        n_shared=counts.n_shared,
        cpu_seconds=sum(stage.seconds for stage in stages),
        gpu_seconds=operations / GPU_OPERATIONS,
        sql_bytes=sql_bytes(plan, counts.blocks, counts.pairs, keep_all=keep, n_features=ASSUMED_FEATURES),
        disk_bytes=_activation_bytes(plan),
        basis="seconds a fit measured in this database" if measured else "seconds a fit from the benchmarks",
        left_out=_left_out(plan, database),
    )


def _left_out(plan: StudyPlan, database: Database) -> tuple[LeftOut, ...]:
    copies = {**plan.copies, **known_copies(database, plan)}
    found = (
        LeftOut(dataset=planned.name, feature=copy.feature, status=str(copy.status), duplicate_of=copy.of)
        for planned in plan.datasets
        for copy in copies.get(planned.key, ())
    )
    return tuple(dict.fromkeys(found))  # two tokenizers may leave out the same


def _shareable(plan: StudyPlan) -> dict[bytes, tuple[Any, ...]]:
    """Return what the matrices of targets that rest on a shape alone depend on, by the targets' keys."""
    # Alike in the number of features and in width: the same data set, model and kind of hookpoint.
    wide = ("mlp.act", "attn.z")
    alike = {
        d.key: (d.dataset_key, d.hookpoint if d.hookpoint in wide else "", d.model_key)
        for d in plan.directions
    }
    return {
        target.key: (target.replicate, alike[target.direction_key])
        for target in plan.targets
        if rests_on_shape(target.kind, target.similarity)
    }


def _seconds(measured: Mapping[tuple[str, str], float], step: str, backend: str) -> float:
    """Return the seconds of a joint fit, or of a re-optimisation by an optimiser, measured or stated."""
    if (step, backend) in measured:
        return measured[step, backend]
    return JOINT_SECONDS[backend] if step == "joint" else OPTIMISERS.get(step).seconds_of(backend)


class _Counts(NamedTuple):
    """What a plan has to compute, counted once."""

    n_fits: int
    n_joint: int
    n_shared: int
    seconds: float
    """CPU seconds of all joint fits and re-optimisations."""
    blocks: list[tuple[Product, float]]
    """Blocks, and the share of their targets that have a matrix of their own."""
    pairs: list[tuple[Product, float]]
    """Disjoint products of targets and joint settings, with the same share."""


def _counts(plan: StudyPlan, measured: Mapping[tuple[str, str], float]) -> _Counts:
    shareable = _shareable(plan)
    blocks: list[tuple[Product, float]] = []
    n_shared, seconds = 0, 0.0
    for block in plan.blocks:
        targets, joint_keys, fit_keys = block.parts
        like = [shareable[key] for key in targets if key in shareable]
        own = len(targets) - len(like) + len(set(like))
        blocks.append((block, own / max(len(targets), 1)))
        n_shared += (len(targets) - own) * len(joint_keys) * len(fit_keys)
        steps = Counter(
            (axes.optimiser, axes.backend) for axes, _ in map(plan.fit_axes.__getitem__, fit_keys)
        )
        of_fits = sum(count * _seconds(measured, *step) for step, count in steps.items())
        seconds += own * len(joint_keys) * of_fits
    # Joint fits are pairs of a target and a joint setting; a pair of two blocks is computed once.
    fitted = [(i, block.parts) for i, block in enumerate(plan.blocks) if block.parts[2]]
    disjoint_pairs = disjoint([Product(str(i), (*parts[:2], (b"",))) for i, parts in fitted])
    pairs = [(piece, blocks[int(piece.name)][1]) for piece in disjoint_pairs]
    for piece, share in pairs:
        backends = Counter(plan.joint_axes[key][0].backend for key in piece.parts[1])
        of_joints = sum(count * _seconds(measured, "joint", name) for name, count in backends.items())
        seconds += share * len(piece.parts[0]) * of_joints
    return _Counts(
        n_fits=plan.n_cells,
        n_joint=sum(piece.size for piece in disjoint_pairs),
        n_shared=n_shared,
        seconds=seconds,
        blocks=blocks,
        pairs=pairs,
    )


def _infos(plan: StudyPlan) -> dict[bytes, ModelInfo]:
    return {model.key: model.info for model in plan.models}


def _forward_operations(plan: StudyPlan) -> float:
    infos = _infos(plan)
    datasets = {dataset.key: dataset.spec for dataset in plan.datasets}
    passes = {(a.model_key, a.dataset_key) for a in plan.activations}
    total = 0.0
    for model_key, dataset_key in passes:
        info, spec = infos[model_key], datasets[dataset_key]
        if not spec.needs_model:  # its activations are there
            continue
        weights = info.n_layers * (4 * info.d_model**2 + 2 * info.d_model * info.d_mlp)
        total += 2.0 * weights * spec.n_sequences * spec.ctx_len
    return total


def _probe_seconds(plan: StudyPlan) -> dict[bytes, float]:
    """Return the seconds of each set of probes, by the key of its directions."""
    each = {
        d.key: MEAN_SECONDS if d.method == "mean_difference" else PROBE_SECONDS
        for d in plan.directions
        if d.activation_key is not None
    }
    sizes = _samples(plan)
    return {key: seconds * ASSUMED_FEATURES * sizes[key] for key, seconds in each.items()}


def _samples(plan: StudyPlan) -> dict[bytes, float]:
    """Return the entries of the samples of directions, or of the matrix they are rows of, by their key."""
    infos = _infos(plan)
    activations = {a.key: a for a in plan.activations}
    datasets = {dataset.key: dataset.spec for dataset in plan.datasets}
    found = {}
    for directions in plan.directions:
        if directions.activation_key is not None:
            a = activations[directions.activation_key]
            width = hook_width(infos[a.model_key], a.hookpoint)
            found[directions.key] = float(datasets[a.dataset_key].n_samples * width)
        elif directions.model_key is not None:
            info = infos[directions.model_key]
            found[directions.key] = float(info.vocab_size * info.d_model)
    return found


def _sampled_seconds(plan: StudyPlan) -> float:
    """Return the seconds of targets that take the samples themselves."""
    of_samples = {kind for kind in {t.kind for t in plan.targets} if CONTROLS.get(kind).of_samples}
    draws = {(t.direction_key, t.kind, t.replicate) for t in plan.targets if t.kind in of_samples}
    patterns = {t.direction_key for t in plan.targets if t.space == "pattern"}
    if not draws and not patterns:
        return 0.0
    sizes = _samples(plan)
    drawn = DRAW_SECONDS * sum(sizes[key] for key, _, _ in draws)
    return drawn + PATTERN_SECONDS * sum(sizes[key] for key in patterns)


def _ceiling_seconds(plan: StudyPlan, probes: dict[bytes, float]) -> float:
    """Return the seconds of the noise ceilings of all sets of probes on the labels as they are."""
    count = n_probe_sets(plan.study.noise_ceiling)
    own = {d.key for d in plan.directions if d.label_replicate == -1}
    return RESAMPLE_SHARE * count * sum(seconds for key, seconds in probes.items() if key in own)


def _activation_bytes(plan: StudyPlan) -> float:
    infos = _infos(plan)
    datasets = {dataset.key: dataset.spec for dataset in plan.datasets}
    return sum(
        float(datasets[a.dataset_key].n_samples * hook_width(infos[a.model_key], a.hookpoint))
        * (2 if a.dtype == "float16" else 4)
        for a in plan.activations
    )
