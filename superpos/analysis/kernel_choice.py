"""The kernel that leaves the least of a number, chosen on half of the layers and judged on the other half.

    v_lk            number of layer l under kernel k, of one matrix in one dimension at each layer
    halves          layers in order, every other one; a layer is judged by the kernel of the other half
    choice          k(l) = argmin_k of the mean over the layers of the other half of v_lk
    compared        v_{l, k(l)} for every layer l

A minimum over kernels falls with their number, whatever the matrix. Chosen on other layers it does not: what
is compared is a number of a kernel that these layers did not choose. Features and every draw of a control
choose for themselves, from the same kernels. Layers of one network are no independent samples, so this guards
against a choice that fits the noise of single layers, not against what all layers share; that is what
controls are for.

One layer has no other half, so that there is nothing to compare.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from superpos.arrays import Float, Int

KERNEL = ("kernel", "softening")
CHOSEN = ""
"""The kernel of a compared row: features and draws may have chosen different ones, so it names none."""
CHOICE = "choice_"
"""Column with the label of the kernel that was chosen."""


def chosen_on_other_layers(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return a row for each layer of each matrix, with the number of the kernel that other layers choose.

    Parameters
    ----------
    rows
        With `layer`, the columns of `KERNEL`, the number and the axes of a matrix; what differs in another
        column is another matrix.
    value
        The column of the number; a kernel that lacks it at some layer of a matrix is no candidate for it.
    """
    own = [name for name in rows.columns if name not in {*KERNEL, "layer", value}]
    pairs = zip(rows["kernel"], rows["softening"], strict=True)
    label = [f"{kernel} softened {eps:g}" if eps else str(kernel) for kernel, eps in pairs]
    matrix = rows.groupby(own, sort=False, dropna=False).ngroup()
    layers, layer = np.unique(rows["layer"].to_numpy(np.int64), return_inverse=True)
    labels, kernel = np.unique(np.array(label, dtype=str), return_inverse=True)
    numbers = np.full((int(matrix.max()) + 1 if len(rows) else 0, len(layers), len(labels)), np.nan)
    numbers[matrix.to_numpy(np.int64), layer, kernel] = rows[value].to_numpy(np.float64)
    choice = _choices(numbers) if len(labels) else np.empty((0, 0), dtype=np.int64)
    which, where = np.nonzero(choice >= 0)
    chosen = choice[which, where]
    first = rows.assign(matrix_=matrix).drop_duplicates("matrix_").sort_values("matrix_")
    found = first[own].iloc[which].reset_index(drop=True)
    return found.assign(
        layer=layers[where],
        **{value: numbers[which, where, chosen], CHOICE: labels[chosen]},
        kernel=CHOSEN,
        softening=0.0,
    )


def _choices(numbers: Float) -> Int:
    """Return the kernel (m, layers) that the other half of the layers chooses, -1 where there is none.

    Of kernels that leave equally little the first is taken. `numbers` is (m, layers, kernels).
    """
    there: NDArray[np.bool_] = np.isfinite(numbers)
    present: NDArray[np.bool_] = np.asarray(there.any(axis=2))
    candidate: NDArray[np.bool_] = np.asarray((there | ~present[:, :, None]).all(axis=1))
    half = (np.cumsum(present, axis=1) + 1) % 2
    found = np.full(present.shape, -1, dtype=np.int64)
    for own in (0, 1):
        judged, choosing = present & (half == own), present & (half != own)
        sums = np.where(choosing[:, :, None] & there, numbers, 0.0).sum(axis=1)
        best = np.argmin(np.where(candidate, sums, np.inf), axis=1)
        able = candidate.any(axis=1) & choosing.any(axis=1)
        found = np.where(judged & able[:, None], best[:, None], found)
    return found


def choices(features: pd.DataFrame, draws: pd.DataFrame) -> str:
    """Return in words what the features choose most, and how often the draws of a control choose it."""
    counts = features[CHOICE].value_counts()
    if counts.empty:
        return ""
    best = min(counts[counts == counts.max()].index)
    said = f"features choose {best} in {counts[best]} of {len(features)} cells"
    return f"{said}, draws in {(draws[CHOICE] == best).mean():.0%}" if len(draws) else said
