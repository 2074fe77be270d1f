"""What the scripts share: arguments, the query beside them, the choice within each set, files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superpos.cli.ending import ended
from superpos.cli.interrupt import Interruption
from superpos.errors import InputError, allowed

if TYPE_CHECKING:
    import pandas as pd

    from superpos.reporting.svg import Figure
    from superpos.reporting.within_sets import Step


def query(url: str | None, script: str, study: str, **parameters: Any) -> pd.DataFrame:
    """Return the rows of the `.sql` file beside a script (its `__file__`), for one study.

    Raises
    ------
    DatabaseError
        If the database cannot be reached or is at another schema revision.
    InputError
        If it does not hold the study.
    """
    import pandas as pd
    from sqlalchemy import text

    from superpos.db.engine import Database
    from superpos.db.migrate import require_current
    from superpos.db.results import Results

    with Database(url) as database:
        require_current(database)
        known = Results(database).studies()
        if study not in known:
            raise InputError(
                f"study {study!r} is not in {database.label}; {allowed(study, known or ('none',))}"
            )
        statement = text(Path(script).with_suffix(".sql").read_text(encoding="utf-8"))
        with database.read() as connection:
            return pd.read_sql_query(statement, connection, params={"study": study, **parameters})


def choose(arguments: argparse.Namespace, script: str, steps: Sequence[Step]) -> pd.DataFrame:
    """Return what the query beside a script finds, chosen within each set, and print what is left out.

    Raises
    ------
    InputError
        If nothing is left.
    """
    from superpos.reporting.within_sets import within_sets

    shown = within_sets(query(arguments.db, script, arguments.study), steps)
    for line in shown.left_out:
        print(line)
    if shown.rows.empty:
        raise InputError(
            f"study {arguments.study!r} has no best match by Powell's method (random weights are not shown)"
        )
    return shown.rows


def save(out: Path, name: str, frame: pd.DataFrame, draw: Callable[[], Figure]) -> None:
    """Write a table as CSV and a figure as SVG below `out`, and say where they are."""
    from superpos.reporting.csv_text import csv_text

    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.csv").write_bytes(csv_text(frame).encode("utf-8"))
    (out / f"{name}.svg").write_bytes(draw().svg().encode("utf-8"))
    print(f"{len(frame)} rows: {out / name}.csv, .svg")


def run(
    description: str, main: Callable[[argparse.Namespace], None], argv: Sequence[str] | None = None
) -> int:
    """Parse `--db`, `--study`, `--out`, run a script, and return its exit status as the command does."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--db", help="database URL (default: SUPERPOS_DB_URL, else sqlite:///superpos.db)")
    parser.add_argument("--study", required=True, help="name of the study")
    parser.add_argument("--out", required=True, type=Path, help="folder for the CSV and the figure")

    def work(_: Interruption) -> int:
        main(parser.parse_args(argv))
        return 0

    return ended("reports", work)
