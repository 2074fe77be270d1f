"""The model that a worker loaded last: passes over several data sets load it once.

One model is held at a time, so that a sweep over checkpoints needs the memory of one of them.
"""

from __future__ import annotations

import gc

from superpos.activations.model import LoadedModel, load_model
from superpos.records.data import ModelInfo
from superpos.specs.models import ModelSpec

_held: dict[tuple[ModelSpec, ModelInfo, str, str], LoadedModel] = {}


def held_model(spec: ModelSpec, info: ModelInfo, *, device: str, dtype: str) -> LoadedModel:
    """Return a model, loaded unless it is the one that was asked for last; another one is let go first.

    Parameters
    ----------
    spec
        The model.
    info
        Identity of its files, checked by the caller: files that changed are another model.
    device, dtype
        As in `superpos.activations.model.load_model`.

    Raises
    ------
    InputError
        As `load_model`.
    """
    key = (spec, info, device, dtype)
    if key not in _held:
        release_model()
        _held[key] = load_model(spec, device=device, dtype=dtype)
    return _held[key]


def release_model() -> None:
    """Let the held model go."""
    if _held:
        _held.clear()
        gc.collect()
