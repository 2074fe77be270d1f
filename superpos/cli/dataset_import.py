"""`superpos datasets import`: check a folder or file of others and write a set file for it."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from superpos.cli.dataset_building import build_page, may_write, print_result
from superpos.cli.dataset_sources import display_path, set_usage, toml_lines
from superpos.datasets.matrix_files import SUFFIXES
from superpos.datasets.sae.layouts import is_autoencoder
from superpos.errors import InputError
from superpos.models import BUNDLED
from superpos.reading.array_parts import TORCH_SUFFIXES
from superpos.reading.places import by_its_name, is_file, is_folder, resolved, user_path
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import read_dataset
from superpos.specs.hook_names import UNKNOWN_LAYER, read_place
from superpos.specs.toml_table import Table

MIN_CTX_LEN = 8
"""The smallest `ctx_len` that a set may have."""
ALL_TOKENS = 1 << 30
"""A `ctx_len` that cuts nothing."""


def import_set(options: argparse.Namespace, console: Console) -> int:
    """Check a folder of others or a file of vectors, and write a set file for it."""
    source = user_path(options.source)
    if not (is_folder(source) or is_file(source)):
        raise InputError(f"{options.source}: no such file or folder")
    builder, keys = _import_keys(source, options)
    out = options.out or Path(f"{_set_name(source)}.toml")
    may_write(out, options.force, ".toml")
    said: dict[str, Any] = {"description": f"Imported: {source.name}", "builder": builder}
    said |= {"folder" if builder == "sparse_probing" else "file": _path_from(out, source), **keys}
    usage = set_usage(out.stem, {"set": display_path(out)})
    try:
        page, tokens = build_page(_read_text(out, toml_lines(said)), options, usage)
    except InputError as error:
        if builder == "sparse_probing" and options.model is None and options.tokenizer is None:
            hint = f"checked with the tokenizer of model {BUNDLED[0]}; --model or --tokenizer names another"
            raise InputError(f"{error} ({hint})") from error
        raise
    if tokens is not None and options.ctx_len is None:  # rows end with their last sample
        said["ctx_len"] = max(MIN_CTX_LEN, int(np.diff(tokens.sequence_starts).max()))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(f"{out.name}.{os.getpid()}.tmp")
        temporary.write_text(toml_lines(said), encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise InputError(f"--out: {out} cannot be written ({error.strerror})") from error
    print_result(options, console, page)
    print(f"superpos: wrote {out}", file=sys.stderr)  # noqa: T201 (this is the command line)
    return 0


def _import_keys(source: Path, options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Return the builder of a folder or file, and the keys that the options give it."""
    of_files = {
        name: getattr(options, name)
        for name in ("tensor", "rows", "names_file", "hookpoint", "layer", "variance")
        if getattr(options, name) is not None
    }
    if "hookpoint" in of_files:
        layer = of_files.get("layer", UNKNOWN_LAYER)
        of_files["hookpoint"], layer = read_place(of_files["hookpoint"], layer)
        of_files |= {} if layer == UNKNOWN_LAYER else {"layer": layer}
    of_autoencoders = {
        name: str(resolved(value)) if isinstance(value, Path) else value
        for name in ("part", "orientation", "d_model", "rows_file", "most", "labels_file")
        if (value := getattr(options, name)) is not None
    }
    if is_autoencoder(source) or source.suffix in TORCH_SUFFIXES or of_autoencoders:
        return "sae", {**_keys_of_autoencoder(source, options, of_files), **of_autoencoders}
    if source.is_dir():
        given = next(iter([*of_files, *(["psm"] if options.psm else [])]), None)
        if given is not None:
            raise InputError(f"--{given.replace('_', '-')}: applies to files only; {source} is a folder")
        return "sparse_probing", {"ctx_len": options.ctx_len or ALL_TOKENS}
    if options.ctx_len is not None:
        raise InputError(f"--ctx-len: applies to folders only; {source} is a file")
    if source.suffix not in SUFFIXES:
        raise InputError(
            f"{source}: cannot be imported; allowed: a folder of the sparse-probing paper, a sparse "
            f"autoencoder, or a file that ends in {', '.join(SUFFIXES)}"
        )
    if "names_file" in of_files:
        of_files["names_file"] = str(resolved(user_path(of_files["names_file"])))
    if options.psm is None:
        return "directions", of_files
    for name in ("variance", "rows"):
        if name in of_files:
            raise InputError(f"--{name}: applies to directions, not to a similarity matrix (--psm)")
    return "psm", {**of_files, "similarity": options.psm}


def _keys_of_autoencoder(
    source: Path, options: argparse.Namespace, of_files: dict[str, Any]
) -> dict[str, Any]:
    """Return the keys that all files share, for an autoencoder."""
    for name in ("ctx_len", "psm", "names_file", "variance"):
        if getattr(options, name) is not None:
            said = "applies to no autoencoder" + {
                "names_file": "; --labels-file names its latents",
                "variance": "; --part says it: decoder vectors are vectors, encoder vectors covectors",
            }.get(name, "")
            raise InputError(f"--{name.replace('_', '-')}: {said} ({source})")
    return of_files


def _set_name(source: Path) -> str:
    """Return the name of an imported set: what the source is called up to its first dot."""
    from superpos.datasets.builders.sparse_probing import folder_name

    name = str((folder_name(source) if source.is_dir() else {}).get("name", source.name.partition(".")[0]))
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "imported"


def _path_from(out: Path, source: Path) -> str:
    """Return the path as the set file names it: relative if it lies below the file's folder."""
    try:
        return by_its_name(source).relative_to(resolved(out.parent)).as_posix()
    except ValueError:
        return str(by_its_name(source))


def _read_text(out: Path, text: str) -> DatasetSpec:
    """Return the set of a file that is not written yet."""
    return read_dataset(out.stem, Table(resolved(out), tomllib.loads(text)), {})
