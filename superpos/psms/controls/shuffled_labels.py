"""Similarities of probes that were trained on permuted labels (`superpos.probes.permutation`)."""

from superpos.kinds.controls import Control
from superpos.kinds.looks import Look

KIND = Control(
    name="shuffled_labels",
    version=1,
    rank=50,
    meaning="Directions of probes trained on permuted labels.",
    draws_from="labels",
    keeps="The activations, and counts and correlations of the labels.",
    destroys="What the labels are labels of: whole groups change places where they are constant in one.",
    look=Look(colour="#7A7A1F", dashes=(0, (1, 1.2)), width=1.6, marker="P"),
)
