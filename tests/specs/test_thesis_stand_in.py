"""The stand-in for Pythia-1B: its study has the blocks of the thesis, on a network of two layers."""

from __future__ import annotations

from pathlib import Path

import superpos
from superpos.activations.inspection import inspect_model
from superpos.specs.models import ModelSpec
from superpos.specs.studyfile import load_study
from tools.thesis_stand_in import SHAPE, write

NARROW = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}


def test_it_has_the_blocks_of_the_thesis_and_two_layers(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, **NARROW))
    thesis = load_study(Path(superpos.__file__).parent / "studies" / "thesis.toml")
    assert [block.name for block in study.blocks] == [block.name for block in thesis.blocks]
    info = inspect_model(ModelSpec(name=study.models[0].name))
    assert (info.n_layers, info.d_mlp) == (SHAPE["num_hidden_layers"], NARROW["intermediate_size"])
