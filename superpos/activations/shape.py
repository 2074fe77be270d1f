"""Shape of any backbone from its configuration alone: built on the meta device, which allocates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from superpos.activations.building import build, in_one_line, quiet, read_architecture
from superpos.activations.structure import find_structure
from superpos.hashing import file_digest


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths and counts of a backbone."""

    n_layers: int
    d_model: int
    d_mlp: int
    """0 where blocks have no one MLP."""
    d_attn: int
    """0 where attention has no one output projection."""
    vocab_size: int
    max_positions: int
    absent: tuple[tuple[str, str], ...]
    """Hookpoints that there are not, with the reason."""


def read_shape(folder: Path) -> Shape:
    """Return the shape of the model in a folder; built once for each content of its configuration.

    Raises
    ------
    InputError
        If transformers does not have the architecture or it has no blocks that can be found.
    """
    return _shape(str(folder), file_digest(folder / "config.json"))


@lru_cache(maxsize=256)
def _shape(folder: str, _config_digest: str) -> Shape:
    config = read_architecture(Path(folder))
    with in_one_line(Path(folder)), quiet():
        # In a short type: on this device some experts have no other.
        structure = find_structure(build(config, "meta").to(torch.bfloat16).eval())
        absent = tuple(structure.absent.items())
    return Shape(
        n_layers=len(structure.blocks),
        d_model=structure.d_model,
        d_mlp=structure.d_mlp,
        d_attn=structure.d_attn,
        vocab_size=int(structure.embedding.num_embeddings),
        max_positions=structure.max_positions,
        absent=absent,
    )
