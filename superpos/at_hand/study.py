"""`superpos.run`: run what is missing of a study, and open its results."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from superpos.cli.interrupt import Interruption
from superpos.cli.parser import find_study
from superpos.cli.run import run_file, run_loaded
from superpos.db.results import Results
from superpos.errors import InputError
from superpos.specs.axes import check_count
from superpos.specs.studyfile import parse_study


def run(
    study: str | Path | Mapping[str, Any], url: str | None = None, *, workers: int | None = None
) -> Results:
    """Run what is missing of a study; return the database, opened for analysis.

    What `superpos run` does: it may be stopped at any time and run again, and says what is left without a
    result.

    Parameters
    ----------
    study
        A TOML file, the name of a bundled study, or the tables of a study file as a dictionary with a `name`.
    url
        Database URL, as in `superpos.connect`.
    workers
        Worker processes, one a CPU by default; 0 computes in this process, which begins at once and is as
        fast for a small study.

    Raises
    ------
    InputError
        If the study cannot be read: file, key, value, what is allowed.
    DatabaseError
        If the database cannot be reached or is at another schema revision.
    """
    if workers is not None:
        check_count("workers", workers, 0)
    with Interruption() as interruption:
        if isinstance(study, Mapping):
            if "name" not in study:
                raise InputError("study: the dictionary has no name; add name = '...'")
            tables = copy.deepcopy(dict(study))
            run_loaded(parse_study(Path("study"), tables), url, interruption, workers=workers)
        else:
            run_file(find_study(str(study)), url, interruption, workers=workers)
    return Results.open(url)
