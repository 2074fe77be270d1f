"""How the correlations of the labels go with the targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.label_correlation import (
    MIN_RESAMPLED,
    draw_label_correlations,
    label_correlations,
)
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


def draw_labels(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield how the labels' correlations go with the targets."""
    for subject in subjects:
        numbers = label_correlations(data, subject)
        if numbers is not None:
            yield Drawn(
                f"labels-{subject_name(subject, data)}",
                f"Geometry and the correlation of the labels: {subject.label}",
                "Left, Spearman correlation over feature pairs between the entries of the target and the phi "
                "coefficients of the labels among the samples, with 95 % bootstrap intervals over features "
                f"(from {MIN_RESAMPLED} features on). Right, the pairs at one layer. Near 1, directions are "
                "similar where labels go together, which a probe shows of any network; what geometry says "
                "beyond the text is what sets trained weights apart from random ones.",
                draw_label_correlations(numbers),
                numbers.table(),
            )


KIND = Chapter(
    name="labels",
    version=1,
    title="Geometry and labels",
    meaning=("Whether the geometry of the directions follows from which labels go together in the text."),
    missing="no target of four or more features whose labels correlate in different ways",
    draw=draw_labels,
    rank=30,
)
