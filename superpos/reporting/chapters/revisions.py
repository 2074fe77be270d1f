"""What training does, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.revisions import draw_revisions, revisions
from superpos.reporting.sections import Chapter, Drawn
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


def draw_checkpoints(data: StudyData, _: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield own energy and probe quality over revisions."""
    numbers = revisions(data)
    if numbers is not None:
        yield Drawn(
            "checkpoints",
            f"Own energy and probe quality over {len(numbers.revisions)} revisions",
            "Left, the scaled own energy of the features, median over layers; right, how well probes read "
            "them, mean over features and layers; whichever of the two was computed. Revisions of a model "
            "share data and start, so they are no replicates: a line shows a course, not a test.",
            draw_revisions(numbers),
            numbers.values,
        )


KIND = Chapter(
    name="revisions",
    version=1,
    title="Checkpoints",
    meaning="How geometry and probes change while a model is trained.",
    missing="one revision a model, or none measured",
    draw=draw_checkpoints,
    by_subject=False,
    views=("geometry_results", "probe_results"),
    in_view=1,
    rank=28,
)
