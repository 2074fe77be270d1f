"""Words whose rows of the embedding or unembedding matrix are directions without a probe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from superpos.datasets.tokens import TokenTable
from superpos.datasets.words import AUTO, Words, encoded, fault, several
from superpos.errors import ArgumentError, InputError, shown
from superpos.facts import token_list
from superpos.kinds.builders import Builder
from superpos.specs.axes import check_choice
from superpos.specs.builder_tables import read_bundled, read_record, read_texts
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_names
from superpos.specs.toml_table import Table

SeveralTokens = Literal["refuse", "mean"]
MatrixName = Literal["embed", "unembed"]
MOST_NAMED = 5
"""Words of several tokens that a message names."""


@dataclass(frozen=True, slots=True)
class TokenListOptions:
    """Words whose rows of the embedding or unembedding matrix are directions."""

    words: tuple[str, ...]
    """Two or more words, or those of `list`; each is a feature."""
    matrices: tuple[MatrixName, ...] = ("embed",)
    """Matrices of the model whose rows are taken; each is a hookpoint of its own."""
    several_tokens: SeveralTokens = "refuse"
    """What to do with a word of several tokens: refuse it, or take the mean of their rows."""
    leading_space: bool | Literal["auto"] = True
    """Whether a space precedes each word, as within a sentence. `auto`: it does, unless each word is one
    token only without it. The sets that ship say `auto`."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("words", self.words, minimum=2)
        check_names("matrices", self.matrices, minimum=1)
        for matrix in self.matrices:
            check_choice("matrices", matrix, get_args(MatrixName))
        check_choice("several_tokens", self.several_tokens, get_args(SeveralTokens))
        if not isinstance(self.leading_space, bool) and self.leading_space != AUTO:
            said = f"{shown(self.leading_space)} is unknown; allowed: true, false, {AUTO}"
            raise ArgumentError("leading_space", said)


def list_tokens(spec: DatasetSpec, table: TokenTable) -> Words:
    """Return the token ids of every word of a token list.

    Raises
    ------
    InputError
        If a word has no token, one for what the vocabulary cannot write, or several where these are refused;
        two words may not have the same tokens.
    """
    options = spec.told(TokenListOptions, "token_list")
    where = f"datasets.{spec.name}.words"
    found = encoded(options.words, table, options.leading_space)
    for word, ids in zip(options.words, found, strict=True):
        if why := fault(ids, table):
            raise InputError(f"{where}: {word!r} {why}; leave it out")
    split = several(options.words, found) if options.several_tokens == "refuse" else ()
    if split:
        raise InputError(f"{where}: {_refused(options, table, found, split)}")
    by_tokens: dict[tuple[int, ...], str] = {}
    for word, ids in zip(options.words, found, strict=True):
        if ids in by_tokens:
            raise InputError(f"{where}: {word!r} has the tokens of {by_tokens[ids]!r}; leave it out")
        by_tokens[ids] = word
    return found


def _refused(options: TokenListOptions, table: TokenTable, found: Words, split: tuple[str, ...]) -> str:
    """Return why words of several tokens are refused, and what would do."""
    counts = dict(zip(options.words, map(len, found), strict=True))
    more = f" and {len(split) - MOST_NAMED} more" if len(split) > MOST_NAMED else ""
    named = ", ".join(f"{word!r} ({counts[word]} tokens)" for word in split[:MOST_NAMED]) + more
    verb, them = ("are", "them") if len(split) > 1 else ("is", "it")
    said = f"{named} {verb} no single token of this tokenizer"
    if options.leading_space == AUTO:
        return f'{said}, nor are all words without a space; set several_tokens = "mean", or leave {them} out'
    better = not several(options.words, encoded(options.words, table, AUTO))
    other = f'leading_space = "{AUTO}", with which each word is one, or ' if better else ""
    return f'{said}; set {other}several_tokens = "mean", or leave {them} out'


def settle(spec: DatasetSpec, table: TokenTable) -> TokenListOptions:
    """Return the options with the spelling that `auto` comes to; `auto` stays where it is the third one."""
    options = spec.told(TokenListOptions, "token_list")
    found = encoded(options.words, table, options.leading_space)
    for spaced in (True, False) if options.leading_space == AUTO else ():
        if encoded(options.words, table, spaced) == found:
            return replace(options, leading_space=spaced)
    return options


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
    settle=settle,
    source=lambda _options, _corpus: "the model's own matrix",
)
