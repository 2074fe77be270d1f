"""What a structure is found in and what it is refused in, on blocks made by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel
from transformers.pytorch_utils import Conv1D

from superpos.activations.behaviour import fingerprint, observe
from superpos.activations.model import load_model
from superpos.activations.structure import UNLIMITED, find_structure
from superpos.errors import ArgumentError, InputError
from superpos.specs.models import ModelSpec


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Attention(nn.Module):
    """Mean over what may be seen; with an output map that must not be taken for the MLP's."""

    def __init__(self, causal):
        super().__init__()
        self.causal = causal
        self.up, self.out = nn.Linear(4, 12), nn.Linear(12, 4)

    def forward(self, x):
        seen = torch.ones(x.shape[1], x.shape[1])
        seen = seen.tril() if self.causal else seen
        return self.out(self.up(seen / seen.sum(1, keepdim=True) @ x))


class Block(nn.Module):
    def __init__(self, *maps, causal=True):
        super().__init__()
        self.mixer = Attention(causal)
        self.maps = nn.Sequential(*maps)

    def forward(self, x):
        return x + self.maps(x + self.mixer(x))


class Backbone(nn.Module):
    def __init__(self, *blocks, n_layers=None, table=None):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=4, num_hidden_layers=n_layers or len(blocks))
        self.words = nn.Embedding(9, 4)
        self.stack = nn.ModuleList(blocks)
        if table is not None:
            self.wpe = table

    def get_input_embeddings(self):
        return self.words

    def forward(self, input_ids, attention_mask, use_cache):
        assert attention_mask.shape == input_ids.shape
        assert not use_cache
        x = self.words(input_ids)
        for block in self.stack:
            x = block(x)
        return x


def plain(width=6):
    return Block(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 4))


def test_the_down_projection_is_the_map_from_another_width_outside_of_attention():
    found = find_structure(Backbone(plain(), plain()))
    assert found.down_paths == ("maps.2", "maps.2")
    assert (found.d_mlp, found.d_model, found.no_mlp, found.max_positions) == (6, 4, "", UNLIMITED)
    assert found.down_projection(1) is found.blocks[1].maps[2]
    assert found.hookpoints == ("embed", "resid", "attn.z", "attn.out", "mlp.act", "mlp.out")
    assert [found.width(name) for name in found.hookpoints] == [4, 4, 12, 4, 6, 4]


def test_maps_that_store_their_weight_transposed_are_maps():
    found = find_structure(Backbone(Block(Conv1D(6, 4), nn.ReLU(), Conv1D(4, 6))))
    assert (found.down_paths, found.d_mlp) == (("maps.2",), 6)


def test_a_gate_and_an_up_projection_may_be_one_map():
    found = find_structure(Backbone(Block(nn.Linear(4, 12), nn.GLU(), nn.Linear(6, 4))))
    assert (found.down_paths, found.d_mlp) == (("maps.2",), 6)


def with_experts():
    block = plain()
    block.experts = nn.ModuleList([nn.Linear(4, 4)])
    return block


def with_stacked_weights():
    block = plain()
    block.stacked = nn.Parameter(torch.zeros(2, 4, 6))
    return block


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([plain(6), plain(8)], r"its width differs between layers: \[6, 8\]"),
        (
            [Block(nn.Linear(4, 6), nn.Linear(6, 4), nn.Linear(4, 5), nn.Linear(5, 4))],
            "several maps .*maps.1, maps.3",
        ),
        (
            [Block(nn.Linear(4, 7), nn.Linear(6, 4))],
            r"nothing maps the residual stream to the input of maps\.1",
        ),
        ([Block(nn.Linear(4, 6))], "no map of a hidden layer back"),
        ([Block(nn.Linear(4, 4))], "no map of a hidden layer back"),
        ([Block(nn.Identity())], "no map of a hidden layer back"),
        ([with_experts()], "a mixture of experts, experts"),
        ([with_stacked_weights()], "a mixture of experts, stacked"),
    ],
)
def test_blocks_without_one_mlp_have_residual_streams_only(blocks, reason):
    found = find_structure(Backbone(*blocks))
    assert not {"mlp.act", "mlp.out", "mlp.add"} & set(found.hookpoints)
    assert found.check_site(("resid", 0)) == ("resid", 0)
    with pytest.raises(InputError, match=rf"has no hookpoint mlp\.act \({reason}.*there are: embed, resid"):
        found.check_site(("mlp.act", 0))


