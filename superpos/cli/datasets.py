"""`superpos datasets list / show / build / import`: feature sets before a study uses them."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from superpos.cli.dataset_console import new_console, print_page
from superpos.cli.dataset_pages import (
    SetPage,
    display_path,
    imported_page,
    known_features,
    labelled_page,
    set_usage,
    source_of,
    toml_lines,
    words_page,
)
from superpos.datasets.artifacts import save_dataset
from superpos.datasets.build import build_dataset
from superpos.datasets.tokens import load_tokens, tokenizer_file
from superpos.errors import ArgumentError, InputError
from superpos.models import BUNDLED
from superpos.records.data import LabelledTokens
from superpos.specs.builders import TokenListOptions
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import bundled_sets, load_feature_set, read_dataset
from superpos.specs.toml_table import Table as TomlTable

SMALL_SAMPLES = 1000
"""Samples of a set that is only shown, unless --n-samples says otherwise."""
MIN_SEQUENCES = 20
"""Sequences that a small set is drawn from at least."""
MIN_CTX_LEN = 8
"""The smallest `ctx_len` that a set may have."""
ALL_TOKENS = 1 << 30
"""A `ctx_len` that cuts nothing."""
DIRECTION_FILES = (".safetensors", ".npz", ".csv")


def datasets(options: argparse.Namespace) -> int:
    """Run the action that was asked for."""
    if isinstance(sys.stdout, TextIOWrapper):  # examples hold any character; no encoding may stop them
        sys.stdout.reconfigure(errors="backslashreplace")
    actions: dict[str, Callable[[argparse.Namespace, Console], int]] = {
        "list": list_sets,
        "show": show,
        "build": build,
        "import": import_set,
    }
    return actions[options.action](options, new_console())


def list_sets(options: argparse.Namespace, console: Console) -> int:
    """List the bundled feature sets."""
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
    return 0


def show(options: argparse.Namespace, console: Console) -> int:
    """Build a set, a small one by default, and print what it holds."""
    spec, usage = chosen_set(options)
    drawn = spec.has_probes and spec.builder not in ("sparse_probing", "ngrams")  # these take what there is
    small = drawn and options.n_samples is None and spec.n_samples > SMALL_SAMPLES
    page, _ = build_page(resized(spec, SMALL_SAMPLES) if small else spec, options, usage)
    if small:
        note = f"a small one; a study draws up to {spec.n_samples} samples (--n-samples, or `build`)"
        page = replace(page, notes=(note, *page.notes))
    return _print(options, console, page)


def build(options: argparse.Namespace, console: Console) -> int:
    """Build a set at its full size and write it."""
    spec, usage = chosen_set(options)
    if not spec.has_probes:
        raise InputError(
            f"{options.set}: builder {spec.builder} makes directions without samples, so there is nothing to "
            "write; `superpos datasets show` prints the set"
        )
    _may_write(options.out, options.force, ".safetensors")
    page, tokens = build_page(spec, options, usage)
    if tokens is None:
        raise InputError(f"{options.set}: has no samples to write")
    try:
        save_dataset(options.out, tokens)
    except OSError as error:
        raise InputError(f"--out: {options.out} cannot be written ({error.strerror})") from error
    _print(options, console, page)
    print(f"superpos: wrote {options.out}", file=sys.stderr)  # noqa: T201 (this is the command line)
    return 0


def import_set(options: argparse.Namespace, console: Console) -> int:
    """Check a folder of the sparse-probing paper or a file of vectors, and write a set file for it."""
    source = Path(options.source).expanduser()
    if not source.exists():
        raise InputError(f"{options.source}: no such file or folder")
    builder, keys = _import_keys(source, options)
    out = options.out or Path(f"{_set_name(source)}.toml")
    _may_write(out, options.force, ".toml")
    said: dict[str, Any] = {"description": f"Imported: {source.name}", "builder": builder}
    said |= {"folder" if source.is_dir() else "file": _path_from(out, source), **keys}
    usage = set_usage(out.stem, display_path(out), {})
    page, tokens = build_page(_read_text(out, toml_lines(said)), options, usage)
    if tokens is not None and options.ctx_len is None:  # rows end with their last sample
        said["ctx_len"] = max(MIN_CTX_LEN, int(np.diff(tokens.sequence_starts).max()))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(f"{out.name}.{os.getpid()}.tmp")
        temporary.write_text(toml_lines(said), encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise InputError(f"--out: {out} cannot be written ({error.strerror})") from error
    _print(options, console, page)
    print(f"superpos: wrote {out}", file=sys.stderr)  # noqa: T201 (this is the command line)
    return 0


def chosen_set(options: argparse.Namespace) -> tuple[DatasetSpec, str]:
    """Return the set of the command line with what the options override, and its lines in a study.

    Raises
    ------
    InputError
        For an unknown set, a corpus that is missing or does not apply, or values that are not allowed.
    """
    spec = load_feature_set(options.set)
    file = "" if options.set in bundled_sets() else display_path(Path(options.set).expanduser())
    own = ("corpus", "label_key", "text_key", "max_documents")
    keys: dict[str, Any] = {
        name: getattr(options, name) for name in (*own, "seed") if getattr(options, name) is not None
    }
    given = [name for name in own if name in keys]
    if given and not spec.reads_corpus:
        flag = given[0].replace("_", "-")
        raise InputError(f"--{flag}: {keys[given[0]]!r} does not apply; set {spec.name} reads no corpus")
    if given:  # as a study reads the same keys
        table = _Arguments(Path("command"), {"set": options.set, **{name: keys[name] for name in given}})
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
            + ("; --label-key says where its labels are)" if spec.builder == "documents" else ")")
        )
    return spec, set_usage(spec.name, file, keys)


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


def build_page(
    spec: DatasetSpec, options: argparse.Namespace, usage: str
) -> tuple[SetPage, LabelledTokens | None]:
    """Build a set; return its page and its labelled tokens, None where it has none.

    Raises
    ------
    InputError
        If anything the set reads cannot be used.
    """
    if spec.builder in ("directions", "psm"):
        return imported_page(spec, usage), None
    tokenizer, label = _tokenizer(options)
    table = load_tokens(tokenizer)
    if isinstance(spec.options, TokenListOptions):
        return words_page(spec, spec.options, table, usage, label), None
    try:
        tokens = _waiting(f"building {spec.name}", lambda: build_dataset(spec, tokenizer))
    except ArgumentError as error:
        raise InputError(f"datasets.{spec.name}.{error.argument}: {error.reason}") from error
    return labelled_page(spec, tokens, table, options.examples, usage, label), tokens


def _waiting(what: str, work: Callable[[], LabelledTokens]) -> LabelledTokens:
    """Do the work, with a line on the terminal that says that it goes on."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return work()
    with console.status(f"{what} …"):
        return work()


