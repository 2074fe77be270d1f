"""Planted geometry: samples with labels and activations whose directions are known."""

from superpos.datasets.planted.dictionaries import SHAPES, Dictionary, dictionary
from superpos.datasets.planted.labels import LABELS, draw_labels, expand_groups
from superpos.datasets.planted.sampling import draw_activations, frame, noise_scales

__all__ = [
    "LABELS",
    "SHAPES",
    "Dictionary",
    "dictionary",
    "draw_activations",
    "draw_labels",
    "expand_groups",
    "frame",
    "noise_scales",
]
