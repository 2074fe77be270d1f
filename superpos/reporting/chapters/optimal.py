"""Target matrices beside the optimal ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.optimal_psms import draw_optimal_psms, optimal_psms
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import layers, similarities
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


KIND = Chapter(
    name="optimal",
    version=1,
    title="Target against optimal",
    meaning=("Vectors that match a target at low energy, before and after the energy alone has moved them."),
    missing="no best match of a features target",
    draw=draw_optimal,
    rank=35,
)
