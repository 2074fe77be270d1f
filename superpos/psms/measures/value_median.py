"""Median of the similarities."""

import numpy as np

from superpos.kinds.measures import Measure

KIND = Measure(
    name="value_median",
    version=1,
    rank=50,
    meaning="Median of the similarities of pairs.",
    formula="quantile 0.5 of T_ij, i < j",
    reads="entries",
    function=lambda entries: np.quantile(entries, 0.5, axis=1),
)
