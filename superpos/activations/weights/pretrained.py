"""The weights of the model's own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from superpos.arrays import Float
from superpos.kinds.looks import Look
from superpos.kinds.weights import MatrixRows, WeightsScheme

if TYPE_CHECKING:
    import torch


def load(folder: Path, _seed: int, dtype: torch.dtype) -> torch.nn.Module:
    """Load a backbone from its safetensors files; raises `InputError` where parameters are missing."""
    from superpos.activations.backbones import stored_backbone

    return stored_backbone(folder, dtype)


def rows(asked: MatrixRows) -> Float:
    """Read rows one by one from the safetensors files."""
    from superpos.activations.backbones import stored_rows

    return stored_rows(asked)


KIND = WeightsScheme(
    name="pretrained",
    version=1,
    rank=0,
    meaning="The weights of the model's own files.",
    seeded=False,
    reads_files=True,
    keeps="Everything.",
    destroys="",
    load=load,
    rows=rows,
    look=Look(label="trained weights", colour="#111827", width=2.2, marker="o"),
)
