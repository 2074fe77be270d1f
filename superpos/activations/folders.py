"""What a model folder holds beside its weights, checked without torch: configuration and tokenizer."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any

from superpos.errors import InputError
from superpos.reading.places import is_file, is_folder
from superpos.reading.refusals import parsing
from superpos.reading.texts import read_json_object

LAYER_COUNTS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
"""Keys under which configurations say how many blocks there are: each is built and planned one by one."""
MOST_LAYERS = 10_000


def read_config(folder: Path) -> dict[str, Any]:
    """Return the content of `config.json`.

    Raises
    ------
    InputError
        If the folder or the file is missing, is not JSON, asks for code of its own (`auto_map`), or the
        weights are quantised.
    """
    if not is_folder(folder):
        raise InputError(f"{folder}: no such model folder")
    path = folder / "config.json"
    if not is_file(path):
        raise InputError(
            f"{folder}: no config.json; a model folder holds config.json, *.safetensors and tokenizer.json"
        )
    config = read_json_object(path)
    if "auto_map" in config:
        raise InputError(
            f"{path}: auto_map asks for code that comes with the weights (trust_remote_code), which is never "
            "run; use a model whose classes are part of transformers (where its model_type is one of them, a "
            "copy of the folder without the key auto_map will do)"
        )
    for key in LAYER_COUNTS:
        if isinstance(count := config.get(key), int) and count > MOST_LAYERS:
            raise InputError(f"{path}: {key} = {count} layers; at most {MOST_LAYERS} are built")
    if config.get("quantization_config"):
        raise InputError(
            f"{path}: the weights are quantised (quantization_config); use the model's own float weights"
        )
    return config


def check_tokenizer_file(path: Path) -> None:
    """Raise `InputError` unless a file is a `tokenizer.json` of the tokenizers library."""
    token_names(path)


def token_names(path: Path) -> dict[int, str]:
    """Return the text of every token of a `tokenizer.json` by id; raises `InputError` if unreadable."""
    content = read_json_object(path)
    with parsing(path, "a tokenizer file of the tokenizers library"):
        vocabulary = content["model"]["vocab"]
        if isinstance(vocabulary, dict):
            names = {operator.index(index): str(entry) for entry, index in vocabulary.items()}
        else:  # Unigram lists pairs of entry and score
            names = {index: str(entry[0]) for index, entry in enumerate(vocabulary)}
        added = content.get("added_tokens", [])
        return names | {operator.index(item["id"]): str(item["content"]) for item in added}
