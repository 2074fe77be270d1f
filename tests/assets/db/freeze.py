"""Write the database of a tiny study as SQL text, named after its schema revision: `python freeze.py`.

Run once for each revision, before the next one is made; the file is never written again, for it stands for
the databases that users have. What names the machine is replaced.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current, newest_revision
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS

STUDY = """
name = "frozen"
description = "Two layers of the bundled model on a few standard library modules."
[models.nano]
[datasets.text_features]
max_documents = 12
n_sequences = 40
ctx_len = 64
n_samples = 600
min_positives = 20
[[blocks]]
layers = [0, 1]
hookpoints = ["resid"]
targets = ["features", "gaussian", "shuffled_entries"]
gauges = ["unit"]
kernels = ["exp", "log"]
n_dims = [2]
max_iter = 50
backend = "scipy"
[[blocks.reoptimisations]]
sigmas = [0.1]
max_iter = 5
[[blocks.reoptimisations]]
optimiser = "manifold"
sigmas = [0.0]
"""
ANONYMOUS = (
    "UPDATE runs SET host = 'example', git_commit = ''",
    "UPDATE runs SET versions = json_set(versions, '$.platform', 'example', '$.cpu', 'example')",
)


def main() -> None:
    """Run the study in a temporary folder and write its database beside this file."""
    target = Path(__file__).parent / f"{newest_revision()}.sql"
    if target.exists():
        raise SystemExit(f"{target}: is frozen already")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frozen.db"
        (Path(folder) / "frozen.toml").write_text(STUDY, encoding="utf-8")
        database = Database(f"sqlite:///{file}")
        ensure_current(database)
        plan = plan_study(load_study(Path(folder) / "frozen.toml"))
        executor = SerialExecutor(TASKS)
        run_study(database, plan, executor, SilentReporter(), data_folder=Path(folder) / "data")
        database.dispose()
        with closing(sqlite3.connect(file)) as connection:
            for statement in ANONYMOUS:
                connection.execute(statement)
            connection.commit()
            target.write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
