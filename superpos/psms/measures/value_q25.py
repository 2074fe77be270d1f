"""Lower quartile of the similarities."""

import numpy as np

from superpos.kinds.measures import Measure

KIND = Measure(
    name="value_q25",
    version=1,
    rank=40,
    meaning="Lower quartile of the similarities of pairs.",
    formula="quantile 0.25 of T_ij, i < j",
    reads="entries",
    function=lambda entries: np.quantile(entries, 0.25, axis=1),
)
