"""Root mean square of the similarities."""

import numpy as np

from superpos.kinds.measures import Measure

KIND = Measure(
    name="rms_identity",
    version=1,
    rank=80,
    meaning="Root mean square distance to orthogonal features; comparable between sets.",
    formula="sqrt(mean of T_ij^2, i < j)",
    reads="entries",
    function=lambda entries: np.sqrt(np.mean(entries**2, axis=1)),
    low=0.0,
)
