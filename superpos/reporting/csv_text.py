"""Tables as CSV that a spreadsheet may open: text that it would take for a formula is made plain text.

Names of features, sets and models come from users' files and texts, and a cell that begins with `=` can run
a command where a spreadsheet opens it. Such a cell, or column name, gets an apostrophe in front. Numbers stay
as they are, also where they stand in a column of text. Source of the list of first characters: OWASP, "CSV
Injection".
"""

from __future__ import annotations

import csv
import re
from typing import Any

import numpy as np
import pandas as pd

FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
"""What begins a formula; behind apostrophes too, so that the one put in front can be told and taken off."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV without its index, numbers with all their digits, formulas as text."""
    safe = frame.copy()
    for place, (_, column) in enumerate(frame.items()):
        if not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_datetime64_any_dtype(column):
            safe.isetitem(place, _plain(column))
    safe.columns = pd.Index([plain(name) for name in frame.columns])
    # All text is quoted: a carriage return would begin a row where it stands bare.
    text: str = safe.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text


def _plain(column: pd.Series) -> Any:
    """Return a column of cells, each of its values looked at once."""
    try:
        codes, values = pd.factorize(column, use_na_sentinel=False)
    except TypeError:  # lists and mappings
        return [plain(value) for value in column]
    own = values.tolist()
    cells = [plain(value) for value in own]
    return column if cells == own else np.array(cells, dtype=object)[codes]


def plain(value: Any) -> Any:
    """Return a value as it may stand in a cell: an apostrophe before text that begins like a formula."""
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value
