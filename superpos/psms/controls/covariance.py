"""Directions with the covariance of the activations: random sums of the samples.

With g_s standard normal for each of m samples x_s of mean x_,

    p = sum_s g_s (x_s - x_) / sqrt(m - 1)      is N(0, Sigma),   Sigma the covariance of the samples

whatever their distribution, and no decomposition of Sigma is needed. What the stage takes for samples, and in
which units, is said in `docs/science.md`, "Controls": of mean differences the activations, of probes that are
penalised the activations as they are scaled, of rows of a matrix all its rows, their mean added.

Sample s has the same g_s at every layer, and for any other set of as many features and dimensions.
"""

from __future__ import annotations

from superpos.arrays import Float
from superpos.kinds.controls import Control
from superpos.kinds.looks import Look
from superpos.psms.draws import control_draw
from superpos.specs.axes import check_count


def normal_shares(n_samples: int, n: int, width: int, replicate: int) -> Float:
    """Return standard normal shares (n_samples, n) of the samples in n directions.

    They are drawn sample by sample, so that fewer samples have the first of these rows.

    Raises
    ------
    ArgumentError
        If a count is no whole number from 1 (the replicate: from 0).
    """
    rows, columns = check_count("n_samples", n_samples, 1), check_count("n", n, 1)
    return control_draw("covariance", replicate, columns, width).standard_normal((rows, columns))


KIND = Control(
    name="covariance",
    version=1,
    rank=70,
    meaning="Random directions with the covariance of the activations, or of the rows of the matrix.",
    draws_from="samples",
    keeps="Where activations vary and how much; the norms of the features where the similarity sees norms.",
    destroys="What the features read, and how their labels go together.",
    shares=normal_shares,
    look=Look(colour="#0F766E", dashes=(0, (6, 1.5, 1, 1.5)), width=1.5, marker="p"),
)
