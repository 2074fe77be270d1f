"""One sentence for each goal of the thesis, made of numbers of the database, with count and caveat.

The goals are those of the thesis presentation (1 to 4), whether geometry is preserved through the layers (5), and
trained against random weights (6). Whatever was not run is said to be so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis import kendall_w
from superpos.reporting.effects import Effect, control_pairs, median_effect, percent, rms
from superpos.reporting.selection import headline_sigma, kernels, similarities, targets
from superpos.reporting.study_data import StudyData

NOT_RUN = "Not run in this study"
SIMPLEX_TOLERANCE = 0.01
"""An end is the regular simplex where its r.m.s. distance to it is below this."""


class Finding(NamedTuple):
    """One number behind a sentence."""

    what: str
    number: str
    count: int


class Answer(NamedTuple):
    """The answer to one goal."""

    goal: str
    sentence: str
    count: str
    """How many cells, fits or pairs are behind the sentence."""
    caveats: tuple[str, ...]
    findings: tuple[Finding, ...]


def not_run(goal: str, what: str) -> Answer:
    """Return the answer to a goal for which there is no data."""
    return Answer(goal, f"{NOT_RUN}: {what}.", "0 cells", (), ())


def headline_matches(data: StudyData) -> pd.DataFrame:
    """Return Powell's best matches of all subjects under the main setting at the headline sigma."""
    parts = [data.main_matches(subject) for subject in data.subjects]
    rows = pd.concat(parts) if parts else data.matches
    rows = rows[rows["optimiser"] == "powell"]
    return rows[rows["sigma"] == headline_sigma(rows)]


def keeps_low(data: StudyData) -> Answer:
    """Goal 1: does re-optimisation keep the distance low?"""
    goal = "1. Does re-optimisation keep the distance to the target low?"
    rows = headline_matches(data)
    features = rows[rows["target"] == "features"]
    if features.empty:
        return not_run(goal, "no Powell re-optimisation of a features target")
    parts, findings = [], []
    for similarity in similarities(features):
        own = features[features["similarity"] == similarity]
        final, joint = median_effect(rms(own, "distance_final")), median_effect(rms(own, "distance_joint"))
        polished = median_effect(rms(own, "distance_polish"))
        moved = median_effect(rms(own, "distance_moved"))
        if final is None or joint is None or moved is None:
            continue
        same = rows[rows["similarity"] == similarity]
        pairs = control_pairs(same, rms(same, "distance_final"))
        effect = median_effect(pairs["features"] - pairs["control"])
        text = f"under {similarity} it ends {final.text()} from the target (joint optimum {joint.text()}"
        text += f"; polished to a critical point {polished.text()})" if polished is not None else ")"
        text += f", {closeness(effect)}" if effect is not None else ", with no control to compare with"
        parts.append(text)
        findings.append(Finding(f"{similarity}: end to joint optimum (moved)", moved.text(), moved.n))
        for dataset, part in own.groupby("dataset", sort=True):
            one = median_effect(rms(part, "distance_final"))
            if one is not None:
                findings.append(Finding(f"{similarity}, {dataset}: end to target", one.text(), one.n))
    sigma = float(features["sigma"].iloc[0])
    return Answer(
        goal,
        f"At σ = {sigma:g}, as median root mean square per entry, " + "; ".join(parts) + ".",
        f"{len(features)} best matches of features, {len(rows) - len(features)} of controls",
        (*powell_caveats(features), "no noise ceiling is computed yet, so how low is low is not known"),
        tuple(findings),
    )


def closeness(effect: Effect) -> str:
    """Return a paired difference features - controls in words; only an interval clear of 0 is a direction."""
    low, high = effect.low, effect.high
    if low is None or high is None:
        word = "against the controls (too few pairs for an interval)"
    elif high < 0.0:
        word = "closer than the controls"
    elif low > 0.0:
        word = "farther than the controls"
    else:
        word = "not clearly different from the controls"
    return f"{word} (paired difference {effect.text(sign=True)}, {effect.n} pairs)"


def powell_caveats(rows: pd.DataFrame) -> tuple[str, ...]:
    """Return what must be known before a low distance of Powell's ends is believed."""
    stalled = float(np.mean(rows["status"] == "stalled"))
    open_ends = float(np.mean(rows["verdict"] == "not_critical"))
    simplex = float(np.mean(rms(rows, "distance_simplex") < SIMPLEX_TOLERANCE))
    return (
        f"Powell stalled in {percent(stalled)} of cells and {percent(open_ends)} of its ends are no critical points, "
        "where a low distance may mean that little moved",
        f"the end is the regular simplex (r.m.s. below {SIMPLEX_TOLERANCE:g}) in {percent(simplex)} of cells",
    )


