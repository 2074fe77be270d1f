"""Trained weights, the entries of each parameter permuted within it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from superpos.arrays import Float
from superpos.kinds.looks import Look
from superpos.kinds.weights import MatrixRows, WeightsScheme

if TYPE_CHECKING:
    import torch


def load(folder: Path, seed: int, dtype: torch.dtype) -> torch.nn.Module:
    """Permute the entries of each parameter; see `superpos.activations.changed_weights`."""
    from superpos.activations.changed_weights import SHUFFLE, changed_backbone

    return changed_backbone(folder, seed, dtype, SHUFFLE)


def rows(asked: MatrixRows) -> Float:
    """Take the input embedding of the built model; an output embedding of its own has a draw of its own."""
    from superpos.activations.changed_weights import SHUFFLE, changed_rows

    return changed_rows(asked, SHUFFLE)


KIND = WeightsScheme(
    name="shuffled",
    version=1,
    rank=20,
    meaning="Trained weights, the entries of each parameter permuted within it.",
    seeded=True,
    reads_files=True,
    keeps="The entries of each parameter, and so its mean, norm and heavy tails.",
    destroys="Which entry stands where: all structure of matrices, gains and biases.",
    load=load,
    rows=rows,
    look=Look(label="shuffled weights", colour="#B45309", dashes=(0, (4, 1.5)), width=1.6, marker="s"),
)
