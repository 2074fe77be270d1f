"""Which stored tensor a parameter of a model is loaded from, resolved as transformers resolves it.

Names in files differ from those of parameters: the prefix of the backbone is there or not, older files have
older names (GPT-NeoX: `embed_out`), and of tensors that are shared one name is mostly left out. Renaming is
that of transformers itself, asked tensor by tensor. Sharing is symmetric: a parameter that the files lack is
loaded from any name that the configuration ties it to; where the files hold both, each is its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from superpos.activations.building import head_class
from superpos.activations.weight_files import stored_tensors
from superpos.errors import InputError


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file."""

    path: Path
    tensor: str


def model_on_meta(config: Any) -> Any:
    """Return a model with its language-model head, if there is one, without allocating anything."""
    from transformers import AutoModel

    with torch.device("meta"):
        return (head_class(config) or AutoModel).from_config(config, trust_remote_code=False)


def matrix_name(module: Any, matrix: str, folder: Path) -> str:
    """Return the name of the parameter that is the input (`embed`) or output embedding (`unembed`).

    Raises
    ------
    InputError
        If the model has no output embedding.
    """
    found = module.get_input_embeddings()
    if matrix == "unembed":
        if head_class(module.config) is None:
            kind = module.config.model_type
            raise InputError(f"{folder}: {kind} has no language-model head, so no unembed matrix")
        found = module.get_output_embeddings()
        if not isinstance(found, nn.Module):
            raise InputError(f"{folder}: {type(module).__name__} has no output embedding")
    path: str = next(path for path, part in module.named_modules() if part is found)
    return f"{path}.weight"


def stored_parameter(module: Any, name: str, files: tuple[Path, ...], folder: Path) -> Stored:
    """Return the tensor that a parameter is loaded from.

    Parameters
    ----------
    module
        The model, on any device.
    name
        Of the parameter.
    files
        Weight files of the model, as `weight_files` gives them.
    folder
        Where they lie, for the message.

    Raises
    ------
    InputError
        If the files hold neither the parameter nor one that it is tied to; damaged files.
    """
    stored = _loaded_from(module, files)
    for alike in _tied_names(module, name):
        if alike in stored:
            return stored[alike]
    raise InputError(f"{folder}: no tensor {name} in the weight files ({files[0].name} first)")


def _loaded_from(module: Any, files: tuple[Path, ...]) -> dict[str, Stored]:
    """Return the tensor that each parameter is loaded from under its own name."""
    # What `from_pretrained` calls, in the same order: there is no public way to ask for the names alone.
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    mapping = get_model_conversion_mapping(module)
    renamings = [entry for entry in mapping if isinstance(entry, WeightRenaming)]
    converters = [entry for entry in mapping if isinstance(entry, WeightConverter)]
    own, prefix = module.state_dict(), module.base_model_prefix
    found: dict[str, Stored] = {}
    for tensor, (path, _) in sorted(stored_tensors(files).items()):
        key, _ = rename_source_key(tensor, renamings, converters, prefix, own)
        if key not in own and tensor in own:
            key = tensor
        if key in own:
            found[key] = Stored(path, tensor)
    return found


def _tied_names(module: Any, name: str) -> list[str]:
    """Return a parameter's name and those of all that the configuration ties it to, its own first."""
    tied: dict[str, str] = module.all_tied_weights_keys
    source = tied.get(name, name)
    group = [source, *(target for target, other in tied.items() if other == source)]
    return [name, *(other for other in group if other != name)]
