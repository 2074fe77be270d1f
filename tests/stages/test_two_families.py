"""One study over models of different families, trained and random weights, end to end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_study import run_tiny

from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study
from superpos.stages.recompute import recompute

STUDY = """
name = "families"

[models.gated]
name = "llama-like"

[models.plain]
name = "gpt2-like"

[models.random]
name = "gpt2-like"
weights = "random"
seeds = [0, 1]

[models.early]
name = "nano"
steps = [0, 64]

[datasets.text_features]
corpus = "{corpus}"
n_sequences = 40
ctx_len = 24
n_samples = 200
min_positives = 20

[[blocks]]
layers = [{layer}]
hookpoints = ["mlp.act", "resid", "embed"]
gauges = ["unit"]
n_dims = [3]
max_iter = 20
[[blocks.reoptimisations]]
sigmas = [0.0]
xtol = 1e-2
ftol = 1e-2
max_iter = 1
"""


def make_models(folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

    configs = {
        "llama-like": LlamaConfig(
            vocab_size=4096, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, max_position_embeddings=64, initializer_range=0.4,
        ),
        "gpt2-like": GPT2Config(vocab_size=4096, n_positions=64, n_embd=16, n_layer=2, n_head=2),
    }  # fmt: skip
    for number, (name, config) in enumerate(configs.items()):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            AutoModelForCausalLM.from_config(config).save_pretrained(folder / name)
        shutil.copy(bundled_model("nano") / "tokenizer.json", folder / name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("families")
    make_models(place)
    return place


def test_two_families_and_two_kinds_of_weights(
    new_database: Callable[[str], Database], folder: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    path = folder / "families.toml"
    path.write_text(STUDY.format(corpus=tiny_corpus, layer=1), encoding="utf-8")
    database = new_database("families")
    run_tiny(database, plan_study(load_study(path)), data_folder=tmp_path)
    results = Results(database)
    psms = results.frame("psm_results", study="families")
    models = {("llama-like", "", "pretrained", -1), ("gpt2-like", "", "pretrained", -1)}
    models |= {("gpt2-like", "", "random", seed) for seed in (0, 1)}
    models |= {("nano", f"step{step}", "pretrained", -1) for step in (0, 64)}
    axes = ["model", "revision", "model_weights", "model_seed"]
    assert set(psms[axes].itertuples(index=False, name=None)) == models
    widths = psms.set_index(["model", "hookpoint"])["d_hook"].to_dict()
    assert widths["llama-like", "mlp.act"] == 24  # the product of gate and value
    assert widths["gpt2-like", "mlp.act"] == 64
    assert widths["gpt2-like", "resid"] == widths["llama-like", "embed"] == 16
    # Every site agrees with the float32 batch of one; every model has geometry of its own.
    sites = results.frame("activation_results", study="families")
    assert len(sites) == 3 * len(models)
    assert (sites["agreement"] < 1e-4).all()
    values = psms[psms["hookpoint"] == "resid"]["value_median"]
    assert len(np.unique(values)) == len(models)
    fits = results.frame("fit_results", study="families")
    assert len(fits) == 3 * len(models)
    row = psms[(psms["model"] == "gpt2-like") & (psms["model_weights"] == "random")].iloc[0]
    assert recompute(database, row["direction_key"], tmp_path).agrees


def test_a_layer_that_one_of_the_models_lacks_is_refused_beforehand(folder: Path, tiny_corpus: Path) -> None:
    path = folder / "deep.toml"
    path.write_text(STUDY.format(corpus=tiny_corpus, layer=3), encoding="utf-8")
    with pytest.raises(InputError, match=r"blocks\.block-0: model .*llama-like: layer: 3 is not a layer"):
        plan_study(load_study(path))


def test_a_checkpoint_that_does_not_ship_is_named(folder: Path, tiny_corpus: Path) -> None:
    path = folder / "steps.toml"
    text = STUDY.format(corpus=tiny_corpus, layer=1).replace("steps = [0, 64]", "steps = [0, 65]")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="model nano: has no revision 'step65'; allowed: step0, step64"):
        plan_study(load_study(path))
