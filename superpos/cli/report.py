"""`superpos report`, once or again whenever the database has more."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from superpos.db.progress import study_progress
from superpos.db.results import Results
from superpos.errors import InputError, allowed, shown

OUT = Console(highlight=False, soft_wrap=True)


def report(options: argparse.Namespace) -> int:
    """Write the report of one or more studies."""
    if options.watch is not None:
        return watch(
            options.db, options.study, options.out, options.only, options.watch, options.interruption.check
        )
    _say(write(options.db, options.study, options.out, options.only), bool(options.only))
    return 0


def watch(
    url: str | None,
    studies: list[str] | None,
    out: Path,
    only: list[str] | None,
    seconds: float,
    check: Callable[[], None],
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Write the report again whenever rows have come in, until nothing is left to do; return the exit status.

    Raises
    ------
    InputError
        For an unknown study, chapter or question, or a folder that cannot be written.
    """
    before: object = None
    while True:
        with Results.open(url) as results:
            rows = {name: study_progress(results.database, name) for name in studies or results.studies()}
        if rows != before:
            _say(write(url, studies, out, only), bool(only))
            for name, stages in rows.items():
                done, planned = (
                    sum(one.done for one in stages),
                    sum(one.planned - one.not_applicable for one in stages),
                )
                OUT.print(f"{name}: {done:,} of {planned:,} rows when it was drawn", markup=False)
            before = rows
        left = [one for stages in rows.values() for one in stages if one.undone > one.quarantined]
        if not left:
            OUT.print("nothing left to do", markup=False)
            return int(any(one.undone for stages in rows.values() for one in stages))
        check()
        pause(seconds)


def write(url: str | None, studies: list[str] | None, out: Path, only: list[str] | None = None) -> Any:
    """Write a report, of some chapters or questions, or of all; return its paths.

    Raises
    ------
    InputError
        For an unknown study, chapter or question, or a folder that cannot be written.
    """
    from superpos.reporting import write_report

    # Rows and drawings are many objects that die together: looking for dead ones less often saves a tenth.
    gc.set_threshold(100_000)
    with Results.open(url) as results:
        known = results.studies()
        for name in studies or ():
            if name not in known:
                raise InputError(f"--study: {shown(name)} is not in {results.label}; {allowed(name, known)}")
        try:
            return write_report(results, list(studies or known), out, only or ())
        except OSError as error:
            raise InputError(f"--out: {out} cannot be written ({error.strerror})") from error


def _say(paths: Any, some: bool) -> None:
    for line in paths.left_out if some else ():
        OUT.print(f"left out: {line}", markup=False)
    OUT.print(f"report: {paths.index}", markup=False)
