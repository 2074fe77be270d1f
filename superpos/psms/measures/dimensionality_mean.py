"""Mean dimensionality of a feature."""

from __future__ import annotations

from superpos.kinds.measures import Measure
from superpos.psms.dimensionality import SOURCE, dimensionality

KIND = Measure(
    name="dimensionality_mean",
    version=1,
    rank=150,
    meaning="Mean over the features of the share of a dimension each has; 1 if orthogonal.",
    formula="mean over i of D_i = 1 / sum_j T_ij^2",
    source=SOURCE,
    reads="matrix",
    function=lambda matrices: dimensionality(matrices).mean(axis=1),
    low=0.0,
    high=1.0,
    under=("cosine",),
)
