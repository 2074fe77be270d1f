"""The weights of a GGUF file as safetensors in single precision, with what is checked before and after."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import torch

from superpos.activations.building import head_class, in_one_line, quiet, read_architecture
from superpos.activations.gguf_header import GgufHeader
from superpos.activations.shape import read_shape
from superpos.errors import InputError

NO_WEIGHTS = ("rope_freqs.weight",)
"""Tensors of a file that are no parameters of a model."""
OWN_HEAD = "output.weight"


def check_architecture(path: Path, folder: Path) -> None:
    """Check that the model that a folder's configuration describes can be studied, before it is loaded.

    Raises
    ------
    InputError
        As `read_shape`, naming the GGUF file.
    """
    try:
        read_shape(folder)
    except InputError as error:
        text = str(error).replace(str(folder / "config.json"), str(path)).replace(str(folder), str(path))
        raise InputError(text) from error


def write_weights(header: GgufHeader, folder: Path) -> None:
    """Write the weights of a file into the folder that holds its configuration.

    Raises
    ------
    InputError
        If transformers cannot read them, parameters of the model are not in the file, or the file holds
        tensors that the model does not have.
    """
    from transformers import AutoModel

    path = header.path
    config = read_architecture(folder)
    text = (folder / "config.json").read_text(encoding="utf-8")
    kind_of_model: Any = head_class(config) or AutoModel
    with in_one_line(path), quiet(), _without_bars(), torch.random.fork_rng(devices=[]):
        module, report = kind_of_model.from_pretrained(
            str(path.parent),
            gguf_file=path.name,
            config=config,
            dtype=torch.float32,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported, and refused below with their names
        )
    _check_whole(header, module, report)
    # The loader marks the model as one whose weights are still blocks, which cannot be saved. They are not.
    module.hf_quantizer = None
    if hasattr(module.config, "quantization_config"):
        del module.config.quantization_config
    with in_one_line(path), quiet():
        module.save_pretrained(str(folder))
    # Saved beside them: the configuration with its defaults, which change from version to version.
    (folder / "config.json").write_text(text, encoding="utf-8")
    (folder / "generation_config.json").unlink(missing_ok=True)


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep a progress bar off the terminal that transformers shows of GGUF whatever it was told."""
    with redirect_stderr(io.StringIO()):
        yield


def _check_whole(header: GgufHeader, module: Any, report: Any) -> None:
    """Check that file and model hold the same numbers, as far as counts can tell."""
    lacking = sorted(str(key) for key in report["missing_keys"])
    if lacking:
        raise InputError(
            f"{header.path}: {len(lacking)} parameters of the model are not in the file, {lacking[0]} first"
        )
    if other := sorted(map(str, report["mismatched_keys"])):
        raise InputError(
            f"{header.path}: {len(other)} tensors have another shape than the parameters of the model, "
            f"{other[0]} first (name, shape in the file, shape in the model)"
        )
    held = sum(parameter.numel() for parameter in module.parameters())
    there = sum(tensor.n_elements for tensor in header.tensors if tensor.name not in NO_WEIGHTS)
    if held != there:
        tied = any(tensor.name == OWN_HEAD for tensor in header.tensors) and module.config.tie_word_embeddings
        head = next((tensor.n_elements for tensor in header.tensors if tensor.name == OWN_HEAD), 0)
        if not (tied and held == there - head):
            raise InputError(
                f"{header.path}: holds {there:,} numbers, and the {header.architecture} of transformers "
                f"takes {held:,}; it would not be the same model"
            )
