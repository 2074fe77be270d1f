"""Loading the backbone of a model: pretrained weights from safetensors, or random ones from a seed.

The language-model head is left out. Nothing that comes with the weights is run (`trust_remote_code` off,
safetensors only), every parameter must be in the files, and none may be NaN or infinite in the dtype of the
computation: some float16 checkpoints overflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from superpos.activations.folders import read_config, weight_files
from superpos.activations.hub import download
from superpos.activations.inspection import inspect_model, locate
from superpos.errors import ArgumentError, InputError
from superpos.records.data import ModelInfo
from superpos.seeding import draw_entropy
from superpos.specs.models import ModelSpec, check_dtype


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A backbone in evaluation mode with the identity it was loaded by."""

    info: ModelInfo
    module: nn.Module
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
        Of weights and computation: `float32`, `bfloat16` or `float16`.

    Raises
    ------
    InputError
        As `inspect_model`; further for a device that is not there, parameters missing from the files or of
        another shape, and parameters that are not finite in `dtype`.
    """
    check_dtype(dtype)
    target = check_device(device)
    info = inspect_model(spec, check_weights=False)
    folder, commit = locate(spec)
    kind: torch.dtype = getattr(torch, dtype)
    with _quiet():
        if spec.weights == "random":
            module = _random(folder, spec.seed).to(kind)
        else:
            source = download(spec.name, commit) if commit else folder
            weight_files(source)
            module = _pretrained(source, kind)
    _check_parameters(module, spec.name, dtype)
    return LoadedModel(info, module.to(target).eval().requires_grad_(False), target, dtype)


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
    from transformers import AutoConfig, AutoModel

    module: nn.Module
    read_config(folder)
    with _in_one_line(folder), torch.random.fork_rng(devices=[]):
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
        torch.manual_seed(draw_entropy("model_weights", seed=seed) % 2**63)
        module = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
    return module


def _pretrained(folder: Path, kind: torch.dtype) -> nn.Module:
    from transformers import AutoModel

    module: nn.Module
    with _in_one_line(folder):
        module, report = AutoModel.from_pretrained(
            str(folder),
            dtype=kind,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} parameters are not in the weight files, {missing[0]} first"
        )
    return module


@contextmanager
def _in_one_line(folder: Path) -> Iterator[None]:
    """Turn what transformers, its configuration checks and safetensors raise into one line."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except InputError:
        raise
    except (
        ArithmeticError,
        ImportError,
        LookupError,
        OSError,
        RuntimeError,
        SafetensorError,
        StrictDataclassError,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{folder}: the model cannot be built ({reason[:300]})") from error


def _check_parameters(module: nn.Module, name: str, dtype: str) -> None:
    for parameter_name, parameter in module.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise InputError(
                f"model {name}: parameter {parameter_name} is not finite in {dtype}; the weights are damaged "
                "or overflow in this dtype (float32 and bfloat16 have the wide range)"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep reports and progress bars of transformers off the terminal; the check of missing keys is ours."""
    from transformers.utils import logging

    level: Any = logging.get_verbosity()
    bars: bool = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
