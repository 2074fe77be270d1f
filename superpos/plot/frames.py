"""Axes to draw on, and the columns that a drawing needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from superpos.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def axes_of(ax: Axes | None, height: float = 3.6) -> Axes:
    """Return the axes that were given, or new ones of a figure of this height in inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    made: Any = plt.subplots(figsize=(6.4, height), layout="constrained")[1]
    axes: Axes = made
    return axes


def require_columns(frame: pd.DataFrame, *names: str) -> None:
    """Refuse a frame without these columns, or without rows; raises `ArgumentError`."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ArgumentError("frame", f"lacks {', '.join(missing)}; read the whole view, or these columns too")
    if frame.empty:
        raise ArgumentError("frame", "has no row to draw")
