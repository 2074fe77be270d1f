"""What a view holds, in the order of figures, and its setting in words.

Every figure shows one setting (`superpos.analysis.settings`) and names it in its caption. The other settings
are in the tables and in the figure of outcomes.
"""

from __future__ import annotations

import pandas as pd

from superpos.kinds.controls import CONTROLS
from superpos.kinds.optimisers import OPTIMISERS
from superpos.kinds.similarities import SIMILARITIES
from superpos.reporting.looks import in_order, kernel_order, known

ABSENT = {"space": "none", "probe_C": 0.0}
"""What stands for no such setting: imported similarities have no space, and only probes have a penalty."""
POWELL, EXACT = "powell", "manifold"
"""The optimiser of the thesis, and the one that keeps the norms exactly."""

AXES_IN_WORDS = {
    "config_key": "limits",
    "importance_mode": "importance",
    "joint_polish": "polish of the joint step",
    "lambda_d": "λ_d",
    "lambda_x": "λ_x",
    "method": "directions by",
    "n_dims": "dimension f",
    "probe_C": "penalty C of the probes",
    "rbf_scale": "C of the RBF",
    "self_energy": "self-energy",
    "sigma": "σ",
    "sigma_rule": "rule of σ",
    "softening": "softening ε",
    "split_seed": "seed of the split",
}
"""Names for people of axes that are not words."""


def axis_in_words(axis: str) -> str:
    """Return the name of an axis for people."""
    return AXES_IN_WORDS.get(axis, axis.replace("_", " "))


def kernels(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the kernels of a view, by the rank of their energy and then by s."""
    found = frame["kernel"].unique().tolist() if not frame.empty else []
    return tuple(sorted((str(kernel) for kernel in found), key=kernel_order))


def targets(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the kinds of target of a view, features first."""
    return in_order(CONTROLS, frame["target"].unique().tolist())


def similarities(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the similarities of a view, cosine first."""
    return in_order(SIMILARITIES, frame["similarity"].unique().tolist())


def optimisers_shown(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the optimisers whose ends are compared with targets: Powell's first, then those of others.

    The one that keeps the norms exactly stands beside Powell's in figures of its own.
    """
    return in_order(OPTIMISERS, {str(name) for name in frame["optimiser"].unique()} - {EXACT})


def main_optimiser(frame: pd.DataFrame) -> str:
    """Return the optimiser that answers are given for: Powell's method where it ran."""
    return next(iter(optimisers_shown(frame)), POWELL)


def optimiser_label(optimiser: str) -> str:
    """Return the name of an optimiser for people."""
    kind = known(OPTIMISERS, optimiser)
    return (kind.look.label if kind else "") or optimiser.replace("_", " ")


def in_name(optimiser: str) -> str:
    """Return what the files of a figure have in their name: nothing for Powell's method."""
    return "" if optimiser == POWELL else f"-{optimiser}"


def in_title(optimiser: str) -> str:
    """Return what the title of a figure says: nothing for Powell's method."""
    return "" if optimiser == POWELL else f", {optimiser_label(optimiser)}"


def layers(frame: pd.DataFrame, column: str = "layer") -> tuple[int, ...]:
    """Return the layers of a view in order."""
    return tuple(sorted(int(layer) for layer in frame[column].unique()))


def common_grid(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `fit_results` at the (n_dims, lambda_d) that the most (target, sigma) were run at.

    A best match is a minimum over a grid: over a larger grid it is smaller for that reason alone, so lines
    over sigma or kinds of target are only drawn from cells that each of them has.
    """
    if frame.empty:
        return frame
    within, grid = ["similarity", "kernel", "optimiser"], ["n_dims", "lambda_d"]
    kinds = frame[[*within, *grid, "target", "sigma"]].drop_duplicates()
    counts = kinds.groupby([*within, *grid]).size()
    widest = counts[counts == counts.groupby(within).transform("max")].reset_index()
    chosen = frame[[*within, *grid]].merge(widest[[*within, *grid]], how="left", indicator=True)
    return frame[(chosen["_merge"] == "both").to_numpy()]


def describe_setting(frame: pd.DataFrame) -> str:
    """Return the setting of the rows of `main_fits` in words, for a caption."""
    parts = []
    for column, name in (
        ("space", "space"),
        ("probe_C", "probe C"),
        ("gauge", "gauge"),
        ("importance_mode", "importance"),
        ("joint_polish", "joint polish"),
        ("lambda_d", "λ_d"),
    ):
        if column in frame.columns and set(frame[column]) != {ABSENT.get(column)}:
            parts.append(f"{name} {_values(frame[column])}")
    if "self_energy" in frame.columns:
        pairs = frame[["kernel", "s", "self_energy", "softening"]].drop_duplicates()
        names = ("kernel", "self_energy", "softening")
        own = {
            kernel: f"{self_energy}, ε {softening:g} × start radius" if softening else str(self_energy)
            for kernel, self_energy, softening in zip(*(pairs[name].tolist() for name in names), strict=True)
        }
        parts.append("self-energy " + ", ".join(f"{name}: {own[name]}" for name in kernels(pairs)))
    if "lambda_x" in frame.columns:
        powell = frame[frame["optimiser"] == POWELL]
        if not powell.empty:
            parts.append(f"λ_x {_values(powell['lambda_x'])} (Powell)")
    return "; ".join(parts)


def _values(column: pd.Series) -> str:
    values = sorted(column.unique())
    return " / ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