def test_sites_that_no_model_has_are_refused():
    found = find_structure(Backbone(plain()))
    with pytest.raises(ArgumentError, match="1 is not a layer of this model; allowed: 0 to 0"):
        found.check_site(("resid", 1))
    with pytest.raises(ArgumentError, match="its layer is -1"):
        found.check_site(("embed", 0))
    with pytest.raises(ArgumentError, match=r"did you mean 'mlp\.out'"):
        found.check_site(("mlp.ou", 0))


def test_modules_that_are_no_backbones_are_refused():
    with pytest.raises(InputError, match=r"no list of its 3 blocks with attention \(lists: stack of 1\)"):
        find_structure(Backbone(plain(), n_layers=3))
    without = Backbone(plain())
    without.config = SimpleNamespace(hidden_size=4)
    with pytest.raises(InputError, match="states no hidden_size or no num_hidden_layers"):
        find_structure(without)
    blind = Backbone(plain())
    blind.words = nn.Linear(9, 4)
    with pytest.raises(InputError, match="has no embedding of tokens"):
        find_structure(blind)


@pytest.mark.parametrize(("padding", "offset", "n"), [(None, 0, 20), (1, 0, 18), (None, 3, 17)])
def test_a_table_of_positions_limits_the_length(padding, offset, n):
    table = nn.Embedding(20, 4, padding_idx=padding)
    if offset:
        table.offset = offset
    backbone = Backbone(plain(), table=table)
    assert find_structure(backbone).max_positions == n
    backbone.config.max_position_embeddings = 10
    assert find_structure(backbone).max_positions == 10


@pytest.mark.parametrize("causal", [True, False])
def test_causality_is_observed(causal):
    maps = [(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4)) for _ in range(2)]
    backbone = Backbone(*(Block(*own, causal=causal) for own in maps))
    assert observe(find_structure(backbone), torch.device("cpu")) is causal


def test_one_block_that_looks_ahead_among_others_is_enough():
    maps = [(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4)) for _ in range(3)]
    backbone = Backbone(*(Block(*own, causal=number != 1) for number, own in enumerate(maps)))
    assert observe(find_structure(backbone), torch.device("cpu")) is False


class Backwards(Block):
    def forward(self, x):
        for part in reversed(self.maps):
            x = part(x)
        return x


class Sideways(Block):
    def forward(self, x):
        return super().forward(x).transpose(0, 1)


def test_square_maps_in_another_order_and_another_layout_are_refused():
    square = nn.Linear(4, 4), nn.Linear(4, 4)
    assert observe(find_structure(Backbone(Block(*square))), torch.device("cpu")) is True
    with pytest.raises(
        InputError, match=r"maps\.1 looks like .* a block runs maps\.1, maps\.0 in this order"
    ):
        observe(find_structure(Backbone(Backwards(*square))), torch.device("cpu"))
    with pytest.raises(InputError, match=r"returns \(3, 2, 4\) for two sequences of three tokens"):
        observe(find_structure(Backbone(Sideways(*square))), torch.device("cpu"))


def test_maps_that_the_forward_pass_goes_by_are_refused(tmp_path):
    shape = {"vocab_size": 61, "hidden_size": 32, "n_layer": 2, "n_head": 4}
    AutoConfig.for_model("bloom", **shape, slow_but_exact=True, pretraining_tp=2).save_pretrained(tmp_path)
    with pytest.raises(
        InputError, match=r"dense_4h_to_h looks like .* but a block runs mlp\.dense_h_to_4h in"
    ):
        load_model(ModelSpec(str(tmp_path), weights="random", seed=0))


def test_the_fingerprint_follows_every_bit_of_the_last_stream():
    found = find_structure(Backbone(plain(), plain()))
    before = fingerprint(found, torch.device("cpu"))
    assert before == fingerprint(found, torch.device("cpu"))
    with torch.no_grad():
        found.blocks[0].maps[0].weight.mul_(1.0 + 2.0**-20)
    assert fingerprint(found, torch.device("cpu")) != before


def test_a_backbone_on_the_meta_device_has_the_structure_it_has_with_weights():
    config = AutoConfig.for_model(
        "opt", hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4
    )
    with torch.device("meta"):
        shape = find_structure(AutoModel.from_config(config))
    real = find_structure(AutoModel.from_config(config))
    assert shape.down_paths == real.down_paths == ("fc2", "fc2")
    assert (shape.d_mlp, shape.max_positions) == (real.d_mlp, real.max_positions) == (48, 2048)
