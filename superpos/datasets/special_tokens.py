"""Which special tokens stand before and behind a text, as the model was trained with them.

1. What the tokenizer's own post-processor adds to a text: `[CLS]` and `[SEP]` of BERT, `<s>` and `</s>` of
   RoBERTa, the begin token of Llama. If it adds anything, it alone decides.
2. Else, for tokenizers that name a class and a separator token and no other begin token: these two.
3. Else the begin token: `bos_token` of the `tokenizer_config.json` beside the file, or the first known name
   among the special tokens. Decoders such as Pythia and GPT-2 saw it between documents in training.

No chat template is applied: text is read as plain text, whatever a model was tuned for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from superpos.reading.places import is_file
from superpos.reading.texts import read_json_object

BEGIN_TOKENS = ("<|endoftext|>", "<|begin_of_text|>", "<s>", "<bos>", "[BOS]")
CLASS_TOKEN, SEPARATOR_TOKEN = "[CLS]", "[SEP]"

Ends = tuple[tuple[int, ...], tuple[int, ...]]
"""Ids before and behind a text."""


def sequence_ends(
    description: Mapping[str, Any], file: Path, vocabulary: Mapping[str, int], special: Mapping[str, int]
) -> Ends:
    """Return the ids that stand before and behind every sequence.

    Parameters
    ----------
    description
        Content of the `tokenizer.json`.
    file
        Where it lies; a `tokenizer_config.json` beside it is read.
    vocabulary
        Ids of all tokens, added ones too.
    special
        Ids of the special tokens among them.

    Raises
    ------
    InputError
        If the configuration beside the file is damaged.
    """
    front, back = _added(description.get("post_processor"))
    if front or back:
        return front, back
    named = _named_tokens(file)
    begin, first, last = (named.get(name, "") for name in ("bos_token", "cls_token", "sep_token"))
    known = next((name for name in BEGIN_TOKENS if name in special), "")
    if not named and not known and {CLASS_TOKEN, SEPARATOR_TOKEN} <= special.keys():
        first, last = CLASS_TOKEN, SEPARATOR_TOKEN
    if first in vocabulary and last in vocabulary and begin in ("", first):
        return (vocabulary[first],), (vocabulary[last],)
    begin = begin if begin in special else known
    return ((special[begin],) if begin else ()), ()


def _added(step: Mapping[str, Any] | None) -> Ends:
    """Return what a post-processor puts before and behind a single text."""
    front: tuple[int, ...] = ()
    back: tuple[int, ...] = ()
    kind = step.get("type") if step else None
    if step is None:
        return front, back
    if kind == "Sequence":
        for inner in step["processors"]:
            before, behind = _added(inner)
            front, back = (*before, *front), (*back, *behind)
    elif kind in ("BertProcessing", "RobertaProcessing"):
        front, back = (int(step["cls"][1]),), (int(step["sep"][1]),)
    elif kind == "TemplateProcessing":
        text_seen = False
        for part in step["single"]:
            if "Sequence" in part:
                text_seen = True
                continue
            ids = tuple(map(int, step["special_tokens"][part["SpecialToken"]["id"]]["ids"]))
            front, back = (front, (*back, *ids)) if text_seen else ((*front, *ids), back)
    return front, back


def _named_tokens(file: Path) -> dict[str, str]:
    """Return the special tokens that the configuration beside a tokenizer names; empty without one."""
    beside = file.parent / "tokenizer_config.json"
    if not is_file(beside):
        return {}
    content = read_json_object(beside)
    found = {key: content.get(key) for key in ("bos_token", "cls_token", "sep_token")}
    texts = {key: one.get("content") if isinstance(one, dict) else one for key, one in found.items()}
    return {key: one for key, one in texts.items() if isinstance(one, str)}
