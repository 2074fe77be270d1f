"""Where the parts of a block's sum are found, on blocks made by hand: every way to add them up, and none."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from superpos.activations.hooks import captured, run_until
from superpos.activations.pooling import spans
from superpos.activations.streams import NO_PROJECTION, NO_TERMS, NOT_SEEN, PARALLEL
from superpos.activations.structure import find_structure
from superpos.errors import InputError

D = 4


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Attention(nn.Module):
    """Mean over what was before, two heads of three."""

    def __init__(self):
        super().__init__()
        self.values, self.out = nn.Linear(D, 6), nn.Linear(6, D)

    def forward(self, x):
        seen = torch.ones(x.shape[1], x.shape[1]).tril()
        return self.out(seen / seen.sum(1, keepdim=True) @ self.values(x))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(D, 7), nn.Linear(7, D)

    def forward(self, x):
        return self.down(torch.relu(self.up(x)))


class Block(nn.Module):
    """A block whose sum is made by a function of (block, x) that also returns what it should be."""

    def __init__(self, way):
        super().__init__()
        self.way = way
        self.attention, self.mlp = Attention(), Mlp()
        self.first_norm, self.second_norm, self.third_norm, self.fourth_norm = (
            nn.LayerNorm(D) for _ in range(4)
        )
        self.gate = nn.Parameter(torch.rand(D))
        self.other_attention = Attention()

    def forward(self, x):
        output, self.expected = self.way(self, x)
        return output


class Backbone(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=D, num_hidden_layers=2)
        self.words = nn.Embedding(9, D)
        self.stack = nn.ModuleList(Block(way) for _ in range(2))

    def get_input_embeddings(self):
        return self.words

    def forward(self, input_ids, **_):
        x = self.words(input_ids)
        for block in self.stack:
            x = block(x)
        return x


def before(block, x):
    a = block.attention(block.first_norm(x))
    y = x + a
    m = block.mlp(block.second_norm(y))
    return y + m, {"attn.add": a, "resid.mid": y, "mlp.add": m}


def without_norms(block, x):
    a = block.attention(x)
    y = a + x
    m = block.mlp(y)
    return m + y, {"attn.add": a, "resid.mid": y, "mlp.add": m}


def in_place(block, x):
    a = block.attention(block.first_norm(x))
    y = x.clone()
    y += a
    m = block.mlp(block.second_norm(y))
    return y + m, {"attn.add": a, "resid.mid": y, "mlp.add": m}


def flattened(block, x):
    a = block.attention(block.first_norm(x)).reshape(-1, D)
    y = x.reshape(-1, D) + a
    m = block.mlp(block.second_norm(y))
    return (y + m).view(x.shape), {"attn.add": a, "resid.mid": y, "mlp.add": m}


def sandwich(block, x):
    a = block.second_norm(block.attention(block.first_norm(x)))
    y = x + a
    m = block.fourth_norm(block.mlp(block.third_norm(y)))
    return y + m, {"attn.add": a, "resid.mid": y, "mlp.add": m}


def scaled(block, x):
    a = block.attention(block.first_norm(x)) * 0.25
    y = x + a
    m = 0.5 * block.mlp(block.second_norm(y))
    return y + m, {"attn.add": a, "resid.mid": y, "mlp.add": m}


def parallel(block, x):
    a, m = block.attention(block.first_norm(x)), block.mlp(block.second_norm(x))
    return m + a + x, {"attn.add": a, "mlp.add": m}


def parallel_in_another_order(block, x):
    m, a = block.mlp(block.first_norm(x)), block.attention(block.first_norm(x))
    return x + (a + m), {"attn.add": a, "mlp.add": m}


def behind(block, x):
    a = block.attention(x)
    y = block.first_norm(x + a)
    m = block.mlp(y)
    return block.second_norm(m + y), {"attn.add": a, "resid.mid": y, "mlp.add": m}


WAYS = (
    before,
    without_norms,
    in_place,
    flattened,
    sandwich,
    scaled,
    parallel,
    parallel_in_another_order,
    behind,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_parts_of_a_sum_are_what_the_block_adds_up(way):
    structure = find_structure(Backbone(way))
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    where = spans(torch.arange(6).numpy(), torch.ones(6, dtype=torch.int64).numpy(), torch.device("cpu"))
    expected_names = {"embed", "resid", "attn.z", "attn.out", "mlp.act", "mlp.out", "attn.add", "mlp.add"}
    if not way.__name__.startswith("parallel"):
        expected_names |= {"resid.mid"}
    else:
        assert structure.absent == {"resid.mid": PARALLEL}
    assert set(structure.hookpoints) == expected_names
    assert structure.d_attn == structure.width("attn.z") == 6
    sites = [(name, layer) for name in structure.hookpoints if name != "embed" for layer in range(2)]
    with captured(structure, sites, where) as taken:
        run_until(structure, sites, ids, None)
    for layer, block in enumerate(structure.blocks):
        for name, values in block.expected.items():
            assert torch.equal(taken[name, layer], values.reshape(-1, D)), name
        with torch.inference_mode():
            assert torch.equal(block.attention.out(taken["attn.z", layer]), taken["attn.out", layer])


def gated(block, x):
    y = x + block.gate * block.attention(block.first_norm(x))
    return y + block.mlp(block.second_norm(y)), {}


def functional(block, x):
    y = x + torch.tanh(block.attention(block.first_norm(x)))
    return y + block.mlp(block.second_norm(y)), {}


def on_another_stream(block, x):
    normed = block.first_norm(x)
    y = normed + block.attention(normed)
    return y + block.mlp(block.second_norm(y)), {}


def two_attentions(block, x):
    y = x + block.attention(block.first_norm(x)) + block.other_attention(block.first_norm(x))
    return y + block.mlp(block.second_norm(y)), {}


def twice(block, x):
    a = block.attention(block.first_norm(x))
    y = x + a
    block.second_norm(torch.zeros_like(y) * y)
    m = block.mlp(block.second_norm(y))
    return y + m, {}


def cut_off(block, x):
    with torch.no_grad():
        a = block.attention(block.first_norm(x))
    y = x + a
    return y + block.mlp(block.second_norm(y)), {}


@pytest.mark.parametrize(
    ("way", "absent"),
    [
        (gated, {"attn.add": NOT_SEEN}),
        (functional, {"attn.add": NOT_SEEN}),
        (on_another_stream, dict.fromkeys(("resid.mid", "attn.add", "mlp.add"), NO_TERMS)),
        (
            two_attentions,
            dict.fromkeys(("attn.z", "attn.out", "resid.mid", "attn.add", "mlp.add"), NO_PROJECTION),
        ),
        (twice, {"resid.mid": NOT_SEEN}),
        (
            cut_off,
            dict.fromkeys(("attn.z", "attn.out", "resid.mid", "attn.add", "mlp.add"), NO_PROJECTION),
        ),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_no_hook_can_read_is_absent_with_the_reason(way, absent):
    structure = find_structure(Backbone(way))
    assert structure.absent == absent
    name = next(iter(absent))
    there = ", ".join(structure.hookpoints)
    with pytest.raises(InputError, match=rf"has no hookpoint {name} \(.*\); hookpoints there are: {there}"):
        structure.check_site((name, 0))
    for name in ("resid", "mlp.act", "mlp.out"):
        assert structure.check_site((name, 1)) == (name, 1)


def test_a_forward_pass_that_fails_leaves_what_modules_tell():
    def broken(*_):
        raise RuntimeError("no\nsuch kernel")

    structure = find_structure(Backbone(broken))
    assert structure.hookpoints == ("embed", "resid", "mlp.act", "mlp.out")
    with pytest.raises(InputError, match=r"no hookpoint attn\.z \(its forward pass cannot be followed: no"):
        structure.check_site(("attn.z", 0))


def test_following_leaves_the_model_as_it_was():
    backbone = Backbone(before)
    structure = find_structure(backbone)
    frozen = backbone.stack[0].gate.requires_grad_(False)
    assert structure.flows is not None
    assert backbone.stack[1].gate.requires_grad
    assert not frozen.requires_grad
    assert all(parameter.grad is None for parameter in backbone.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in backbone.modules())


def test_a_model_on_the_meta_device_is_followed_to_the_same_places():
    for way in WAYS:
        if way in (before, sandwich, behind):
            with torch.device("meta"):
                shape = find_structure(Backbone(way))
            assert shape.flows == find_structure(Backbone(way)).flows
