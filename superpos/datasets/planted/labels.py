"""Labels of planted features: binary ones, alone or correlated, and exclusive classes.

| labels        | of a unit (a sample, or a group of samples that share their labels)                  |
|---------------|---------------------------------------------------------------------------------------|
| `independent` | each feature is there with probability `frequency`                                   |
| `together`    | likewise, and all are correlated                                                     |
| `in_pairs`    | likewise, and features 0 and 1, 2 and 3 and so on are correlated                     |
| `classes`     | one feature is there, all with the same probability                                  |
| `families`    | parents are there with probability `frequency`, each with one of its children        |

Correlated labels are those of a Gaussian copula: y_i = [z_i < q], q the quantile of `frequency`, with
standard normal z_i of the stated correlation. The labels' own correlation (phi) is lower; at frequency 1/2 it
is (2 / pi) arcsin(correlation) (Sheppard 1899).
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtri

from superpos.arrays import Bool, Float, Int
from superpos.errors import ArgumentError

Labels = Literal["independent", "together", "in_pairs", "classes", "families"]
LABELS: tuple[str, ...] = get_args(Labels)


def draw_labels(
    kind: str,
    n_units: int,
    n: int,
    draw: np.random.Generator,
    *,
    frequency: float = 0.5,
    correlation: float = 0.0,
    children: int = 2,
) -> Bool:
    """Return the labels of `n_units` units, (n_units, n).

    Parameters
    ----------
    kind
        One of `LABELS`.
    n_units, n
        Units and features.
    draw
        Generator; every kind draws n + 1 numbers a unit, so that kinds are paired.
    frequency
        Of a feature, between 0 and 1; classes have 1 / n.
    correlation
        Of the normal variables behind the labels, from -1 to 1 (`together`: from 0).
    children
        Of each parent, for `families`.

    Raises
    ------
    ArgumentError
        If no variables have such a correlation, or n has no pairs or families.
    """
    z = draw.standard_normal((n_units, n + 1))
    if kind == "classes":
        return np.asarray(z[:, :n].argmax(axis=1)[:, None] == np.arange(n))
    if kind == "families":
        return _families(z[:, :n], frequency, children)
    if kind == "together":
        if correlation < 0.0:
            raise ArgumentError("correlation", f"{correlation:g} is below 0, which not all labels can have")
        z = math.sqrt(1.0 - correlation) * z[:, :n] + math.sqrt(correlation) * z[:, n:]
    elif kind == "in_pairs":
        if n % 2:
            raise ArgumentError("n_features", f"{n} features are no pairs")
        z[:, 1:n:2] = correlation * z[:, 0:n:2] + math.sqrt(1.0 - correlation**2) * z[:, 1:n:2]
    return np.asarray(z[:, :n] < ndtri(frequency))


def _families(z: Float, frequency: float, children: int) -> Bool:
    size = 1 + children
    labels = np.zeros(z.shape, dtype=np.bool_)
    for first in range(0, z.shape[1] - children, size):
        parent = z[:, first] < ndtri(frequency)
        child = z[:, first + 1 : first + size].argmax(axis=1)
        labels[:, first] = parent
        labels[:, first + 1 : first + size] = parent[:, None] & (child[:, None] == np.arange(children))
    return labels


def expand_groups(n_samples: int, group_size: int) -> Int:
    """Return the group of each sample, (n_samples,): runs of `group_size`, the last maybe shorter."""
    return np.arange(n_samples, dtype=np.int64) // group_size
