"""What each key of a study file means: its type, its default, what is allowed, said by records and registers.

Nothing of it is written here: the readers are run on the smallest study there is, and their tables remember
what was asked of each key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from superpos.errors import ArgumentError, InputError, allowed, shown
from superpos.kinds.builders import BUILDERS
from superpos.kinds.options import Option, field_meanings, option_of
from superpos.kinds.register import Register
from superpos.specs.block_tables import BlockReader, read_reoptimisation
from superpos.specs.builder_tables import read_options
from superpos.specs.feature_sets import read_corpus, read_dataset
from superpos.specs.fields import know_field
from superpos.specs.kernel_tables import read_kernel_table
from superpos.specs.layers import read_layers
from superpos.specs.study import Reoptimisation
from superpos.specs.studyfile import read_family, study_of
from superpos.specs.toml_table import Asked, Table

FILE = Path("study.toml")
SMALLEST = {"models": {"nano": {}}, "datasets": {"text_features": {}}, "blocks": [{}]}
"""The smallest study, parsed."""
WORDS: dict[type, tuple[str, str]] = {
    str: ("text", "texts"),
    int: ("whole number", "whole numbers"),
    float: ("number", "numbers"),
    bool: ("true or false", "true or false, several"),
    dict: ("table", "tables"),
    list: ("list", "lists"),
    object: ("anything", "anything, several"),
}
"""Types of TOML in words: of one value, of a list."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a key may have."""

    name: str
    meaning: str = ""
    """Of kinds; a `Literal` is explained by the key."""
    origin: str = ""
    """Distribution of a kind of another package."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a study file."""

    section: str
    """Short name of its table: `blocks`."""
    table: str
    """Its table as a file writes it: `[[blocks]]`."""
    name: str
    type: str
    """In words; a plural stands for a list."""
    default: str
    """As a file writes it or in words; empty for a key that has to be there."""
    choices: tuple[Choice, ...]
    """Empty if there is no list of them."""
    meaning: str

    @property
    def label(self) -> str:
        """The key with the short name of its table: `blocks.n_dims`."""
        return f"{self.section}.{self.name}"


@dataclass(frozen=True, slots=True)
class Section:
    """The keys of one table, in the order in which they are read, those that are tables last."""

    name: str
    table: str
    keys: tuple[Key, ...]
    origin: str = ""
    """Distribution of a builder of another package."""


def sections() -> tuple[Section, ...]:
    """Return every table of a study file with its keys."""
    layers = read_layers(FILE, SMALLEST)
    block = layers.whole_blocks()[0]
    study_of(layers, FILE.stem, SMALLEST)
    BlockReader(layers, ("nano",), ("text_features",)).record("block-0", block)
    dataset = Table(FILE, {"builder": "text_features"})
    read_dataset("text_features", dataset, {})
    corpus = Table(FILE, {"path": "stdlib"})
    read_corpus(corpus, {})
    family = Table(FILE, {"questions": "own_energy", "controls": "permuted"})
    read_family("own", family)
    kernel = Table(FILE, {"energy": "exp"})
    read_kernel_table(kernel)
    reoptimisation = Table(FILE, {})
    read_reoptimisation(reoptimisation, Reoptimisation())
    return (
        _section("study", "the file itself", layers.top.asked),
        _section("models", "[models.NAME]", layers.models["nano"].asked),
        _section("corpora", "[corpora.NAME]", corpus.asked),
        _section("datasets", "[datasets.NAME]", dataset.asked),
        *(
            _section(one.name, f'[datasets.NAME] with builder = "{one.name}"', keys, one.origin)
            for one in _kinds(BUILDERS)
            if (keys := _builder_keys(one.name))
        ),
        _section("tests", "[tests.NAME]", family.asked),
        _section("blocks", "[[blocks]] and [defaults]", block.asked),
        _section("kernels", "a kernel", kernel.asked),
        _section("reoptimisations", "[[blocks.reoptimisations]]", reoptimisation.asked),
    )


def explained(name: str) -> tuple[Key, ...]:
    """Return every key of this name, `n_dims` or `blocks.n_dims`.

    Raises
    ------
    InputError
        If there is none, with the nearest.
    """
    keys = [key for section in sections() for key in section.keys]
    found = tuple(key for key in keys if name in (key.name, key.label))
    if not found:
        said = allowed(name, sorted({key.name for key in keys}))
        raise InputError(f"{shown(name)} is no key of a study file; {said}")
    return found


def _builder_keys(name: str) -> Mapping[str, Asked]:
    """Return what a builder is told, beside the keys of every data set; empty if it cannot be imported."""
    table = Table(FILE, {})
    try:
        builder = BUILDERS.get(name)
        for option in builder.keys:
            know_field(table, builder.options, option.name)
        read_options(builder, table)  # finds keys that are no options; what has to be there is not
    except InputError:
        pass
    return table.asked


def _section(name: str, table: str, asked: Mapping[str, Asked], origin: str = "") -> Section:
    keys = [_key(name, table, key, one) for key, one in asked.items()]
    return Section(name, table, tuple(sorted(keys, key=lambda key: key.type in WORDS[dict])), origin)


def _key(section: str, table: str, name: str, asked: Asked) -> Key:
    option = _option(asked)
    meaning = asked.meaning or (_meanings(asked.record).get(asked.field, "") if asked.record else "")
    words = " or ".join(WORDS[kind if kind in WORDS else dict][asked.many] for kind in asked.kinds)
    choices = _choices(option) if option else ()
    return Key(section, table, name, words, asked.instead or _default(asked), tuple(choices), meaning)


_meanings = cache(field_meanings)


def _option(asked: Asked) -> Option | None:
    """Return the field that a key fills; None where the record writes it otherwise than a file can."""
    try:
        return option_of(asked.record, asked.field) if asked.record else None
    except ArgumentError:
        return None


def _choices(option: Option) -> Iterable[Choice]:
    if option.register is not None:
        return _kinds(option.register)
    return (Choice(name, option.meanings.get(name, "")) for name in option.allowed)


def _kinds(register: Register[Any]) -> Iterable[Choice]:
    """Yield the kinds of a register; of one that cannot be imported, why."""
    for name in register.names():
        try:
            origin = register.origin(name)
            yield Choice(name, register.get(name).meaning, origin.label if origin else "")
        except InputError as error:
            yield Choice(name, str(error), "another package")


def _default(asked: Asked) -> str:
    """Return a default as a file writes it; a list of one value as that value."""
    value = asked.default
    if isinstance(value, tuple | list) and len(value) == 1:
        value = value[0]
    if value is None:
        return ""
    return "none" if value == {} else json.dumps(value, ensure_ascii=False, default=str)
