"""Sections on what goes into the fits: feature sets, probes, target matrices, layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.feature_counts import counts_table, draw_feature_counts, feature_counts
from superpos.reporting.charts.label_correlation import (
    MIN_RESAMPLED,
    draw_label_correlations,
    label_correlations,
)
from superpos.reporting.charts.layer_map import draw_layer_maps, layer_maps
from superpos.reporting.charts.noise_ceiling import ceiling_table, draw_noise_ceiling, known_pairs
from superpos.reporting.charts.probe_quality import draw_probe_quality, probe_quality, quality_table
from superpos.reporting.charts.target_psms import draw_target_psms, target_psms
from superpos.reporting.remarks import near_copies, shuffled_labels
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import similarities
from superpos.reporting.study_data import StudyData, Subject

PANELS = 6
"""Data sets in one figure of probe quality."""


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


def draw_probes(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield figures of probe quality, a panel a data set."""
    import pandas as pd

    panels = [panel for subject in subjects if (panel := probe_quality(data, subject)) is not None]
    panels = [panel for panel in panels if panel.series]
    for first in range(0, len(panels), PANELS):
        chosen = tuple(panels[first : first + PANELS])
        number = f"-{first // PANELS + 1}" if len(panels) > PANELS else ""
        yield Drawn(
            f"probe-quality{number}",
            "Probe quality per layer",
            "Area under the ROC curve on held-out samples, none of a sequence trained on (1 = perfect, "
            "0.5 = chance). Bold lines are means over the features of a set, faint lines single features; "
            "random weights are means over their seeds. Read a direction as one of the trained network only "
            "as far as the bold line lies above the one of random weights; shuffled labels show what the "
            f"procedure finds where there is nothing. {shuffled_labels(data, subjects)}".rstrip(),
            draw_probe_quality(chosen),
            pd.concat([quality_table(panel) for panel in chosen], ignore_index=True),
        )


def draw_targets(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the target matrices of every subject and similarity."""
    for subject in subjects:
        rows = data.of(subject, data.psms)
        for similarity in similarities(rows) if not rows.empty else ():
            numbers = target_psms(data, subject, similarity)
            if numbers is None:
                continue
            scale = "-1 (blue) to 1 (red)" if similarity == "cosine" else "0 (dark) to 1 (yellow)"
            rows_text = {
                "permuted": "below, one replicate of the permuted control, in which the coordinates of "
                "each direction are shuffled and geometry is lost",
                "random weights": "last, the same features in the network with random weights",
            }
            beside = "; ".join(text for row, text in rows_text.items() if row in numbers.rows)
            missing = "" if "permuted" in numbers.rows else " The permuted control was not run in this study."
            constant = (
                " C above a panel is the resolved constant of exp(-r²/C)." if similarity == "rbf" else ""
            )
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


def draw_layers(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the layer-similarity maps of every subject."""
    if data.layer_similarity.empty:
        return
    for subject in subjects:
        maps = layer_maps(data, subject)
        permuted = any(one.title.endswith("permuted") for one in maps)
        if maps:
            yield Drawn(
                f"layers-{subject_name(subject, data)}",
                f"Likeness of layers: {subject.label}",
                "Spearman correlation of the entries of the target matrices of two layers; 1 means that "
                "feature pairs are ordered alike at both. High values for random weights too mean that "
                "likeness comes from the tokens and labels rather than from training"
                + ("; the permuted control shows how much the draw alone gives." if permuted else "."),
                draw_layer_maps(maps),
            )


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


CHAPTERS = (
    Chapter(
        "features",
        "Feature sets",
        "What the directions stand for: hand-defined properties of tokens or spans in text, tokens of the "
        "vocabulary, or whatever imported directions were given as.",
        "no feature set was built",
        draw_counts,
        by_subject=False,
    ),
    Chapter(
        "probes",
        "Probes",
        "Linear probes give the directions of sets with samples; how well they read their feature bounds "
        "what can be said of the directions.",
        "no probe was trained",
        draw_probes,
        by_subject=False,
    ),
    Chapter(
        "targets",
        "Target matrices",
        "The target pairwise similarity matrix (target PSM) holds the similarity of every pair of feature "
        "directions.",
        "no target matrix was computed",
        draw_targets,
        by_subject=True,
    ),
    Chapter(
        "ceiling",
        "Noise ceiling",
        "How well each target is known, from probes on resampled text: no distance can be read without it.",
        "no probes were resampled (noise_ceiling in the study file)",
        draw_ceilings,
        by_subject=True,
    ),
    Chapter(
        "layers",
        "Geometry through the layers",
        "Whether two layers hold the same geometry up to monotone rescaling.",
        "no target matrices of two layers were compared",
        draw_layers,
        by_subject=True,
    ),
    Chapter(
        "labels",
        "Geometry and labels",
        "Whether the geometry of the directions follows from which labels go together in the text.",
        "no target of four or more features whose labels correlate in different ways",
        draw_labels,
        by_subject=True,
    ),
)
