"""What the actions of `superpos datasets` share: build a set, check where to write, print the result."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from superpos.cli.dataset_console import print_page
from superpos.cli.dataset_pages import SetPage, imported_page, labelled_page
from superpos.cli.dataset_sources import display_path, study_of_set, toml_lines
from superpos.cli.dataset_words import words_page
from superpos.datasets.build import build_dataset
from superpos.datasets.imported import resolved_import
from superpos.datasets.recorded import read_recorded
from superpos.datasets.tokens import load_tokens, tokenizer_file
from superpos.errors import ArgumentError, InputError
from superpos.kinds.builders import Site
from superpos.models import BUNDLED
from superpos.reading.places import exists, is_folder, user_path
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import DatasetSpec


def build_page(
    spec: DatasetSpec, options: argparse.Namespace, usage: str
) -> tuple[SetPage, LabelledTokens | None]:
    """Build a set; return its page and its labelled tokens, None where it has none.

    Raises
    ------
    InputError
        If anything the set reads cannot be used.
    """
    spec, short = _fitting(spec, options)
    page, tokens = _built(spec, options, usage + short)
    if short:
        note = f"read with {spec.ctx_len} tokens at most, which are all positions that the model has"
        page = replace(page, notes=(note, *page.notes))
    if page.usage and spec.kind.rows and options.tokenizer is None:
        page = _beside_model(spec, page, options.model or BUNDLED[0])
    if page.usage and options.tokenizer is None:  # a tokenizer alone is no model that a study could name
        page = replace(page, study=study_of_set(spec, page.usage, options.model or BUNDLED[0]))
    return page, tokens


def _beside_model(spec: DatasetSpec, page: SetPage, model: str) -> SetPage:
    """Return the page of imported vectors with lines that a study of this model takes.

    Vectors of another model's width have to say so; where their builder has no key for it, no line is shown.
    """

    def sites(hookpoint: str) -> tuple[Site, ...]:
        from superpos.activations.inspection import hook_width, inspect_model
        from superpos.specs.models import ModelSpec

        try:
            info = inspect_model(ModelSpec(model), check_weights=False)
            return (Site(model, hook_width(info, hookpoint), info.n_layers),)
        except InputError:  # it is left to its study
            return ()

    try:
        resolved_import(spec, sites)
    except InputError as error:
        note = f"a study of model {model} refuses it as it is: {error}"
        has_key = any(option.name == "d_model" for option in spec.kind.keys)
        usage = page.usage + toml_lines({"d_model": page.counts["width"]}) if has_key else ""
        return replace(page, usage=usage, notes=(*page.notes, note))
    return page


def _fitting(spec: DatasetSpec, options: argparse.Namespace) -> tuple[DatasetSpec, str]:
    """Return the set with no more tokens than the model has positions, and the line that says so in a study.

    A tokenizer alone has no positions; a model that cannot be inspected here is left to its study.
    """
    no_text = not (spec.has_probes and spec.needs_model)
    if options.tokenizer is not None or no_text or options.action == "import":
        return spec, ""
    from superpos.activations.inspection import inspect_model
    from superpos.specs.models import ModelSpec

    try:
        positions = inspect_model(ModelSpec(options.model or BUNDLED[0])).max_positions
    except InputError:
        return spec, ""
    if spec.ctx_len <= positions:
        return spec, ""
    return replace(spec, ctx_len=positions), toml_lines({"ctx_len": positions})


def _built(
    spec: DatasetSpec, options: argparse.Namespace, usage: str
) -> tuple[SetPage, LabelledTokens | None]:
    if spec.kind.rows:
        return imported_page(spec, usage), None
    if spec.kind.recorded:
        recorded = _waiting(f"reading {spec.name}", lambda: read_recorded(spec).labelled())
        return labelled_page(spec, recorded, None, options.examples, usage, ""), recorded
    tokenizer, label = _tokenizer(options)
    table = load_tokens(tokenizer)
    if spec.kind.words:
        return words_page(spec, table, usage, label), None
    try:
        tokens = _waiting(f"building {spec.name}", lambda: build_dataset(spec, tokenizer))
    except ArgumentError as error:
        named = getattr(options, "set", "") or options.source
        raise InputError(f"{named}: {error.argument}: {error.reason}") from error
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
        path = user_path(options.tokenizer)
        return tokenizer_file(path), display_path(path)
    from superpos.activations.inspection import tokenizer_file as tokenizer_of_model
    from superpos.specs.models import ModelSpec

    name = BUNDLED[0] if options.model is None else options.model
    try:
        return tokenizer_of_model(ModelSpec(name)), f"of model {name}"
    except ArgumentError as error:
        raise InputError(f"--model: {error.reason}") from error


def may_write(out: Path, force: bool, suffix: str) -> None:
    """Refuse, with an `InputError`, a file of another kind, a folder, and what exists unless forced."""
    if out.suffix != suffix:
        raise InputError(f"--out: {out} does not end in {suffix}")
    if is_folder(user_path(out)):
        raise InputError(f"--out: {out} is a folder")
    if exists(out) and not force:
        raise InputError(f"--out: {out} exists; give another name, or --force to overwrite it")


def print_result(options: argparse.Namespace, console: Console, page: SetPage) -> int:
    """Print the page of a set, as JSON if that was asked for; return the exit status."""
    if options.json:
        console.print_json(json.dumps(page.as_json(), ensure_ascii=False, default=str))
    else:
        print_page(console, page)
    return 0
