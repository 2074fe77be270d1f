"""Weights as the architecture initialises them, drawn from a seed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from superpos.arrays import Float
from superpos.kinds.looks import Look
from superpos.kinds.weights import MatrixRows, WeightsScheme

if TYPE_CHECKING:
    import torch


def load(folder: Path, seed: int, dtype: torch.dtype) -> torch.nn.Module:
    """Initialise the architecture from the seed, in float32 before it is rounded to the dtype."""
    from superpos.activations.backbones import drawn_backbone

    return drawn_backbone(folder, seed).to(dtype)


def rows(asked: MatrixRows) -> Float:
    """Take the input embedding of the built model; an output embedding of its own has a draw of its own."""
    from superpos.activations.backbones import drawn_rows

    return asked.built() if asked.is_input else drawn_rows(asked)


KIND = WeightsScheme(
    name="random",
    version=1,
    rank=10,
    meaning="Weights as the architecture initialises them, one model a seed.",
    seeded=True,
    reads_files=False,
    keeps="The architecture, and the text that it reads.",
    destroys="All that training did.",
    load=load,
    rows=rows,
    look=Look(label="random weights", colour="#6B7280", dashes=(0, (4, 1.5)), width=1.8, marker="X"),
)
