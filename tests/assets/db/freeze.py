"""Write the database of a tiny study as SQL text, named after its schema revision, and an archive of it.

`python freeze.py` is run once for each revision, before the next one is made. The files are never written
again, for they stand for the databases and archives that users have. What names the machine is replaced.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current, newest_revision
from superpos.db.results import Results
from superpos.export import archive
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS

ARCHIVES = Path(__file__).resolve().parents[1] / "archives"
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
[datasets.words]
builder = "token_list"
words = ["one", "two", "all", "not"]
[datasets.decoder]
builder = "directions"
file = "decoder.csv"
hookpoint = "resid"
layer = 1
[datasets.finished]
builder = "psm"
file = "finished.csv"
similarity = "cosine"
[[blocks]]
datasets = ["text_features"]
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
[[blocks]]
name = "without probes"
datasets = ["words", "decoder", "finished"]
targets = ["features", "shuffled_entries"]
gauges = ["unit"]
kernels = ["exp"]
n_dims = [2]
max_iter = 50
backend = "scipy"
[[blocks.reoptimisations]]
sigmas = []
max_iter = 5
"""
DECODER = "name,a,b,c,d\none,1,0,0,0.5\ntwo,0,1,0.25,0\nthree,0.5,0,1,0\n"
FINISHED = "name,one,two,three\none,1,0.25,0.5\ntwo,0.25,1,-0.125\nthree,0.5,-0.125,1\n"
ANONYMOUS = (
    "UPDATE runs SET host = 'example', git_commit = '', owner = '', expires_at = 0",
    "UPDATE runs SET versions = json_set(versions, '$.platform', 'example', '$.cpu', 'example')",
)


def main() -> None:
    """Run the study in a temporary folder and write its database beside this file."""
    target = Path(__file__).parent / f"{newest_revision()}.sql"
    if target.exists():
        raise SystemExit(f"{target}: is frozen already")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frozen.db"
        for name, text in (("frozen.toml", STUDY), ("decoder.csv", DECODER), ("finished.csv", FINISHED)):
            (Path(folder) / name).write_text(text, encoding="utf-8")
        database = Database(f"sqlite:///{file}")
        ensure_current(database)
        plan = plan_study(load_study(Path(folder) / "frozen.toml"))
        executor = SerialExecutor(TASKS)
        run_study(database, plan, executor, SilentReporter(), data_folder=Path(folder) / "data")
        database.dispose()
        with closing(sqlite3.connect(file)) as connection:
            for statement in ANONYMOUS:
                connection.execute(statement)
            for table in ("studies", "datasets"):  # folders of imported files
                connection.execute(
                    f"UPDATE {table} SET specification = REPLACE(specification, ?, 'example')",  # noqa: S608 (constants)
                    (str(Path(folder).resolve()),),
                )
            connection.commit()
            target.write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")
        archive(Results(database), ARCHIVES / newest_revision())


if __name__ == "__main__":
    main()
