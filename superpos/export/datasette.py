"""Metadata for Datasette: titles, what every column means, and the questions of the cookbook.

datasette superpos.db --metadata datasette.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from superpos.catalogue import meaning, unit
from superpos.db.results import VIEWS
from superpos.export.cookbook import CookbookQuestion


def datasette(database: str, columns: Mapping[str, Sequence[str]], asked: Sequence[CookbookQuestion]) -> str:
    """Return the metadata as JSON.

    Parameters
    ----------
    database
        What Datasette calls the database: its file's name without the ending.
    columns
        Of every view.
    asked
        Questions of the cookbook.
    """
    tables: dict[str, Any] = {
        view: {"description": VIEWS[view], "columns": {name: _said(view, name) for name in names}}
        for view, names in columns.items()
    }
    queries = {
        one.slug: {
            "title": one.title,
            "description": f"{one.group}. How to read it: {one.reading}",
            "sql": one.sql.rstrip().rstrip(";"),
        }
        for one in asked
    }
    content = {
        "title": "superpos",
        "description": "The geometry of features in superposition in real Transformers. Read the views; the "
        "tables behind them may change.",
        "databases": {database: {"tables": tables, "queries": queries}},
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _said(view: str, name: str) -> str:
    of = unit(view, name)
    return f"{meaning(view, name)} ({of})" if of else meaning(view, name)
