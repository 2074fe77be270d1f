"""The study `thesis` on a network of the shape of Pythia-1B cut to two layers, at random weights.

The hub's two gigabytes are not at hand everywhere, and its 16 layers take a day of 32 cores. What the study
asks of a machine can be tried without them: widths, heads and precision are those of Pythia-1B-deduped (its
`config.json`: hidden size 2048, 8 heads, 8192 in the MLP, float16), tokens those of the bundled model, texts
those of the package sae-probes, draws of controls are 39, not 199. What it finds says nothing of a trained
network.

    python -m tools.thesis_stand_in FOLDER
    superpos run FOLDER/thesis-two-layers.toml
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from superpos.models import bundled_model

SHAPE: dict[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_attention_heads": 8,
    "num_hidden_layers": 2,
    "max_position_embeddings": 2048,
}
"""Of Pythia-1B-deduped, but for its 16 layers and 50,304 tokens."""
STUDY = """\
extends = "thesis"
name = "thesis-two-layers"
description = "The study thesis on a network of the shape of Pythia-1B cut to two layers, at random weights."
noise_ceiling = 0

[models]
trained = {{ name = "{model}" }}
random = {{ name = "{model}", weights = "random", seeds = [0] }}

[corpora.pile]
path = "package:sae-probes/sae_probes/data/cleaned_data/97_news_class.csv.zst"
text_key = "prompt"
max_documents = 0

[datasets]
text_features = {{ n_sequences = 120, ctx_len = 64, n_samples = 1500, min_positives = 60 }}
athletes = {{ n_samples = 600, ctx_len = 48 }}
occupation = {{ n_samples = 720, ctx_len = 48 }}
compound_words = {{ n_samples = 2520, ctx_len = 40 }}
political_party = {{ n_samples = 300, ctx_len = 48 }}

# Two tests, which 39 draws can carry: with the 199 of the thesis probes alone would take an hour of CPU time.
[tests.labels]
datasets = "occupation"
[tests.nearer]
datasets = "occupation"

[[blocks]]
name = "random-weights"
layers = [0, 1]
[[blocks]]
name = "many-draws"
replicates = 39
[[blocks]]
name = "means"
replicates = 39
[[blocks]]
name = "ends-of-draws"
replicates = 39
"""


def main() -> int:
    """Write the model and the study file."""
    parser = argparse.ArgumentParser(prog="python -m tools.thesis_stand_in", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the model and the study file are written")
    folder = parser.parse_args().folder.resolve()
    sys.stdout.write(f"next: superpos run {write(folder)}\n")
    return 0


def write(folder: Path, **shape: int) -> Path:
    """Write the model and the study file into a folder; return the study file.

    Parameters
    ----------
    folder
        Made where it is not there.
    shape
        Values of the model's configuration in place of those of `SHAPE`.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    model = folder / "model"
    model.mkdir(parents=True, exist_ok=True)
    bundled = bundled_model("nano")
    config = AutoConfig.from_pretrained(bundled, **{**SHAPE, **shape})
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).half().save_pretrained(model)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(bundled / name, model / name)
    study = folder / "thesis-two-layers.toml"
    study.write_text(STUDY.format(model=model), encoding="utf-8")
    return study


if __name__ == "__main__":
    sys.exit(main())
