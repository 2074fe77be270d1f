"""What the scripts share: their arguments, the query beside them, and the files they write."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superpos.errors import InputError, SuperposError, allowed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


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


def save(out: Path, name: str, frame: pd.DataFrame, draw: Callable[[], Figure]) -> None:
    """Write a table as CSV and a figure as PNG and SVG below `out`, and say where they are."""
    from superpos.reporting.style import drawing
    from superpos.reporting.style import save as encode

    out.mkdir(parents=True, exist_ok=True)
    frame.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    with drawing():
        png, svg = encode(draw())
    (out / f"{name}.png").write_bytes(png)
    (out / f"{name}.svg").write_bytes(svg)
    print(f"{len(frame)} rows: {out / name}.csv, .png, .svg")


def run(
    description: str, main: Callable[[argparse.Namespace], None], argv: Sequence[str] | None = None
) -> int:
    """Parse `--db`, `--study`, `--out`, run a script, and return its exit status as the command does."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--db", help="database URL (default: SUPERPOS_DB_URL, else sqlite:///superpos.db)")
    parser.add_argument("--study", required=True, help="name of the study")
    parser.add_argument("--out", required=True, type=Path, help="folder for the CSV and the figure")
    arguments = parser.parse_args(argv)
    try:
        main(arguments)
    except SuperposError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0
