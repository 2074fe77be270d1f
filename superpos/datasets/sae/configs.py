"""What the configuration of a sparse autoencoder says, for each library that writes one.

| library                          | file            | sources                                              |
|----------------------------------|-----------------|------------------------------------------------------|
| SAELens before and since 6.0     | cfg.json        | `sae_lens/saes/sae.py`, `saes/transcoder.py`,         |
|                                  |                 | `loading/pretrained_sae_loaders.py` (6.54), `sae.py`  |
|                                  |                 | (5.11)                                               |
| sparsify                         | cfg.json        | EleutherAI/sparsify, `sparse_coder.py`, `trainer.py` |
| dictionary_learning              | config.json     | saprmarks/dictionary_learning, `training.py`,        |
|                                  |                 | `trainers/*.py`                                      |
| Gemma Scope                      | (the path)      | Lieberum et al. (2024); SAELens' `gemma_2` loaders   |
| Gemma Scope 2                    | config.json     | google/gemma-scope-2-*; SAELens' `gemma_3` loaders   |
| Llama Scope                      | hyperparams.json | He et al. (2024), fnlp/Llama3_1-8B-Base-LX*;        |
| Language-Model-SAEs since 2025   | config.json     | OpenMOSS/Language-Model-SAEs, `sparse_dictionary.py` |
| Qwen Scope                       | (the path)      | Qwen/SAE-Res-*, the README of each repository        |

Of what else they say nothing changes a direction: thresholds, biases (`apply_b_dec_to_input`), folded norms,
scales of activations (`expected_average_only_in`, `dataset-wise`), skip connections. What does change it is
refused: vectors among whitened activations, several layers at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superpos.errors import InputError, shown
from superpos.reading.places import is_file
from superpos.reading.texts import read_json_object
from superpos.specs.axes import LARGEST_COUNT

UNKNOWN_LAYER = -1


@dataclass(frozen=True, slots=True)
class Hook:
    """A place in a model as a configuration calls it."""

    name: str = ""
    """`blocks.8.hook_resid_pre`, `layers.10.mlp`; empty if nothing is said."""
    layer: int = UNKNOWN_LAYER
    """What is said of the layer beside the name; -1 for nothing."""
    key: str = ""
    """The key that says so, for messages."""


NOWHERE = Hook()


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of an autoencoder beside its arrays; 0 and empty text stand for nothing."""

    source: str = ""
    """The file, or the path, that says so."""
    d_in: int = 0
    """Width of what the encoder reads."""
    d_out: int = 0
    """Width of what the decoder writes; another one for some transcoders."""
    n_latents: int = 0
    reads: Hook = NOWHERE
    writes: Hook = NOWHERE
    model: str = ""


def saelens(path: Path, _weights: Path) -> Said:
    """Return what `cfg.json` of SAELens says: flat before 6.0, with a table `metadata` since then."""
    config = read_json_object(path)
    metadata = config.get("metadata")
    both = {**config, **metadata} if isinstance(metadata, dict) else config
    if both.get("normalize_activations") == "covariance_whitening":
        raise InputError(
            f"{path}: normalize_activations = 'covariance_whitening': its vectors live among whitened "
            "activations, not among the model's; fold it in (fold_activation_whitening) and save it again"
        )
    name, key = _first_text(path, both, "hook_name", "hook_point")
    layer = _first_count(path, both, "hook_layer", "hook_point_layer")
    head = both.get("hook_head_index", both.get("hook_point_head_index"))
    if name and head is not None:
        name = f"{name} of head {head}"
    out, out_key = _first_text(path, both, "hook_name_out")
    reads = Hook(name, layer, key)
    writes = Hook(out, _first_count(path, both, "hook_layer_out"), out_key)
    if not out:  # a transcoder that does not say where it writes does not write where it reads
        writes = NOWHERE if "transcoder" in str(both.get("architecture")) else reads
    d_in = _width(path, config, "d_in")
    return Said(
        source=str(path),
        d_in=d_in,
        d_out=_count(path, config, "d_out") or d_in,
        n_latents=_count(path, config, "d_sae"),
        reads=reads,
        writes=writes,
        model=_first_text(path, both, "model_name")[0],
    )


_UNDERSCORED = re.compile(r"^(layers|h)_(\d+)$")
"""How early releases write a folder's name: `layers_10` for `layers.10`."""


