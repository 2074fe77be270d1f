"""Measures of every target matrix, controls included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.geometry import draw_geometry, geometry
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import similarities
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


def draw_measures(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the measures of every subject and similarity."""
    for subject in subjects:
        rows, _ = data.rows_of("geometry_results", subject)
        for similarity in similarities(rows) if not rows.empty else ():
            where = f"{subject_name(subject, data)}-{similarity}"
            numbers = geometry(data, subject, similarity)
            if numbers is not None:
                yield Drawn(
                    f"geometry-{where}",
                    f"Measures of the target matrices, {similarity}: {subject.label}",
                    "Each panel is one number of the target matrix of every layer: of the features, of each "
                    "control (medians and quartiles over replicates) and of random weights where they were "
                    "run. Where the features lie among the controls, the number says nothing of what was "
                    "learned. The own energy is on the scale from the least energy that so many unit vectors "
                    "can have (0) to that of orthogonal ones (1). What each measure is stands in "
                    "docs/kinds.md.",
                    draw_geometry(numbers),
                    numbers.table(),
                )
            numbers = geometry(data, subject, similarity, in_dimensions=True)
            if numbers is not None:
                yield Drawn(
                    f"balance-{where}",
                    f"Nearest configurations in f dimensions, {similarity}: {subject.label}",
                    "Each panel is one number of the unit vectors in f dimensions whose similarities are "
                    "nearest to the target: how far they are from it, how far from the best known code, and "
                    "how far from a balance of forces. A force residual of 0 is an equilibrium, 1 says that "
                    "no force meets another; the least one is over the importance of the features.",
                    draw_geometry(numbers),
                    numbers.table(),
                )


KIND = Chapter(
    name="geometry",
    version=1,
    title="Measures of the matrices",
    meaning="What single numbers say of the target matrices, before anything is fitted.",
    missing="no measure of a target matrix was computed",
    draw=draw_measures,
    views=("geometry_results",),
    rank=22,
)
