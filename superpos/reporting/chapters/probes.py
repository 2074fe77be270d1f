"""How well the probes read, a panel a data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.probe_quality import (
    ProbeQuality,
    draw_probe_quality,
    probe_quality,
    quality_table,
)
from superpos.reporting.remarks import shuffled_labels
from superpos.reporting.sections import Chapter, Drawn
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject

PANELS = 6
"""Data sets in one figure."""


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
            claim(chosen),
            "Area under the ROC curve on held-out samples, none of a sequence trained on (1 = perfect, "
            "0.5 = chance). Bold lines are means over the features of a set, faint lines single features; "
            "untrained weights are means over their seeds, a line a scheme. Read a direction as one of the "
            "trained network only as far as the bold line lies above theirs; shuffled labels show what the "
            f"procedure finds where there is nothing. {shuffled_labels(data, subjects)}".rstrip(),
            draw_probe_quality(chosen),
            pd.concat([quality_table(panel) for panel in chosen], ignore_index=True),
        )


def claim(panels: Sequence[ProbeQuality]) -> str:
    """Return what a figure shows: sets that trained weights read better at every layer; else what it is.

    Of several schemes of untrained weights each has to be read worse.
    """
    compared = better = 0
    schemes: set[str] = set()
    for panel in panels:
        means = {one.name: dict(zip(one.layers, one.mean, strict=True)) for one in panel.series}
        trained = means.get("trained weights", {})
        pairs = [
            (trained[layer], score)
            for name in panel.untrained
            for layer, score in means.get(name, {}).items()
            if layer in trained
        ]
        if pairs:
            compared += 1
            better += all(own > score for own, score in pairs)
            schemes |= set(panel.untrained) & means.keys()
    if not compared:
        return "Probe quality per layer"
    sets = f"{compared} set{'s' if compared != 1 else ''}"
    what = schemes.pop() if len(schemes) == 1 else f"{len(schemes)} schemes of untrained weights"
    return f"Probe quality per layer: {better} of {sets} better than at {what} at every layer"


KIND = Chapter(
    name="probes",
    version=1,
    title="Probes",
    meaning=(
        "Linear probes give the directions of sets with samples; how well they read their feature bounds "
        "what can be said of the directions."
    ),
    missing="no probe was trained",
    draw=draw_probes,
    by_subject=False,
    views=("probe_results",),
    in_view=1,
    rank=10,
)
