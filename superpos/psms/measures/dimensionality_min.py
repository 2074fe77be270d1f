"""Least dimensionality of a feature."""

from __future__ import annotations

from superpos.kinds.measures import Measure
from superpos.psms.dimensionality import SOURCE, dimensionality

KIND = Measure(
    name="dimensionality_min",
    version=1,
    rank=152,
    meaning="Least share of a dimension that a feature has; low where it lies near others.",
    formula="min over i of D_i = 1 / sum_j T_ij^2",
    source=SOURCE,
    reads="matrix",
    function=lambda matrices: dimensionality(matrices).min(axis=1),
    low=0.0,
    high=1.0,
    under=("cosine",),
)
