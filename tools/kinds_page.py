"""Write `docs/kinds.md` from the registers: `python -m tools.kinds_page > docs/kinds.md`."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

import superpos.kinds
from superpos.kinds import Register

INTRODUCTION = """# Kinds

Written by `python -m tools.kinds_page`. A *kind* is something that a study names. These are the
project's own; [Extending](extending.md) says how to add one, here or in a package of your own.
"""
SHOWN = {
    "formula": "formula",
    "argument": "of",
    "draws_from": "draws from",
    "keeps": "keeps",
    "destroys": "destroys",
    "reads": "reads",
    "under": "similarities",
    "source": "source",
}
"""Fields of records that the page shows beside name and meaning, and how it heads them."""


def families() -> Iterator[tuple[str, str, Register[Any]]]:
    """Give every register of the project with the name of its module and what this says of the family."""
    for module in pkgutil.iter_modules(superpos.kinds.__path__):
        found = importlib.import_module(f"superpos.kinds.{module.name}")
        said = (found.__doc__ or "").strip().splitlines()[0]
        for value in vars(found).values():
            if isinstance(value, Register):
                yield module.name, said, value


def document() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    for name, said, register in families():
        parts += [f"## {name.capitalize()}\n", f"{said}\n", *_table(register), ""]
    return "\n".join(parts)


def _table(register: Register[Any]) -> Iterator[str]:
    fields = {field.name for field in dataclasses.fields(register.record)}
    own = [kind for kind in register if register.origin(kind.name) is None]
    shown = [name for name in SHOWN if name in fields]
    columns = [name for name in shown if any(_text(getattr(kind, name)) for kind in own)]
    yield f"| name | meaning |{''.join(f' {SHOWN[name]} |' for name in columns)}"
    yield "|---" * (2 + len(columns)) + "|"
    for kind in own:
        cells = [f"`{kind.name}`", kind.meaning, *(_text(getattr(kind, name)) for name in columns)]
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _text(value: object) -> str:
    """Return a field as words; what is neither text nor texts says nothing on a page."""
    found = value if isinstance(value, tuple) else (value,)
    return ", ".join(one for one in found if isinstance(one, str))


def _cell(text: str) -> str:
    """Return text as a cell of a table holds it: a bar would end the cell, marks would turn it slanted."""
    for mark in ("|", "*", "_", "<"):
        if not text.startswith("`"):
            text = text.replace(mark, f"\\{mark}")
    return text


if __name__ == "__main__":
    sys.stdout.write(document())
