"""Schemes of weights: how the parameters of a model come about, from its files or from a seed.

A scheme other than the model's own weights is a control that draws from the model, so it says what it keeps
and what it destroys. `load` and `rows` need torch, which their modules import where they are called: planning
asks the other fields alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from superpos.arrays import Float
from superpos.errors import ArgumentError
from superpos.kinds.looks import Look
from superpos.kinds.register import Kind, Register

Load = Callable[[Path, int, Any], Any]
"""(folder, seed, torch dtype) -> backbone on the CPU, a `torch.nn.Module` in that dtype. The folder has
config.json, and the weight files where the scheme reads them. Torch's global generator stays as it is."""


@dataclass(frozen=True, slots=True, eq=False)
class MatrixRows:
    """Rows of the input or output embedding that are wanted."""

    folder: Path
    """With config.json, and the weight files where the scheme reads them."""
    seed: int
    config: Any
    """Of transformers."""
    module: Any
    """The model with its head on device `meta`."""
    parameter: str
    """Name of the matrix in it."""
    shape: tuple[int, int]
    tokens: Sequence[int]
    """Rows, ascending."""
    is_input: bool
    """Whether it is the input embedding, an output embedding tied to it included."""
    built: Callable[[], Float]
    """Gives the rows of the input embedding of the loaded model, (len(tokens), d)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsScheme(Kind):
    """One way in which the weights of a model come about."""

    seeded: bool
    """Whether weights are drawn from a seed; without one the seed is -1."""
    reads_files: bool
    """Whether the model's weight files are read, so that they are part of its identity."""
    keeps: str
    """What of the trained model it keeps, a sentence."""
    destroys: str
    """What of the trained model it destroys, a sentence; empty for its own weights."""
    load: Load
    rows: Callable[[MatrixRows], Float] | None = None
    """Gives rows of an embedding without loading the model, (len(tokens), d). Without it the model is loaded,
    and an output embedding that is not tied is refused, for a backbone has none."""
    look: Look = field(default_factory=Look)

    def __post_init__(self) -> None:
        """Check the sentence; raises `ArgumentError`."""
        Kind.__post_init__(self)
        if not self.keeps.strip():
            raise ArgumentError("keeps", "is empty; say in a sentence what of the trained model it is")

    def check(self) -> None:
        """Check what can be checked without a model: signatures; raises `ArgumentError`."""
        _check_signature("load", self.load, "(folder, seed, dtype)", 3)
        if self.rows is not None:
            _check_signature("rows", self.rows, "(asked)", 1)
        if not self.seeded and not self.reads_files:
            raise ArgumentError("seeded", "weights come from the files, from a seed or from both")


def _check_signature(name: str, function: object, wanted: str, count: int) -> None:
    if not callable(function):
        raise ArgumentError(name, f"is no function of {wanted}")
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError) as error:
        raise ArgumentError(name, f"is no function of {wanted}: {error}") from error


WEIGHTS: Register[WeightsScheme] = Register(
    "scheme of weights",
    WeightsScheme,
    package="superpos.activations.weights",
    group="superpos.weights",
)
"""Schemes of weights by name."""
