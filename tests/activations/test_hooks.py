"""Hooks: what they take, that they go away, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from superpos.activations.hooks import captured, run_until
from superpos.activations.model import load_model
from superpos.activations.pooling import spans
from superpos.errors import ArgumentError
from superpos.specs.models import ModelSpec

IDS = torch.tensor([[5, 6, 7, 8], [9, 1, 2, 3]])
WHERE = spans(np.array([3, 4, 6]), np.ones(3, np.int64), torch.device("cpu"))


@pytest.fixture(scope="module", params=["gpt_neox", "llama"])
def model(request, model_folders):
    return load_model(ModelSpec(str(model_folders[request.param])))


def n_hooks(module):
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def test_embedding_rows_are_gathered_at_the_positions(model):
    with captured(model.structure, [("embed", -1)], WHERE) as taken:
        run_until(model.structure, [("embed", -1)], IDS, None)
    weight = model.structure.embedding.get_parameter("weight")
    assert torch.equal(taken["embed", -1], weight[torch.tensor([8, 9, 2])])


def test_mlp_out_is_the_down_projection_of_mlp_act(model):
    sites = [("mlp.act", 1), ("mlp.out", 1)]
    with captured(model.structure, sites, WHERE) as taken:
        run_until(model.structure, sites, IDS, None)
    projected = model.structure.down_projection(1)(taken["mlp.act", 1])
    torch.testing.assert_close(projected, taken["mlp.out", 1])
    assert taken["mlp.act", 1].shape == (3, model.info.d_mlp)


def test_hooks_are_removed_after_success_and_after_failure(model):
    before = n_hooks(model.module)
    sites = [("resid", 0), ("mlp.act", 2), ("embed", -1)]
    with captured(model.structure, sites, WHERE):
        assert n_hooks(model.module) == before + 3
        run_until(model.structure, sites, IDS, None)
        assert n_hooks(model.module) == before + 3
    assert n_hooks(model.module) == before
    outside = spans(np.array([8]), np.ones(1, np.int64), torch.device("cpu"))
    with pytest.raises(IndexError), captured(model.structure, sites, outside):
        run_until(model.structure, sites, IDS, None)
    assert n_hooks(model.module) == before


@pytest.mark.parametrize(
    ("site", "message"),
    [
        (("mlp.post", 0), "allowed: embed, resid, .*, mlp.act, mlp.out"),
        (("resid", 3), "3 is not a layer of this model; allowed: 0 to 2"),
        (("resid", -1), "allowed: 0 to 2"),
    ],
)
def test_unknown_sites_raise_and_leave_no_hook(model, site, message):
    before = n_hooks(model.module)
    sites = [("resid", 0), site]
    with (
        pytest.raises(ArgumentError, match=message),
        captured(model.structure, sites, WHERE),
    ):
        pytest.fail("the context was entered")
    assert n_hooks(model.module) == before


@pytest.mark.parametrize(
    ("sites", "n_down"),
    [
        ([("embed", -1)], 0),
        ([("mlp.act", 0)], 0),
        ([("mlp.act", 2)], 2),
        ([("mlp.act", 2), ("mlp.out", 1)], 2),
        ([("mlp.out", 2), ("mlp.act", 2)], 3),
        ([("resid", 1), ("mlp.act", 1)], 2),
        ([("attn.z", 1)], 1),
        ([("attn.add", 2), ("mlp.act", 1)], 2),
        ([("attn.out", 1), ("mlp.act", 1)], 1),
        ([("mlp.add", 1), ("attn.z", 1)], 2),
    ],
)
def test_nothing_runs_behind_the_last_site(model, sites, n_down):
    assert model.structure.flows  # which runs everything once
    ran = []
    handles = [
        model.structure.down_projection(layer).register_forward_hook(
            lambda *_, layer=layer: ran.append(layer)
        )
        for layer in range(3)
    ]
    try:
        with captured(model.structure, sites, WHERE) as taken:
            run_until(model.structure, sites, IDS, None)
    finally:
        for handle in handles:
            handle.remove()
    assert set(taken) == set(sites)
    assert ran == list(range(n_down))


@pytest.mark.parametrize(
    ("site", "runs"),
    [
        (("attn.z", 1), {"input_layernorm", "attention.query_key_value"}),
        (("attn.out", 1), {"input_layernorm", "attention.query_key_value", "attention.dense"}),
        (("resid.mid", 1), {"input_layernorm", "attention.query_key_value", "attention.dense"}),
    ],
)
def test_a_pass_ends_within_attention_or_before_the_norm_of_the_mlp(model_folders, site, runs):
    model = load_model(ModelSpec(str(model_folders["gpt_neox_serial"])))
    assert model.structure.flows
    ran = set()
    block = model.structure.blocks[1]
    parts = {path: part for path, part in block.named_modules() if path and not list(part.children())}
    handles = [
        part.register_forward_hook(lambda *_, path=path: ran.add(path)) for path, part in parts.items()
    ]
    try:
        with captured(model.structure, [site], WHERE) as taken:
            run_until(model.structure, [site], IDS, None)
    finally:
        for handle in handles:
            handle.remove()
    assert taken[site].shape == (3, 16)
    assert {path for path in ran if "dropout" not in path} == runs
