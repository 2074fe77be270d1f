"""Words whose rows of the embedding or unembedding matrix are directions without a probe."""

from __future__ import annotations

from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.specs.datasets import DatasetSpec
from superpos.specs.imports import TokenListOptions


def list_tokens(spec: DatasetSpec, table: TokenTable) -> tuple[tuple[int, ...], ...]:
    """Return the token ids of every word of a token list.

    Raises
    ------
    InputError
        If a word has no token, one for what the vocabulary cannot write, or several where these are refused;
        two words may not have the same tokens.
    """
    options = spec.options
    if not isinstance(options, TokenListOptions):
        raise InputError(f"datasets.{spec.name}: builder {spec.builder} is no list of tokens")
    lead = " " if options.leading_space else ""
    found = tuple(tuple(table.encode(f"{lead}{word}")) for word in options.words)
    for word, ids in zip(options.words, found, strict=True):
        if table.special[list(ids)].any():
            raise InputError(
                f"datasets.{spec.name}.words: {word!r} cannot be written with this tokenizer's "
                "vocabulary; leave it out"
            )
    if options.several_tokens == "refuse":
        several = [
            f"{word!r} ({len(ids)} tokens)"
            for word, ids in zip(options.words, found, strict=True)
            if len(ids) != 1
        ]
        if several:
            shown = ", ".join(several[:5]) + (f" and {len(several) - 5} more" if len(several) > 5 else "")
            raise InputError(
                f"datasets.{spec.name}.words: {shown} {'are' if len(several) > 1 else 'is'} no single token "
                'of this tokenizer; set several_tokens = "mean", change leading_space, or leave them out'
            )
    by_tokens: dict[tuple[int, ...], str] = {}
    for word, ids in zip(options.words, found, strict=True):
        if not ids or ids in by_tokens:
            same = f"has the tokens of {by_tokens[ids]!r}" if ids else "has no tokens"
            raise InputError(f"datasets.{spec.name}.words: {word!r} {same}; leave it out")
        by_tokens[ids] = word
    return found
