"""Building a transformers backbone from the configuration in a folder, and saying in one line why it fails.

Only classes that are part of transformers are built; nothing that comes with a model is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from superpos.activations.folders import read_config
from superpos.errors import InputError


def read_architecture(folder: Path) -> Any:
    """Return the configuration of a text model as transformers understands it.

    Raises
    ------
    InputError
        For an architecture that is not part of transformers, encoder-decoders, models that read more than
        text, and whatever `read_config` refuses.
    """
    from transformers import CONFIG_MAPPING, AutoConfig

    path = folder / "config.json"
    raw = read_config(folder)
    model_type = str(raw.get("model_type", ""))
    if model_type not in CONFIG_MAPPING:
        raise InputError(
            f"{path}: model_type {model_type!r} is not an architecture of the installed transformers, and "
            "code that comes with weights (trust_remote_code) is never run"
        )
    with in_one_line(folder), quiet():
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    if getattr(config, "is_encoder_decoder", False):
        raise InputError(
            f"{path}: {model_type} is an encoder with a decoder, and layers would be two lists; allowed: "
            "decoders and encoders of text"
        )
    if getattr(config, "text_config", None) is not None or getattr(config, "vision_config", None) is not None:
        raise InputError(
            f"{path}: {model_type} reads more than text; save its text model alone "
            "(AutoModelForCausalLM of the text configuration) and use that folder"
        )
    return config


def build(config: Any, device: str) -> nn.Module:
    """Return the backbone of a configuration with weights as its class initialises them, float32.

    On device `meta` nothing is allocated; on the CPU draws come from torch's global generator.
    """
    from transformers import AutoModel

    with torch.device(device):
        module: nn.Module = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
    return module


def head_class(config: Any) -> Any | None:
    """Return the auto class that builds an architecture with its language-model head, None without one."""
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_MASKED_LM_MAPPING,
        AutoModelForCausalLM,
        AutoModelForMaskedLM,
    )

    if type(config) in MODEL_FOR_MASKED_LM_MAPPING:
        return AutoModelForMaskedLM
    return AutoModelForCausalLM if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING else None


@contextmanager
def in_one_line(folder: Path) -> Iterator[None]:
    """Turn what transformers, its configuration checks and safetensors raise into one line."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except InputError:
        raise
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
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


@contextmanager
def quiet() -> Iterator[None]:
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
