"""`superpos report`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from superpos.db.results import Results
from superpos.errors import InputError, allowed, shown

OUT = Console(highlight=False, soft_wrap=True)


def report(options: argparse.Namespace) -> int:
    """Write the report of one or more studies."""
    paths = write(options.db, options.study, options.out, options.only)
    OUT.print(f"report: {paths.index}", markup=False)
    return 0


def write(url: str | None, studies: list[str] | None, out: Path, only: list[str] | None = None) -> Any:
    """Write a report, of some chapters or all; return its paths.

    Raises
    ------
    InputError
        For an unknown study or chapter, or a folder that cannot be written.
    """
    from superpos.reporting import write_report

    with Results.open(url) as results:
        known = results.studies()
        for name in studies or ():
            if name not in known:
                raise InputError(f"--study: {shown(name)} is not in {results.label}; {allowed(name, known)}")
        try:
            return write_report(results, list(studies or known), out, only or ())
        except OSError as error:
            raise InputError(f"--out: {out} cannot be written ({error.strerror})") from error
