"""What tests of every scheme that changes trained weights ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from superpos.activations.model import load_model
from superpos.kinds.weights import WEIGHTS
from superpos.specs.models import ModelSpec

FAMILIES = ("gpt_neox", "llama")
EMBEDDINGS = {"embed_in.weight", "embed_tokens.weight"}


def state(folder: Path, weights: str = "pretrained", seed: int = 0, dtype: str = "float32") -> dict[str, Any]:
    """Return the parameters of a model by name, as they are loaded."""
    spec = ModelSpec(str(folder), weights=weights, seed=seed if WEIGHTS.get(weights).seeded else -1)
    return {name: value.detach() for name, value in load_model(spec, dtype=dtype).module.named_parameters()}


def same(first: dict[str, Any], other: dict[str, Any]) -> set[str]:
    """Return the names of the parameters that are equal bit for bit."""
    assert first.keys() == other.keys()
    return {name for name in first if torch.equal(first[name], other[name])}