def sparsify(path: Path, weights: Path) -> Said:
    """Return what `cfg.json` of sparsify says; the hook point is the name of its folder."""
    config = read_json_object(path)
    d_in = _width(path, config, "d_in")
    of_run = path.parent.parent / "config.json"
    run = read_json_object(of_run) if is_file(of_run) else {}
    run = run if "sae" in run or "hookpoints" in run else {}  # of another program, by chance
    name = _UNDERSCORED.sub(r"\1.\2", weights.absolute().parent.name)
    mode = run.get("hook_mode", "output")
    output = Hook(name, key="the folder's name")
    before = Hook(f"{name}.input", key="the folder's name")
    transcodes = bool(config.get("transcode")) or mode == "transcode"
    return Said(
        source=str(path),
        d_in=d_in,
        d_out=0 if transcodes else d_in,
        n_latents=_count(path, config, "num_latents") or d_in * _count(path, config, "expansion_factor"),
        reads=before if transcodes or mode == "input" else output,
        writes=before if mode == "input" else output,
        model=_first_text(of_run, run, "model")[0],
    )


def dictionary_learning(path: Path, _weights: Path) -> Said:
    """Return what `config.json` of dictionary_learning says, in its table `trainer`."""
    config = read_json_object(path)
    trainer = config.get("trainer")
    if not isinstance(trainer, dict):
        raise InputError(f"{path}: trainer = {shown(trainer)} is no table, as dictionary_learning writes it")
    buffer = config.get("buffer")
    side = buffer.get("io", "out") if isinstance(buffer, dict) else "out"
    name, key = _first_text(path, trainer, "submodule_name")
    layer = _first_count(path, trainer, "layer")
    output = Hook(name, layer, f"trainer.{key}" if key else "")
    before = Hook(f"{name}.input" if name else "", layer, output.key)
    width = _width(path, trainer, "activation_dim", "trainer.")
    return Said(
        source=str(path),
        d_in=width,
        d_out=width,
        n_latents=_count(path, trainer, "dict_size", "trainer."),
        reads=before if side in ("in", "in_and_out") else output,
        writes=before if side == "in" else output,
        model=_first_text(path, trainer, "lm_name")[0],
    )


_GEMMA_SCOPE = re.compile(r"gemma-scope-(2b|9b|27b)-(pt|it)-(res|mlp|att|transcoders)")
_GEMMA_SITES = {
    "res": ("hook_resid_post", "hook_resid_post"),
    "mlp": ("hook_mlp_out", "hook_mlp_out"),
    "att": ("attn.hook_z", "attn.hook_z"),
    "transcoders": ("ln2.hook_normalized", "hook_mlp_out"),
}


def gemma_scope(_path: Path, weights: Path) -> Said:
    """Return what the path of a Gemma Scope file says, as `gemma-scope-2b-pt-res/layer_20/width_16k/…`."""
    text = weights.absolute().as_posix()
    release = _GEMMA_SCOPE.search(text)
    if release is None:
        return Said()
    size, tuned, site = release.groups()
    model = f"gemma-2-{size}{'-it' if tuned == 'it' else ''}"
    inside = text[release.end() :]
    layer = re.search(r"/layer_(\d+)/", inside)
    if layer is None and "/embedding/" not in inside:
        return Said(source=str(weights), model=model)
    if layer is None:
        return Said(str(weights), reads=_of_path("hook_embed"), writes=_of_path("hook_embed"), model=model)
    reads, writes = (_of_path(f"blocks.{int(layer[1])}.{name}") for name in _GEMMA_SITES[site])
    return Said(str(weights), reads=reads, writes=writes, model=model)


_GEMMA_2_SITES = {
    "resid_post": ("output", "output"),
    "attn_out": ("self_attn.o_proj.input", "self_attn.o_proj.input"),
    "mlp_out": ("post_feedforward_layernorm.output", "post_feedforward_layernorm.output"),
    "transcoder": ("pre_feedforward_layernorm.output", "post_feedforward_layernorm.output"),
}


