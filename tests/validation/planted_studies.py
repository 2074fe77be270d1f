"""Studies of planted and of recorded activations, run without Ray."""

from __future__ import annotations

from pathlib import Path

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.results import Results
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS


class Notes(SilentReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def run_text(database: Database, folder: Path, text: str, reporter: SilentReporter | None = None) -> Results:
    """Write a study file, run it and return the results."""
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    plan = plan_study(load_study(path))
    run_study(
        database,
        plan,
        SerialExecutor(TASKS),
        reporter or SilentReporter(),
        data_folder=folder / "data",
    )
    return Results(database)


def open_database(folder: Path) -> Database:
    """Return a fresh SQLite database in a folder."""
    database = Database(f"sqlite:///{folder / 'superpos.db'}")
    ensure_current(database)
    return database
