"""Weights as `rerandomized` makes them, with the trained embeddings of tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from superpos.arrays import Float
from superpos.kinds.looks import Look
from superpos.kinds.weights import MatrixRows, WeightsScheme

if TYPE_CHECKING:
    import torch


def load(folder: Path, seed: int, dtype: torch.dtype) -> torch.nn.Module:
    """Redraw the entries of each parameter but the input embedding, as `rerandomized` does from this seed."""
    from superpos.activations.changed_weights import REDRAW, changed_backbone

    return changed_backbone(folder, seed, dtype, REDRAW, keep_embeddings=True)


def rows(asked: MatrixRows) -> Float:
    """Read rows one by one from the safetensors files: both embeddings are the trained ones."""
    from superpos.activations.backbones import stored_rows

    return stored_rows(asked)


KIND = WeightsScheme(
    name="rerandomized_keep_embeddings",
    version=1,
    rank=31,
    meaning="Weights as `rerandomized` makes them, but for the trained input and output embedding.",
    seeded=True,
    reads_files=True,
    keeps="The embeddings of tokens, bit for bit; mean and deviation of each other parameter.",
    destroys="All structure of the other parameters, and the shape of their distributions.",
    load=load,
    rows=rows,
    look=Look(
        label="rerandomized weights, embeddings kept",
        colour="#7C3AED",
        dashes=(0, (1, 1.2)),
        width=1.6,
        marker="D",
    ),
)