def gemma_scope_2(path: Path, weights: Path) -> Said:
    """Return what `config.json` of Gemma Scope 2 says; some folders have none, and their path says it."""
    if not is_file(path):
        parts = weights.absolute().parts[-3:-1]  # resid_post_all/layer_12_width_16k_l0_small
        site = next((name for name in _GEMMA_2_SITES if parts and parts[0].startswith(name)), "")
        layer = re.match(r"layer_(\d+)(_|$)", parts[-1]) if parts else None
        if not site or layer is None:
            return Said()
        reads, writes = (_of_path(f"model.layers.{int(layer[1])}.{one}") for one in _GEMMA_2_SITES[site])
        return Said(str(weights), reads=reads, writes=writes)
    config = read_json_object(path)
    kind = str(config.get("type", "sae"))
    if kind not in ("sae", "transcoder"):
        raise InputError(f"{path}: type = {shown(kind)} has decoders of several layers; {ONE_LAYER}")
    name, key = _first_text(path, config, "hf_hook_point_in")
    out, out_key = _first_text(path, config, "hf_hook_point_out")
    reads = Hook(name, key=key)
    return Said(
        source=str(path),
        n_latents=_count(path, config, "width"),
        reads=reads,
        writes=Hook(out, key=out_key) if out else reads,
        model=_first_text(path, config, "model_name")[0],
    )


ONE_LAYER = "autoencoders and transcoders of one layer are read"


def language_model_saes(path: Path, _weights: Path) -> Said:
    """Return what `hyperparams.json` of Llama Scope, or `config.json` of later releases, says."""
    config = read_json_object(path)
    kind = str(config.get("sae_type", "sae"))
    if kind != "sae":
        raise InputError(f"{path}: sae_type = {shown(kind)} is not read; {ONE_LAYER} (sae_type 'sae')")
    width = _width(path, config, "d_model")
    name, key = _first_text(path, config, "hook_point_in")
    out, out_key = _first_text(path, config, "hook_point_out")
    factor = config.get("expansion_factor")
    of_factor = int(width * factor) if isinstance(factor, int | float) and 0 < factor < LARGEST_COUNT else 0
    of_model = path.parent / "lm_config.json"
    model = read_json_object(of_model) if is_file(of_model) else config
    return Said(
        source=str(path),
        d_in=width,
        d_out=width,
        n_latents=_count(path, config, "d_sae") or of_factor,
        reads=Hook(name, key=key),
        writes=Hook(out or name, key=out_key or key),
        model=_first_text(path, model, "model_name")[0],
    )


_QWEN_FILE = re.compile(r"layer(\d+)\.sae\.pt")
_QWEN_RELEASE = re.compile(r"SAE-Res-(.+?)-W(\d+)K-L0_\d+")


def qwen_scope(_path: Path, weights: Path) -> Said:
    """Return what the path of a Qwen Scope file says: `SAE-Res-Qwen3-1.7B-Base-W32K-L0_50/layer3.sae.pt`."""
    layer = _QWEN_FILE.fullmatch(weights.name)
    release = _QWEN_RELEASE.search(weights.absolute().parent.as_posix())
    hook = _of_path(f"blocks.{int(layer[1])}.hook_resid_post") if layer else NOWHERE
    return Said(
        source=str(weights),
        n_latents=1024 * int(release[2]) if release else 0,
        reads=hook,
        writes=hook,
        model=release[1] if release else "",
    )


def nothing(_path: Path, _weights: Path) -> Said:
    """Return what a file alone says."""
    return Said()


def _of_path(name: str) -> Hook:
    return Hook(name, key="its path")


def _width(path: Path, config: dict[str, Any], key: str, table: str = "") -> int:
    """Return a width that has to be there."""
    if found := _count(path, config, key, table):
        return found
    raise InputError(f"{path}: has no {table}{key}, the width of the activations; is it a configuration?")


def _count(path: Path, config: dict[str, Any], key: str, table: str = "") -> int:
    """Return a whole number, 0 if none is there."""
    value = config.get(key)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
        raise InputError(
            f"{path}: {table}{key} = {shown(value)} is no whole number from 0 to {LARGEST_COUNT}"
        )
    return value


def _first_count(path: Path, config: dict[str, Any], *keys: str) -> int:
    """Return the first layer that is said, -1 for none."""
    key = next((key for key in keys if config.get(key) is not None), None)
    return UNKNOWN_LAYER if key is None else _count(path, config, key)


def _first_text(path: Path, config: dict[str, Any], *keys: str) -> tuple[str, str]:
    """Return the first text that is said with its key, empty for none."""
    for key in keys:
        value = config.get(key)
        if value is not None:
            if not isinstance(value, str):
                raise InputError(f"{path}: {key} = {shown(value)} is not text")
            return value, key
    return "", ""
