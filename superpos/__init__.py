"""superpos: the geometry of features in superposition in real Transformers.

`connect` opens a database for analysis, and `run` runs a study and opens its results. `geometry` measures
directions at hand, `test` holds them against controls, `follows_labels` asks whether what features add
follows how their labels go together. `plot` has drawings that return axes. Each is imported
when it is first asked for, so that `import superpos` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from superpos.version import __version__

if TYPE_CHECKING:
    from superpos import plot
    from superpos.at_hand.controls import against_controls as test
    from superpos.at_hand.labels import follows_labels
    from superpos.at_hand.measures import geometry
    from superpos.at_hand.study import run
    from superpos.db.results import Results
    from superpos.records.named import Psm

__all__ = ["Psm", "Results", "__version__", "connect", "follows_labels", "geometry", "plot", "run", "test"]

_PLACES = {
    "Psm": "superpos.records.named:Psm",
    "Results": "superpos.db.results:Results",
    "follows_labels": "superpos.at_hand.labels:follows_labels",
    "geometry": "superpos.at_hand.measures:geometry",
    "run": "superpos.at_hand.study:run",
    "test": "superpos.at_hand.controls:against_controls",
}
"""Where what is imported when it is asked for lies."""


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


def __getattr__(name: str) -> Any:
    if name == "plot":
        return import_module("superpos.plot")
    if name in _PLACES:
        module, _, attribute = _PLACES[name].partition(":")
        found = getattr(import_module(module), attribute)
        globals()[name] = found  # asked for once
        return found
    raise AttributeError(f"module 'superpos' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
