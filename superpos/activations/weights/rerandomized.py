"""Gaussian weights with the mean and the standard deviation of each trained parameter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from superpos.arrays import Float
from superpos.kinds.looks import Look
from superpos.kinds.weights import MatrixRows, WeightsScheme

if TYPE_CHECKING:
    import torch


def load(folder: Path, seed: int, dtype: torch.dtype) -> torch.nn.Module:
    """Redraw the entries of each parameter; see `superpos.activations.changed_weights`."""
    from superpos.activations.changed_weights import REDRAW, changed_backbone

    return changed_backbone(folder, seed, dtype, REDRAW)


def rows(asked: MatrixRows) -> Float:
    """Take the input embedding of the built model; an output embedding of its own has a draw of its own."""
    from superpos.activations.changed_weights import REDRAW, changed_rows

    return changed_rows(asked, REDRAW)


KIND = WeightsScheme(
    name="rerandomized",
    version=1,
    rank=30,
    meaning="Gaussian weights with the mean and the standard deviation of each trained parameter.",
    seeded=True,
    reads_files=True,
    keeps="The mean and the standard deviation of each parameter, and so its norm, up to sampling.",
    destroys="All structure of matrices, gains and biases, and the shape of their distributions.",
    load=load,
    rows=rows,
    look=Look(label="rerandomized weights", colour="#7C3AED", dashes=(0, (4, 1.5)), width=1.6, marker="D"),
)
