"""Read what a builder is told from the keys of a TOML table; `superpos.specs.builders` checks the values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from superpos.errors import InputError
from superpos.facts import FACTS, NEUTRAL, bigrams, templates, token_list
from superpos.specs.builders import (
    ConlluOptions,
    DocumentOptions,
    EntityOptions,
    NgramOptions,
    NoOptions,
    Options,
    RegexOptions,
    SpanPattern,
    TokenOptions,
    TokenPredicate,
    WordProperty,
)
from superpos.specs.imports import (
    DirectionFileOptions,
    PsmFileOptions,
    SparseProbingOptions,
    TokenListOptions,
)
from superpos.specs.toml_table import Table

T = TypeVar("T")


def read_options(builder: str, table: Table) -> Options:
    """Return the options of a builder; raises `InputError` naming file, key, value and what is allowed."""
    return _READERS[builder](table)


def _texts(table: Table, key: str, default: list[str] | None = None) -> tuple[str, ...]:
    return tuple(table.take_list(key, str, default))


def _bundled(table: Table, read: Callable[[str], T], name: str) -> T:
    """Return a bundled list that the key `list` names."""
    try:
        return read(name)
    except InputError as error:
        raise table.fail("list", str(error)) from error


def _features(table: Table, build: Callable[[str, Any, Table], Any]) -> tuple[Any, ...]:
    """Return one record for each entry of the table `features`."""
    values = table.take("features", dict)
    inner = table.inside("features", values)
    found = tuple(build(name, inner.take(name, (str, dict, list)), inner) for name in values)
    inner.finish()
    return found


def _no_options(_table: Table) -> NoOptions:
    return NoOptions()


def _token_predicate(name: str, value: Any, table: Table) -> TokenPredicate:
    """Read a regular expression, a list of words, or a table with either and `ignore_case`."""
    if isinstance(value, str):
        keys = dict.fromkeys((f"features.{name}.regex", f"{name}.regex"), name)
        return table.build(TokenPredicate, keys, name=name, regex=value)
    one = Table(table.path, value if isinstance(value, dict) else {"words": value}, f"{table.prefix}{name}.")
    fields: dict[str, Any] = {
        "words": _texts(one, "words", []),
        "regex": one.take("regex", str, ""),
        "ignore_case": one.take("ignore_case", bool, False),
    }
    one.finish()
    return table.build(TokenPredicate, _keys(name), name=name, **fields)


def _span_pattern(name: str, value: Any, table: Table) -> SpanPattern:
    """Read a regular expression, or a table with one and `ignore_case`."""
    one = Table(table.path, value if isinstance(value, dict) else {"regex": value}, f"{table.prefix}{name}.")
    fields: dict[str, Any] = {
        "regex": one.take("regex", str),
        "ignore_case": one.take("ignore_case", bool, False),
    }
    one.finish()
    return table.build(SpanPattern, _keys(name), name=name, **fields)


def _word_property(name: str, value: Any, table: Table) -> WordProperty:
    text = Table(table.path, {name: value}, table.prefix).take(name, str)
    return table.build(WordProperty, _keys(name), name=name, condition=text)


def _keys(name: str) -> dict[str, str]:
    """Return which key of the file an argument `features.NAME...` is."""
    return {f"features.{name}{rest}": f"{name}{rest}" for rest in ("", ".words", ".regex")}


def _tokens(table: Table) -> Options:
    return table.build(TokenOptions, features=_features(table, _token_predicate))


def _regex(table: Table) -> Options:
    return table.build(RegexOptions, features=_features(table, _span_pattern))


def _conllu(table: Table) -> Options:
    return table.build(ConlluOptions, features=_features(table, _word_property))


def _ngrams(table: Table) -> Options:
    """Read phrases, or `list`, the name of a bundled list of bigrams."""
    bundled = table.take("list", str, "")
    phrases = _texts(table, "phrases", [])
    if bundled:
        phrases = tuple(" ".join(pair) for pair in _bundled(table, bigrams, bundled)) + phrases
    return table.build(
        NgramOptions,
        phrases=phrases,
        ignore_case=table.take("ignore_case", bool, True),
        negatives=table.take("negatives", int, 2),
    )


def _documents(table: Table) -> Options:
    return table.build(
        DocumentOptions,
        classes=_texts(table, "classes", []),
        min_documents=table.take("min_documents", int, 10),
        skip_tokens=table.take("skip_tokens", int, 8),
    )


def _entities(table: Table) -> Options:
    """Read an entity list; without templates a bundled list has its own, another one neutral ones."""
    entities = table.take("entities", str)
    given = _texts(table, "templates", [])
    return table.build(
        EntityOptions,
        entities=entities,
        name_column=table.take("name_column", str, "name"),
        label_column=table.take("label_column", str, "label"),
        classes=_texts(table, "classes", []),
        contexts=table.take("contexts", str, "templates"),
        templates=given or templates(entities if entities in FACTS else NEUTRAL),
        max_names=table.take("max_names", int, 0),
        contexts_per_name=table.take("contexts_per_name", int, 4),
    )


def _sparse_probing(table: Table) -> Options:
    return table.build(
        SparseProbingOptions,
        folder=table.take("folder", str),
        features=_texts(table, "features", []),
        max_rows=table.take("max_rows", int, 0),
    )


def _token_list(table: Table) -> Options:
    """Read words, or `list`, the name of a bundled list of words."""
    bundled = table.take("list", str, "")
    words = _texts(table, "words", [])
    if bundled:
        words = _bundled(table, token_list, bundled) + words
    return table.build(
        TokenListOptions,
        words=words,
        matrices=_texts(table, "matrices", ["embed"]),
        several_tokens=table.take("several_tokens", str, "refuse"),
        leading_space=table.take("leading_space", bool, True),
    )


def _file(table: Table) -> dict[str, Any]:
    """Return what both kinds of imported files are told."""
    return {
        "file": table.take("file", str),
        "tensor": table.take("tensor", str, ""),
        "names": _texts(table, "names", []),
        "names_file": table.take("names_file", str, ""),
        "hookpoint": table.take("hookpoint", str, ""),
        "layer": table.take("layer", int, -1),
    }


def _directions(table: Table) -> Options:
    rows = tuple(table.take_list("rows", int, []))
    return table.build(
        DirectionFileOptions, **_file(table), rows=rows, variance=table.take("variance", str, "vector")
    )


def _psm(table: Table) -> Options:
    return table.build(PsmFileOptions, **_file(table), similarity=table.take("similarity", str))


_READERS: dict[str, Callable[[Table], Options]] = {
    "text_features": _no_options,
    "python_syntax": _no_options,
    "latex_syntax": _no_options,
    "tokens": _tokens,
    "regex": _regex,
    "ngrams": _ngrams,
    "documents": _documents,
    "conllu": _conllu,
    "entities": _entities,
    "sparse_probing": _sparse_probing,
    "token_list": _token_list,
    "directions": _directions,
    "psm": _psm,
}
