"""Gaussian weights with the moments of trained ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from loaded_weights import FAMILIES, state
from scipy import stats

from superpos.activations.changed_weights import CHUNK, REDRAW

SCHEMES = ("rerandomized", "rerandomized_keep_embeddings")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_mean_and_deviation_are_those_of_the_parameter(model_folders, scheme, family):
    own, changed = (state(model_folders[family], name, 1) for name in ("pretrained", scheme))
    for name, value in own.items():
        before, after = value.double().numpy(), changed[name].double().numpy()
        error = before.std() / np.sqrt(before.size)
        assert abs(after.mean() - before.mean()) <= 5 * error, name
        assert abs(after.std() - before.std()) <= 5 * error, name  # its own error is smaller by root 2
        assert (changed[name].shape, changed[name].dtype) == (value.shape, torch.float32)


def test_entries_are_gaussian_and_know_nothing_of_the_trained_ones(model_folders):
    own, changed = (state(model_folders["gpt_neox"], name) for name in ("pretrained", "rerandomized"))
    drawn = []
    for name in (name for name in own if own[name].ndim == 2):
        before, after = own[name].double().numpy().ravel(), changed[name].double().numpy().ravel()
        drawn.append((after - before.mean()) / before.std())
        assert abs(np.corrcoef(before, after)[0, 1]) < 5 / np.sqrt(before.size), name
    assert stats.kstest(np.concatenate(drawn), "norm").pvalue > 1e-4


def test_a_constant_parameter_stays():
    gains = torch.full((3, 5), 0.1)
    assert torch.equal(REDRAW.parameter(gains, "gain", 0), torch.full((3, 5), 0.1))


def test_drawing_in_parts_is_drawing_at_once():
    torch_draw = torch.Generator().manual_seed(0)
    values = torch.randn(CHUNK + 7, generator=torch_draw) * 0.02 + 3.0
    exact = values.double()
    drawn = REDRAW.parameter(values.clone(), "big", 0).double()
    start = REDRAW.parameter(values[: CHUNK // 2].clone(), "big", 0).double()
    assert drawn.mean() == pytest.approx(exact.mean().item(), abs=5 * 0.02 / 2**11)
    assert drawn.std() == pytest.approx(exact.std().item(), rel=0.01)
    # The same stream under moments of its own.
    assert torch.corrcoef(torch.stack([drawn[: CHUNK // 2], start]))[0, 1] > 0.999
    assert not torch.equal(drawn[:7], drawn[CHUNK:])


def test_every_tensor_has_a_draw_of_its_own(model_folders):
    changed = state(model_folders["llama"], "rerandomized")
    names = [name for name in changed if name.endswith("mlp.down_proj.weight")]
    first, other = (changed[name].flatten().double().numpy() for name in names[:2])
    assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(first.size)
