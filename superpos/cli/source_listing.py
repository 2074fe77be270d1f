"""`superpos datasets list --source NAME`: the sets of a source, counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from superpos.datasets.source_listing import ListedSet, listed_sets
from superpos.specs.set_sources import SetSource

COLUMNS = ("kept", "repeated", "contradictory")
"""Counts that are shown: different texts, rows that repeat one, rows of texts with two labels."""


def list_source(source: SetSource, place: str, console: Console, *, as_json: bool) -> int:
    """Print the sets of a source; raises `InputError` as `listed_sets`."""
    waiting = Console(stderr=True)
    if waiting.is_terminal:
        with waiting.status(f"counting {source.name} …"):
            sets = list(listed_sets(source, place))
    else:
        sets = list(listed_sets(source, place))
    if as_json:
        said = {"source": source.name, "cite": source.cite, "sets": [as_data(one) for one in sets]}
        console.print_json(json.dumps(said, ensure_ascii=False))
    elif not console.is_terminal:
        for one in sets:
            console.file.write("\t".join((one.name, *cells(one), one.description)) + "\n")
    else:
        _print_table(sets, console)
        console.print(f"{len(sets)} sets of {source.name}. {source.cite}", markup=False)
        console.print(
            f"superpos datasets show NAME --source {source.name} builds a small one and prints examples",
            markup=False,
        )
    return 0


def as_data(one: ListedSet) -> dict[str, Any]:
    """Return a set as plain data."""
    return asdict(one)


def cells(one: ListedSet) -> tuple[str, ...]:
    """Return what a line says of a set: its labels, its rows, the median length, what else to know."""
    if one.counts is None:
        return ("?", *("?" for _ in COLUMNS), "?", one.refused or one.files[0])
    counts = (f"{one.counts.get(name, 0)}" for name in COLUMNS)
    return (f"{one.n_labels}", *counts, f"{one.median_length}", remark(one))


def remark(one: ListedSet) -> str:
    """Return what else to know of a set, on one line; empty if nothing."""
    if one.same_as:
        return f"same file as {one.same_as}"
    if one.is_numeric:
        return "numbers: give `bins`"
    return one.refused or (f"{len(one.files)} files" if len(one.files) > 1 else "")


def _print_table(sets: Sequence[ListedSet], console: Console) -> None:
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("name", style="bold")
    for column in ("labels", *COLUMNS, "median length"):
        table.add_column(column, justify="right")
    table.add_column("")
    table.add_column("what")
    for one in sets:
        table.add_row(*map(Text, (one.name, *cells(one), one.description)))
    console.print(table, soft_wrap=False)
