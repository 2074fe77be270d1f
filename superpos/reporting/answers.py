"""Goals 1 to 3 of the thesis: one answer each, made of numbers of the database, with count and caveat.

The goals are those of the thesis presentation (1 to 4), whether geometry is preserved through the layers (5),
and trained against random weights (6). Whatever was not run is said to be so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis import kendall_w
from superpos.analysis.settings import balanced, headline_sigma
from superpos.reporting.effects import Effect, control_pairs, direction, median_effect, percent, rms
from superpos.reporting.selection import (
    EXACT,
    kernels,
    main_optimiser,
    optimiser_label,
    optimisers_shown,
    similarities,
    targets,
)
from superpos.reporting.study_data import StudyData

NOT_RUN = "Not run in this study"
NO_CEILING = "no noise ceiling was computed"
SIMPLEX_TOLERANCE = 0.01
"""An end is the regular simplex where its r.m.s. distance to it is below this."""


class Finding(NamedTuple):
    """One number behind a sentence."""

    what: str
    number: str
    n: int


class Answer(NamedTuple):
    """The answer to one goal."""

    goal: str
    sentence: str
    basis: str
    """How many cells, fits or pairs are behind the sentence."""
    caveats: tuple[str, ...]
    findings: tuple[Finding, ...]


def not_run(goal: str, what: str) -> Answer:
    """Return the answer to a goal for which there is no data."""
    return Answer(goal, f"{NOT_RUN}: {what}.", "0 cells", (), ())


def headline_matches(data: StudyData, optimiser: str = "") -> pd.DataFrame:
    """Return the best matches of all subjects under the main setting at the headline sigma.

    Those of Powell's method, unless another optimiser is named or it did not run.
    """
    parts = [balanced(data.main_matches(subject)) for subject in data.subjects]
    rows = pd.concat(parts) if parts else data.matches
    rows = rows[rows["optimiser"] == (optimiser or main_optimiser(rows))]
    return rows[rows["sigma"] == headline_sigma(rows)]


def keeps_low(data: StudyData) -> Answer:
    """Answer goal 1: re-optimisation should keep the distance to the target low."""
    goal = "1. Does re-optimisation keep the distance to the target low?"
    rows = headline_matches(data)
    features = rows[rows["target"] == "features"]
    if features.empty:
        return not_run(goal, "no Powell re-optimisation of a features target")
    optimiser = optimiser_label(main_optimiser(features))
    parts: list[str] = []
    findings: list[Finding] = []
    n_known = 0
    for similarity in similarities(features):
        own, same = (frame[frame["similarity"] == similarity] for frame in (features, rows))
        final, joint = median_effect(rms(own, "distance_final")), median_effect(rms(own, "distance_joint"))
        moved, polished = (median_effect(rms(own, name)) for name in ("distance_moved", "distance_polish"))
        if final is None or joint is None or moved is None:
            continue
        pairs = control_pairs(same, rms(same, "distance_final"))
        effect = median_effect(pairs["features"] - pairs["control"])
        text = f"under {similarity}, {optimiser} ends {final.text()} from the target"
        text += f" (joint optimum {joint.median:.2g}"
        text += f", polished end {polished.median:.2g})" if polished is not None else ")"
        text += f", {closeness(effect)}" if effect is not None else ", with no control to compare with"
        noise = data.noise.reindex(own["psm_key"]).to_numpy(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            multiple = median_effect(rms(own, "distance_final").to_numpy(np.float64) / noise)
        if multiple is not None:
            n_known += multiple.n
            text += f", {multiple.text()} times the noise level of its target"
            level = median_effect(noise)
            if level is not None:
                findings.append(Finding(f"{similarity}: noise level of the target", level.text(), level.n))
        parts.append(text)
        findings.append(Finding(f"{similarity}: end to joint optimum (moved)", moved.text(), moved.n))
        for dataset, part in own.groupby("dataset", sort=True):
            for column, name in (("distance_joint", "joint optimum"), ("distance_final", "end")):
                one = median_effect(rms(part, column))
                if one is not None:
                    findings.append(Finding(f"{similarity}, {dataset}: {name} to target", one.text(), one.n))
    if not parts:
        return not_run(goal, "no distance at the end is defined")
    findings.extend(_other_optimisers(data))
    sigma = float(features["sigma"].iloc[0])
    return Answer(
        goal,
        f"At σ = {sigma:g}, in root mean square per entry: " + "; ".join(parts) + ".",
        f"{len(features)} best matches of features, {len(rows) - len(features)} of controls",
        (*end_caveats(data, features), _ceiling_caveat(n_known, len(features))),
        tuple(findings),
    )


def _other_optimisers(data: StudyData) -> list[Finding]:
    """Return where optimisers end that are neither Powell's nor the exact one."""
    found = []
    for optimiser in optimisers_shown(data.matches)[1:]:
        rows = headline_matches(data, optimiser)
        rows = rows[rows["target"] == "features"]
        for similarity in similarities(rows) if not rows.empty else ():
            one = median_effect(rms(rows[rows["similarity"] == similarity], "distance_final"))
            if one is not None:
                what = f"{similarity}, {optimiser_label(optimiser)}: end to target"
                found.append(Finding(what, one.text(), one.n))
    return found


