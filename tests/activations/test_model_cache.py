"""A worker holds the model it used last, and no other."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from superpos.activations.inspection import inspect_model
from superpos.activations.model_cache import held_model, release_model
from superpos.specs.models import ModelSpec


@pytest.fixture(autouse=True)
def _nothing_held() -> Iterator[None]:
    release_model()
    yield
    release_model()


def test_the_same_model_is_loaded_once(model_folders: dict[str, Path]) -> None:
    spec = ModelSpec(str(model_folders["llama"]))
    info = inspect_model(spec)
    first = held_model(spec, info, device="cpu", dtype="float32")
    assert held_model(spec, info, device="cpu", dtype="float32") is first
    parameter = next(first.module.parameters())
    assert parameter.dtype == torch.float32


def test_another_model_takes_its_place(model_folders: dict[str, Path]) -> None:
    llama, neox = ModelSpec(str(model_folders["llama"])), ModelSpec(str(model_folders["gpt_neox"]))
    first = held_model(llama, inspect_model(llama), device="cpu", dtype="float32")
    gone = weakref.ref(first.module)
    del first
    held_model(neox, inspect_model(neox), device="cpu", dtype="float32")
    assert gone() is None


def test_files_that_changed_are_another_model(model_folders: dict[str, Path]) -> None:
    spec = ModelSpec(str(model_folders["llama"]))
    info = inspect_model(spec)
    first = held_model(spec, info, device="cpu", dtype="float32")
    changed = replace(info, weights_digest="0" * 64)
    assert held_model(spec, changed, device="cpu", dtype="float32") is not first
    assert held_model(spec, changed, device="cpu", dtype="bfloat16") is not first
