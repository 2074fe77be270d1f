"""Words whose rows of the embedding or unembedding matrix are directions without a probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.facts import token_list
from superpos.kinds.builders import Builder
from superpos.specs.axes import check_choice
from superpos.specs.builder_tables import read_bundled, read_record, read_texts
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_names
from superpos.specs.toml_table import Table

SeveralTokens = Literal["refuse", "mean"]
MatrixName = Literal["embed", "unembed"]


@dataclass(frozen=True, slots=True)
class TokenListOptions:
    """Words whose rows of the embedding or unembedding matrix are directions."""

    words: tuple[str, ...]
    """Two or more words, or those of `list`; each is a feature."""
    matrices: tuple[MatrixName, ...] = ("embed",)
    """Matrices of the model whose rows are taken; each is a hookpoint of its own."""
    several_tokens: SeveralTokens = "refuse"
    """What to do with a word of several tokens: refuse it, or take the mean of their rows."""
    leading_space: bool = True
    """Whether a space precedes the word, as within a sentence."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("words", self.words, minimum=2)
        check_names("matrices", self.matrices, minimum=1)
        for matrix in self.matrices:
            check_choice("matrices", matrix, get_args(MatrixName))
        check_choice("several_tokens", self.several_tokens, get_args(SeveralTokens))


def list_tokens(spec: DatasetSpec, table: TokenTable) -> tuple[tuple[int, ...], ...]:
    """Return the token ids of every word of a token list.

    Raises
    ------
    InputError
        If a word has no token, one for what the vocabulary cannot write, or several where these are refused;
        two words may not have the same tokens.
    """
    options = spec.told(TokenListOptions, "token_list")
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


def _read(table: Table) -> TokenListOptions:
    """Read words, or `list`, the name of a bundled list of words."""
    bundled = read_bundled(table, token_list)
    return read_record(TokenListOptions, table, words=bundled + read_texts(table, "words"))


KIND = Builder(
    name="token_list",
    version=1,
    rank=10,
    meaning="Words whose rows of the embedding or unembedding matrix are directions.",
    feature="a word: its row of the embedding or unembedding matrix",
    samples="none",
    options=TokenListOptions,
    read=_read,
    words=list_tokens,
    source=lambda _options, _corpus: "the model's own matrix",
)
