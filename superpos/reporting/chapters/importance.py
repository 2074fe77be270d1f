"""The importance of the features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.importance import draw_importance, importance
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


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


KIND = Chapter(
    name="importance",
    version=1,
    title="Importance",
    meaning=("The weights that the joint step gives the features."),
    missing="no joint fit with learned importance",
    draw=draw_weights,
    views=("joint_results", "fit_weights"),
    rank=55,
)
