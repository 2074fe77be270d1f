"""A measure of the features' matrix against the same measure of the draws of one control, each for itself.

    estimate    v - median_r v_r
    p           (1 + #{r: |z_r| >= |z|}) / (R + 1),  z = (v - mean) / deviation over v and all v_r: two-sided
    p_smallest  1 / (R + 1)

It is max-T with one column (`superpos.analysis.permutation`), for many measures at once. Nothing is corrected
here: rows of layers, kernels and measures are looked at together by questions (`superpos.analysis.verdicts`).

Source: B. Phipson, G. K. Smyth, Permutation p-values should never be zero (2010).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from superpos.analysis.against_control import FLOOR, ROUNDING
from superpos.analysis.permutation import TIES
from superpos.arrays import Bool, Float, Int


class MeasureTests(NamedTuple):
    """One entry a measure; NaN where the features or every draw lacks it."""

    estimate: Float
    p_value: Float
    p_smallest: Float
    n_replicates: Int
    """Draws that have the measure."""


def measure_tests(own: Float, draws: Float) -> MeasureTests:
    """Return the tests of m measures.

    Parameters
    ----------
    own : ndarray, (m,)
        Of the features; NaN where it is not defined.
    draws : ndarray, (m, R)
        Of the draws of one control; NaN likewise.
    """
    there: Bool = np.isfinite(draws)
    count = there.sum(axis=1)
    known = np.isfinite(own) & (count > 0)
    rows = np.column_stack([own, draws])[known]
    here = np.isfinite(rows)
    filled = np.where(here, rows, 0.0)
    number = here.sum(axis=1, keepdims=True)
    mean = filled.sum(axis=1, keepdims=True) / number
    apart = np.abs(np.where(here, rows - mean, 0.0))
    # Rounding alone is no spread: a control may leave a measure as it is.
    largest = np.max(np.abs(filled), axis=1, keepdims=True)
    low, high = np.min(np.where(here, rows, np.inf), axis=1), np.max(np.where(here, rows, -np.inf), axis=1)
    alike = (high - low)[:, None] <= np.maximum(ROUNDING * largest, FLOOR)
    reached = (apart >= apart[:, :1] * (1.0 - TIES)) | alike
    p = np.full(len(own), np.nan)
    p[known] = np.sum(reached & here, axis=1) / number[:, 0]
    estimate = np.full(len(own), np.nan)
    estimate[known] = rows[:, 0] - np.nanmedian(rows[:, 1:], axis=1) if known.any() else np.nan
    return MeasureTests(estimate, p, np.where(known, 1.0 / (count + 1.0), np.nan), count)
