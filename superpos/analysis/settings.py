"""Which of a study's settings are compared, chosen by rule: one, never a mixture.

A study may hold the same target under several settings (another gauge, another softening, another space). A
median over such a mixture means nothing, so one setting is taken: for each similarity the one of the most
layers, then of the most feature cells; within it likewise for each kernel and each optimiser. Ties go to the
smallest values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from superpos.catalogue import names
from superpos.specs.axes import SPHERE_SIGMA

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
        features = frame.loc[frame["target"] == "features", [*within, *columns, "layer"]]
        covered = frame[within].merge(features[within].drop_duplicates(), how="left", indicator=True)
        uncovered = covered["_merge"] != "both"
        rows = pd.concat([features, frame.loc[uncovered.to_numpy(), features.columns]])
    counts = (
        rows.groupby([*within, *columns], sort=True, observed=True)
        .agg(n_layers=("layer", "nunique"), n_rows=("layer", "size"))
        .reset_index()
        .sort_values(["n_layers", "n_rows"], ascending=False, kind="stable")
        .drop_duplicates(within)
    )
    chosen = frame[[*within, *columns]].merge(counts[[*within, *columns]], how="left", indicator=True)
    return _kept(frame, chosen["_merge"] == "both")


def _kept(frame: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    """Return some rows of a frame, without a copy where it is all of them."""
    return frame if which.all() else frame[which.to_numpy()]


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


def headline_sigma(frame: pd.DataFrame) -> float:
    """Return the positive sigma nearest to that of the thesis on a log scale, 0 where there is none.

    A start anywhere on the spheres is no perturbation.
    """
    positive = sorted(float(sigma) for sigma in frame["sigma"].unique() if 0.0 < sigma < SPHERE_SIGMA)
    return min(positive, key=lambda sigma: abs(math.log(sigma / HEADLINE_SIGMA)), default=0.0)


def balanced(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose (target, replicate, sigma) occurs at more than half of the layers of its kernel.

    A sweep that runs on one layer only would otherwise change what a median over layers is a median of.
    """
    if frame.empty:
        return frame
    within = ["similarity", "kernel", "optimiser"]
    cells = [*within, "target", "replicate", "sigma"]
    n_layers = frame.groupby(within, observed=True)["layer"].transform("nunique")
    covered = frame.groupby(cells, observed=True)["layer"].transform("nunique")
    return _kept(frame, 2 * covered > n_layers)
