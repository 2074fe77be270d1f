"""Best matches of all sets side by side: over layers, and the nearest kernel of each layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from superpos.catalogue import names
from superpos.reporting.charts.by_layer import (
    Choice,
    best_kernels,
    by_layer,
    draw_best_kernels,
    draw_by_layer,
)
from superpos.reporting.sections import MAX_SUBJECTS, Chapter, Drawn
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject
from superpos.reporting.within_sets import HEADLINE, MAIN_SETTING, MOST_LAYERS, POWELL, within_sets

TABLE = {
    "subject",
    *names(roles=("compared", "derived", "setting", "searched")),
    *("n_features", "distance_final", "rms_final", "n_cells", "n_usable"),
    *("psm_key", "joint_key", "target_key", "fit_key", "config_key"),
}
"""Columns of the table of best matches over layers: which fit, and how near it ends."""


def draw_across(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield how near kernels end over layers, and which ends nearest, each set under its own setting."""
    rows = data.matches
    shown = pd.concat([data.of(subject, rows) for subject in subjects[:MAX_SUBJECTS]] or [rows.iloc[:0]])
    found = within_sets(shown, (POWELL, MAIN_SETTING, MOST_LAYERS, HEADLINE))
    if found.rows.empty:
        return
    yield Drawn(
        "cross-layer",
        "How near each kernel ends to its target, layer by layer",
        "Medians of the best matches at the perturbation nearest to that of the thesis: solid for the "
        "features, dashed for exchanged labels, or else for the first control. A row is a similarity; its "
        "panels share their scale, root mean square per entry, so that sets of different n may be compared.",
        draw_by_layer(by_layer(found.rows)),
        found.rows[[name for name in found.rows.columns if name in TABLE]],
        left_out=found.left_out,
    )
    choices = best_kernels(found.rows)
    if choices.choices:
        yield Drawn(
            "cross-dataset",
            nearest(choices.choices),
            "The colour is the kernel of the least median distance to the features target, the number that "
            "distance: Minkowski of order 2 over all entries, which sets of different n do not share. A "
            "best kernel that changes from set to set is no property of its layer.",
            draw_best_kernels(choices),
            pd.DataFrame(choices.choices, columns=list(Choice._fields)),
            left_out=found.left_out,
        )


def nearest(choices: Sequence[Choice]) -> str:
    """Return what the figure of nearest kernels shows, counted."""
    counts = Counter(one.kernel for one in choices)
    most = max(counts.values())
    first = sorted(kernel for kernel, count in counts.items() if count == most)
    where = f"{most} of {len(choices)} places"
    if len(counts) == 1:
        return f"{first[0]} ends nearest to its target in every set and layer"
    said = " and ".join(first)
    return f"No kernel is nearest everywhere: {said} end{'s' if len(first) == 1 else ''} nearest in {where}"


KIND = Chapter(
    name="across",
    version=1,
    title="Across layers and sets",
    meaning="Whether what holds for one set, or at one layer, holds for the others.",
    missing="no best match",
    draw=draw_across,
    by_subject=False,
    views=("best_matches",),
    in_view=2,
    rank=42,
)
