"""Distances over sigma: along the procedure, against controls, the sweep of one layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from superpos.reporting.charts.distances import distances, draw_comparison, draw_procedure, sweep
from superpos.reporting.remarks import shuffled_labels
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import in_name, in_title, optimisers_shown, similarities
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject, place

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


def at_layers(found: Sequence[int]) -> str:
    """Return the layers of a figure for its caption, nothing where there are none."""
    there = [str(layer) for layer in found if layer >= 0]
    return f"Layer{'s' if len(there) > 1 else ''} {', '.join(there)}; " if there else "Setting: "


def draw_distances(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield distances over sigma: along the procedure, against controls, the sweep of one layer."""
    for subject in subjects:
        rows = data.of(subject, data.matches)
        for similarity in similarities(rows) if not rows.empty else ():
            for optimiser in optimisers_shown(rows):
                yield from _figures(data, subject, similarity, optimiser)


def _figures(data: StudyData, subject: Subject, similarity: str, optimiser: str) -> Iterator[Drawn]:
    """Yield the figures of one optimiser."""
    name = f"{subject_name(subject, data)}-{similarity}{in_name(optimiser)}"
    about = f"{similarity}{in_title(optimiser)}: {subject.label}"
    numbers = distances(data, subject, similarity, optimiser)
    if numbers is not None:
        over = "all layers and " if len(numbers.layers) > 1 else ""
        where = f"{at_layers(numbers.layers)}{numbers.setting}."
        yield Drawn(
            f"distances-{name}",
            f"Distances along the procedure, {about}",
            "For each kernel (row) and kind of target (column), medians over the best matches of "
            f"{over}replicates; the band is the interquartile range of the end. The grey "
            "bar breaks the axis before σ = 0. Re-optimisation keeps the target where the black "
            "line stays near the dotted one. Every line is chosen among the same dimensions and λ_d. An "
            "end at distance 0 from the regular simplex says "
            "nothing about its target. The joint optimum may vary with σ, for the best match is "
            f"chosen for each σ. {where} {ceiling(numbers.noise)}",
            draw_procedure(numbers),
            numbers.table(),
        )
        yield Drawn(
            f"comparison-{name}",
            f"Features against controls, {about}",
            "The same best matches, kinds of target in one panel. Moved is free of the fit error: "
            "it compares the end with the joint optimum; its value at σ = 0 is the drift, what the "
            "optimiser does without a push. Return compares with the end from σ = 0: near 0, the "
            "push was forgotten. If features lie in local minima that random targets lack, the "
            "black line lies below the others. Settings are those of the figure before."
            + (f" {shuffled}" if (shuffled := shuffled_labels(data, (subject,))) else "")
            + (" Green: noise level, as above." if math.isfinite(numbers.noise) else ""),
            draw_comparison(numbers),
        )
    swept = sweep(data, subject, similarity, optimiser)
    if swept is not None:
        yield Drawn(
            f"sweep-{name}",
            f"Sweep of the perturbation, {about}, " + place(subject, swept.layers[0]),
            "The one layer that was run at more sigmas than the others, for the kinds of target "
            "that have them all; panels as above. Bands are interquartile ranges over replicates; "
            "features have one, so no band.",
            draw_comparison(swept),
            swept.table(),
        )


KIND = Chapter(
    name="distances",
    version=1,
    title="Distances over the perturbation",
    meaning=(
        "Whether re-optimisation keeps the distance to the target low, and whether it takes random targets "
        "away."
    ),
    missing="no re-optimisation by Powell's method",
    draw=draw_distances,
    views=("best_matches",),
    in_view=2,
    rank=40,
)
