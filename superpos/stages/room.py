"""How many bytes a study will take in SQL, by what each of its rows stores.

    fit             ROW_BYTES["fits"]
    joint fit       vectors (n, f), logits (n,), matrix (n, n), its scalars, and n rows of importance
    stored ends     vectors (n, f), matrix (n, n); of a polished optimiser also the polished vectors (n, f)
    matrix          (n, n), its scalars, and one row a measure, kernel and dimension; entries of the features
    directions      raw and scaled coefficients (n, d), intercepts, scales (d,)

All in doubles. Ends are stored for every fit, or for those at sigma 0 and the best of each group
(`store_vectors`). Rows with arrays fill pages badly: `on_pages` counts those of SQLite.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from superpos.activations.inspection import hook_width
from superpos.catalogue import Level, names
from superpos.kinds.controls import FEATURES
from superpos.kinds.measures import MEASURES
from superpos.kinds.optimisers import OPTIMISERS
from superpos.records.plan import StudyPlan
from superpos.specs.axes import FitAxes, JointAxes
from superpos.specs.blocks import Product

PAGE = 4096
"""Bytes of a page of SQLite, of which a cell of a table may take all but 35."""
LEAST_LOCAL = 489
"""Bytes of a row with overflow pages that stay in the leaf, at least."""
ROW_BYTES = {"fits": 394.0, "joint_fits": 330.0, "importance": 22.0, "fit_arrays": 45.0, "psms": 300.0}
"""Bytes of a row beside its arrays, indexes and unused parts of pages included (measured at 10^6 fits)."""
INDEX_BYTES = 58.0
"""Of a joint fit in its two indexes."""
SMALL_ROW = 48.0
"""Of an entry or a measure of a matrix."""
TARGET_BYTES = 250.0
"""Of a target with its key, its axes and its indexes."""


def on_pages(size: float) -> float:
    """Return the bytes that a row of this size takes in a table of rows like it.

    Source: "Database File Format" of SQLite, section 1.6: what does not fit into a leaf goes to pages of its
    own, and what is left over stays in the leaf if it can.
    """
    local, n_overflow = size, 0
    if size > PAGE - 35:
        local = LEAST_LOCAL + (size - LEAST_LOCAL) % (PAGE - 4)
        if local > PAGE - 35:
            local = LEAST_LOCAL
        n_overflow = math.ceil((size - local) / (PAGE - 4))
    return PAGE * (n_overflow + 1 / max(1, (PAGE - 12) // (local + 2)))


def sql_bytes(
    plan: StudyPlan,
    blocks: Iterable[tuple[Product, float]],
    pairs: Iterable[tuple[Product, float]],
    *,
    keep_all: bool,
    n_features: int,
) -> float:
    """Return the bytes of a study in the database.

    Parameters
    ----------
    plan
        The study.
    blocks
        Its blocks, with the share of their targets that have a matrix, and so fits, of their own.
    pairs
        The same for disjoint products of targets and joint settings.
    keep_all
        Whether the ends of all fits are stored.
    n_features
        Features of a set, n.
    """
    total = _of_matrices(plan, n_features) + _of_directions(plan, n_features)
    for block, share in blocks:
        targets, joint_keys, fit_keys = block.parts
        total += share * len(targets) * _of_fits(plan, joint_keys, fit_keys, n_features, keep_all=keep_all)
    for pair, share in pairs:
        per_target = sum(_of_joint(plan.joint_axes[key][0].n_dims, n_features) for key in pair.parts[1])
        total += share * len(pair.parts[0]) * per_target
    return total


def _of_joint(n_dims: int, n: int) -> float:
    row = ROW_BYTES["joint_fits"] + 8.0 * (n * n_dims + n + n**2)
    return on_pages(row) + INDEX_BYTES + n * ROW_BYTES["importance"]


def _of_fits(
    plan: StudyPlan, joint_keys: Sequence[bytes], fit_keys: Sequence[bytes], n: int, *, keep_all: bool
) -> float:
    """Return the bytes of the fits of one target, with the ends that are stored."""
    joints = [plan.joint_axes[key][0] for key in joint_keys]
    fits = [plan.fit_axes[key][0] for key in fit_keys]
    total = ROW_BYTES["fits"] * len(joints) * len(fits)
    always = fits if keep_all else [axes for axes in fits if axes.sigma == 0.0]
    depths = Counter(axes.n_dims for axes in joints)
    for end in always:
        total += sum(count * _of_end(end, n_dims, n) for n_dims, count in depths.items())
    if not keep_all:
        best = {_setting(axes, "fit"): axes for axes in fits if axes.sigma > 0.0}.values()
        n_groups = len({_setting(axes, "kernel", "joint") for axes in joints})
        mean = round(sum(axes.n_dims for axes in joints) / max(1, len(joints)))
        total += n_groups * sum(_of_end(end, mean, n) for end in best)
    return total


def _of_end(axes: FitAxes, n_dims: int, n: int) -> float:
    """Return the bytes of a stored end: its vectors, those of its polish, its matrix."""
    n_vectors = 2 if OPTIMISERS.get(axes.optimiser).polished else 1
    return on_pages(ROW_BYTES["fit_arrays"] + 8.0 * (n_vectors * n * n_dims + n**2)) + INDEX_BYTES / 3


def _setting(axes: JointAxes | FitAxes, *levels: Level) -> tuple[Any, ...]:
    """Return what cells of one best match have in common."""
    return tuple(getattr(axes, name) for name in names(*levels, roles=("compared", "setting", "config")))


def _of_matrices(plan: StudyPlan, n: int) -> float:
    """Return the bytes of targets, their matrices, entries and measures."""
    n_kernels = len({axes.kernel for axes, _ in plan.joint_axes.values()})
    n_depths = len({axes.n_dims for axes, _ in plan.joint_axes.values() if axes.n_dims < n})
    measures = {
        name: sum(
            (n_kernels if kind.per_kernel else 1) * (n_depths if kind.per_dimension else 1)
            for kind in MEASURES
            if kind.applies_to(name)
        )
        for name in {target.similarity for target in plan.targets}
    }
    of_matrix = on_pages(ROW_BYTES["psms"] + 8.0 * n**2)
    entries = n * (n - 1) / 2
    return sum(
        TARGET_BYTES
        + of_matrix
        + SMALL_ROW * (measures[target.similarity] + (entries if target.kind == FEATURES else 0.0))
        for target in plan.targets
    )


def _of_directions(plan: StudyPlan, n: int) -> float:
    """Return the bytes of probes and of matrix rows; imported files are small beside the rest."""
    infos = {model.key: model.info for model in plan.models}
    whitened = {target.direction_key for target in plan.targets if target.space == "whitened"}
    total = 0.0
    for one in plan.directions:
        if one.model_key is None:
            continue
        info = infos[one.model_key]
        if one.activation_key is None:
            total += on_pages(8.0 * n * info.d_model)
        else:
            width = hook_width(info, one.hookpoint)
            n_rows = 2 * n + 1 + (n if one.key in whitened else 0)
            total += on_pages(8.0 * n_rows * width) + n * 4 * SMALL_ROW
    return total
