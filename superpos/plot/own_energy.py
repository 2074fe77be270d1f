"""Own energies as strips: a line a set, a mark a matrix, the features beside their controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from superpos.errors import ArgumentError, InputError, allowed
from superpos.kinds.controls import CONTROLS, FEATURES
from superpos.kinds.looks import Look
from superpos.kinds.weights import WEIGHTS
from superpos.plot.frames import axes_of, require_columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DRAWN = " weights"
"""After the name of a scheme of weights: the features of a network with such weights."""


def own_energy(frame: pd.DataFrame, ax: Axes | None = None, kernel: str = "exp") -> Axes:
    """Draw own energies on their scale: 0 is the least there is, 1 orthogonal features.

    Parameters
    ----------
    frame
        Rows of the view `geometry_results`; those of the measure `own_energy` under this kernel are drawn,
        without softening. Layers and replicates are marks of their own: nothing is averaged.
    ax
        Axes to draw on; new ones by default.
    kernel
        As the view names it.

    Raises
    ------
    ArgumentError
        If columns are missing, or nothing is left to draw.
    """
    require_columns(
        frame, "dataset", "hookpoint", "model_weights", "target", "measure", "kernel", "value_scaled"
    )
    rows = frame[frame["measure"] == "own_energy"]
    kernels = sorted(set(rows["kernel"]))
    if kernel not in kernels:
        raise ArgumentError(
            "kernel", f"{kernel!r} has no own energies here; {allowed(kernel, kernels or ['none'])}"
        )
    rows = rows[(rows["kernel"] == kernel) & rows["value_scaled"].notna()]
    if "softening" in rows:
        rows = rows[rows["softening"] == 0.0]
    if rows.empty:
        raise ArgumentError("frame", f"has no own energy under {kernel} with a scale")
    places = [
        f"{dataset} ({hookpoint})"
        for dataset, hookpoint in zip(rows["dataset"], rows["hookpoint"], strict=True)
    ]
    own = rows["model_weights"].isin(("pretrained", ""))
    groups = rows["target"].astype("str").where(own, rows["model_weights"].astype("str") + DRAWN)
    rows = rows.assign(place=places, group=groups)[own | (rows["target"] == FEATURES)]
    sets = sorted(set(rows["place"]))
    order = sorted(set(rows["group"]), key=lambda name: (name != FEATURES, name))
    axes = axes_of(ax, 1.2 + 0.5 * len(sets))
    for step, group in enumerate(order):
        mine = rows[rows["group"] == group]
        offset = 0.3 - 0.6 * (step + 0.5) / len(order)
        look = _look(group)
        axes.plot(
            mine["value_scaled"], [sets.index(place) + offset for place in mine["place"]],
            linestyle="", marker=look.marker, markersize=7 if group == FEATURES else 4,
            color=look.colour, alpha=0.9, label=look.label or group.replace("_", " "),
        )  # fmt: skip
    for value in (0.0, 1.0):
        axes.axvline(value, color="#9aa5b1", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(sets)), sets, parse_math=False)
    axes.set_ylim(len(sets) - 0.5, -0.5)
    axes.set_xlabel(f"own energy under {kernel}: 0 least possible, 1 orthogonal", parse_math=False)
    axes.legend(fontsize="small", frameon=False)
    return axes


def _look(group: str) -> Look:
    if group == f"random{DRAWN}":
        return Look(colour="#117733", marker="D")
    try:
        if group.endswith(DRAWN):
            return WEIGHTS.get(group.removesuffix(DRAWN)).look
        return CONTROLS.get(group).look
    except InputError:  # a kind of a package that is not installed here
        return Look()
