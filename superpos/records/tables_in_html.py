"""Small tables for notebooks: every text escaped, no style but alignment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts as HTML; the first cell of a row is its name."""
    parts = [f"<table><caption>{escape(caption)}</caption>"]
    parts.append(_row("thead", [head], "th"))
    parts.append(_row("tbody", rows, "td"))
    return "".join((*parts, "</table>"))


def _row(part: str, rows: Iterable[Sequence[str]], cell: str) -> str:
    lines = (
        f"<tr><th style='text-align: left'>{escape(first)}</th>"
        + "".join(f"<{cell} style='text-align: right'>{escape(text)}</{cell}>" for text in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f"<{part}>{''.join(lines)}</{part}>"
