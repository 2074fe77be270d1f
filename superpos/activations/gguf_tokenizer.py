"""The tokenizer of a GGUF file as `tokenizer.json` and `tokenizer_config.json`.

transformers makes it of vocabulary and merges. How a byte-level vocabulary splits text before it merges is
known by a name alone (`tokenizer.ggml.pre`); transformers knows some of these names and takes the split of
GPT-2 for all others, so that digits would be merged that the model never saw together. The names whose split
is stated here, or that transformers states, are believed; any other tokenizer is refused. Source of the
splits: `llm_tokenizer_bpe` of llama.cpp (src/llama-vocab.cpp), written with the steps of tokenizers as the
models' own `tokenizer.json` have them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from superpos.activations.building import quiet
from superpos.activations.gguf_header import GgufHeader
from superpos.errors import InputError, allowed
from superpos.reading.refusals import parsing

LIKE_GPT2 = ("gpt-2", "exaone4", "gigachat", "jais", "mellum", "mpt", "olmo", "phi-2", "trillion")
DIGITS_APART = ("codeshell", "command-r", "exaone", "minerva-7b", "refact", "smollm", "starcoder")
"""Names under which each digit is a piece of its own."""
LIKE_QWEN2 = ("qwen2", "hunyuan", "stablelm2")
BLOOM = ("bloom", "gpt3-finnish", "poro-chat")
BLOOM_SPLIT = r" ?[^(\s|[.,!?…。，、।۔،])]+"
WHOLE_WORDS = (
    "falcon-h1",
    "falcon3",
    "jina-v5-nano",
    "lfm2",
    "llama-bpe",
    "llama-v3",
    "llama3",
    "midm-2.0",
    "pixtral",
    "tekken",
)
"""Names under which a piece that is a token is that token, whether or not merges lead to it."""
NAMED = ("bos_token", "eos_token", "unk_token", "pad_token")
"""Special tokens that the configuration of a tokenizer names."""


def write_tokenizer(header: GgufHeader, folder: Path) -> None:
    """Write the tokenizer of a GGUF file into a folder.

    Raises
    ------
    InputError
        If the file has none, or one that cannot be made.
    """
    from transformers import AutoTokenizer

    path, kind = header.path, header.metadata.get("tokenizer.ggml.model")
    if kind in (None, "none", "no_vocab") or "tokenizer.ggml.tokens" not in header.metadata:
        raise InputError(f"{path}: holds no tokenizer")
    split = _split(header) if kind == "gpt2" else None
    with parsing(path, f"a tokenizer of type {kind}", AssertionError, ImportError), quiet():
        tokenizer = AutoTokenizer.from_pretrained(
            str(path.parent), gguf_file=path.name, local_files_only=True, trust_remote_code=False
        )
        backend = tokenizer.backend_tokenizer
        if split is not None:
            backend.pre_tokenizer = split
        named = {name: str(token) for name in NAMED if (token := getattr(tokenizer, name, None)) is not None}
        content = json.loads(backend.to_str())
    if header.metadata.get("tokenizer.ggml.pre") in WHOLE_WORDS:
        content["model"]["ignore_merges"] = True
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    text = json.dumps(named, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def _split(header: GgufHeader) -> Any | None:
    """Return the step that splits text, None where that of transformers is right; raises `InputError`."""
    name = header.metadata.get("tokenizer.ggml.pre", "")
    if name in SPLITS:
        return SPLITS[name]()
    known = _known_to_transformers()
    if name in known:
        return None
    raise InputError(
        f"{header.path}: tokenizer.ggml.pre: how a tokenizer of this name splits text is not known; "
        f"{allowed(name, sorted({*SPLITS, *known}))}"
    )


def _known_to_transformers() -> tuple[str, ...]:
    """Return the names whose split transformers states."""
    try:
        from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS
    except ImportError:  # a version that takes the split of GPT-2 for all
        return ()
    return tuple(GGUF_PRE_TOKENIZER_SPLITS)


def _gpt2() -> Any:
    from tokenizers import pre_tokenizers

    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def _digits_apart() -> Any:
    from tokenizers import pre_tokenizers

    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), _gpt2()])


def _qwen2() -> Any:
    from tokenizers import Regex, pre_tokenizers
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

    words = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated")
    return pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _bloom() -> Any:
    from tokenizers import Regex, pre_tokenizers

    words = pre_tokenizers.Split(Regex(BLOOM_SPLIT), behavior="isolated")
    return pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _falcon() -> Any:
    from tokenizers import Regex, pre_tokenizers

    steps = [
        pre_tokenizers.Punctuation(behavior="contiguous"),
        _gpt2(),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), behavior="isolated"),
    ]
    return pre_tokenizers.Sequence(steps)


SPLITS: dict[str, Callable[[], Any]] = {
    **dict.fromkeys(LIKE_GPT2, _gpt2),
    **dict.fromkeys(DIGITS_APART, _digits_apart),
    **dict.fromkeys(LIKE_QWEN2, _qwen2),
    **dict.fromkeys(BLOOM, _bloom),
    "falcon": _falcon,
}
"""What splits text, by `tokenizer.ggml.pre`."""
