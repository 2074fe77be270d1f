"""Root mean square distance to the best known code in f dimensions."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure
from superpos.psms.codes import code_cosines, features_of, rms_to_code


def rms_code(entries: Float, n_dims: int) -> Float:
    """Return the distance of the sorted pairs (m, n (n - 1) / 2) to the code's, (m,); NaN without one."""
    code = code_cosines(features_of(entries.shape[1]), n_dims)
    return np.full(len(entries), np.nan) if code is None else rms_to_code(entries, code)


KIND = Measure(
    name="rms_code",
    version=1,
    rank=118,
    meaning="Root mean square distance of the sorted cosines to the best known code of n points in f "
    "dimensions; NULL where none is listed.",
    formula="sqrt(mean of (T_(k) - C_(k))^2)",
    source="H. Cohn, A. Kumar, Universally optimal distribution of points on spheres (2007).",
    reads="entries",
    given=("n_dims",),
    function=rms_code,
    low=0.0,
    high=2.0,
    under=("cosine",),
)
