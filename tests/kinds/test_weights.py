"""Schemes of weights: the own ones, one from elsewhere through loading and rows, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig

from superpos.activations import inspect_model
from superpos.activations.embeddings import token_rows
from superpos.activations.model import load_model
from superpos.errors import ArgumentError, InputError
from superpos.kinds.weights import WEIGHTS, WeightsScheme
from superpos.specs.models import ModelSpec
from superpos.specs.study import ModelChoice

OF_USER = '''
"""Trained weights whose entries have changed places."""
import torch
from superpos.kinds.weights import WEIGHTS, WeightsScheme

def load(folder, seed, dtype):
    module = WEIGHTS.get("pretrained").load(folder, -1, dtype)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            flat = parameter.view(-1)
            flat.copy_(flat[torch.randperm(flat.numel(), generator=draw)])
    return module

KIND = WeightsScheme(name="shuffled", version=1, meaning="Entries change places.", seeded=True,
                     reads_files=True, keeps="The entries.", destroys="Their places.", load=load)
WRONG = WeightsScheme(name="wrong", version=1, meaning="No model.", seeded=True, reads_files=False,
                      keeps="Nothing.", destroys="Everything.", load=lambda folder, seed, dtype: 7)
'''
WORDS = [[3], [5, 7]]


@pytest.fixture
def of_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module `myweights` that can be imported."""
    (tmp_path / "myweights.py").write_text(OF_USER, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "myweights", raising=False)
    monkeypatch.setattr(WEIGHTS, "_found", dict(WEIGHTS._found))
    return "myweights:KIND"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = GPTNeoXConfig(
        vocab_size=61,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=32,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def scheme(**changes: Any) -> WeightsScheme:
    values = {
        "name": "mine",
        "version": 1,
        "meaning": "Of mine.",
        "seeded": True,
        "reads_files": False,
        "keeps": "This.",
        "destroys": "That.",
        "load": lambda _folder, _seed, _dtype: None,
    }
    return WeightsScheme(**(values | changes))  # type: ignore[arg-type]


def test_own_schemes() -> None:
    assert WEIGHTS.names()[:2] == ("pretrained", "random")
    assert {f"{name}_keep_embeddings" for name in ("random", "shuffled", "rerandomized")} < set(
        WEIGHTS.names()
    )
    for kind in WEIGHTS:
        kind.check()
        assert WEIGHTS.identity(kind.name) == {}


def test_planning_asks_the_register_without_torch() -> None:
    code = (
        "import sys; from superpos.specs.study import ModelChoice;"
        "ModelChoice('m', 'nano', weights='random');"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_scheme_from_elsewhere_loads_a_model(folder: Path, of_user: str) -> None:
    own = load_model(ModelSpec(str(folder))).module.state_dict()
    first, again, other = (
        load_model(ModelSpec(str(folder), weights=of_user, seed=seed)).module.state_dict()
        for seed in (0, 0, 1)
    )
    name = "layers.0.mlp.dense_h_to_4h.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])
    assert not torch.equal(first[name], own[name])
    assert torch.equal(first[name].flatten().sort().values, own[name].flatten().sort().values)


def test_its_files_are_part_of_the_identity_where_it_reads_them(folder: Path, of_user: str) -> None:
    spec = ModelSpec(str(folder), weights=of_user, seed=3)
    info = inspect_model(spec)
    assert (info.weights, info.seed) == (of_user, 3)
    assert info.weights_digest == inspect_model(ModelSpec(str(folder))).weights_digest
    assert inspect_model(ModelSpec(str(folder), weights="random", seed=3)).weights_digest == ""


def test_rows_of_a_scheme_without_rows_are_those_of_the_model(folder: Path, of_user: str) -> None:
    spec = ModelSpec(str(folder), weights=of_user, seed=0)
    table = load_model(spec).structure.embedding.get_parameter("weight").double().numpy()
    rows = token_rows(spec, WORDS, "embed")
    np.testing.assert_array_equal(rows, [table[3], table[[5, 7]].mean(axis=0)])
    with pytest.raises(InputError, match="give no rows of an output embedding of its own; use matrix embed"):
        token_rows(spec, WORDS, "unembed")


def test_seeds_follow_the_scheme(of_user: str) -> None:
    choice = ModelChoice("m", "nano", weights=of_user, seeds=(2, 5))
    assert choice.specs == tuple(ModelSpec("nano", "", of_user, seed) for seed in (2, 5))
    assert ModelChoice("m", "nano", weights=of_user).seeds == (0,)
    with pytest.raises(ArgumentError, match=r"^seeds: \[1\] applies to drawn weights only \(random, "):
        ModelChoice("m", "nano", seeds=(1,))
    with pytest.raises(ArgumentError, match=r"^seed: 1 does not apply to pretrained weights; use -1"):
        ModelSpec("nano", seed=1)


def test_an_unknown_scheme_suggests_the_nearest() -> None:
    with pytest.raises(ArgumentError, match=r"^weights: 'randon' is unknown; .*did you mean 'random'\?"):
        ModelSpec("nano", weights="randon", seed=0)


def test_a_scheme_that_gives_no_model_is_one_line(folder: Path, of_user: str) -> None:
    wrong = of_user.replace("KIND", "WRONG")
    with pytest.raises(
        InputError, match=r"weights 'myweights:WRONG': load gives no torch\.nn\.Module, but int"
    ):
        load_model(ModelSpec(str(folder), weights=wrong, seed=0))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"load": lambda _folder: None}, r"load: is no function of \(folder, seed, dtype\)"),
        ({"load": 7}, r"load: is no function of \(folder, seed, dtype\)"),
        ({"rows": lambda: None}, r"rows: is no function of \(asked\)"),
        ({"seeded": False}, "seeded: weights come from the files, from a seed or from both"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=rf"^scheme of weights 'mine': {said}"):
        WEIGHTS.register(scheme(**changes))