def perturbs_controls(data: StudyData) -> Answer:
    """Goal 2: does re-optimisation take a random target away?"""
    goal = "2. Is a random target perturbed away?"
    rows = headline_matches(data)
    controls = [target for target in targets(rows) if target != "features"]
    if not controls:
        return not_run(goal, "no Powell re-optimisation of a control")
    away = rms(rows, "distance_final") - rms(rows, "distance_joint")
    pairs = control_pairs(rows, away)
    parts, findings, n_pairs = [], [], 0
    for similarity in similarities(rows):
        own = pairs[pairs["similarity"] == similarity]
        is_control = (rows["similarity"] == similarity) & (rows["target"] != "features")
        taken, effect = median_effect(away[is_control]), median_effect(own["control"] - own["features"])
        if taken is None:
            continue
        text = f"under {similarity} controls end {taken.text(sign=True)} farther from their targets than they began"
        if effect is not None:
            n_pairs += effect.n
            kept = median_effect(own["features"])
            features = "" if kept is None else f" against {kept.text(sign=True)} for features"
            text += f"{features}: {more_or_less(effect)}"
        parts.append(text)
        for control in controls:
            one = own[own["target"] == control]
            difference = median_effect(one["control"] - one["features"])
            if difference is not None:
                findings.append(
                    Finding(f"{similarity}, {control} − features", difference.text(sign=True), difference.n)
                )
    replicates = int(rows[rows["target"] != "features"].groupby("target")["replicate"].nunique().min())
    unreachable = " (and shuffled entries may be unreachable, which the joint distance shows)"
    return Answer(
        goal,
        "Taken as root mean square per entry beyond the joint optimum, " + "; ".join(parts) + ".",
        f"{n_pairs} pairs of a control with its features",
        (
            f"{replicates} replicate{'s' if replicates != 1 else ''} of a control at every layer: no p-value below "
            f"{1 / (replicates + 1):.2g}, so none is given",
            "controls differ from features in their joint distance too"
            + (unreachable if "shuffled_entries" in controls else ""),
        ),
        tuple(findings),
    )


def more_or_less(effect: Effect) -> str:
    """Return a paired difference controls - features in words."""
    low, high = effect.low, effect.high
    if low is None or high is None:
        word = "paired difference"
    elif low > 0.0:
        word = "they are taken away more"
    elif high < 0.0:
        word = "they are taken away less"
    else:
        word = "not clearly more or less"
    return f"{word} ({effect.text(sign=True)}, {effect.n} pairs)"


def robust_energy(data: StudyData) -> Answer:
    """Goal 3: is the best energy of a layer the same for different feature sets?"""
    goal = "3. Is the best energy of a layer robust to the feature set?"
    rows = headline_matches(data)
    rows = rows[rows["target"] == "features"]
    n_kernels = len(kernels(rows)) if not rows.empty else 0
    if rows.empty or rows["dataset"].nunique() < 2 or n_kernels < 2:
        return not_run(goal, "fewer than two feature sets or two kernels were fitted")
    agreed, cells, concordances, findings = 0, 0, [], []
    for similarity in similarities(rows):
        own = rows[rows["similarity"] == similarity]
        here, total = 0, 0
        for _, group in own.groupby(["model", "revision", "hookpoint", "layer"], sort=True):
            table = group.pivot_table(
                index="dataset", columns="kernel", values="distance_final", aggfunc="min"
            )
            table = table.dropna(axis="index")
            if len(table) < 2 or table.shape[1] < 2:
                continue
            total += 1
            here += int(table.idxmin(axis="columns").nunique() == 1)
            concordance = kendall_w(table.to_numpy(np.float64))
            if concordance is not None:
                concordances.append(concordance)
        agreed, cells = agreed + here, cells + total
        findings.append(
            Finding(f"{similarity}: layers whose best kernel agrees", f"{here} of {total}", total)
        )
        best = own.loc[own.groupby(["dataset", "layer"])["distance_final"].idxmin()]
        for dataset, part in best.groupby("dataset", sort=True):
            counts = ", ".join(f"{name} {count}" for name, count in part["kernel"].value_counts().items())
            findings.append(Finding(f"{similarity}, {dataset}: best kernel by layers", counts, len(part)))
    if cells == 0:
        return not_run(goal, "no layer has two kernels on two feature sets")
    n_sets = rows["dataset"].nunique()
    chance = n_kernels ** (1 - n_sets)
    sentence = (
        f"The kernel with the smallest distance at the end is the same for all {n_sets} feature sets in {agreed} of "
        f"{cells} cells of similarity and layer (by chance about {percent(chance)})"
    )
    if concordances:
        sentence += f"; Kendall's W averages {np.mean(concordances):.2f} (random rankings: {1 / n_sets:.2f})"
    return Answer(
        goal,
        sentence + ".",
        f"{len(rows)} best matches, {cells} rankings",
        (
            f"{n_sets} feature sets only; layers share probes and are no independent trials",
            "which kernel is nearest depends on where Powell stopped (goal 1)",
        ),
        tuple(findings),
    )
