"""The target matrices of every layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.kinds.similarities import SIMILARITIES
from superpos.reporting.charts.target_psms import draw_target_psms, target_psms
from superpos.reporting.looks import known, similarity_scale
from superpos.reporting.remarks import near_copies
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import similarities
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


def draw_targets(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the target matrices of every subject and similarity."""
    for subject in subjects:
        rows = data.of(subject, data.psms)
        for similarity in similarities(rows) if not rows.empty else ():
            numbers = target_psms(data, subject, similarity)
            if numbers is None:
                continue
            scale = similarity_scale(similarity).text
            parts = []
            if "permuted" in numbers.rows:
                parts.append(
                    "below, one replicate of the permuted control, in which the coordinates of each "
                    "direction are shuffled and geometry is lost"
                )
            if schemes := [row for row in numbers.rows if row not in ("features", "permuted")]:
                parts.append(f"last, the same features in the network with {'; with '.join(schemes)}")
            beside = "; ".join(parts)
            missing = "" if "permuted" in numbers.rows else " The permuted control was not run in this study."
            kind = known(SIMILARITIES, similarity)
            formula = kind.formula if kind is not None and kind.has_scale else ""
            constant = f" C above a panel is the resolved constant of {formula}." if formula else ""
            yield Drawn(
                f"targets-{subject_name(subject, data)}-{similarity}",
                f"Target matrices, {similarity}: {subject.label}",
                f"Pairwise {similarity} similarity of the feature directions"
                + (" at every layer" if len(numbers.layers) > 1 else "")
                + (f" ({numbers.setting})" if numbers.setting else "")
                + f", on one scale, {scale}. Top, the features"
                + (f"; {beside}" if beside else "")
                + f".{missing}{constant}"
                + (f" {copies}" if (copies := near_copies(data, subject)) else ""),
                draw_target_psms(numbers),
            )


KIND = Chapter(
    name="targets",
    version=1,
    title="Target matrices",
    meaning=(
        "The target pairwise similarity matrix (target PSM) holds the similarity of every pair of feature "
        "directions."
    ),
    missing="no target matrix was computed",
    draw=draw_targets,
    views=("psm_results", "psm_pairs"),
    in_view=1,
    rank=15,
)
