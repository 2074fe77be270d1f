"""Weights as the architecture initialises them, with the trained embeddings of tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from superpos.arrays import Float
from superpos.kinds.looks import Look
from superpos.kinds.weights import MatrixRows, WeightsScheme

if TYPE_CHECKING:
    import torch


def load(folder: Path, seed: int, dtype: torch.dtype) -> torch.nn.Module:
    """Initialise as `random` does from this seed, and take the input embedding from the files."""
    from superpos.activations.changed_weights import drawn_backbone_with_embeddings

    return drawn_backbone_with_embeddings(folder, seed, dtype)


def rows(asked: MatrixRows) -> Float:
    """Read rows one by one from the safetensors files: both embeddings are the trained ones."""
    from superpos.activations.backbones import stored_rows

    return stored_rows(asked)


KIND = WeightsScheme(
    name="random_keep_embeddings",
    version=1,
    rank=11,
    meaning="Weights as `random` draws them, but for the trained input and output embedding.",
    seeded=True,
    reads_files=True,
    keeps="The embeddings of tokens, bit for bit, and the architecture.",
    destroys="All that training did to the blocks, norms and position embeddings.",
    load=load,
    rows=rows,
    look=Look(
        label="random weights, embeddings kept", colour="#6B7280", dashes=(0, (1, 1.2)), width=1.6, marker="x"
    ),
)
