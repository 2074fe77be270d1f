"""What `superpos datasets show` says of a list of words: their tokens, and lines for a study that work."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from superpos.cli.dataset_pages import FeaturePage, SetPage
from superpos.cli.dataset_sources import source_of, toml_lines
from superpos.datasets.imported import word_tokens
from superpos.datasets.notes import notes_of
from superpos.datasets.spellings import spelled_alike
from superpos.datasets.tokens import TokenTable
from superpos.datasets.words import Words, encoded, fault, words_provenance
from superpos.errors import InputError
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import read_dataset
from superpos.specs.toml_table import Table

MEANS = (
    "words of several tokens: their directions are means of the rows (`several_tokens`); without that a "
    "study with this tokenizer refuses the set"
)


def words_page(spec: DatasetSpec, table: TokenTable, usage: str, tokenizer: str) -> SetPage:
    """Return the page of a list of words, with words that a study would refuse.

    Its lines for a study are those that work with this tokenizer: words of several tokens become means of
    rows, words that cannot be written are left out. Where nothing helps there are none.
    """
    options = spec.options
    ids, refusal = _tokens(spec, table)
    provenance = words_provenance(options.words, ids, table)
    notes = [
        f"directions: rows of the {' and '.join(options.matrices)} matrix, by method `embedding`; no samples",
        *notes_of(provenance | {"labels_alike": spelled_alike(options.words)}),
    ]
    lines = ""
    for tried, why in _lines(spec, table, usage, ids) if usage else ():
        if _works(tried, table):
            lines = tried
            notes += why
            break
    if refusal:
        notes.append(f"a study with this tokenizer refuses the set: {refusal}")
    return SetPage(
        name=spec.name,
        builder=spec.builder,
        description=spec.description,
        source=source_of(spec),
        features=tuple(
            FeaturePage(word, tokens=tuple(tokens)) for word, tokens in provenance["tokens"].items()
        ),
        usage=lines,
        tokenizer=tokenizer,
        counts={"n_features": len(options.words), "n_tokens": sum(map(len, ids))},
        notes=tuple(notes),
        provenance=provenance,
    )


def _tokens(spec: DatasetSpec, table: TokenTable) -> tuple[Words, str]:
    """Return the tokens of every word, and why a study that takes means of rows still refuses the set."""
    try:
        return word_tokens(replace(spec, options=replace(spec.options, several_tokens="mean")), table), ""
    except InputError as error:
        words = spec.options.words
        return encoded(words, table, spec.options.leading_space), str(error)


def _lines(spec: DatasetSpec, table: TokenTable, usage: str, ids: Words) -> Iterator[tuple[str, list[str]]]:
    """Yield lines of a study that may work, each with what is to be said of them; the best ones first."""
    mean = toml_lines({"several_tokens": "mean"})
    yield usage, []
    yield usage + mean, [MEANS]
    kept: dict[tuple[int, ...], str] = {}
    for word, one in zip(spec.options.words, ids, strict=True):
        if not fault(one, table):
            kept.setdefault(one, word)
    left_out = [word for word in spec.options.words if word not in kept.values()]
    said = [f"left out of the lines below: {', '.join(map(repr, left_out))}"]
    for own in ({"list": ""}, {}):  # the words stand beside those of a list that ships
        fewer = usage + toml_lines(own | {"words": list(kept.values())})
        yield fewer, said
        yield fewer + mean, [*said, MEANS]


def _works(lines: str, table: TokenTable) -> bool:
    """Whether a study can have these lines for a set and use it with a tokenizer."""
    ((label, keys),) = tomllib.loads(lines)["datasets"].items()
    try:
        word_tokens(read_dataset(label, Table(Path("study.toml"), keys), {}), table)
    except InputError:
        return False
    return True
