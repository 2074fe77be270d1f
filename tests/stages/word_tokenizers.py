"""Tokenizers of the kinds that treat spaces and digits differently, of the words of the lists that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from superpos.specs.feature_sets import bundled_sets, load_feature_set

WORD_LISTS = [name for name in bundled_sets() if load_feature_set(name).builder == "token_list"]
RARE = ("Neptune", "violet")
"""Words that are in no text here: byte-level BPE writes them with several tokens."""
KINDS = ("joined", "digits_apart", "gemma", "llama", "unigram", "wordpiece", "no_seven")


def texts() -> list[str]:
    """Return sentences with the words of every list but two, each often enough to become a token."""
    words = [word for name in WORD_LISTS for word in load_feature_set(name).options.words if word not in RARE]
    return [f"in {word} {word}" for word in words for _ in range(30)]


def save_tokenizer(kind: str, folder: Path) -> Path:
    """Train a tokenizer, write it to a folder and return the folder.

    `joined` is byte-level BPE that joins digits with the space, as that of Pythia; `digits_apart` never does,
    as those of SmolLM2, Llama 3 and Qwen; `gemma` writes spaces as U+2581 and never joins a digit; `llama`
    also puts one before every text, as those of Llama 2 and Mistral; `unigram` and `wordpiece` are as those
    of XLM-RoBERTa and BERT; `no_seven` is WordPiece that cannot write 7.
    """
    tokenizer, trainer = _parts(kind)
    if trainer is not None:
        tokenizer.train_from_iterator(
            [text for text in texts() if kind != "no_seven" or "7" not in text], trainer
        )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def save_model(folder: Path) -> Path:
    """Write a tiny Llama with random weights beside the tokenizer of a folder, and return the folder."""
    from transformers import LlamaConfig, LlamaModel

    size = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    sizes: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    config = LlamaConfig(vocab_size=size, num_attention_heads=2, max_position_embeddings=128, **sizes)
    LlamaModel(config).save_pretrained(folder)
    return folder


def spelled(tokenizer: Tokenizer, text: str) -> list[str]:
    """Return the entries of the vocabulary that stand for a text, by the library's own call."""
    return list(tokenizer.encode(text, add_special_tokens=False).tokens)


def _parts(kind: str) -> tuple[Tokenizer, Any]:
    apart = pre_tokenizers.Digits(individual_digits=True)
    if kind in ("joined", "digits_apart"):
        tokenizer = Tokenizer(models.BPE())
        bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.pre_tokenizer = bytes_ if kind == "joined" else pre_tokenizers.Sequence([apart, bytes_])
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        return tokenizer, trainers.BpeTrainer(
            vocab_size=1200,
            initial_alphabet=alphabet,
            special_tokens=["<|endoftext|>"],
            show_progress=False,
        )
    if kind in ("gemma", "llama"):
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
        spaces = normalizers.Replace(" ", "\u2581")
        tokenizer.normalizer = (
            spaces if kind == "gemma" else normalizers.Sequence([normalizers.Prepend("\u2581"), spaces])
        )
        words = pre_tokenizers.Split("\u2581", "merged_with_next")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, apart])
        tokenizer.decoder = decoders.Sequence(
            [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
        )
        return tokenizer, trainers.BpeTrainer(
            vocab_size=1200, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False
        )
    if kind == "unigram":
        words = sorted({f"\u2581{word}" for text in texts() for word in text.split()})
        letters = sorted(
            {letter for text in texts() for letter in text.replace(" ", "\u2581")} | set("Nviolet")
        )
        scores = [("<unk>", 0.0), *((word, -1.0) for word in words), *((letter, -9.0) for letter in letters)]
        tokenizer = Tokenizer(models.Unigram(scores, unk_id=0))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), apart])
        tokenizer.decoder = decoders.Metaspace()
        return tokenizer, None
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return tokenizer, trainers.WordPieceTrainer(vocab_size=1200, special_tokens=special, show_progress=False)
