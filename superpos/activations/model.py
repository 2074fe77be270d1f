"""Loading the backbone of a model: pretrained weights from safetensors, or random ones from a seed.

The language-model head is left out. Nothing that comes with the weights is run (`trust_remote_code` off,
safetensors only), every parameter must be in the files (a tensor that embedding and head share may be there
under either name), and none may be NaN or infinite in the dtype of the computation: some float16 checkpoints
overflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from superpos.activations.behaviour import observe
from superpos.activations.building import build, head_class, in_one_line, quiet, read_architecture
from superpos.activations.hub import download
from superpos.activations.inspection import FAMILIES, inspect_model, locate
from superpos.activations.structure import Structure, find_structure
from superpos.activations.weight_files import weight_files
from superpos.errors import ArgumentError, InputError, StageError
from superpos.records.data import ModelInfo
from superpos.seeding import draw_entropy
from superpos.specs.models import ModelSpec, check_dtype

UNUSED = "pooler."
"""Parameters of encoders behind the last block, which masked language models are saved without."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A backbone in evaluation mode with the identity it was loaded by."""

    info: ModelInfo
    module: nn.Module
    structure: Structure
    causal: bool
    """Whether a token's activations depend on it and those before it alone."""
    device: torch.device
    dtype: str


def load_model(spec: ModelSpec, device: str = "cpu", dtype: str = "float32") -> LoadedModel:
    """Load the backbone of a model.

    Parameters
    ----------
    spec
        Which model, and whether its own weights or random ones.
    device
        A torch device: `cpu`, `cuda`, `cuda:1`.
    dtype
        Of weights and computation: `float32`, `bfloat16`, `float16`, or `auto` for `default_dtype(device)`.

    Raises
    ------
    InputError
        As `inspect_model`; further for a device that is not there, parameters missing from the files or of
        another shape, and parameters that are not finite in `dtype`.
    StageError
        If the weights do not fit into the device's memory.
    """
    target = check_device(device)
    dtype = default_dtype(device) if dtype == "auto" else check_dtype(dtype)
    info = inspect_model(spec, check_weights=False)
    folder, commit = locate(spec)
    kind: torch.dtype = getattr(torch, dtype)
    with quiet():
        if spec.weights == "random":
            module = _random(folder, spec.seed).to(kind)
        else:
            source = download(spec.name, commit) if commit else folder
            weight_files(source)
            module = _pretrained(source, kind)
    _check_parameters(module, spec.name, dtype)
    try:
        module = module.to(target).eval().requires_grad_(False)
    except torch.OutOfMemoryError as error:
        raise StageError(
            f"{device}: the weights of model {spec.name} in {dtype} do not fit into its memory; use a "
            "smaller dtype or a larger device"
        ) from error
    structure = find_structure(module)
    causal = True
    if info.family not in FAMILIES.values():  # of those the whole forward pass is known
        with in_one_line(folder):
            causal = observe(structure, target)
    return LoadedModel(info, module, structure, causal, target, dtype)


def default_dtype(device: str) -> str:
    """Return the dtype to compute in: float32 on the CPU, bfloat16, which has its range, on a GPU."""
    return "bfloat16" if check_device(device).type == "cuda" else "float32"


def check_device(device: str) -> torch.device:
    """Return a torch device; raises `ArgumentError` if it is unknown or not there."""
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ArgumentError("device", f"{device!r} is unknown; allowed: cpu, cuda, cuda:N") from error
    if target.type not in ("cpu", "cuda"):
        raise ArgumentError("device", f"{device!r} is not supported; allowed: cpu, cuda, cuda:N")
    if target.type == "cuda" and (target.index or 0) >= torch.cuda.device_count():
        raise ArgumentError(
            "device", f"{device!r} is not there ({torch.cuda.device_count()} CUDA devices); use cpu"
        )
    return target


def _random(folder: Path, seed: int) -> nn.Module:
    """Initialise the architecture under a generator state of its own, in float32 on the CPU."""
    config = read_architecture(folder)
    with in_one_line(folder), torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw_entropy("model_weights", seed=seed) % 2**63)
        return build(config, "cpu")


def _pretrained(folder: Path, kind: torch.dtype) -> nn.Module:
    """Load a backbone; one whose files name a shared tensor by the head alone is loaded with its head."""
    from transformers import AutoModel

    config = read_architecture(folder)
    module: nn.Module
    module, missing = _read_weights(AutoModel, folder, kind)
    head = head_class(config)
    if missing and head is not None:
        with_head, still_missing = _read_weights(head, folder, kind)
        prefix = with_head.base_model_prefix
        if prefix and not any(key.startswith(f"{prefix}.") for key in still_missing):
            backbone: nn.Module = with_head.base_model
            return backbone
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} parameters are not in the weight files, {missing[0]} first"
        )
    return module


def _read_weights(kind_of_model: Any, folder: Path, kind: torch.dtype) -> tuple[Any, list[str]]:
    """Return a model with the weights of a folder, and the parameters that these lack, sorted."""
    with in_one_line(folder), torch.random.fork_rng(devices=[]):  # a head that is missing would be drawn
        module, report = kind_of_model.from_pretrained(
            str(folder),
            dtype=kind,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    return module, sorted(key for key in report["missing_keys"] if not key.startswith(UNUSED))


def _check_parameters(module: nn.Module, name: str, dtype: str) -> None:
    for parameter_name, parameter in module.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise InputError(
                f"model {name}: parameter {parameter_name} is not finite in {dtype}; the weights are damaged "
                "or overflow in this dtype (float32 and bfloat16 have the wide range)"
            )
