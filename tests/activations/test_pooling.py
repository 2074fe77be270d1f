"""Rows of spans against plain slices, on the device, in the oracle and through a whole extraction."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from superpos.activations import read_shards
from superpos.activations.extract import extract
from superpos.activations.model import load_model
from superpos.activations.oracle import deviation, pooled
from superpos.activations.pooling import POOLINGS, gather, spans
from superpos.errors import ArgumentError, InputError
from superpos.specs.hook_names import HOOKPOINTS
from superpos.specs.models import ModelSpec, expand_sites

EVERYWHERE = tuple(name for name in HOOKPOINTS if name != "resid.mid")
"""Hookpoints of parallel blocks too."""
SITES = expand_sites(EVERYWHERE, None, 3)
SERIAL = expand_sites(HOOKPOINTS, None, 3)
STEMS = {site: f"{number:032x}" for number, site in enumerate(SITES)}
REDUCTIONS = {
    "token": lambda rows: rows[-1],
    "last": lambda rows: rows[-1],
    "max": lambda rows: rows.max(axis=0),
    "mean": lambda rows: rows.mean(axis=0),
}


@st.composite
def batches(draw):
    """Activations (n_sequences, length, 3) and spans as (row, position, length)."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 9)))
    values = np.random.default_rng(draw(st.integers(0, 99))).standard_normal((*shape, 3)).astype(np.float32)
    n_spans = draw(st.integers(1, 12))
    found = []
    for _ in range(n_spans):
        position = draw(st.integers(0, shape[1] - 1))
        found.append((draw(st.integers(0, shape[0] - 1)), position, draw(st.integers(1, position + 1))))
    return values, found


@given(batches(), st.sampled_from(["last", "max", "mean"]), st.booleans())
def test_rows_of_spans_are_reductions_of_slices(batch, pooling, flat):
    values, chosen = batch
    rows, positions, lengths = (np.array(part, dtype=np.int64) for part in zip(*chosen, strict=True))
    where = spans(rows * values.shape[1] + positions, lengths, torch.device("cpu"))
    tensor = torch.as_tensor(values.reshape(-1, 3) if flat else values)
    found = gather(tensor, where, pooling).numpy()
    expected = [REDUCTIONS[pooling](values[r, p - n + 1 : p + 1].astype(np.float64)) for r, p, n in chosen]
    np.testing.assert_allclose(found, np.stack(expected), rtol=0, atol=1e-6 if pooling == "mean" else 0.0)


def test_the_mean_of_half_precision_is_taken_in_float32():
    values = torch.full((1, 300, 1), 1.0, dtype=torch.bfloat16)
    values[0, 0, 0] = 3.0
    where = spans(np.array([299]), np.array([300]), torch.device("cpu"))
    (mean,) = gather(values, where, "mean").flatten().tolist()  # bfloat16 counts no further than 256
    assert mean == pytest.approx(302 / 300, rel=1e-6)


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_a_value_that_is_not_a_number_stays_one(pooling):
    values = torch.zeros(1, 4, 2)
    values[0, 1, 0] = torch.nan
    where = spans(np.array([3, 3]), np.array([3, 2]), torch.device("cpu"))
    found = gather(values, where, pooling)
    assert found.isnan().tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize("pooling", ["last", "max", "mean"])
@pytest.mark.parametrize("architecture", ["gpt_neox", "llama"])
def test_every_site_equals_pooled_rows_of_a_forward_pass_in_numpy(
    model_folders, span_tokens, numpy_forward, tmp_path, architecture, pooling
):
    model = load_model(ModelSpec(str(model_folders[architecture])))
    infos = extract(
        model, span_tokens, STEMS, tmp_path, pooling=pooling, token_budget=100, oracle_sequences=23
    )
    expected = {site: [] for site in SERIAL}
    starts = span_tokens.sequence_starts
    forward = {
        sequence: numpy_forward(
            model_folders[architecture], span_tokens.token_ids[starts[sequence] : starts[sequence + 1]]
        )
        for sequence in np.unique(span_tokens.sample_sequences).tolist()
    }
    samples = (span_tokens.sample_sequences, span_tokens.sample_positions, span_tokens.sample_lengths)
    for sequence, position, length in zip(*(part.tolist() for part in samples), strict=True):
        for site, values in forward[sequence].items():
            expected[site].append(REDUCTIONS[pooling](values[position - length + 1 : position + 1]))
    for site, info in zip(SITES, infos, strict=True):
        # the largest of several rows meets rounding in the tail: 2.1e-5 seen
        assert deviation(read_shards(tmp_path, info.shards), np.stack(expected[site])) < 5e-5, site
        assert info.agreement < 2e-5


def test_the_oracle_slices_plainly():
    values = np.array([[1.0, 8.0], [5.0, 2.0], [3.0, 3.0]], dtype=np.float32)
    ends, lengths = np.array([2, 1]), np.array([3, 1])
    assert pooled(values, ends, lengths, "max").tolist() == [[5.0, 8.0], [5.0, 2.0]]
    assert pooled(values, ends, lengths, "last").tolist() == [[3.0, 3.0], [5.0, 2.0]]
    np.testing.assert_allclose(pooled(values, ends, lengths, "mean"), [[3.0, 13 / 3], [5.0, 2.0]])


@pytest.mark.parametrize("pooling", ["last", "max", "mean"])
def test_on_single_tokens_every_pooling_is_the_token(model_folders, tokens, tmp_path, pooling):
    model = load_model(ModelSpec(str(model_folders["gpt_neox"])))
    site = {("mlp.act", 1): "ab" * 16}
    (plain,) = extract(model, tokens, site, tmp_path / "a")
    (other,) = extract(model, tokens, site, tmp_path / "b", pooling=pooling)
    assert [shard.sha256 for shard in plain.shards] == [shard.sha256 for shard in other.shards]


def test_spans_that_do_not_fit_are_refused_and_named(model_folders, span_tokens, tmp_path):
    model = load_model(ModelSpec(str(model_folders["gpt_neox"])))
    first = int(np.flatnonzero(span_tokens.sample_lengths > 1)[0])
    with pytest.raises(InputError, match=rf"sample {first} .*is a span of .*allowed here: max, mean, last"):
        extract(model, span_tokens, STEMS, tmp_path)
    for length in (0, int(span_tokens.sample_positions[5]) + 2):
        lengths = span_tokens.sample_lengths.copy()
        lengths[5] = length
        broken = dataclasses.replace(span_tokens, sample_lengths=lengths)
        with pytest.raises(ArgumentError, match=rf"sample 5 .*has a span of {length} tokens; allowed: 1 to"):
            extract(model, broken, STEMS, tmp_path, pooling="mean")
    with pytest.raises(ArgumentError, match="allowed: token, max, mean, last"):
        extract(model, span_tokens, STEMS, tmp_path, pooling="sum")
    short = dataclasses.replace(span_tokens, sample_lengths=span_tokens.sample_lengths[1:])
    with pytest.raises(ArgumentError, match="differ in length"):
        extract(model, short, STEMS, tmp_path, pooling="max")
    assert POOLINGS == ("token", "max", "mean", "last")
    assert not list(tmp_path.iterdir())
