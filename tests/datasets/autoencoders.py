"""Tiny autoencoders, written in exactly the layout of each library: files, names, shapes, configurations."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

N, D = 24, 16
"""Latents and width; n > d, as always."""
Arrays = dict[str, torch.Tensor]


def decoder(n: int = N, d: int = D) -> torch.Tensor:
    """Return the decoder vectors, one a row, (n, d)."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(7))


def encoder(n: int = N, d: int = D) -> torch.Tensor:
    """Return the encoder vectors, one a row, (n, d)."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(8))


def by_columns(n: int = N, d: int = D) -> Arrays:
    """Return the arrays as matrices that multiply from the right: SAELens, Gemma Scope."""
    return {
        "W_enc": encoder(n, d).T.contiguous(),
        "W_dec": decoder(n, d),
        "b_enc": torch.zeros(n),
        "b_dec": torch.zeros(d),
    }


def linear_layers(n: int = N, d: int = D) -> Arrays:
    """Return the arrays as torch.nn.Linear keeps them, (out, in)."""
    return {
        "encoder.weight": encoder(n, d),
        "encoder.bias": torch.zeros(n),
        "decoder.weight": decoder(n, d).T.contiguous(),
    }


def _json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def saelens_5(root: Path) -> Path:
    """SAELens before 6.0: a flat cfg.json."""
    place = root / "blocks.2.hook_resid_pre"
    _json(place / "cfg.json", {
        "architecture": "standard", "d_in": D, "d_sae": N, "dtype": "float32", "device": "cpu",
        "model_name": "gpt2-small", "hook_name": "blocks.2.hook_resid_pre", "hook_layer": 2,
        "hook_head_index": None, "activation_fn_str": "relu", "activation_fn_kwargs": {},
        "apply_b_dec_to_input": True, "finetuning_scaling_factor": False, "sae_lens_training_version": None,
        "prepend_bos": True, "dataset_path": "corpus", "dataset_trust_remote_code": True,
        "context_size": 128, "normalize_activations": "none", "neuronpedia_id": None,
        "model_from_pretrained_kwargs": {}, "seqpos_slice": [None],
    })  # fmt: skip
    save_file(by_columns(), place / "sae_weights.safetensors")
    save_file({"sparsity": torch.zeros(N)}, place / "sparsity.safetensors")
    return place


def saelens_2(root: Path) -> Path:
    """SAELens' oldest releases: `hook_point`, `hook_point_layer`, a scaling factor."""
    place = root / "blocks.2.hook_resid_pre"
    _json(place / "cfg.json", {
        "model_name": "gpt2-small", "hook_point": "blocks.2.hook_resid_pre", "hook_point_layer": 2,
        "hook_point_head_index": None, "d_in": D, "d_sae": N, "dtype": "torch.float32", "device": "mps",
    })  # fmt: skip
    save_file(by_columns() | {"scaling_factor": torch.ones(N)}, place / "sae_weights.safetensors")
    return place


def saelens_6(root: Path, **more: Any) -> Path:
    """SAELens since 6.0: what is about the model lies in `metadata`."""
    place = root / "sae"
    _json(place / "cfg.json", {
        "d_in": D, "d_sae": N, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": True,
        "normalize_activations": "none", "reshape_activations": "none", "architecture": "jumprelu",
        "metadata": {
            "sae_lens_version": "6.54.12", "sae_lens_training_version": "6.54.12",
            "model_name": "gpt2-small", "hook_name": "blocks.1.hook_resid_post", "hook_head_index": None,
        },
    } | more)  # fmt: skip
    save_file(by_columns() | {"threshold": torch.zeros(N)}, place / "sae_weights.safetensors")
    return place


def saelens_transcoder(root: Path) -> Path:
    """A transcoder of SAELens that reads and writes other widths."""
    place = root / "transcoder"
    _json(place / "cfg.json", {
        "d_in": D + 4, "d_sae": N, "d_out": D, "architecture": "transcoder", "apply_b_dec_to_input": False,
        "metadata": {
            "sae_lens_version": "6.54.12", "model_name": "gpt2-small",
            "hook_name": "blocks.1.mlp.hook_in", "hook_name_out": "blocks.1.hook_mlp_out",
        },
    })  # fmt: skip
    arrays = by_columns() | {"W_enc": encoder(N, D + 4).T.contiguous()}
    save_file(arrays, place / "sae_weights.safetensors")
    return place


