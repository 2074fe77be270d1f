"""Random directions: standard normal rows, with the norms of P where the similarity sees norms."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix
from superpos.kinds.controls import Control
from superpos.kinds.looks import Look
from superpos.psms.draws import control_draw
from superpos.specs.axes import check_count


def gaussian_directions(n: int, width: int, replicate: int) -> Float:
    """Return n standard normal rows of this width: the same ones whatever the directions they stand against.

    Raises
    ------
    ArgumentError
        If a count is no whole number from 1 (the replicate: from 0).
    """
    rows, columns = check_count("n", n, 1), check_count("width", width, 1)
    return control_draw("gaussian", replicate, rows, columns).standard_normal((rows, columns))


def gaussian_directions_like(P: ArrayLike, replicate: int) -> Float:
    """Return `gaussian_directions(n, d, replicate)` with the row norms of P (n, d)."""
    rows = as_matrix("P", P)
    drawn = gaussian_directions(rows.shape[0], rows.shape[1], replicate)
    scale = np.linalg.norm(rows, axis=1) / np.linalg.norm(drawn, axis=1)
    return np.asarray(drawn * scale[:, None], dtype=np.float64)


KIND = Control(
    name="gaussian",
    version=1,
    rank=20,
    meaning="Random directions, with the norms of the features where the similarity sees norms.",
    draws_from="directions",
    keeps="The number of features, the width and the norms.",
    destroys="Every direction.",
    directions=gaussian_directions_like,
    of_shape=gaussian_directions,
    look=Look(colour="#33A0C8", dashes=(0, (5, 1.5)), width=1.4, marker="^"),
)
