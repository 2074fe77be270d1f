"""Feature sets as TOML: the bundled ones, a user's own file, and the `[datasets]` tables of a study.

A set file has the keys of a `[datasets.NAME]` table. In a study such a table may name a set (`set = "NAME"`
or a file; the table's own name if it has no `builder`) and override any of its keys. So may a set file. With
`source` the set is one of a source of many sets (`superpos.specs.set_sources`).

A builder `package.module:function` is the user's own. It is imported here, which runs its module: a set file
or a study from elsewhere can run code, as a script from elsewhere can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from superpos.errors import ArgumentError, InputError, allowed, shown
from superpos.facts import FACTS
from superpos.kinds.builders import BUILDERS, Builder
from superpos.reading.places import is_there
from superpos.specs.builder_tables import read_options
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.fields import know_field, read_field
from superpos.specs.names import check_name
from superpos.specs.set_sources import SetSource, load_source
from superpos.specs.studies import set_sources
from superpos.specs.toml_file import load_toml
from superpos.specs.toml_table import Asked, Table

FOLDER = Path(__file__).resolve().parent.parent / "feature_sets"
_ELSEWHERE = ("kind", "path", "parts")
"""Fields of a corpus that other keys fill."""
CORPUS_KEYS = tuple(field.name for field in fields(CorpusSpec) if field.name not in _ELSEWHERE)
"""Keys that describe a text."""
SET = "A bundled set, a set file beside this one, or a set of `source`, whose keys this table overrides."
SOURCE = f"A source of many sets, of which `set` names one: {', '.join(set_sources())}, or a .toml file."
SOURCE_FOLDER = "Folder with the files of `source`, in the place of those of its package."
NEEDS_CORPUS = "Whether `corpus` has to be said, for a set file whose study names the text."
_PLAIN = (
    "n_sequences", "ctx_len", "n_samples", "min_positives", "seed", "duplicates", "order", "description",
)  # fmt: skip
_OWN_KEYS = ("set", "source", "source_folder", "builder", "corpus", "needs_corpus", *_PLAIN)
"""Keys of every set, which no option of a builder may be called; if it reads text, nor `CORPUS_KEYS`."""


def bundled_sets() -> tuple[str, ...]:
    """Return the names of the feature sets that ship with the package."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


def set_file(name: str, near: Path | None = None) -> Path | None:
    """Return the file of a bundled set or of a user's own (also beside `near`); None if there is none."""
    if name in bundled_sets():
        return FOLDER / f"{name}.toml"
    if not name.endswith(".toml"):
        return None
    try:
        own = Path(name).expanduser()
        places = (own,) if near is None else (near.parent / name, own)
        return next((place.resolve() for place in places if is_there(place) and place.is_file()), None)
    except (OSError, RuntimeError, ValueError):  # no name that a file can have
        return None


def load_feature_set(name: str) -> DatasetSpec:
    """Return the feature set of a bundled name or of a TOML file; the corpus may be missing (kind `none`).

    Raises
    ------
    InputError
        If there is no such set, or naming file, key, value and what is allowed.
    """
    file = set_file(name)
    if file is None and name.endswith(".toml"):
        raise InputError(f"{name}: no such set file")
    if file is None:
        raise InputError(
            f"feature set {shown(name)} is unknown; {allowed(name, bundled_sets())}, or a .toml file"
        )
    return read_dataset(file.stem, Table(file, load_toml(file)), {}, corpus_required=False)


def load_source_set(source: SetSource, name: str, place: str = "") -> DatasetSpec:
    """Return a set of a source; raises `InputError` as `SetSource.table`, or for a key that is wrong."""
    return read_dataset(name, source.table(name, place), {}, corpus_required=False)


