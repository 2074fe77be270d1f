"""The folder of an export: made beside its place, moved there when it is whole.

    views/NAME.parquet     a view
    tensors/*.safetensors  directions, matrices, optimal and final features; tensors/index.parquet says which
    columns.parquet        what every column means
    queries/*.sql          the questions of the cookbook
    README.md              data card, with a configuration a view for `datasets`
    duckdb.sql             the views for DuckDB
    datasette.json         titles, meanings and questions for Datasette, which reads the database itself

Everything is read at one moment. The same database gives the same bytes.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from superpos.db.engine import Database
from superpos.db.migrate import newest_revision
from superpos.db.results import VIEWS, Results
from superpos.db.snapshot import snapshot
from superpos.errors import InputError
from superpos.export.card import card
from superpos.export.cookbook import for_study, questions
from superpos.export.datasette import datasette
from superpos.export.tables import columns_of, write_columns, write_view
from superpos.export.tensors import write_tensors
from superpos.files import sync_folder


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    rows: dict[str, int]
    """By view."""
    n_tensors: int
    n_bytes: int


def export(results: Results, out: Path, studies: Sequence[str] | None = None) -> Exported:
    """Write every view, and the arrays that its rows have, to a folder.

    Parameters
    ----------
    results
        The database.
    out
        A folder that is not there yet, or is empty.
    studies
        Those whose rows are written; every one by default.

    Raises
    ------
    InputError
        If the folder holds something or cannot be written, or a study is unknown. Nothing is left then.
    """
    chosen = chosen_studies(results, studies)
    return in_place(out, lambda folder: _write(results.database, folder, chosen))


def chosen_studies(results: Results, studies: Sequence[str] | None) -> tuple[str, ...]:
    """Return the studies that are written, every one by default; raises `InputError` for an unknown one."""
    for name in studies or ():
        results.check_study(name)
    return tuple(name for name in results.studies() if not studies or name in studies)


def in_place(out: Path, write: Callable[[Path], tuple[dict[str, int], int]]) -> Exported:
    """Let a function fill a new folder beside its place, and move it there when it is whole.

    Raises
    ------
    InputError
        If the place holds something or cannot be written. Nothing is left then.
    """
    _check_place(out)
    making = out.parent / f".{out.name}.{secrets.token_hex(4)}.partial"
    try:
        making.mkdir()
        rows, n_tensors = write(making)
        n_bytes = sum(path.stat().st_size for path in making.rglob("*") if path.is_file())
        if out.is_dir():
            out.rmdir()
        making.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        raise InputError(f"--out: {out} cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Exported(out, rows, n_tensors, n_bytes)


def _check_place(out: Path) -> None:
    try:
        if out.is_dir():
            if any(out.iterdir()):
                raise InputError(f"--out: {out} is not empty; name a folder that is not there yet")
        elif out.exists() or out.is_symlink():
            raise InputError(f"--out: {out} is a file; name a folder that is not there yet")
        elif not out.parent.is_dir():
            raise InputError(f"--out: {out.parent} does not exist; make it first")
    except OSError as error:
        raise InputError(f"--out: {out} cannot be read ({error.strerror})") from error


def _write(database: Database, folder: Path, studies: Sequence[str]) -> tuple[dict[str, int], int]:
    """Write everything; return the rows by view and the number of tensors."""
    for name in ("views", "tensors", "queries"):
        (folder / name).mkdir()
    with snapshot(database, studies) as read:
        columns = columns_of(read.columns)
        rows = {
            view: write_view(read, view, names, folder / "views" / f"{view}.parquet")
            for view, names in columns.items()
        }
        tensors = write_tensors(read, folder / "tensors")
        described = read.descriptions()
    write_columns(columns, folder / "columns.parquet")
    asked = for_study(questions(), studies[0] if studies else "")
    for place, question in enumerate(asked, start=1):
        path = folder / "queries" / f"{place:02}-{question.slug}.sql"
        path.write_text(f"-- {question.title}\n-- {question.reading}\n{question.sql}", encoding="utf-8")
    texts = {
        "README.md": card(described, rows, tensors, newest_revision()),
        "duckdb.sql": duckdb_views(),
        "datasette.json": datasette(_file_name(database), columns, asked),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return rows, sum(tensors.values())


def _file_name(database: Database) -> str:
    """Return what Datasette calls the database: its file's name without the ending."""
    return Path(database.url.database or "").stem if database.is_sqlite else "superpos"


def duckdb_views() -> str:
    """Return SQL that gives DuckDB, in this folder, every view by its name."""
    lines = ["-- In this folder: duckdb superpos.duckdb -init duckdb.sql"]
    names = {**{view: f"views/{view}.parquet" for view in VIEWS}, "columns": "columns.parquet"}
    names["tensors"] = "tensors/index.parquet"
    for name, file in names.items():
        lines.append(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet('{file}');")  # noqa: S608 (names of our own)
        if name in VIEWS:
            said = VIEWS[name].replace("'", "''")
            lines.append(f"COMMENT ON VIEW {name} IS '{said}';")
    return "\n".join(lines) + "\n"
