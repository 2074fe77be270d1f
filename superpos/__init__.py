"""superpos: the geometry of features in superposition in real Transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superpos.db.results import Results

__version__ = "0.1.0"


def connect(url: str | None = None) -> Results:
    """Open a database read-only for analysis: `connect(url).frame("fit_results", study="demo")`.

    Parameters
    ----------
    url
        Database URL; None stands for the environment's `SUPERPOS_DB_URL`, else `sqlite:///superpos.db`.

    Raises
    ------
    DatabaseError
        If the database cannot be reached or is at another schema revision.
    """
    from superpos.db.results import Results

    return Results.open(url)
