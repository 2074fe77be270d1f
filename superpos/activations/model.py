"""Loading the backbone of a model with the weights that its scheme gives (`superpos.kinds.weights`).

The language-model head is left out. No parameter may be NaN or infinite in the dtype of the computation: some
float16 checkpoints overflow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from superpos.activations.behaviour import observe
from superpos.activations.building import in_one_line, quiet
from superpos.activations.hub import download
from superpos.activations.inspection import FAMILIES, inspect_model
from superpos.activations.locating import locate
from superpos.activations.structure import Structure, find_structure
from superpos.activations.weight_files import weight_files
from superpos.errors import ArgumentError, InputError, StageError, shown
from superpos.kinds.weights import WEIGHTS
from superpos.records.data import ModelInfo
from superpos.specs.models import ModelSpec, check_dtype


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
        Which model, and the scheme of its weights.
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
    scheme = WEIGHTS.get(spec.weights, "weights")
    info = inspect_model(spec, check_weights=False)
    folder, commit = locate(spec)
    kind: torch.dtype = getattr(torch, dtype)
    with quiet():
        if scheme.reads_files:
            folder = download(spec.name, commit) if commit else folder
            weight_files(folder)
        module = scheme.load(folder, spec.seed, kind)
    if not isinstance(module, nn.Module):
        raise InputError(
            f"weights {shown(spec.weights)}: load gives no torch.nn.Module, but {type(module).__name__}"
        )
    _check_parameters(module, spec.name, dtype)
    try:
        module = module.to(target).eval().requires_grad_(False)
    except torch.OutOfMemoryError as error:
        raise StageError(
            f"{device}: the weights of model {spec.name} in {dtype} do not fit into its memory; use a "
            "smaller dtype or a larger device"
        ) from error
    structure = find_structure(module)
    _ = structure.flows  # before a pass without gradients, whose tensors a model may keep for the next one
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


def _check_parameters(module: nn.Module, name: str, dtype: str) -> None:
    for parameter_name, parameter in module.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise InputError(
                f"model {name}: parameter {parameter_name} is not finite in {dtype}; the weights are damaged "
                "or overflow in this dtype (float32 and bfloat16 have the wide range)"
            )
