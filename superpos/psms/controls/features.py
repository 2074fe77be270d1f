"""The features themselves: no control, and no replicates."""

from superpos.kinds.controls import FEATURES, Control
from superpos.kinds.looks import Look

KIND = Control(
    name=FEATURES,
    version=1,
    rank=0,
    meaning="Similarities of the features' own directions.",
    draws_from="nothing",
    keeps="Everything.",
    destroys="",
    look=Look(colour="#111827", width=2.2, marker="o"),
)