def read_dataset(
    label: str, table: Table, corpora: Mapping[str, CorpusSpec], *, corpus_required: bool = True
) -> DatasetSpec:
    """Return the feature set that a table describes.

    Parameters
    ----------
    label
        Its name in the study.
    table
        The table; relative paths in it are taken from the file's folder where they exist there.
    corpora
        The corpora that the study names.
    corpus_required
        Whether a builder that cannot do with the standard library must be told its corpus.
    """
    table.build(check_name, {"name": ""}, argument="name", name=label)
    own = table
    table = _with_definition(label, table, corpora)
    table.know("set", Asked((str,), meaning=SET, instead="the table's own name, if it has no builder"))
    table.know("source", Asked((str,), meaning=SOURCE, instead="none of them"))
    table.know("source_folder", Asked((str,), meaning=SOURCE_FOLDER, instead="that of the package"))
    know_field(table, DatasetSpec, "builder", instead="that of the set")
    name = table.take("builder", str)
    builder = _builder(name, table)
    about_text = [key for key in ("corpus", *_corpus_keys(builder)) if own.has(key)]
    corpus = _corpus(builder, table, corpora, required=corpus_required)
    values: dict[str, Any] = {key: read_field(table, DatasetSpec, key) for key in _PLAIN}
    options = read_options(builder, table)
    table.finish()
    made = table.build(
        DatasetSpec, {"name": ""}, name=label, builder=name, corpus=corpus, options=options, **values
    )
    if about_text and not made.reads_corpus:
        why = builder.without_corpus or f"builder {name} reads no text; leave it out"
        raise table.fail(about_text[0], f"does not apply: {why}")
    return made


def _builder(name: str, table: Table) -> Builder:
    """Return the builder of this name; one of another package is imported.

    Raises
    ------
    InputError
        If there is none, it cannot be used, or one of its options is called as a key of every set.
    """
    try:
        builder = BUILDERS.get(name)
        reads_text = builder.text_labels is not None or builder.reads_corpus is not None
        own = (*_OWN_KEYS, *(CORPUS_KEYS if reads_text else ()))
        taken = [key.name for key in builder.keys if key.name in own]
    except ArgumentError as error:
        raise table.fail("builder", error.reason) from error
    except InputError as error:
        raise table.fail("builder", str(error)) from error
    if taken:
        raise table.fail("builder", f"{shown(name)}: its option {taken[0]} is a key of every set; rename it")
    return builder


def _near(name: Any, table: Table, corpora: Iterable[str]) -> Table:
    """Return the table with paths made absolute; what is a name is no path, whatever lies beside the file."""
    files = _builder(name, table).files if isinstance(name, str) and name else ()
    return table.near_file(("corpus", *files), ("stdlib", *corpora, *FACTS))


def _with_definition(
    label: str, table: Table, corpora: Mapping[str, CorpusSpec], seen: tuple[Path, ...] = ()
) -> Table:
    """Return the table on top of the set that it names, which may itself stand on another."""
    if table.has("source"):
        return _over(table, _of_source(label, table), label, corpora)
    if table.has("source_folder"):
        raise table.fail("source_folder", "does not apply without `source`")
    if not table.has("set") and table.has("builder"):
        return _near(table.peek("builder"), table, corpora)
    name = table.take("set", str, label)
    file = set_file(name, table.place("set").path)
    key = "set" if name != label else "builder"
    if file is None:
        raise table.fail(
            key,
            f"{shown(name)} is no feature set; {allowed(name, bundled_sets())}, a .toml file, or give a "
            "builder",
        )
    if file in seen:
        raise table.fail(key, f"{shown(name)} stands on itself; give a builder")
    definition = _with_definition(file.stem, Table(file, load_toml(file)), {}, (*seen, file))
    return _over(table, definition, label, corpora)


def _of_source(label: str, table: Table) -> Table:
    """Return the set of a source that a table names."""
    given = table.has("set")
    key, near = "set" if given else "source", table.place("source").path
    named, name = table.take("source", str), table.take("set", str, label)
    place = table.beside("source_folder", table.take("source_folder", str, ""))
    try:
        source = load_source(named, near)
    except InputError as error:
        raise table.fail("source", str(error)) from error
    try:
        return source.table(name, place)
    except InputError as error:
        raise table.fail(key, str(error) if given else f"{error}; `set` names another") from error


def _over(table: Table, definition: Table, label: str, corpora: Mapping[str, CorpusSpec]) -> Table:
    """Return the table on top of the set that it stands on."""
    read_dataset(label, definition, {}, corpus_required=False)  # its mistakes name its own file
    table = _near(table.peek("builder") or definition.peek("builder"), table, corpora)
    # Keys of the definition's text say nothing about another one that has keys of its own.
    corpus = table.peek("corpus")
    named = isinstance(corpus, dict) or corpus in tuple(corpora)
    return table.over(definition, without=tuple(CORPUS_KEYS) if named else ())


