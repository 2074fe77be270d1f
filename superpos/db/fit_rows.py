"""Results of joint fits as rows of tables: what a worker sends back, and what a driver only has to insert.

A worker knows every value of a row but the ids that the database gives, and the run. So it makes of each
value what a driver of a database takes: numbers that are none are NULL, arrays and keys are encoded. Tuples
and bytes are pickled and read at a third of what records with arrays cost, and there is one driver to many
workers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from superpos.db.tables import fits, joint_fits
from superpos.db.types import Array, Key, Number, encode_array, finite
from superpos.records.fits import JointFit
from superpos.records.travelling import Travelling
from superpos.records.work import CellFailure, JointResult

Values = tuple[Any, ...]
FIT_NAMES = tuple(
    column.name
    for column in fits.columns
    if column.name not in ("joint_id", "fit_axes_id", "key", "run_id")  # which a driver adds
)
ARRAY_NAMES = ("vectors", "similarities", "polished")
JOINT_NAMES = (
    "key", "psm_id", "joint_axes_id", "fun", "fun_cg", "energy", "mismatch", "distance", "nit", "nfev",
    "njev", "nit_polish", "gradient_norm", "importance_entropy", "norm_min", "norm_max", "start_radius",
    "verdict", "status", "message", "vectors", "logits", "similarities", "seconds",
)  # fmt: skip


_OF_RECORDS = tuple(name for name in JOINT_NAMES if name in JointFit.__dataclass_fields__)


@dataclass(frozen=True, slots=True, eq=False)
class JointRows(Travelling):
    """A `JointResult` as rows."""

    psm_id: int
    joint_axes_id: int
    seconds: float
    """Time that all of it took."""
    joint: Values | None
    """Values of `JOINT_NAMES`; None if the database held the joint fit already."""
    weights: tuple[Values, ...]
    """Logit and weight of each feature, in their order."""
    fits: tuple[tuple[int, Values], ...]
    """Id of the axes and values of `FIT_NAMES`, of each fit."""
    arrays: tuple[tuple[int, Values], ...]
    """Id of the axes and values of `ARRAY_NAMES`, of each fit whose arrays are kept."""
    failures: tuple[CellFailure, ...]


def rows_of(result: JointResult) -> JointRows:
    """Return a result as rows."""
    return JointRows(
        psm_id=result.psm_id,
        joint_axes_id=result.joint_axes_id,
        seconds=result.seconds + sum(fit.columns["seconds"] for fit in result.fits),
        joint=_joint(result),
        weights=_weights(result),
        fits=tuple((fit.fit_axes_id, _values(_OF_FITS, fit.columns)) for fit in result.fits),
        arrays=tuple(
            (fit.fit_axes_id, tuple(_encoded(getattr(fit, name)) for name in ARRAY_NAMES))
            for fit in result.fits
            if fit.vectors is not None
        ),
        failures=result.failures,
    )


def _joint(result: JointResult) -> Values | None:
    joint = result.joint
    if joint is None:
        return None
    given = {
        **{name: getattr(joint, name) for name in _OF_RECORDS},
        "key": result.key,
        "psm_id": result.psm_id,
        "joint_axes_id": result.joint_axes_id,
        "distance": result.distance,
        "importance_entropy": result.entropy,
        "norm_min": float(joint.norms.min()),
        "norm_max": float(joint.norms.max()),
        "verdict": str(joint.verdict),
        "status": str(joint.status),
        "seconds": result.seconds,
    }
    return _values(_OF_JOINT_FITS, given)


def _weights(result: JointResult) -> tuple[Values, ...]:
    if result.joint is None:
        return ()
    logits, weights = (map(finite, each.tolist()) for each in (result.joint.logits, result.joint.importance))
    return tuple(zip(logits, weights, strict=True))


Binds = tuple[tuple[str, Callable[[Any], Any] | None], ...]


def _binds(table: sa.Table, names: Sequence[str]) -> Binds:
    """Return what makes of a value of each column what a driver takes; None where that is the same."""
    return tuple((name, _bind(table.c[name].type)) for name in names)


def _bind(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, Number):
        return finite
    if isinstance(kind, Array):
        return _encoded
    if isinstance(kind, Key):
        return bytes.hex
    return _whole if isinstance(kind, sa.Integer) else None


def _encoded(array: Any) -> bytes | None:
    return None if array is None else encode_array(array)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _values(binds: Binds, given: Mapping[str, Any]) -> Values:
    """Return the values of columns; NULL where nothing is given."""
    return tuple([given.get(name) if bind is None else bind(given.get(name)) for name, bind in binds])


_OF_FITS = _binds(fits, FIT_NAMES)
_OF_JOINT_FITS = _binds(joint_fits, JOINT_NAMES)
