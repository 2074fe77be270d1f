"""Models that ship with the package: small, really trained, usable without a network."""

from __future__ import annotations

from pathlib import Path

from superpos.errors import InputError, allowed, shown

BUNDLED = ("nano",)
"""Names of the model folders beside this file."""
CHECKPOINTS: dict[str, tuple[str, ...]] = {"nano": ("step0", "step64", "step256", "step1024")}
"""Revisions of a bundled model beside the trained one: its weights after so many steps of training."""


def bundled_model(name: str, revision: str = "") -> Path:
    """Return the folder of a bundled model (configuration, safetensors, tokenizer).

    Parameters
    ----------
    name
        One of `BUNDLED`.
    revision
        One of its `CHECKPOINTS`, or empty for the trained model.

    Raises
    ------
    InputError
        If no model of this name and revision ships with the package, or its files are missing from this
        installation.
    """
    if name not in BUNDLED:
        raise InputError(f"model {shown(name)} is not bundled; {allowed(name, BUNDLED)}")
    if revision and revision not in CHECKPOINTS[name]:
        raise InputError(
            f"model {name}: has no revision {shown(revision)}; {allowed(revision, CHECKPOINTS[name])}, "
            "or none"
        )
    folder = Path(__file__).parent / name
    if revision:
        folder = folder / "checkpoints" / revision
    if not (folder / "model.safetensors").is_file():
        raise InputError(f"{folder}: the bundled model {shown(name)} is missing from this installation")
    return folder
