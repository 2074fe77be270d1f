"""Models that ship with the package: small, really trained, usable without a network."""

from __future__ import annotations

from pathlib import Path

from superpos.errors import InputError, allowed

BUNDLED = ("nano",)
"""Names of the model folders beside this file."""


def bundled_model(name: str) -> Path:
    """Return the folder of a bundled model (configuration, safetensors, tokenizer, model card).

    Raises
    ------
    InputError
        If no model of this name ships with the package, or its files are missing from this installation.
    """
    if name not in BUNDLED:
        raise InputError(f"model {name!r} is not bundled; {allowed(name, BUNDLED)}")
    folder = Path(__file__).parent / name
    if not (folder / "model.safetensors").is_file():
        raise InputError(f"{folder}: the bundled model {name!r} is missing from this installation")
    return folder
