"""The views of this version: an SQL file each, its header says its name and what has a row.

    -- name: one row per ...
    -- place: number that orders the list of views
    -- more, for readers of the file

What the catalogue lists stands in braces:

    {axes LEVEL ...}              columns of the axes of these levels; `q.` before them reads them from a view
    {measured TABLE}              the measured columns of a table; `a..b`, `..b`, `a..` take a part of them
    {other words}                 the text of `parts/other_words.sql`

In both, `-name` leaves one out. `helpers/` holds views that others are made of. A migration freezes the texts
(`python -m tools.freeze_views`): databases are made by migrations, never from here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from superpos.catalogue import LEVELS, Axis, Role, axes, measured
from superpos.errors import InputError

FOLDER = Path(__file__).parent
WIDTH = 108
"""Of a line, in characters."""
SHOWN: tuple[Role, ...] = ("compared", "setting", "searched", "derived")
"""Roles of axes that are columns of views."""
_ALIASES = {
    "dataset": "sd", "activations": "d", "directions": "d", "target": "t", "kernel": "ja", "joint": "ja",
    "fit": "fa", "activation_sets": "a", "best_match": "x", "datasets": "ds", "fits": "f", "importance": "i",
    "measure_tests": "gt", "joint_fits": "jf", "layer_pairs": "lp", "probes": "pr", "psm_entries": "e",
    "psm_measures": "pm", "psms": "p", "study_answers": "a", "target_explained": "te",
    "target_features": "tf",
}  # fmt: skip
"""What views call the tables of a level, and tables."""
_EXPRESSIONS = {
    "study": "s.name",
    "model": "COALESCE(sm.name, '')",
    "rbf_scale_resolved": "p.rbf_scale_resolved",
}
"""Axes that are no column of their level's table."""


class View(NamedTuple):
    """One view."""

    name: str
    rows: str
    """What has a row: `one row per ...`."""
    place: float
    """Of views that `Results.frame` gives; infinite for helpers."""
    select: str


@cache
def views() -> tuple[View, ...]:
    """Return every view, helpers too, each after those that it reads, else by place.

    Raises
    ------
    InputError
        If a file has no header, asks the catalogue for what it does not have, or views read each other in a
        circle.
    """
    found = [_view(path) for path in sorted(FOLDER.glob("*.sql")) + sorted(FOLDER.glob("helpers/*.sql"))]
    waiting = {view.name: view for view in sorted(found, key=lambda view: (view.place, view.name))}
    ordered: list[View] = []
    while waiting:
        ready = next((v for v in waiting.values() if not _read_by(v) & (waiting.keys() - {v.name})), None)
        if ready is None:
            raise InputError(f"{FOLDER}: {', '.join(waiting)} read each other in a circle")
        ordered.append(waiting.pop(ready.name))
    return tuple(ordered)


def shown_views() -> dict[str, str]:
    """Return the views that `Results.frame` gives, by place, with what has a row there."""
    found = sorted((view for view in views() if view.place != float("inf")), key=lambda view: view.place)
    return {view.name: view.rows for view in found}


def _read_by(view: View) -> set[str]:
    """Return every word of a view's text: names of views that it reads are among them."""
    return set(re.findall(r"\w+", view.select))


def _view(path: Path) -> View:
    header, select = _split(path)
    said = dict(re.findall(r"^-- (\w+): (.+)$", header, re.MULTILINE))
    if path.stem not in said:
        raise InputError(f"{path}: does not begin with `-- {path.stem}: one row per ...`")
    place = "inf" if path.parent.name == "helpers" else said.get("place", "")
    if not re.fullmatch(r"\d+|inf", place):
        raise InputError(f"{path}: says no `-- place: NUMBER`")
    return View(name=path.stem, rows=said[path.stem], place=float(place), select=_filled(select, path))


def _split(path: Path) -> tuple[str, str]:
    """Return the comments a file begins with, and its text."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return "\n".join(lines[:first]), "\n".join(lines[first:])


def _filled(text: str, path: Path, width: int | None = WIDTH) -> str:
    """Return a text with what stands in braces put in; lines longer than `width` are broken."""
    filled: list[str] = []
    for line in text.splitlines():
        if "{" not in line:
            filled.append(line)
            continue
        indent = " " * (len(line) - len(line.lstrip()))
        put = re.sub(r"\{([^}]+)\}", lambda match: _part(match[1].split(), path), line).splitlines()
        inner = f"{indent}  " if line.lstrip().startswith(("SELECT", "GROUP BY")) else indent
        for one in (put[0], *(f"{inner}{rest}" for rest in put[1:])):
            filled.extend([one] if width is None else _broken(one, inner, width))
    return "\n".join(filled)


def _broken(line: str, indent: str, width: int) -> list[str]:
    """Return a line as lines of at most `width`, broken between columns."""
    lines = [""]
    for column in re.split(r"(?<=,) (?![^(]*\))", line):  # a comma within brackets is no end of a column
        longer = f"{lines[-1]} {column}" if lines[-1] else column
        if len(longer) > width and lines[-1]:
            lines.append(f"{indent}{column}")
        else:
            lines[-1] = longer
    return lines


def _part(words: list[str], path: Path) -> str:
    try:
        if words[0] == "axes":
            return _axes(words[1:])
        if words[0] == "measured":
            return _measured(words[1], words[2:])
        part = FOLDER / "parts" / f"{'_'.join(words)}.sql"
        return _filled(_split(part)[1], part, width=None)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: {{{' '.join(words)}}} is unknown ({error})") from error


def _axes(words: list[str]) -> str:
    alias = next((word for word in words if word.endswith(".")), "")
    left_out = {word[1:] for word in words if word.startswith("-")}
    levels = [word for word in words if word in LEVELS]
    if not levels or len(levels) + len(left_out) + bool(alias) < len(words):
        raise ValueError(f"levels are {', '.join(LEVELS)}")
    found = [axis for level in levels for axis in axes(level, roles=SHOWN) if axis.name not in left_out]  # type: ignore[arg-type] # checked above
    return ", ".join(f"{alias}{_quoted(axis.name)}" if alias else _expression(axis) for axis in found)


def _expression(axis: Axis) -> str:
    if axis.name in _EXPRESSIONS:
        value = _EXPRESSIONS[axis.name]
    elif axis.level == "model":
        value = f"COALESCE(m.{axis.column}, {axis.neutral!r})"
    else:
        value = f"{_ALIASES[axis.level]}.{_quoted(axis.column)}"
    return value if value.endswith(f".{_quoted(axis.name)}") else f"{value} AS {_quoted(axis.name)}"


def _measured(table: str, words: list[str]) -> str:
    left_out = {word[1:] for word in words if word.startswith("-")}
    found = [column for column in measured(table) if column.name not in left_out]
    if not found:
        raise ValueError("no such table")
    names = [column.name for column in found]
    for word in words:
        if ".." in word:
            first, _, last = word.partition("..")
            found = found[names.index(first) if first else 0 : names.index(last) + 1 if last else None]
    columns = (
        (f"{_ALIASES[table]}.{_quoted(column.column)}", column.column, column.name) for column in found
    )
    return ", ".join(
        value if name == shown else f"{value} AS {_quoted(shown)}" for value, name, shown in columns
    )


def _quoted(name: str) -> str:
    """Return a name as SQL writes it; PostgreSQL folds what is not quoted."""
    return name if name == name.lower() else f'"{name}"'
