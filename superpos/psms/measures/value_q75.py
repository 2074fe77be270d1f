"""Upper quartile of the similarities."""

import numpy as np

from superpos.kinds.measures import Measure

KIND = Measure(
    name="value_q75",
    version=1,
    rank=60,
    meaning="Upper quartile of the similarities of pairs.",
    formula="quantile 0.75 of T_ij, i < j",
    reads="entries",
    function=lambda entries: np.quantile(entries, 0.75, axis=1),
)
