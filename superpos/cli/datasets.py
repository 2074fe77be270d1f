"""`superpos datasets list / show / build / import`: feature sets before a study uses them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from superpos.cli.dataset_building import build_page, may_write, print_result
from superpos.cli.dataset_console import new_console
from superpos.cli.dataset_import import import_set
from superpos.cli.dataset_sources import display_path, known_features, set_usage, source_of
from superpos.datasets.artifacts import save_dataset
from superpos.errors import ArgumentError, InputError
from superpos.reading.places import user_path
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import bundled_sets, load_feature_set, load_source_set, read_dataset
from superpos.specs.set_sources import SetSource, load_source
from superpos.specs.studies import set_sources
from superpos.specs.toml_table import Table as TomlTable

SMALL_SAMPLES = 1000
"""Samples of a set that is only shown, unless --n-samples says otherwise."""
MIN_SEQUENCES = 20
"""Sequences that a small set is drawn from at least."""


def datasets(options: argparse.Namespace) -> int:
    """Run the action that was asked for."""
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="backslashreplace")  # examples hold any character; no encoding may stop them
    actions: dict[str, Callable[[argparse.Namespace, Console], int]] = {
        "list": list_sets,
        "show": show,
        "build": build,
        "import": import_set,
    }
    return actions[options.action](options, new_console())


def list_sets(options: argparse.Namespace, console: Console) -> int:
    """List the bundled feature sets, or those of a source."""
    source, place = named_source(options)
    if source is not None:
        from superpos.cli.source_listing import list_source

        return list_source(source, place, console, as_json=options.json)
    specs = [load_feature_set(name) for name in bundled_sets()]
    features = [known_features(spec) for spec in specs]
    if options.json:
        rows = [
            {
                "name": spec.name,
                "builder": spec.builder,
                "features": None if names is None else list(names),
                "source": source_of(spec),
                "needs_corpus": needs_corpus(spec),
                "description": spec.description,
            }
            for spec, names in zip(specs, features, strict=True)
        ]
        console.print_json(json.dumps(rows, ensure_ascii=False))
        return 0
    if not console.is_terminal:
        for spec, names in zip(specs, features, strict=True):
            count = "?" if names is None else str(len(names))
            columns = (spec.name, spec.builder, count, source_of(spec), spec.description)
            console.file.write("\t".join(columns) + "\n")  # rich would write blanks for the tabs
        return 0
    table = Table("name", "builder", "features", "reads", "what", box=SIMPLE, pad_edge=False)
    for spec, names in zip(specs, features, strict=True):
        shown = "labels of the corpus" if names is None else f"{len(names)}: {', '.join(names)}"
        table.add_row(
            Text(spec.name, style="bold"),
            spec.builder,
            Text(shown if len(shown) <= 60 else f"{shown[:59]}…"),
            Text(source_of(spec), style="yellow" if needs_corpus(spec) else ""),
            Text(spec.description),
        )
    console.print(table, soft_wrap=False)
    console.print("superpos datasets show NAME builds a small one and prints examples", markup=False)
    for name in set_sources():
        console.print(f"superpos datasets list --source {name}: {load_source(name).meaning}", markup=False)
    return 0


def show(options: argparse.Namespace, console: Console) -> int:
    """Build a set, a small one by default, and print what it holds."""
    spec, usage = chosen_set(options)
    drawn = spec.has_probes and not spec.kind.takes_all
    small = drawn and options.n_samples is None and spec.n_samples > SMALL_SAMPLES
    page, _ = build_page(resized(spec, SMALL_SAMPLES) if small else spec, options, usage)
    if small:
        note = f"a small one; a study draws up to {spec.n_samples} samples (--n-samples, or `build`)"
        page = replace(page, notes=(note, *page.notes))
    return print_result(options, console, page)


def build(options: argparse.Namespace, console: Console) -> int:
    """Build a set at its full size and write it."""
    spec, usage = chosen_set(options)
    if not spec.has_probes:
        raise InputError(
            f"{options.set}: builder {spec.builder} makes directions without samples, so there is nothing to "
            "write; `superpos datasets show` prints the set"
        )
    may_write(options.out, options.force, ".safetensors")
    page, tokens = build_page(spec, options, usage)
    if tokens is None:
        raise InputError(f"{options.set}: has no samples to write")
    try:
        save_dataset(options.out, tokens)
    except OSError as error:
        raise InputError(f"--out: {options.out} cannot be written ({error.strerror})") from error
    print_result(options, console, page)
    print(f"superpos: wrote {options.out}", file=sys.stderr)  # noqa: T201 (this is the command line)
    return 0


def chosen_set(options: argparse.Namespace) -> tuple[DatasetSpec, str]:
    """Return the set of the command line with what the options override, and its lines in a study.

    Raises
    ------
    InputError
        For an unknown set, a corpus that is missing or does not apply, or values that are not allowed.
    """
    source, place = named_source(options)
    if source is not None:
        spec = load_source_set(source, options.set, place)
        base = {"source": options.source}
        base |= {"source_folder": display_path(user_path(place))} if place else {}
    else:
        spec = load_feature_set(options.set)
        base = {} if options.set in bundled_sets() else {"set": display_path(user_path(options.set))}
    own = ("corpus", "label_key", "text_key", "max_documents", "documents", "heading")
    keys: dict[str, Any] = {
        name: getattr(options, name) for name in (*own, "seed") if getattr(options, name) is not None
    }
    given = [name for name in own if name in keys]
    if given:  # as a study reads the same keys
        named = {"set": options.set} | (base | {"source_folder": place} if source is not None else {})
        table = _Arguments(Path("command"), {**named, **{name: keys[name] for name in given}})
        spec = read_dataset(spec.name, table, {}, corpus_required=False)
    try:
        if options.seed is not None:
            spec = replace(spec, seed=options.seed)
        if options.n_samples is not None:
            spec = resized(spec, options.n_samples)
            sized = ("n_samples", *(("n_sequences", "min_positives") if spec.reads_corpus else ()))
            keys |= {name: getattr(spec, name) for name in sized}
    except ArgumentError as error:
        raise InputError(f"--{error.argument.replace('_', '-')}: {error.reason}") from error
    if needs_corpus(spec):
        raise InputError(
            f"{options.set}: needs a text; name it with --corpus (a file, a folder or hub:owner/name"
            + ("; --label-key says where its labels are)" if spec.kind.labelled_corpus else ")")
        )
    return spec, set_usage(spec.name, {**base, **keys})


def named_source(options: argparse.Namespace) -> tuple[SetSource | None, str]:
    """Return the source of the command line, None if there is none, and the folder with its files.

    Raises
    ------
    InputError
        For an unknown source, or a folder of none.
    """
    if options.source is None:
        if options.source_folder is not None:
            raise InputError("--source-folder: does not apply without --source")
        return None, ""
    try:
        return load_source(options.source), options.source_folder or ""
    except InputError as error:
        raise InputError(f"--source: {error}") from error


class _Arguments(TomlTable):
    """Keys of a set that were given as options of the command: messages name the option."""

    def fail(self, key: str, message: str) -> InputError:
        """Return the error for an option."""
        return InputError(f"--{key.replace('_', '-')}: {message}")


def needs_corpus(spec: DatasetSpec) -> bool:
    """Whether the corpus has still to be named."""
    return spec.reads_corpus and spec.corpus.kind == "none"


def resized(spec: DatasetSpec, n_samples: int) -> DatasetSpec:
    """Return the set with so many samples, and with sequences and guaranteed positives in proportion."""
    share = n_samples / spec.n_samples
    return replace(
        spec,
        n_samples=n_samples,
        n_sequences=max(MIN_SEQUENCES, round(share * spec.n_sequences)),
        min_positives=round(share * spec.min_positives),
    )
