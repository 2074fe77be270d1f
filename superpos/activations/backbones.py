"""Backbones and embedding rows, read from safetensors files or drawn from a seed.

Nothing that comes with the weights is run (`trust_remote_code` off, safetensors only), and every parameter
must be in the files; a tensor that embedding and head share may be there under either name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from superpos.activations.building import build, head_class, in_one_line, read_architecture
from superpos.activations.parameters import stored_parameter
from superpos.activations.weight_files import weight_files
from superpos.arrays import Float
from superpos.errors import InputError
from superpos.kinds.weights import MatrixRows
from superpos.seeding import draw_entropy

UNUSED = "pooler."
"""Parameters of encoders behind the last block, which masked language models are saved without."""
INITIALIZER_RANGE = 0.02
"""Standard deviation of fresh weights where a configuration states none."""


def drawn_backbone(folder: Path, seed: int) -> nn.Module:
    """Initialise the architecture under a generator state of its own, in float32 on the CPU.

    Raises
    ------
    InputError
        If the architecture cannot be built.
    """
    config = read_architecture(folder)
    with in_one_line(folder), torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw_entropy("model_weights", seed=seed) % 2**63)
        return build(config, "cpu")


def stored_backbone(folder: Path, dtype: torch.dtype) -> nn.Module:
    """Load a backbone; one whose files name a shared tensor by the head alone is loaded with its head.

    Raises
    ------
    InputError
        If the architecture cannot be built, or parameters are missing from the files or of another shape.
    """
    from transformers import AutoModel

    config = read_architecture(folder)
    module: nn.Module
    module, missing = _read_weights(AutoModel, folder, dtype)
    head = head_class(config)
    if missing and head is not None:
        with_head, still_missing = _read_weights(head, folder, dtype)
        prefix = with_head.base_model_prefix
        if prefix and not any(key.startswith(f"{prefix}.") for key in still_missing):
            backbone: nn.Module = with_head.base_model
            return backbone
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} parameters are not in the weight files, {missing[0]} first"
        )
    return module


def _read_weights(kind_of_model: Any, folder: Path, dtype: torch.dtype) -> tuple[Any, list[str]]:
    """Return a model with the weights of a folder, and the parameters that these lack, sorted."""
    with in_one_line(folder), torch.random.fork_rng(devices=[]):  # a head that is missing would be drawn
        module, report = kind_of_model.from_pretrained(
            str(folder),
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    return module, sorted(key for key in report["missing_keys"] if not key.startswith(UNUSED))


def stored_rows(asked: MatrixRows) -> Float:
    """Return rows of a stored matrix of any dtype, (k, d), of the tensor that transformers would load.

    Raises
    ------
    InputError
        If the files lack it.
    """
    from safetensors import safe_open

    files = weight_files(asked.folder)
    with in_one_line(asked.folder):
        stored = stored_parameter(asked.module, asked.parameter, files, asked.folder)
    with safe_open(stored.path, framework="pt") as opened:
        rows = opened.get_slice(stored.tensor)
        return np.stack([rows[token].double().numpy() for token in asked.tokens])


def drawn_rows(asked: MatrixRows) -> Float:
    """Return rows of an output embedding that is not tied, (k, d), drawn N(0, initializer_range^2)."""
    generator = torch.Generator().manual_seed(
        draw_entropy("sample", name="output embedding", seed=asked.seed) % 2**63
    )
    spread = float(getattr(asked.config, "initializer_range", INITIALIZER_RANGE))
    weight = torch.empty(asked.shape).normal_(0.0, spread, generator=generator)
    rows: Float = weight[torch.tensor(asked.tokens)].double().numpy()
    return rows
