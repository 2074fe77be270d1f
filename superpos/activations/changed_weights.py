"""Controls made of trained weights: parameters are shuffled or redrawn, embeddings of tokens are kept or not.

What is changed:

- each parameter by itself, as transformers holds it: a fused matrix of queries, keys and values is one, and a
  tensor that two parameters share is one;
- gains of norms, biases and position embeddings like the matrices;
- no buffers (rotary frequencies, masks): training did not make them;
- where embeddings are kept, neither the input nor the output embedding of tokens: they stay bit for bit.

Each parameter has a draw of its own, of the change, its name in the backbone and the seed. So their order
does not matter, torch's generator is not asked, and a scheme that keeps the embeddings has the same blocks as
the one that does not. An output embedding that is not tied is the parameter `output embedding`.

Source: T. Heap, T. Lawson, L. Farnik, L. Aitchison, Sparse autoencoders can interpret randomly initialized
transformers (2025), for redrawn weights with and without the embeddings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from superpos.activations.backbones import drawn_backbone, stored_backbone
from superpos.activations.building import in_one_line, read_architecture
from superpos.activations.parameters import Stored, matrix_name, model_on_meta, stored_parameter
from superpos.activations.weight_files import weight_files
from superpos.arrays import Float
from superpos.errors import InputError
from superpos.kinds.weights import MatrixRows
from superpos.seeding import generator

OUTPUT = "output embedding"
"""What draws call an output embedding that is not tied; no parameter's name has a blank."""
CHUNK = 1 << 22
"""Entries that are drawn at a time."""
BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Types that NumPy has, by bytes: it has no bfloat16."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to one parameter."""

    name: str
    """Part of the names of its draws: another name would be other weights."""
    apply: Callable[[torch.Tensor, np.random.Generator], None]
    """(entries, generator): changes a vector of entries in place."""
    dtype: torch.dtype | None
    """In which entries are changed before they are rounded; None where rounding them first is the same."""

    def parameter(self, values: torch.Tensor, name: str, seed: int) -> torch.Tensor:
        """Return a parameter with its entries changed, in its own memory where that is contiguous."""
        entries = values.detach().reshape(-1)
        self.apply(entries, generator("sample", name=f"{self.name} weights, {name}", seed=seed))
        return entries.view(values.shape)


def _shuffle(entries: torch.Tensor, draw: np.random.Generator) -> None:
    """Permute; the permutation depends on the number of entries alone, not on their type."""
    draw.shuffle(entries.view(BITS[entries.element_size()]).numpy())


def _redraw(entries: torch.Tensor, draw: np.random.Generator) -> None:
    """Draw float32 entries N(mean, deviation^2) with their own mean and deviation (over all of them).

    So the expected sum of squares is that of the entries. Equal entries (fresh gains, zero biases) stay.
    """
    values = entries.numpy()
    parts = [values[start : start + CHUNK] for start in range(0, values.size, CHUNK)]
    with np.errstate(invalid="ignore"):  # damaged weights: their check follows when all is loaded
        mean = sum(float(part.sum(dtype=np.float64)) for part in parts) / values.size
        square = sum(float(np.square(part.astype(np.float64) - mean).sum()) for part in parts) / values.size
        for part in parts:
            part[:] = mean + np.sqrt(square) * draw.standard_normal(part.size)


SHUFFLE = Change("shuffled", _shuffle, None)
"""Entries change places: their distribution stays to the bit, in every dtype the same permutation."""
REDRAW = Change("rerandomized", _redraw, torch.float32)
"""Entries are drawn anew: mean and deviation stay up to sampling, before they are rounded to the dtype."""


def changed_backbone(
    folder: Path, seed: int, dtype: torch.dtype, change: Change, *, keep_embeddings: bool = False
) -> nn.Module:
    """Return the trained backbone with every parameter changed, on the CPU.

    Parameters
    ----------
    folder
        With config.json and safetensors files.
    seed
        Of the draws.
    dtype
        Of the parameters.
    change
        `SHUFFLE` or `REDRAW`.
    keep_embeddings
        Whether the input embedding of tokens stays as trained.

    Raises
    ------
    InputError
        As `stored_backbone`.
    """
    module: Any = stored_backbone(folder, change.dtype or dtype)
    kept = module.get_input_embeddings().weight if keep_embeddings else None
    for name, parameter in module.named_parameters():  # a shared tensor is named once
        if parameter is not kept:
            parameter.data = change.parameter(parameter.data, name, seed)
    backbone: nn.Module = module.to(dtype)
    return backbone


def changed_rows(asked: MatrixRows, change: Change) -> Float:
    """Return rows of an embedding that is changed with the rest, (k, d).

    Those of the input embedding are the loaded model's. An output embedding that the files hold for itself is
    changed with a draw of its own.

    Raises
    ------
    InputError
        If the files lack the matrix.
    """
    stored = _stored(asked.module, asked.parameter, asked.folder)
    with in_one_line(asked.folder):
        table = matrix_name(asked.module, "embed", asked.folder)
    if stored == _stored(asked.module, table, asked.folder):
        return asked.built()
    matrix = _read(stored, asked.folder)
    changed = change.parameter(matrix.to(change.dtype or matrix.dtype), OUTPUT, asked.seed)
    rows: Float = changed[torch.tensor(asked.tokens)].double().numpy()
    return rows


def drawn_backbone_with_embeddings(folder: Path, seed: int, dtype: torch.dtype) -> nn.Module:
    """Return a backbone as `drawn_backbone` makes it, but for the input embedding, which is the stored one.

    Raises
    ------
    InputError
        If the architecture cannot be built, or the files lack the embedding or hold one of another shape.
    """
    module: Any = drawn_backbone(folder, seed).to(dtype)
    with in_one_line(folder):
        with_head = model_on_meta(read_architecture(folder))
        name = matrix_name(with_head, "embed", folder)
    table = _read(_stored(with_head, name, folder), folder)
    weight = module.get_input_embeddings().weight
    if table.shape != weight.shape:
        raise InputError(
            f"{folder}: tensor {name} is {tuple(table.shape)} in the weight files, and {tuple(weight.shape)} "
            "by config.json"
        )
    weight.data = table.to(dtype)
    drawn: nn.Module = module
    return drawn


def _stored(module: Any, name: str, folder: Path) -> Stored:
    files = weight_files(folder)
    with in_one_line(folder):
        return stored_parameter(module, name, files, folder)


def _read(stored: Stored, folder: Path) -> torch.Tensor:
    """Return a tensor of a file in memory of its own."""
    from safetensors import safe_open

    with in_one_line(folder), safe_open(stored.path, framework="pt") as opened:
        tensor: torch.Tensor = opened.get_tensor(stored.tensor)
        return tensor.clone()
