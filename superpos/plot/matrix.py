"""A similarity matrix as a heat map with the names of its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from superpos.arrays import as_psm
from superpos.errors import ArgumentError
from superpos.kinds.similarities import SIMILARITIES
from superpos.plot.frames import axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMES = 40
"""Features that are named; a larger matrix is numbered by tens."""


def psm(
    T: Any, names: Sequence[str] | None = None, ax: Axes | None = None, similarity: str | None = None
) -> Axes:
    """Draw a similarity matrix.

    Parameters
    ----------
    T : Psm or array_like, (n, n)
        The matrix; a `Psm` brings its names and its similarity.
    names
        Of the features.
    ax
        Axes to draw on; new ones by default.
    similarity
        Whose range the colours span: blue to red about 0, or dark to bright from 0 on. `cosine` by default.

    Returns
    -------
    Axes
        With a colour bar beside them.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If T is no pairwise similarity matrix.
    ArgumentError
        For an unknown similarity, or names that do not fit.
    """
    matrix = as_psm("T", T)
    n = matrix.shape[0]
    shown = [str(name) for name in (getattr(T, "names", range(n)) if names is None else names)]
    if len(shown) != n:
        raise ArgumentError("names", f"{len(shown)} do not fit a matrix of shape {matrix.shape}")
    kind = SIMILARITIES.get(str(similarity or getattr(T, "similarity", "cosine")), "similarity")
    axes = axes_of(ax, 4.8)
    colours = "RdBu_r" if kind.low < 0.0 else "viridis"
    image = axes.imshow(matrix, vmin=kind.low, vmax=kind.high, cmap=colours, interpolation="nearest")
    if n <= MOST_NAMES:
        places, labels = range(n), shown
    else:
        places = range(0, n, 10)
        labels = [str(place) for place in places]
    axes.set_xticks(places, labels, rotation=90, parse_math=False)
    axes.set_yticks(places, labels, parse_math=False)
    axes.tick_params(length=0)
    figure: Any = axes.figure
    figure.colorbar(image, ax=axes, label=f"{kind.title} similarity", shrink=0.8)
    return axes