def sparsify(root: Path, folder: str = "layers.1", **more: Any) -> Path:
    """EleutherAI's sparsify: the folder is called as the module, the run's configuration lies above."""
    place = root / "run" / folder
    _json(place / "cfg.json", {
        "activation": "topk", "expansion_factor": 32, "normalize_decoder": True, "num_latents": N, "k": 4,
        "multi_topk": False, "skip_connection": False, "transcode": False, "d_in": D,
    } | more)  # fmt: skip
    _json(place.parent / "config.json", {"model": "EleutherAI/pythia-70m", "hookpoints": [folder]})
    arrays = {
        "encoder.weight": encoder(), "encoder.bias": torch.zeros(N), "W_dec": decoder(),
        "b_dec": torch.zeros(D),
    }  # fmt: skip
    save_file({name: one.bfloat16() for name, one in arrays.items()}, place / "sae.safetensors")
    return place


def dictionary_learning(root: Path, **trainer: Any) -> Path:
    """dictionary_learning: a state dictionary of linear layers in ae.pt."""
    place = root / "trainer_0"
    _json(place / "config.json", {
        "trainer": {
            "trainer_class": "StandardTrainer", "dict_class": "AutoEncoder", "activation_dim": D,
            "dict_size": N, "lr": 1e-4, "layer": 1, "lm_name": "EleutherAI/pythia-70m-deduped",
            "submodule_name": "resid_post_layer_1", "device": "cuda:0",
        } | trainer,
        "buffer": {"d_submodule": D, "io": "out", "ctx_len": 128},
    })  # fmt: skip
    torch.save(linear_layers() | {"bias": torch.zeros(D)}, place / "ae.pt")
    return place


def dictionary_learning_jumprelu(root: Path) -> Path:
    """Its JumpReLU and Matryoshka classes keep plain matrices, the decoder by rows."""
    place = dictionary_learning(root, dict_class="JumpReluAutoEncoder", trainer_class="JumpReluTrainer")
    torch.save(by_columns() | {"threshold": torch.zeros(N)}, place / "ae.pt")
    return place


def gemma_scope(root: Path, site: str = "res") -> Path:
    """Gemma Scope: an npz file, all else is in the path."""
    place = root / f"gemma-scope-2b-pt-{site}" / "layer_1" / "width_16k" / "average_l0_71"
    place.mkdir(parents=True)
    arrays = by_columns() | {"threshold": torch.zeros(N)}
    np.savez(place / "params.npz", **{name: one.numpy() for name, one in arrays.items()})
    return place


def gemma_scope_2(root: Path, **more: Any) -> Path:
    """Gemma Scope 2: lower-case names, hook points of Hugging Face."""
    place = root / "gemma-scope-2-270m-pt" / "resid_post" / "layer_1_width_16k_l0_small"
    _json(place / "config.json", {
        "hf_hook_point_in": "model.layers.1.output", "hf_hook_point_out": "model.layers.1.output",
        "width": N, "model_name": "google/gemma-3-270m", "architecture": "jump_relu", "l0": 20,
        "affine_connection": False, "type": "sae",
    } | more)  # fmt: skip
    arrays = {name.lower(): one for name, one in by_columns().items()} | {"threshold": torch.zeros(N)}
    save_file(arrays, place / "params.safetensors")
    return place


def llama_scope(root: Path, hook_out: str = "blocks.1.hook_resid_post") -> Path:
    """Llama Scope: hyperparams.json, linear layers below `checkpoints`."""
    place = root / "Llama3_1-8B-Base-L1R-8x"
    _json(place / "hyperparams.json", {
        "device": "cuda:0", "seed": 42, "dtype": "torch.bfloat16", "d_model": D, "d_sae": N,
        "hook_point_in": "blocks.1.hook_resid_post", "hook_point_out": hook_out, "use_decoder_bias": True,
        "apply_decoder_bias_to_pre_encoder": False, "expansion_factor": 8, "act_fn": "jumprelu",
        "jump_relu_threshold": 0.75, "norm_activation": "dataset-wise",
        "dataset_average_activation_norm": {"in": 29.1, "out": 29.1}, "sparsity_include_decoder_norm": True,
    })  # fmt: skip
    _json(place / "lm_config.json", {"model_name": "meta-llama/Llama-3.1-8B"})
    (place / "checkpoints").mkdir()
    arrays = linear_layers() | {"decoder.bias": torch.zeros(D)}
    save_file(
        {name: one.bfloat16() for name, one in arrays.items()}, place / "checkpoints" / "final.safetensors"
    )
    return place


