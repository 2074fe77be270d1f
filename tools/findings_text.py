"""Lines and numbers of the page of findings."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import pandas as pd

from superpos.reporting.answers import in_words, independent
from superpos.reporting.selection import optimiser_label

WIDTH = 100


def wrapped(text: str, first: str = "") -> str:
    """Return a text in lines as wide as a page's, the first of which may begin with a bullet."""
    return textwrap.fill(
        " ".join(text.split()), WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def listed(controls: Iterable[str]) -> str:
    """Return the names of controls in a list that their own commas do not break."""
    return ", ".join(in_words(control).replace(", ", " with ") for control in controls)


def number(row: pd.Series, understood: str = "", *, spread: bool = True) -> str:
    """Return an answer's number with its strength, set, unit, interval, control, p and draws.

    In round brackets stands how far single draws lie, unless no `spread` is asked for; in square ones an
    interval. The control is not named where it is the one that is `understood`.
    """
    where = f" at {row['hookpoint']}" if row["hookpoint"] in ("embed", "unembed") else ""
    who = f"{row['dataset']}{where}" if row["dataset"] else "all sets"
    end = optimiser_label(str(row["optimiser"])) if row["optimiser"] else ""
    under = ", ".join(filter(None, (str(row["similarity"]), end)))
    parts = [f"{who}: {row['estimate']:+.2g}"]
    if pd.notna(row["estimate_low"]):
        parts.append(f"[{row['estimate_low']:+.2g}, {row['estimate_high']:+.2g}]")
    elif spread and row["dataset"] and pd.notna(row["low"]):
        parts.append(f"({row['low']:+.2g} to {row['high']:+.2g})")
    control = str(row["control"])
    against = "" if control == understood else f", against {in_words(control)}"
    parts.append(f"{row['unit']}{against}{f' ({under})' if under else ''}")
    p = f"; p = {row['p_adjusted']:.2g}" if pd.notna(row["p_adjusted"]) else ""
    return f"{' '.join(parts)}{p}; {independent(row)}; {row['strength']}"
