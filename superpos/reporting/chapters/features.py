"""Counts of the features of every set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.feature_counts import counts_table, draw_feature_counts, feature_counts
from superpos.reporting.sections import Chapter, Drawn
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


def draw_counts(data: StudyData, _: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the figure of feature counts."""
    sets = tuple(one for one in feature_counts(data) if one.n_samples)  # the others have no positives
    if sets:
        yield Drawn(
            "feature-counts",
            "Positives of every feature",
            "Bars count the probed samples (tokens, or spans of them) at which a feature holds; samples are "
            "drawn so that rare features have positives too, so shares are not those of the text. "
            "Sets without samples are not shown. Features in another colour were left out, with the "
            "reason beside them; a duplicate or an opposite is one feature counted twice. "
            "The table below marks one sample of each feature in its text.",
            draw_feature_counts(sets),
            counts_table(sets),
        )


KIND = Chapter(
    name="features",
    version=1,
    title="Feature sets",
    meaning=(
        "What the directions stand for: hand-defined properties of tokens or spans in text, tokens of the "
        "vocabulary, or whatever imported directions were given as."
    ),
    missing="no feature set was built",
    draw=draw_counts,
    by_subject=False,
    views=("dataset_features",),
    rank=5,
)