def _corpus_keys(builder: Builder) -> tuple[str, ...]:
    """Return the keys that describe a text beside a builder: those that are no options of its own."""
    own = {key.name for key in builder.keys}
    return tuple(key for key in CORPUS_KEYS if key not in own)


def _text_values(table: Table, keys: Iterable[str] = CORPUS_KEYS) -> dict[str, Any]:
    """Return the keys that describe a text, as far as the file has them."""
    for key in keys:
        know_field(table, CorpusSpec, key)
    return {key: read_field(table, CorpusSpec, key) for key in keys if table.has(key)}


def _corpus(
    builder: Builder, table: Table, corpora: Mapping[str, CorpusSpec], *, required: bool
) -> CorpusSpec:
    """Read `corpus`: a name of the study, `stdlib`, `hub:owner/name`, a path, or a table."""
    instead, keys = "as the builder says", _corpus_keys(builder)
    table.know("needs_corpus", Asked((bool,), default=False, meaning=NEEDS_CORPUS, instead=instead))
    know_field(table, DatasetSpec, "corpus", kinds=(str, dict), default="stdlib")
    needed = table.take("needs_corpus", bool, builder.needs_corpus)
    if not table.has("corpus") and needed:
        if required:
            raise table.fail(
                "corpus", "is missing; name the text: a file, a folder, hub:owner/name or one of [corpora]"
            )
        _text_values(table, keys)  # they wait for the study to name the text
        return CorpusSpec("none")
    value = table.take("corpus", (str, dict), "stdlib")
    given = _text_values(table, keys)
    if isinstance(value, dict):
        if given:
            raise table.fail(next(iter(given)), "does not apply beside a table; set it in the table `corpus`")
        return read_corpus(table.inside("corpus", value), corpora)
    if value in corpora:
        if given:
            raise table.fail(
                next(iter(given)), f"does not apply here; set it in [corpora.{value}], which has the text"
            )
        return corpora[value]
    return table.build(CorpusSpec.from_text, text=value, **given)


def read_corpora(tables: Mapping[str, Table]) -> dict[str, CorpusSpec]:
    """Return the corpora that a study names, in the order of the file; a union may use those before it."""
    found: dict[str, CorpusSpec] = {}
    for name, table in tables.items():
        table.build(check_name, {"corpus": ""}, argument="corpus", name=name)
        if name == "stdlib":
            raise table.fail("", "is the name of the standard library; choose another")
        found[name] = read_corpus(table, found)
    return found


def read_corpus(table: Table, corpora: Mapping[str, CorpusSpec]) -> CorpusSpec:
    """Return the corpus of a table with `path` and its keys, or with `parts`, names to corpora."""
    table = table.near_file(("path",), ("stdlib",))
    table.know(
        "path", Asked((str,), record=CorpusSpec, field="path", instead="none; it or `parts` has to be there")
    )
    table.know(
        "parts", Asked((dict,), record=CorpusSpec, field="parts", instead="none; `path` says which text")
    )
    if table.has("parts"):
        parts = table.take("parts", dict)
        inner = table.inside("parts", parts).near_file(tuple(parts), ("stdlib", *corpora))
        for name in parts:
            inner.build(check_name, argument=name, name=name)
        named = tuple((name, _part(name, inner, corpora)) for name in parts)
        limit = table.take("max_documents", int, 0)
        table.finish()
        return table.build(CorpusSpec, {"corpus": "parts"}, kind="union", parts=named, max_documents=limit)
    path = table.take("path", str)
    given = _text_values(table)
    table.finish()
    return table.build(CorpusSpec.from_text, {"corpus": "path"}, text=path, **given)


def _part(name: str, table: Table, corpora: Mapping[str, CorpusSpec]) -> CorpusSpec:
    value = table.take(name, (str, dict))
    if isinstance(value, dict):
        return read_corpus(table.inside(name, value), corpora)
    if value in corpora:
        return corpora[value]
    return table.build(CorpusSpec.from_text, dict.fromkeys(("corpus", "max_documents"), name), text=value)
