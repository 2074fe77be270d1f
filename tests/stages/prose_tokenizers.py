"""Small tokenizers of several kinds, trained on a few sentences, and what they put around a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from superpos.datasets.tokens import TokenTable, load_tokens

PROSE = (
    "The Café in Zürich opened at 9, and Mary paid 120 francs (about 110 euros) for naïve paintings. "
    "Running water; re-running tests! Don't panic: the unaffordable price was $3.50 in 2019.\n"
    "She said “hello”, then walked\tto the river-bank.  Two  spaces stay two.\n"
)


def trained(kind: str) -> Tokenizer:
    """A small tokenizer of a kind, trained on the text above, without a post-processor."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<s>", "</s>"]
    trainer: Any
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=220, special_tokens=special, show_progress=False)
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
        )
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=160, special_tokens=special, unk_token="[UNK]", show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=330,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
    tokenizer.train_from_iterator([PROSE] * 4, trainer)
    return tokenizer


def saved(tokenizer: Tokenizer, folder: Path, **named: str) -> TokenTable:
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    if named:
        (folder / "tokenizer_config.json").write_text(json.dumps(named))
    return load_tokens(folder)


def template(tokenizer: Tokenizer, single: str) -> Any:
    names = [part for part in single.split() if part != "$A"]
    return processors.TemplateProcessing(
        single=single, special_tokens=[(name, tokenizer.token_to_id(name)) for name in dict.fromkeys(names)]
    )


def pair_of(tokenizer: Tokenizer, name: str) -> tuple[str, int]:
    return name, tokenizer.token_to_id(name)


POST_PROCESSORS: dict[str, tuple[str, Callable[[Tokenizer], Any]]] = {
    "bert": ("wordpiece", lambda t: template(t, "[CLS] $A [SEP]")),
    "old-bert": ("wordpiece", lambda t: processors.BertProcessing(pair_of(t, "[SEP]"), pair_of(t, "[CLS]"))),
    "roberta": ("bytes", lambda t: processors.RobertaProcessing(pair_of(t, "</s>"), pair_of(t, "<s>"))),
    "albert": ("unigram", lambda t: template(t, "[CLS] $A [SEP]")),
    "two-in-front": ("bytes", lambda t: template(t, "<s> [CLS] $A </s>")),
    "llama": ("bytes", lambda t: template(t, "<s> $A")),
    "llama-3": (
        "bytes",
        lambda t: processors.Sequence([processors.ByteLevel(trim_offsets=False), template(t, "<s> $A")]),
    ),
    "xglm": ("unigram", lambda t: template(t, "</s> $A")),
}
