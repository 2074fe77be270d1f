"""Coordinates of each row of P permuted on their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix
from superpos.kinds.controls import Control
from superpos.kinds.looks import Look
from superpos.psms.draws import control_draw


def permuted_directions(P: ArrayLike, replicate: int) -> Float:
    """Return P (n, d) with the coordinates of each row permuted on their own; row norms stay as they are.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        If P is not a finite matrix or the replicate no whole number from 0.
    """
    rows = as_matrix("P", P)
    n, d = rows.shape
    rng = control_draw("permuted", replicate, n, d)
    order = rng.permuted(np.tile(np.arange(d), (n, 1)), axis=1)
    return np.take_along_axis(rows, order, axis=1)


KIND = Control(
    name="permuted",
    version=1,
    rank=10,
    meaning="Directions whose coordinates are permuted, each row by itself.",
    draws_from="directions",
    keeps="The entries of each direction, and so its norm.",
    destroys="Which coordinates (neurons) they share; for large d they are nearly orthogonal.",
    directions=permuted_directions,
    look=Look(colour="#CC6677", marker="s", width=1.4),
)
