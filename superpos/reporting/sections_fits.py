"""Sections on the fits: optimal matrices, distances, optimisers, outcomes, importance, sensitivity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from superpos.reporting.charts.distances import distances, draw_comparison, draw_procedure, sweep
from superpos.reporting.charts.importance import draw_importance, importance
from superpos.reporting.charts.optimal_psms import draw_optimal_psms, optimal_psms
from superpos.reporting.charts.optimisers import draw_optimisers, optimisers
from superpos.reporting.charts.outcomes import draw_outcomes, outcomes
from superpos.reporting.charts.sensitivity import draw_sensitivity, sensitivity
from superpos.reporting.remarks import shuffled_labels
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import layers, similarities
from superpos.reporting.study_data import StudyData, Subject, best_layer, place

NO_CEILING = (
    "No noise ceiling was computed here: how far apart two estimates of the same target would lie is not "
    "known, so no distance here can be called small by itself."
)


def ceiling(noise: float) -> str:
    """Return what a figure of distances says of its noise level."""
    if not math.isfinite(noise):
        return NO_CEILING
    return (
        f"Green: below the noise level of the features targets, {noise:.2g}, the root mean square standard "
        "error of their entries from resampled probes, over all entries; two estimates of the same target "
        f"lie about √2 times that apart, {math.sqrt(2.0) * noise:.2g}, so a shorter distance cannot be told "
        "from none."
    )


def chosen_layer(data: StudyData, subject: Subject, similarity: str) -> int | None:
    """Return the layer with matches whose probes read best on average; None without matches."""
    rows = data.of(subject, data.matches)
    rows = rows[(rows["similarity"] == similarity) & (rows["target"] == "features")]
    if rows.empty:
        return None
    there = layers(rows)
    return best_layer(data, subject, there)


def probed(data: StudyData, subject: Subject) -> bool:
    """Return whether the subject's directions come from probes at several layers."""
    return data.of(subject, data.probes)["layer"].nunique() > 1


def at_layers(found: Sequence[int]) -> str:
    """Return the layers of a figure for its caption, nothing where there are none."""
    there = [str(layer) for layer in found if layer >= 0]
    return f"Layer{'s' if len(there) > 1 else ''} {', '.join(there)}; " if there else "Setting: "