def _ceiling_caveat(n_known: int, n_rows: int) -> str:
    if not n_known:
        return f"{NO_CEILING}, so how low is low is not known"
    text = "two estimates of the same target lie about √2 noise levels apart, and less is no distance at all"
    return text + (f"; the noise level is known for {n_known} of {n_rows} cells" if n_known < n_rows else "")


def closeness(effect: Effect) -> str:
    """Return a paired difference features - controls in words; only an interval clear of 0 is a direction."""
    word = direction(
        effect,
        "closer than the controls",
        "farther than the controls",
        "not clearly different from the controls",
    )
    return f"{word} (paired difference {effect.text(sign=True)}, {effect.n} pairs)"


def end_caveats(data: StudyData, rows: pd.DataFrame) -> tuple[str, ...]:
    """Return what must be known before a low distance of Powell's ends is believed."""
    stalled = float(np.mean(rows["status"] == "stalled"))
    open_ends = float(np.mean(rows["verdict"] == "not_critical"))
    optimiser = optimiser_label(main_optimiser(rows))
    early = (
        f"{optimiser} stalled in {percent(stalled)} of cells and {percent(open_ends)} of its ends are no "
        "critical points, where a low distance may mean that little moved"
    )
    share = percent(simplex_share(rows))
    simplex = f"the end is the regular simplex (r.m.s. below {SIMPLEX_TOLERANCE:g}) in {share} of cells"
    manifold = headline_matches(data, EXACT)
    manifold = manifold[manifold["target"] == "features"]
    if not manifold.empty:
        share = percent(simplex_share(manifold))
        simplex += f" of {optimiser} and in {share} of the optimiser that keeps the norms exactly"
    missing = sorted({subject.dataset for subject in data.subjects} - set(rows["dataset"]))
    left_out = f"without a best match of {optimiser}'s at this σ, so not in this answer: {', '.join(missing)}"
    return (early, simplex, left_out) if missing else (early, simplex)


def simplex_share(rows: pd.DataFrame) -> float:
    """Return the share of rows whose end is the regular simplex."""
    return float(np.mean(rms(rows, "distance_simplex") < SIMPLEX_TOLERANCE))


