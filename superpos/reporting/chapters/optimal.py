"""Target matrices beside the optimal ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.optimal_psms import draw_optimal_psms, optimal_psms
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import (
    POWELL,
    in_name,
    in_title,
    layers,
    optimiser_label,
    optimisers_shown,
    similarities,
)
from superpos.reporting.study_data import StudyData, best_layer
from superpos.reporting.subjects import Subject


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


def draw_optimal(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield target against optimal matrices, one layer a subject and similarity."""
    for subject in subjects:
        rows = data.of(subject, data.matches)
        for similarity in similarities(rows) if not rows.empty else ():
            layer = chosen_layer(data, subject, similarity)
            if layer is None:
                continue
            for optimiser in optimisers_shown(rows):
                numbers = optimal_psms(data, subject, similarity, layer, optimiser)
                if numbers is not None:
                    yield Drawn(
                        f"optimal-{subject_name(subject, data)}-{similarity}{in_name(optimiser)}",
                        f"Target against optimal, {similarity}{in_title(optimiser)}: {subject.label}, "
                        f"{numbers.place}",
                        caption(optimiser, probed=probed(data, subject)),
                        draw_optimal_psms(numbers),
                    )


def caption(optimiser: str, *, probed: bool) -> str:
    """Return how to read the figure of one optimiser."""
    method = "Powell's" if optimiser == POWELL else f"{optimiser_label(optimiser)}'s"
    where = "at the layer where the probes read best. " if probed else ""
    return (
        f"Left, the target{' ' + where if where else '. '}Beside it, for each kernel, "
        f"the matrix of the joint optimum and the best match after {method} re-optimisation from "
        "a perturbed start, features in the same order on the same scale. d is the Minkowski "
        "distance of order 2 to the target over all entries, f the dimension of the best match, rms the "
        "same distance as root mean square per entry, which sets of different n may be compared by. "
        "Distances of different similarities have different units and are not comparable."
    )


KIND = Chapter(
    name="optimal",
    version=1,
    title="Target against optimal",
    meaning=("Vectors that match a target at low energy, before and after the energy alone has moved them."),
    missing="no best match of a features target",
    draw=draw_optimal,
    views=("best_matches",),
    in_view=1,
    rank=35,
)