def draw_optimal(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield target against optimal matrices, one layer a subject and similarity."""
    for subject in subjects:
        rows = data.of(subject, data.matches)
        for similarity in similarities(rows) if not rows.empty else ():
            layer = chosen_layer(data, subject, similarity)
            numbers = None if layer is None else optimal_psms(data, subject, similarity, layer)
            if numbers is not None:
                yield Drawn(
                    f"optimal-{subject_name(subject, data)}-{similarity}",
                    f"Target against optimal, {similarity}: {subject.label}, {numbers.place}",
                    (
                        "Left, the target at the layer where the probes read best. "
                        if probed(data, subject)
                        else "Left, the target. "
                    )
                    + "Beside it, for each kernel, "
                    "the matrix of the joint optimum and the best match after Powell's re-optimisation from "
                    "a perturbed start, features in the same order on the same scale. d is the Minkowski "
                    "distance of order 2 to the target over all entries, f the dimension of the best match. "
                    "Distances of different similarities have different units and are not comparable.",
                    draw_optimal_psms(numbers),
                )


def draw_distances(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield distances over sigma: along the procedure, against controls, the sweep of one layer."""
    for subject in subjects:
        rows = data.of(subject, data.matches)
        name = subject_name(subject, data)
        for similarity in similarities(rows) if not rows.empty else ():
            numbers = distances(data, subject, similarity)
            if numbers is not None:
                over = "all layers and " if len(numbers.layers) > 1 else ""
                where = f"{at_layers(numbers.layers)}{numbers.setting}."
                yield Drawn(
                    f"distances-{name}-{similarity}",
                    f"Distances along the procedure, {similarity}: {subject.label}",
                    "For each kernel (row) and kind of target (column), medians over the best matches of "
                    f"{over}replicates; the band is the interquartile range of the end. The grey "
                    "bar breaks the axis before σ = 0. Re-optimisation keeps the target where the black "
                    "line stays near the dotted one. Every line is chosen among the same n_dims and λ_d. An "
                    "end at distance 0 from the regular simplex says "
                    "nothing about its target. The joint optimum may vary with σ, for the best match is "
                    f"chosen for each σ. {where} {ceiling(numbers.noise)}",
                    draw_procedure(numbers),
                    numbers.table(),
                )
                yield Drawn(
                    f"comparison-{name}-{similarity}",
                    f"Features against controls, {similarity}: {subject.label}",
                    "The same best matches, kinds of target in one panel. Moved is free of the fit error: "
                    "it compares the end with the joint optimum; its value at σ = 0 is the drift, what the "
                    "optimiser does without a push. Return compares with the end from σ = 0: near 0, the "
                    "push was forgotten. If features lie in local minima that random targets lack, the "
                    f"black line lies below the others. {where}"
                    + (f" {shuffled}" if (shuffled := shuffled_labels(data, (subject,))) else "")
                    + (" Green: noise level, as above." if math.isfinite(numbers.noise) else ""),
                    draw_comparison(numbers),
                )
            swept = sweep(data, subject, similarity)
            if swept is not None:
                yield Drawn(
                    f"sweep-{name}-{similarity}",
                    f"Sweep of the perturbation, {similarity}: {subject.label}, "
                    + place(subject, swept.layers[0]),
                    "The one layer that was run at more sigmas than the others, for the kinds of target "
                    "that have them all; panels as above. Bands are interquartile ranges over replicates; "
                    "features have one, so no band.",
                    draw_comparison(swept),
                    swept.table(),
                )


def draw_pairs(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield Powell beside its polished end and the manifold optimiser."""
    for subject in subjects:
        numbers = optimisers(data, subject)
        if numbers is not None:
            yield Drawn(
                f"optimisers-{subject_name(subject, data)}",
                f"Powell, polished Powell and manifold: {subject.label}",
                "Each point is one fit of a features target (every layer there is, dimension and σ; the "
                "manifold where it ran from the same start). On the diagonal, the better optimiser changes "
                "nothing; above it, Powell's low distance is owed to stopping early. Energy: how much of the "
                "descent of the optimiser that keeps the norms exactly Powell makes (bar: median). Relative "
                "gradient: below 10⁻⁶ a point counts as critical, above 10⁻³ Powell counts as stalled; "
                "exact zeros are drawn at 10⁻¹⁶."
                + ("" if numbers.has_manifold else " The manifold optimiser was not run in this study."),
                draw_optimisers(numbers),
                numbers.table(),
            )


def draw_ends(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the shares of status and verdict."""
    for subject in subjects:
        numbers = outcomes(data, subject)
        if numbers is not None:
            yield Drawn(
                f"outcomes-{subject_name(subject, data)}",
                f"How optimisations ended: {subject.label}",
                "Shares over every target, layer, dimension and σ, for every setting that ran (the other "
                "figures show the main one); the number of cells stands at the bar. Verdicts come from the "
                "certificate on the product of spheres: strict and degenerate are local minima, saddle and "
                "not critical are none, not applicable means fewer than 1.5 effective features. ε is the "
                "softening in units of the start radius. An empty row was not run with that optimiser.",
                draw_outcomes(numbers),
                numbers.table(),
            )


def draw_weights(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the figures of importance."""
    for subject in subjects:
        numbers = importance(data, subject)
        if numbers is not None:
            yield Drawn(
                f"importance-{subject_name(subject, data)}",
                f"Importance: {subject.label}",
                "Top: entropy of the importance over log n for each joint fit, 1 where all features are "
                "equally important, 0 where one has everything (bars: medians). Bottom: importance times n "
                "for each feature of the features target, median and quartiles over layers and dimensions, "
                "from rare to frequent features where they have samples. Equal importance everywhere "
                "means that the procedure makes no use of it.",
                draw_importance(numbers),
                numbers.table(),
            )


def draw_moves(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the figures of sensitivity to the dimension."""
    for subject in subjects:
        numbers = sensitivity(data, subject)
        if numbers is not None:
            yield Drawn(
                f"sensitivity-{subject_name(subject, data)}",
                f"Sensitivity to the dimension: {subject.label}",
                "Distance between the end and the joint optimum over all usable cells, not best matches "
                "only: median and quartiles over layers, if any, and replicates of controls, n = "
                f"{numbers.n_features} features. From f = n - 1 on, the regular simplex fits in and may be "
                "the minimum whatever the target; below, it cannot. At equal σ the angle of the "
                "perturbation grows with f.",
                draw_sensitivity(numbers),
                numbers.table(),
            )


CHAPTERS = (
    Chapter(
        "optimal",
        "Target against optimal",
        "Vectors that match a target at low energy, before and after the energy alone has moved them.",
        "no best match of a features target",
        draw_optimal,
        by_subject=True,
    ),
    Chapter(
        "distances",
        "Distances over the perturbation",
        "Whether re-optimisation keeps the distance to the target low, and whether it takes random targets "
        "away.",
        "no re-optimisation by Powell's method",
        draw_distances,
        by_subject=True,
    ),
    Chapter(
        "optimisers",
        "Powell against exact norms",
        "Powell's method stalls on the penalty of the norms; beside it stand its end polished on the "
        "spheres and an optimiser that keeps the norms exactly.",
        "no re-optimisation by Powell's method",
        draw_pairs,
        by_subject=True,
    ),
    Chapter(
        "outcomes",
        "Status and verdict",
        "How the optimisations ended, and what kind of point they ended at.",
        "no joint fit",
        draw_ends,
        by_subject=True,
    ),
    Chapter(
        "importance",
        "Importance",
        "The weights that the joint step gives the features.",
        "no joint fit with learned importance",
        draw_weights,
        by_subject=True,
    ),
    Chapter(
        "sensitivity",
        "Sensitivity",
        "How the distance moved depends on the dimension of the optimal features and on the kernel.",
        "no re-optimisation by Powell's method",
        draw_moves,
        by_subject=True,
    ),
)
