"""Similarities of probes that were trained on permuted labels (`superpos.probes.permutation`)."""

from superpos.kinds.controls import Control
from superpos.kinds.looks import Look

KIND = Control(
    name="shuffled_labels",
    version=1,
    rank=50,
    meaning="Directions of probes trained on permuted labels.",
    draws_from="labels",
    keeps="Counts and correlations of the labels, and the activations.",
    destroys="What the labels have to do with the activations.",
    look=Look(colour="#7A7A1F", dashes=(0, (1, 1.2)), width=1.6, marker="P"),
)
