"""Spread of the similarities about their mean."""

import numpy as np

from superpos.kinds.measures import Measure

KIND = Measure(
    name="rms_even",
    version=1,
    rank=90,
    meaning="Root mean square distance to the nearest regular simplex of any edge; 0 if all pairs are alike.",
    formula="sqrt(mean of (T_ij - mean T_ij)^2, i < j)",
    reads="entries",
    function=lambda entries: np.std(entries, axis=1),
    low=0.0,
)
