"""Weights as `shuffled` makes them, with the trained embeddings of tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from superpos.arrays import Float
from superpos.kinds.looks import Look
from superpos.kinds.weights import MatrixRows, WeightsScheme

if TYPE_CHECKING:
    import torch


def load(folder: Path, seed: int, dtype: torch.dtype) -> torch.nn.Module:
    """Permute the entries of each parameter but the input embedding, as `shuffled` does from this seed."""
    from superpos.activations.changed_weights import SHUFFLE, changed_backbone

    return changed_backbone(folder, seed, dtype, SHUFFLE, keep_embeddings=True)


def rows(asked: MatrixRows) -> Float:
    """Read rows one by one from the safetensors files: both embeddings are the trained ones."""
    from superpos.activations.backbones import stored_rows

    return stored_rows(asked)


KIND = WeightsScheme(
    name="shuffled_keep_embeddings",
    version=1,
    rank=21,
    meaning="Weights as `shuffled` makes them, but for the trained input and output embedding.",
    seeded=True,
    reads_files=True,
    keeps="The embeddings of tokens, bit for bit, and the entries of each other parameter.",
    destroys="Which entry stands where in all but the embeddings.",
    load=load,
    rows=rows,
    look=Look(
        label="shuffled weights, embeddings kept",
        colour="#B45309",
        dashes=(0, (1, 1.2)),
        width=1.6,
        marker="s",
    ),
)
