"""How alike the layers are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.layer_map import draw_layer_maps, layer_maps
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


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
                "feature pairs are ordered alike at both. High values for untrained weights too mean that "
                "likeness comes from the tokens and labels rather than from training"
                + ("; the permuted control shows how much the draw alone gives." if permuted else "."),
                draw_layer_maps(maps),
            )


KIND = Chapter(
    name="layers",
    version=1,
    title="Geometry through the layers",
    meaning=("Whether two layers hold the same geometry up to monotone rescaling."),
    missing="no target matrices of two layers were compared",
    draw=draw_layers,
    views=("layer_similarity",),
    in_view=1,
    rank=41,
)
