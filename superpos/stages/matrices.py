"""From a target to its matrix: the key that equal matrices share, the directions, the record.

The key of a control that rests on (n, d, replicate) alone, as a cosine `gaussian` does, names no directions,
and every layer of that width shares its matrix. All other keys name the directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.errors import InputError, shown
from superpos.hashing import content_key
from superpos.kinds.controls import CONTROLS
from superpos.kinds.similarities import SIMILARITIES
from superpos.psms import build_psm, rests_on_shape
from superpos.records.psms import PsmRecord
from superpos.records.work import Directions, PsmResult, TargetWork
from superpos.specs.study import MEDIAN_RULE
from superpos.specs.versions import ALGORITHM_VERSIONS


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
    found = {
        "raw": directions.raw,
        "scaled": directions.scaled,
        "whitened": directions.whitened,
        "pattern": directions.pattern,
    }.get(space)
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
    control = CONTROLS.get(work.kind)
    if control.of_tokens or control.of_samples:
        return PsmResult(work.target_id, psm_key(work), _of_drawn(work))
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


def _of_drawn(work: TargetWork) -> PsmRecord:
    if not isinstance(work.drawn, np.ndarray):
        raise InputError(work.drawn or f"nothing was drawn for {work.kind}")
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


Built = PsmResult | NotApplicable


def build_or_refuse(work: TargetWork) -> Built:
    """Return the matrix of one target, or why its directions have none."""
    try:
        return build(work)
    except InputError as error:
        return NotApplicable(str(error))