def _tokenizer(options: argparse.Namespace) -> tuple[Path, str]:
    """Return the tokenizer file and what it is called."""
    if options.tokenizer is not None:
        path = Path(options.tokenizer).expanduser()
        return tokenizer_file(path), display_path(path)
    from superpos.activations.inspection import tokenizer_file as tokenizer_of_model
    from superpos.specs.models import ModelSpec

    name = BUNDLED[0] if options.model is None else options.model
    try:
        return tokenizer_of_model(ModelSpec(name)), f"of model {name}"
    except ArgumentError as error:
        raise InputError(f"--model: {error.reason}") from error


def _may_write(out: Path, force: bool, suffix: str) -> None:
    if out.suffix != suffix:
        raise InputError(f"--out: {out} does not end in {suffix}")
    if out.is_dir():
        raise InputError(f"--out: {out} is a folder")
    if out.exists() and not force:
        raise InputError(f"--out: {out} exists; give another name, or --force to overwrite it")


def _import_keys(source: Path, options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Return the builder of a folder or file, and the keys that the options give it."""
    of_files = {
        name: getattr(options, name)
        for name in ("tensor", "names_file", "hookpoint", "layer", "variance")
        if getattr(options, name) is not None
    }
    if source.is_dir():
        given = next(iter([*of_files, *(["psm"] if options.psm else [])]), None)
        if given is not None:
            raise InputError(f"--{given.replace('_', '-')}: applies to files only; {source} is a folder")
        return "sparse_probing", {"ctx_len": options.ctx_len or ALL_TOKENS}
    if options.ctx_len is not None:
        raise InputError(f"--ctx-len: applies to folders only; {source} is a file")
    if source.suffix not in DIRECTION_FILES:
        raise InputError(
            f"{source}: cannot be imported; allowed: a folder of the sparse-probing paper, or a file that "
            f"ends in {', '.join(DIRECTION_FILES)}"
        )
    if "names_file" in of_files:
        of_files["names_file"] = str(Path(of_files["names_file"]).expanduser().resolve())
    if options.psm is None:
        return "directions", of_files
    if "variance" in of_files:
        raise InputError("--variance: applies to directions, not to a similarity matrix (--psm)")
    return "psm", {**of_files, "similarity": options.psm}


def _set_name(source: Path) -> str:
    """Return the name of an imported set: what the source is called up to its first dot."""
    from superpos.datasets.builders.sparse_probing import folder_name

    name = str((folder_name(source) if source.is_dir() else {}).get("name", source.name.partition(".")[0]))
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "imported"


def _path_from(out: Path, source: Path) -> str:
    """Return the path as the set file names it: relative if it lies below the file's folder."""
    try:
        return source.resolve().relative_to(out.parent.resolve()).as_posix()
    except ValueError:
        return str(source.resolve())


def _read_text(out: Path, text: str) -> DatasetSpec:
    """Return the set of a file that is not written yet."""
    import tomllib

    return read_dataset(out.stem, TomlTable(out.resolve(), tomllib.loads(text)), {})


def _print(options: argparse.Namespace, console: Console, page: SetPage) -> int:
    if options.json:
        console.print_json(json.dumps(page.as_json(), ensure_ascii=False, default=str))
    else:
        print_page(console, page)
    return 0
