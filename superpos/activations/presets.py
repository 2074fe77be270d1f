"""Architectures of the Pythia suite, so that random weights need no network.

All sizes are GPT-NeoX models with parallel residual, rotary positions in a quarter of each head, 2,048
positions and d_mlp = 4 d_model; the embedding is padded to a multiple of 128 times the number of devices that
a layer was split over in training. Sizes with and without deduplicated data have one architecture. Source:
Biderman et al. 2023 (Pythia), table 1 and appendix; widths of the embedding from the published models.

Configurations are written below a folder of models, `SUPERPOS_MODELS` or the user's cache; the tokenizer,
which all sizes share, is the user's to put there, or is found in the cache of the hub client.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from superpos.errors import InputError

NAME = re.compile(r"EleutherAI/(pythia-[\w.]+?)(-deduped)?")
N_STEPS = 143_000


@dataclass(frozen=True, slots=True)
class Preset:
    """Shape of one size."""

    n_layers: int
    d_model: int
    n_heads: int
    vocab_size: int = 50_304


PRESETS = {
    "pythia-14m": Preset(6, 128, 4),
    "pythia-31m": Preset(6, 256, 8),
    "pythia-70m": Preset(6, 512, 8),
    "pythia-160m": Preset(12, 768, 12),
    "pythia-410m": Preset(24, 1024, 16),
    "pythia-1b": Preset(16, 2048, 8),
    "pythia-1.4b": Preset(24, 2048, 16),
    "pythia-2.8b": Preset(32, 2560, 32),
    "pythia-6.9b": Preset(32, 4096, 32, 50_432),
    "pythia-12b": Preset(36, 5120, 40, 50_688),
}


def preset_size(name: str) -> str:
    """Return the size that a hub name of the suite means (`pythia-70m`), or empty text.

    Empty are other repositories too whose names begin like that (`pythia-160m-seed1`): they are the hub's.
    """
    match = NAME.fullmatch(name)
    return match[1] if match is not None and match[1] in PRESETS else ""


def training_steps() -> tuple[int, ...]:
    """Return the steps of training that the suite publishes: 0, powers of two to 512, every thousandth."""
    return (0, *(2**power for power in range(10)), *range(1000, N_STEPS + 1, 1000))


def check_revision(name: str, revision: str) -> str:
    """Return a revision of a model, `step<number>` of the suite being checked; raises `InputError`."""
    match = re.fullmatch(r"step(\d+)", revision)
    if match and preset_size(name) and int(match[1]) not in training_steps():
        nearest = min(training_steps(), key=lambda step: abs(step - int(match[1])))
        raise InputError(
            f"model {name}: has no revision {revision!r}; allowed: step0, step1, step2, step4 to step512 by "
            f"doubling, step1000 to step{N_STEPS} by thousands (nearest: step{nearest})"
        )
    return revision


def models_folder() -> Path:
    """Return the folder for model files: `SUPERPOS_MODELS`, else one in the user's cache."""
    if named := os.environ.get("SUPERPOS_MODELS"):
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path("~/.cache").expanduser()) / "superpos" / "models"


def preset_config(size: str) -> str:
    """Return the content of `config.json` of a size; the same text on every machine."""
    shape = PRESETS[size]
    config = {
        "architectures": ["GPTNeoXForCausalLM"],
        "bos_token_id": 0,
        "eos_token_id": 0,
        "hidden_act": "gelu",
        "hidden_size": shape.d_model,
        "initializer_range": 0.02,
        "intermediate_size": 4 * shape.d_model,
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": 2048,
        "model_type": "gpt_neox",
        "num_attention_heads": shape.n_heads,
        "num_hidden_layers": shape.n_layers,
        "rotary_emb_base": 10000,
        "rotary_pct": 0.25,
        "tie_word_embeddings": False,
        "use_parallel_residual": True,
        "vocab_size": shape.vocab_size,
    }
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def preset_folder(size: str) -> Path:
    """Return a folder with `config.json` of a size, and with `tokenizer.json` where one is at hand.

    Raises
    ------
    InputError
        If the folder of models cannot be written.
    """
    folder = models_folder() / "pythia" / size
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "config.json", preset_config(size).encode("ascii"))
        if (source := _tokenizer(size)) is not None:
            _write(folder / "tokenizer.json", source.read_bytes())
    except OSError as error:
        raise InputError(
            f"{folder}: the configuration of {size} cannot be written ({error.strerror or error}); set "
            "SUPERPOS_MODELS to a folder that can"
        ) from error
    return folder


def tokenizer_path() -> Path:
    """Return where the tokenizer of the suite is looked for."""
    return models_folder() / "pythia" / "tokenizer.json"


def _tokenizer(size: str) -> Path | None:
    """Return the tokenizer that was put into the folder of models, else one in the hub client's cache."""
    from huggingface_hub import try_to_load_from_cache

    if tokenizer_path().is_file():
        return tokenizer_path()
    for name in dict.fromkeys((size, *PRESETS)):
        for repository in (f"EleutherAI/{name}", f"EleutherAI/{name}-deduped"):
            found = try_to_load_from_cache(repository, "tokenizer.json")
            if isinstance(found, str):
                return Path(found)
    return None


def _write(path: Path, content: bytes) -> None:
    """Put `content` at `path` unless it is there; other processes see the old or the new file, whole."""
    if path.is_file() and path.read_bytes() == content:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
