"""What bounds on the energy of ends are found from, and what is found."""

from __future__ import annotations

from dataclasses import dataclass

from superpos.arrays import Float
from superpos.specs.axes import JointAxes


@dataclass(frozen=True, slots=True, eq=False)
class BoundWork:
    """One joint fit with the norms that its re-optimisations let go."""

    joint_id: int
    vectors: Float
    """(n, f), in full units."""
    logits: Float
    """(n,)."""
    start_radius: float
    """Unit of length of the energies."""
    axes: JointAxes
    ends: tuple[tuple[int, float], ...]
    """fit_axes_id and norm_error of every re-optimisation that has an end."""


@dataclass(frozen=True, slots=True)
class BoundResult:
    """Lower bounds on the energies of one joint fit."""

    joint_id: int
    bound: float
    """Of the joint fit, and of ends that keep its norms; NaN where none is known."""
    method: str
    """How it was found; `none` where it was not."""
    ends: tuple[tuple[int, float], ...]
    """fit_axes_id and bound of every re-optimisation."""
