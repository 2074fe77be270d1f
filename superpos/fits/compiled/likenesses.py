"""Similarities on whole arrays: the branch on the kind lies outside the loop, as in `pairs.py`.

    x = cos(x_i, x_j)  or  r^2 rate, rate = 1 / C,   S = value(x),   slope of (S - T)^2 = factor (S - T) S'

A code from `branches.OUTSIDE` on is the address of a table of functions of a similarity from elsewhere.
"""

from __future__ import annotations

from typing import Any

from superpos.fits.compiled.branches import OWN_SIMILARITIES, Text, own_similarity, written
from superpos.fits.compiled.machine.addresses import call
from superpos.fits.compiled.machine.options import PASTE, compiled
from superpos.fits.compiled.outside import PULLS, VALUES, similarity_table
from superpos.kinds.similarities import SIMILARITIES, Similarity


def similarity_code(name: str) -> int:
    """Return the code of a similarity; raises `InputError` for one that cannot be compiled."""
    code = own_similarity(SIMILARITIES.get(name))
    return similarity_table(name) if code is None else code


_SCOPE = {"call": call, "VALUES": VALUES, "PULLS": PULLS}


def _x(kind: Similarity) -> str:
    return "arguments[j]" if kind.angular else "arguments[j] * rate"


def _values(kind: Similarity, text: Text) -> str:
    return f"for j in range(m):\n    out[j] = {text.name(kind.value)}({_x(kind)})"


def _pulls(kind: Similarity, text: Text) -> str:
    slope = f"{text.name(kind.slope)}({_x(kind)}, values[j])"
    return f"for j in range(m):\n    residual[j] = factor * residual[j] * {slope}"


similarities_at: Any = compiled(PASTE)(
    written(
        "similarities_at(code, rate, arguments, out, m)",
        OWN_SIMILARITIES,
        _values,
        "call(code, VALUES, rate, 0.0, 0.0, 0.0, arguments, out, out, out, out, m)",
        _SCOPE,
    )
)
"""Write S of cosines or squared distances."""

mismatch_pulls: Any = compiled(PASTE)(
    written(
        "mismatch_pulls(code, factor, rate, arguments, values, residual, m)",
        OWN_SIMILARITIES,
        _pulls,
        "call(code, PULLS, factor, rate, 0.0, 0.0, arguments, values, residual, residual, residual, m)",
        _SCOPE,
    )
)
"""Turn residuals S - T into slopes of their squares over the argument."""
