"""Root mean square distance to the orthoplex."""

from __future__ import annotations

from superpos.arrays import Float
from superpos.kinds.measures import Measure
from superpos.psms.codes import antipodes, rms_to_code


def rms_orthoplex(entries: Float) -> Float:
    """Return the distance of the sorted pairs (m, n (n - 1) / 2) to those of the orthoplex, (m,)."""
    return rms_to_code(entries, antipodes(entries.shape[1]))


KIND = Measure(
    name="rms_orthoplex",
    version=1,
    rank=115,
    meaning="Root mean square distance of the sorted cosines to antipodal pairs at right angles; no "
    "relabelling brings the matrices nearer.",
    formula="sqrt(mean of (T_(k) - O_(k))^2), O: n // 2 cosines of -1, else 0",
    reads="entries",
    function=rms_orthoplex,
    low=0.0,
    high=2.0,
    under=("cosine",),
)