def language_model_saes(root: Path, **more: Any) -> Path:
    """Language-Model-SAEs since 2025: config.json, W_E and W_D."""
    place = root / "sae"
    _json(place / "config.json", {
        "sae_type": "sae", "d_model": D, "expansion_factor": N / D, "use_decoder_bias": True,
        "act_fn": "topk", "norm_activation": "dataset-wise", "hook_point_in": "blocks.1.hook_resid_post",
        "hook_point_out": "blocks.1.hook_resid_post", "use_glu_encoder": False,
    } | more)  # fmt: skip
    arrays = by_columns()
    save_file({
        "W_E": arrays["W_enc"], "b_E": arrays["b_enc"], "W_D": arrays["W_dec"], "b_D": arrays["b_dec"],
        "dataset_average_activation_norm.blocks.1.hook_resid_post": torch.tensor(3.0),
    }, place / "sae_weights.safetensors")  # fmt: skip
    return place


def qwen_scope(root: Path) -> Path:
    """Qwen Scope: a dictionary a layer, W_enc (n, d) and W_dec (d, n); here of 1,024 latents, "1K"."""
    place = root / "SAE-Res-Qwen3-1.7B-Base-W1K-L0_50" / "layer1.sae.pt"
    place.parent.mkdir()
    n = 1024
    torch.save({
        "W_enc": encoder(n), "W_dec": decoder(n).T.contiguous(), "b_enc": torch.zeros(n),
        "b_dec": torch.zeros(D),
    }, place)  # fmt: skip
    return place


@dataclass(frozen=True)
class Case:
    """A layout and what is to be read of it."""

    write: Callable[[Path], Path]
    layout: str
    side: str
    tensor: str
    model: str
    n: int = N
    hookpoint: str = "resid"
    half: bool = False
    """Whether it is written in bfloat16."""


CASES = {
    "saelens_2": Case(saelens_2, "SAELens", "rows", "W_dec", "gpt2-small"),
    "saelens_5": Case(saelens_5, "SAELens", "rows", "W_dec", "gpt2-small"),
    "saelens_6": Case(saelens_6, "SAELens", "rows", "W_dec", "gpt2-small"),
    "saelens_transcoder": Case(
        saelens_transcoder, "SAELens", "rows", "W_dec", "gpt2-small", hookpoint="mlp.add"
    ),
    "sparsify": Case(sparsify, "sparsify", "rows", "W_dec", "EleutherAI/pythia-70m", half=True),
    "dictionary_learning": Case(
        dictionary_learning, "dictionary_learning", "columns", "decoder.weight",
        "EleutherAI/pythia-70m-deduped",
    ),
    "dictionary_learning_jumprelu": Case(
        dictionary_learning_jumprelu, "dictionary_learning", "rows", "W_dec", "EleutherAI/pythia-70m-deduped"
    ),
    "gemma_scope": Case(gemma_scope, "Gemma Scope", "rows", "W_dec", "gemma-2-2b"),
    "gemma_scope_2": Case(gemma_scope_2, "Gemma Scope 2", "rows", "w_dec", "google/gemma-3-270m"),
    "llama_scope": Case(
        llama_scope, "Llama Scope", "columns", "decoder.weight", "meta-llama/Llama-3.1-8B", half=True
    ),
    "language_model_saes": Case(language_model_saes, "Language-Model-SAEs", "rows", "W_D", ""),
    "qwen_scope": Case(qwen_scope, "Qwen Scope", "columns", "W_dec", "Qwen3-1.7B-Base", n=1024),
}  # fmt: skip
"""Every layout; all of them live in layer 1."""
