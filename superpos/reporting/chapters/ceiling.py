"""How well each target is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.noise_ceiling import ceiling_table, draw_noise_ceiling, known_pairs
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


def draw_ceilings(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield how well the targets of every subject are known."""
    for subject in subjects:
        known = known_pairs(data, subject)
        if known:
            several = any(len(one.layers) > 1 for one in known)
            yield Drawn(
                f"ceiling-{subject_name(subject, data)}",
                f"How well each target is known: {subject.label}",
                (
                    "Top, reliability: what the entries of a target would correlate with those from as many "
                    "other samples (correlation of probes on split halves, corrected after Spearman and "
                    "Brown); 1 is perfect. Below, the"
                    if several
                    else "The"
                )
                + " entries, sorted, with 95 % intervals of what such probes say on average over samples "
                f"of this size, from the spread over {known[0].n_resamples} bootstrapped samples. Where an "
                "interval reaches further to one side, probes of fewer samples lie on the other: noise pulls "
                "the entry that way. Pairs whose intervals overlap cannot be told apart; what a fit makes of "
                "differences below their width is fitted to noise.",
                draw_noise_ceiling(known),
                ceiling_table(known),
            )


KIND = Chapter(
    name="ceiling",
    version=1,
    title="Noise ceiling",
    meaning=(
        "How well each target is known, from probes on resampled text: no distance can be read without it."
    ),
    missing="no probes were resampled (noise_ceiling in the study file)",
    draw=draw_ceilings,
    views=("psm_results", "psm_pairs"),
    rank=20,
)
