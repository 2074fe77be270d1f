"""Entries of trained parameters that change places."""

from __future__ import annotations

import numpy as np
import pytest
from loaded_weights import FAMILIES, state
from scipy import stats

SCHEMES = ("shuffled", "shuffled_keep_embeddings")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_parameter_holds_the_same_entries(model_folders, scheme, family, dtype):
    own, changed = (state(model_folders[family], name, 0, dtype) for name in ("pretrained", scheme))
    for name, value in own.items():
        assert changed[name].shape == value.shape
        first, other = (one.flatten().sort().values for one in (value, changed[name]))
        assert first.equal(other), name


def test_where_entries_go_says_nothing_of_where_they_were(model_folders):
    own, changed = (state(model_folders["gpt_neox"], name) for name in ("pretrained", "shuffled"))
    for name in (name for name in own if own[name].ndim == 2):
        before, after = own[name].numpy(), changed[name].numpy()
        assert abs(np.corrcoef(before.ravel(), after.ravel())[0, 1]) < 5 / np.sqrt(before.size), name
        # A row draws from the whole matrix: its entries are few of its own.
        stayed = np.mean([np.isin(row, old).mean() for row, old in zip(after, before, strict=True)])
        assert stayed < 5 / len(before), name


def test_permutations_are_even(model_folders):
    """The place that the first entry of a bias goes to, over seeds."""
    name = "layers.0.attention.dense.bias"
    first = state(model_folders["gpt_neox"])[name][0]
    places = [
        int((state(model_folders["gpt_neox"], "shuffled", seed)[name] == first).nonzero()[0, 0])
        for seed in range(96)
    ]
    assert stats.chisquare(np.bincount(places, minlength=16)).pvalue > 1e-4
