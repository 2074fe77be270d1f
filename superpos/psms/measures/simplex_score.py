"""Simplex score: 1 for the regular simplex, 0 for orthogonal features."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure
from superpos.psms.distances import simplex_psm


def simplex_score(matrices: Float) -> Float:
    """Return 1 - ||T - S||_F / ||I - S||_F of cosines (m, n, n), (m,); as `superpos.psms.simplex_score`."""
    n = matrices.shape[-1]
    simplex = simplex_psm(n)
    away = np.linalg.norm(matrices - simplex, axis=(1, 2))
    return np.asarray(1.0 - away / np.linalg.norm(np.eye(n) - simplex), dtype=np.float64)


KIND = Measure(
    name="simplex_score",
    version=1,
    rank=120,
    meaning="1 for the regular simplex, 0 for orthogonal features; any strong similarity lowers it.",
    formula="1 - ||T - S||_F / ||I - S||_F",
    reads="matrix",
    function=simplex_score,
    high=1.0,
    under=("cosine",),
)
