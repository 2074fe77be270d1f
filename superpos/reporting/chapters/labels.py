"""How the correlations of the labels go with the targets, and what else these follow from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.explained import explained
from superpos.reporting.charts.geometry import draw_geometry
from superpos.reporting.charts.label_correlation import (
    MIN_RESAMPLED,
    draw_label_correlations,
    label_correlations,
)
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import similarities
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
        yield from draw_shares(data, subject)


def draw_shares(data: StudyData, subject: Subject) -> Iterator[Drawn]:
    """Yield what the subject's matrices follow from, a figure a similarity."""
    rows, _ = data.rows_of("explained_results", subject)
    for similarity in similarities(rows) if not rows.empty else ():
        shares = explained(data, subject, similarity)
        if shares is not None:
            yield Drawn(
                f"explained-{subject_name(subject, data)}-{similarity}",
                f"What the matrices follow from, {similarity}: {subject.label}",
                "Shares of the variance of the similarities' ranks that a predictor explains: alone, and "
                "beside the others (unique). Predictors are the correlation of the labels (phi, or NPMI, "
                "their normalised mutual information), the energy's optimum at the labels' frequencies, "
                "and for words of a list the line, the circle, and any function of their distance in it. "
                "No share can lie above the noise ceiling but by chance. Controls show what is explained "
                "of a matrix without the features' geometry (medians and quartiles over replicates).",
                draw_geometry(shares),
                shares.table(),
            )


KIND = Chapter(
    name="labels",
    version=1,
    title="Repulsion, or statistics of the text",
    meaning=(
        "Whether an energy explains the geometry, or which labels go together in the text already does."
    ),
    missing="no target whose labels correlate in different ways, or whose words have an order",
    draw=draw_labels,
    views=("psm_results",),
    in_view=1,
    rank=43,
)
