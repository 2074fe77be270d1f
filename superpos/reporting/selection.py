"""Which of a study's settings a figure shows, chosen by rule and named in its caption.

A study may hold the same target under several settings (another gauge, another softening, another space). A
median over such a mixture means nothing, so every figure shows one setting: for each similarity the one of
the most layers, then of the most feature cells; within it likewise for each kernel and each optimiser. Ties
go to the smallest values. The other settings are in the tables and in the figure of outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from superpos.catalogue import names
from superpos.kinds.controls import CONTROLS
from superpos.kinds.optimisers import OPTIMISERS
from superpos.kinds.similarities import SIMILARITIES
from superpos.reporting.looks import in_order, kernel_order, known

DIRECTION_SETTING = names("activations", "directions", roles=("setting",))
TARGET_SETTING = (*DIRECTION_SETTING, *names("target", roles=("setting",)))
JOINT_SETTING = names("joint", roles=("setting",))
SIMILARITY_SETTING = (*TARGET_SETTING, *JOINT_SETTING)
KERNEL_SETTING = names("kernel", roles=("setting",))
OPTIMISER_SETTING = (*names("fit", roles=("setting",)), "config_key")
SEARCH_SETTING = (
    *SIMILARITY_SETTING,
    *KERNEL_SETTING,
    *OPTIMISER_SETTING,
    *names("fit", roles=("compared",)),
    *names(roles=("searched",)),
)
"""Everything but the model that two fits must share to be compared."""
ABSENT = {"space": "none", "probe_C": 0.0}
"""What stands for no such setting: imported similarities have no space, and only probes have a penalty."""
POWELL, EXACT = "powell", "manifold"
"""The optimiser of the thesis, and the one that keeps the norms exactly."""
HEADLINE_SIGMA = 0.1
"""The perturbation that the thesis shows first."""


def keep_main(frame: pd.DataFrame, columns: Sequence[str], within: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the main combination of `columns` for each combination of `within`.

    Main: the most layers among rows of the features target (of any target where there are none), then the
    most rows, then the smallest values.
    """
    if frame.empty:
        return frame
    # A column of one value chooses nothing; where all are, as in most studies, every row is of the main one.
    columns = [column for column in columns if frame[column].nunique(dropna=False) > 1]
    if not columns:
        return frame
    within = list(within)
    rows = frame
    if "target" in frame.columns:
        features = frame[frame["target"] == "features"]
        covered = frame[within].merge(features[within].drop_duplicates(), how="left", indicator=True)
        uncovered = frame[(covered["_merge"] != "both").to_numpy()]
        rows = pd.concat([features, uncovered])
    counts = (
        rows.groupby([*within, *columns], sort=True)
        .agg(n_layers=("layer", "nunique"), n_rows=("layer", "size"))
        .reset_index()
        .sort_values(["n_layers", "n_rows"], ascending=False, kind="stable")
        .drop_duplicates(within)
    )
    chosen = frame[[*within, *columns]].merge(counts[[*within, *columns]], how="left", indicator=True)
    return frame[(chosen["_merge"] == "both").to_numpy()]


def main_fits(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `fit_results` or `best_matches` under the main setting."""
    rows = keep_main(frame, SIMILARITY_SETTING, ("similarity",))
    rows = keep_main(rows, KERNEL_SETTING, ("similarity", "kernel"))
    return keep_main(rows, OPTIMISER_SETTING, ("similarity", "kernel", "optimiser"))


def main_joints(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `joint_results` or `fit_weights` under the main setting."""
    rows = keep_main(frame, SIMILARITY_SETTING, ("similarity",))
    return keep_main(rows, (*KERNEL_SETTING, "config_key"), ("similarity", "kernel"))


def same_setting(frame: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of another view under the joint settings that `chosen` (of `main_fits`) has."""
    columns = ["similarity", "kernel", *SIMILARITY_SETTING, *KERNEL_SETTING]
    wanted = chosen[columns].drop_duplicates()
    merged = frame[columns].merge(wanted, how="left", indicator=True)
    return frame[(merged["_merge"] == "both").to_numpy()]


def main_targets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `psm_results` or `layer_similarity` under the main setting of the directions."""
    return keep_main(frame, TARGET_SETTING, ("similarity",))


def kernels(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the kernels of a view, by the rank of their energy and then by s."""
    found = frame["kernel"].unique().tolist() if not frame.empty else []
    return tuple(sorted((str(kernel) for kernel in found), key=kernel_order))


def targets(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the kinds of target of a view, features first."""
    return in_order(CONTROLS, frame["target"].tolist())


def similarities(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the similarities of a view, cosine first."""
    return in_order(SIMILARITIES, frame["similarity"].tolist())


def optimisers_shown(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the optimisers whose ends are compared with targets: Powell's first, then those of others.

    The one that keeps the norms exactly stands beside Powell's in figures of its own.
    """
    return in_order(OPTIMISERS, {str(name) for name in frame["optimiser"]} - {EXACT})


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


def headline_sigma(frame: pd.DataFrame) -> float:
    """Return the positive sigma nearest to that of the thesis on a log scale, 0 where there is none."""
    positive = sorted(float(sigma) for sigma in frame["sigma"].unique() if sigma > 0.0)
    return min(positive, key=lambda sigma: abs(math.log(sigma / HEADLINE_SIGMA)), default=0.0)


def balanced(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose (target, replicate, sigma) occurs at more than half of the layers of its kernel.

    A sweep that runs on one layer only would otherwise change what a median over layers is a median of.
    """
    if frame.empty:
        return frame
    within = ["similarity", "kernel", "optimiser"]
    cells = [*within, "target", "replicate", "sigma"]
    n_layers = frame.groupby(within)["layer"].transform("nunique")
    covered = frame.groupby(cells)["layer"].transform("nunique")
    return frame[(2 * covered > n_layers).to_numpy()]


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