def perturbs_controls(data: StudyData) -> Answer:
    """Answer goal 2: re-optimisation should take a random target away."""
    goal = "2. Is a random target perturbed away?"
    rows = headline_matches(data)
    controls = [target for target in targets(rows) if target != "features"]
    if not controls:
        return not_run(goal, "no Powell re-optimisation of a control")
    away = rms(rows, "distance_final") - rms(rows, "distance_joint")
    pairs = control_pairs(rows, away)
    parts: list[str] = []
    findings: list[Finding] = []
    n_pairs = 0
    for similarity in similarities(rows):
        own = pairs[pairs["similarity"] == similarity]
        is_control = (rows["similarity"] == similarity) & (rows["target"] != "features")
        taken, effect = median_effect(away[is_control]), median_effect(own["control"] - own["features"])
        if taken is None:
            continue
        text = f"under {similarity}, the distance to the target grows by {taken.text()} for controls"
        kept = median_effect(own["features"])
        if effect is not None and kept is not None:
            n_pairs += effect.n
            word = direction(effect, "by less than for features", "by more than for features", "about alike")
            text += f" and by {kept.text()} for features, {word} (paired difference {effect.text(sign=True)})"
        parts.append(text)
        for control in controls:
            one = own[own["target"] == control]
            difference = median_effect(one["control"] - one["features"])
            if difference is not None:
                what = f"{similarity}: growth, {control.replace('_', ' ')} − features"
                findings.append(Finding(what, difference.text(sign=True), difference.n))
    replicates = int(rows[rows["target"] != "features"].groupby("target")["replicate"].nunique().min())
    few = (
        f"{replicates} replicate{'s' if replicates != 1 else ''} of a control at every layer, so no p-value "
    )
    few += f"could be below {1 / (replicates + 1):.2g} and none is given"
    joint = "controls differ from features in their joint distance too"
    if "shuffled_entries" in controls:
        joint += ", and shuffled entries may be out of reach of any vectors"
    return Answer(
        goal,
        "From the joint optimum to the end, in root mean square per entry: " + "; ".join(parts) + ".",
        f"{n_pairs} pairs of a control with its features",
        (
            few,
            joint,
        ),
        tuple(findings),
    )


def robust_energy(data: StudyData) -> Answer:
    """Answer goal 3: the choice of the energy in a layer should be robust to the feature set."""
    goal = "3. Is the best energy of a layer robust to the feature set?"
    rows = headline_matches(data)
    rows = rows[rows["target"] == "features"].dropna(subset=["distance_final"])
    optimiser = optimiser_label(main_optimiser(rows))
    n_kernels = len(kernels(rows)) if not rows.empty else 0
    n_sets = rows["dataset"].nunique()
    if n_sets < 2 or n_kernels < 2:
        return not_run(goal, "fewer than two feature sets or two kernels were fitted")
    agreed, cells = 0, 0
    concordances: list[float] = []
    findings: list[Finding] = []
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
            here += int(len(set(np.argmin(table.to_numpy(np.float64), axis=1).tolist())) == 1)
            concordance = kendall_w(table.to_numpy(np.float64))
            if concordance is not None:
                concordances.append(concordance)
        agreed, cells = agreed + here, cells + total
        findings.append(
            Finding(f"{similarity}: layers whose best kernel agrees", f"{here} of {total}", total)
        )
        first = own.sort_values(["distance_final", "fit_key"]).drop_duplicates(
            ["model", "revision", "dataset", "layer"]
        )
        for dataset, part in first.groupby("dataset", sort=True):
            counts = part["kernel"].value_counts()
            text = ", ".join(f"{name} {int(counts[name])}" for name in kernels(part))
            findings.append(
                Finding(f"{similarity}, {dataset}: best kernel, number of layers", text, len(part))
            )
    if cells == 0:
        return not_run(goal, "no layer has two kernels on two feature sets")
    sentence = (
        f"The kernel that ends nearest is the same for all {n_sets} feature sets in {agreed} of {cells} "
        f"cells of similarity and layer (by chance about {percent(n_kernels ** (1 - n_sets))})"
    )
    if concordances:
        sentence += f"; Kendall's W averages {np.mean(concordances):.2f} (random rankings: {1 / n_sets:.2f})"
    return Answer(
        goal,
        sentence + ".",
        f"{len(rows)} best matches, {cells} rankings",
        (
            f"{n_sets} feature sets only, and layers are no independent trials",
            f"which kernel is nearest depends on where {optimiser} stopped (goal 1)",
        ),
        tuple(findings),
    )
