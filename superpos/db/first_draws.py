"""Draws of controls: which are shown row by row, and which count only in what figures show of all.

A study may have 199 draws of exchanged labels. Tables of a report that would be long, and archives, have the
rows of the first draws whole; vectors of best ends are kept of these.
"""

from __future__ import annotations

FIRST_DRAWS = 10
"""Draws of each control whose rows are shown."""
AT_MOST_ROWS = 20_000
"""A table of more rows shows the first draws only."""
