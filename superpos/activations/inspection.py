"""Identity and shape of a model from its small files, before any weight is loaded.

GPT-NeoX and Llama-like models, which most studies read, are known from their configuration without torch;
others are built on the meta device.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from superpos.activations.folders import check_tokenizer_file, read_config, token_names
from superpos.activations.gguf_folder import read_record
from superpos.activations.locating import find_model, locate
from superpos.activations.presets import preset_size, tokenizer_path
from superpos.activations.weight_files import check_finite_weights, files_digest, weight_files
from superpos.errors import InputError, shown
from superpos.hashing import file_digest
from superpos.kinds.weights import WEIGHTS
from superpos.records.data import ModelInfo
from superpos.specs.axes import LARGEST_COUNT
from superpos.specs.hook_names import HOOKPOINTS, PARALLEL
from superpos.specs.models import ModelSpec, check_hookpoint

FAMILIES = {
    "gpt_neox": "gpt_neox",
    "llama": "llama",
    "mistral": "llama",
    "qwen2": "llama",
    "qwen3": "llama",
}
"""Family of each `model_type` whose blocks the oracle recomputes; any other is a family of its own."""
SIZES = (
    "num_hidden_layers",
    "hidden_size",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
)
"""Where the configurations of these families state their shape."""
QWEN3_HEAD = 128
"""Width of a head that `transformers` takes where a configuration of Qwen3 states none."""


def tokenizer_file(spec: ModelSpec) -> Path:
    """Return the tokenizer file of a model.

    Raises
    ------
    InputError
        As `locate`; further if there is none, with what to download and where to put it.
    """
    folder, _ = locate(spec)
    path = folder / "tokenizer.json"
    if path.is_file():
        return path
    if (record := read_record(folder)) is not None:
        raise InputError(
            f"model {spec.name}: feature sets need its tokenizer, and that of the GGUF file cannot be made "
            f"({record.no_tokenizer}); put the model's own tokenizer.json and tokenizer_config.json beside "
            "the file"
        )
    if preset_size(spec.name) and not WEIGHTS.get(spec.weights, "weights").reads_files:
        raise InputError(
            f"model {spec.name}: feature sets need its tokenizer, which is not at hand; "
            f"download it (hf download {spec.name} tokenizer.json; all sizes of the suite share one, and the "
            f"hub client's cache is looked through) or put it at {tokenizer_path()} (SUPERPOS_MODELS names "
            "another folder)"
        )
    raise InputError(
        f"model {spec.name}: feature sets need its tokenizer, and {path} is missing; put the model's "
        "tokenizer.json there (AutoTokenizer.from_pretrained(name).save_pretrained(folder) writes it)"
    )


def inspect_model(spec: ModelSpec, *, check_weights: bool = True) -> ModelInfo:
    """Return identity and shape of a model without loading it.

    The weights of a local model are hashed and, unless `check_weights` is off, every one is checked to be
    finite. Those of a hub model are named by their commit and checked when they are loaded.

    Raises
    ------
    InputError
        One line for: no such model; no config.json; no weights, pickled or non-finite ones; code of its own;
        an architecture without hookpoints that can be found; a tokenizer that cannot be read. One with more
        tokens than the embedding has rows is no mistake: see `check_token_ids`.
    """
    place = find_model(spec)
    folder, commit = place.folder, place.commit
    config = read_config(folder)
    path = folder / "config.json"
    model_type = str(config.get("model_type", ""))
    if model_type in FAMILIES:
        n_layers, d_model, d_mlp, vocab_size, max_positions = (_size(config, key, path) for key in SIZES)
        d_attn, absent = _attention(config, path), _absent(config)
    else:
        # Imported here: it needs torch, and the families above are planned without.
        from superpos.activations.shape import read_shape

        shape = read_shape(folder)
        n_layers, d_model, d_mlp = shape.n_layers, shape.d_model, shape.d_mlp
        vocab_size, max_positions = shape.vocab_size, shape.max_positions
        d_attn, absent = shape.d_attn, shape.absent
    weights_digest = ""
    if WEIGHTS.get(spec.weights, "weights").reads_files and not commit:
        files = weight_files(folder)
        if check_weights:
            check_finite_weights(files)
        weights_digest = files_digest(files)
    tokenizer = folder / "tokenizer.json"
    if tokenizer.is_file():
        check_tokenizer_file(tokenizer)
    record = read_record(folder)
    return ModelInfo(
        name=spec.name,
        revision=spec.revision,
        commit=commit,
        weights=spec.weights,
        seed=spec.seed,
        family=FAMILIES.get(model_type, model_type),
        n_layers=n_layers,
        d_model=d_model,
        d_mlp=d_mlp,
        vocab_size=vocab_size,
        max_positions=max_positions,
        config_digest=file_digest(path),
        weights_digest=weights_digest,
        tokenizer_digest=file_digest(tokenizer) if tokenizer.is_file() else "",
        quantization="" if record is None else record.quantization,
        file_digest="" if record is None else record.digest,
        distribution=place.distribution,
        d_attn=d_attn,
        absent=absent,
    )


def check_token_ids(spec: ModelSpec, n_rows: int, ids: Iterable[int], where: str) -> None:
    """Check that a model has an embedding row for every token id.

    Tokenizers may know more tokens than the embedding has rows (Gemma 3, Code Llama), as long as no text that
    is read yields them.

    Parameters
    ----------
    spec
        The model.
    n_rows
        Rows of its embedding.
    ids
        Token ids, in the order in which the first wrong one is named.
    where
        What holds them, for the message.

    Raises
    ------
    InputError
        Naming the first id without a row, and its token.
    """
    wrong = next((int(index) for index in ids if not 0 <= index < n_rows), None)
    if wrong is None:
        return
    tokenizer = locate(spec)[0] / "tokenizer.json"
    token = token_names(tokenizer).get(wrong) if tokenizer.is_file() else None
    name = "" if token is None else f" ({token!r})"
    raise InputError(
        f"model {spec.name}: {where} holds token id {wrong}{name}, and the embedding has {n_rows} rows (0 to "
        f"{n_rows - 1}); leave out the text that yields this token, or use the model's own tokenizer"
    )


def hook_width(info: ModelInfo, hookpoint: str) -> int:
    """Return the width d of a hookpoint.

    Raises
    ------
    ArgumentError
        For an unknown hookpoint, naming those known.
    InputError
        For a hookpoint that the model lacks (`mlp.act` of a mixture of experts, `resid.mid` of parallel
        blocks), with the reason and those it has.
    """
    hookpoint = check_hookpoint(hookpoint)
    absent = dict(info.absent)
    if hookpoint in absent:
        there = ", ".join(name for name in HOOKPOINTS if name not in absent)
        said = f"has no hookpoint {hookpoint}: {absent[hookpoint]}; hookpoints there are: {there}"
        raise InputError(f"model {info.name}: {said}")
    return {"mlp.act": info.d_mlp, "attn.z": info.d_attn}.get(hookpoint, info.d_model)


def _attention(config: dict[str, Any], path: Path) -> int:
    """Return the width of all heads of these families: that of the model unless a head's is stated."""
    default = QWEN3_HEAD if config["model_type"] == "qwen3" else None
    if config["model_type"] == "gpt_neox" or config.get("head_dim", default) is None:
        return _size(config, "hidden_size", path)
    width = _size({"head_dim": default, **config}, "head_dim", path)
    return width * _size(config, "num_attention_heads", path)


def _absent(config: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what hookpoints these families lack: in GPT-NeoX, unless said otherwise, blocks are parallel."""
    parallel = config["model_type"] == "gpt_neox" and config.get("use_parallel_residual", True)
    return (("resid.mid", PARALLEL),) if parallel else ()


def _size(config: dict[str, Any], key: str, path: Path) -> int:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_COUNT:
        raise InputError(
            f"{path}: {key} = {shown(value)} is not a positive whole number up to {LARGEST_COUNT}"
        )
    return value
