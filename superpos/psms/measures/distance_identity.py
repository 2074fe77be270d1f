"""Distance to orthogonal features."""

import numpy as np

from superpos.kinds.measures import Measure

KIND = Measure(
    name="distance_identity",
    version=1,
    rank=70,
    meaning="Distance to the matrix of orthogonal features, over all entries; grows with n.",
    formula="||T - I||_F",
    reads="matrix",
    function=lambda matrices: np.linalg.norm(matrices - np.eye(matrices.shape[-1]), axis=(1, 2)),
    low=0.0,
)
