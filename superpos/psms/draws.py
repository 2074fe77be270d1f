"""The draw of a control: replicate r is the same one for every layer, energy and hyperparameter."""

from __future__ import annotations

import numpy as np

from superpos.seeding import generator
from superpos.specs.axes import check_count


def control_draw(kind: str, replicate: int, n: int, width: int) -> np.random.Generator:
    """Return the generator of one replicate of a control.

    Parameters
    ----------
    kind
        Name of the control; another one is another stream.
    replicate
        From 0.
    n
        Number of features.
    width
        d of the directions, or n where there are none.

    Raises
    ------
    ArgumentError
        If a count is no whole number (n and width from 1).
    """
    return generator(
        "control",
        kind=kind,
        replicate=check_count("replicate", replicate, 0),
        n=n,
        width=check_count("width", width, 1),
    )
