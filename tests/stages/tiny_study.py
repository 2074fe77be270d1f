"""A study small enough to run many times: a tiny model with random weights in a folder, a few real files.

Loaded by the conftest of every folder that needs it, for test folders are no packages.
"""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.results import VIEWS, Results
from superpos.models import bundled_model
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.executor import Executor, Reporter, SerialExecutor, SilentReporter
from superpos.stages.pipeline import STAGES, run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS

CORPUS_FILES = (
    "textwrap.py",
    "shlex.py",
    "bisect.py",
    "fnmatch.py",
    "string.py",
    "sched.py",
    "queue.py",
    "cmd.py",
)
SAME_VIEWS = tuple(view for view in VIEWS if view not in ("runs", "study_progress"))
"""Views that must agree between two databases that hold the same results."""

STUDY = """
name = "{name}"

[models.tiny]
name = "{model}"

[datasets.text_features]
corpus = "{corpus}"
n_sequences = 40
ctx_len = 24
n_samples = 200
min_positives = 20

[[blocks]]
name = "cosine"
targets = ["features", "gaussian", "shuffled_labels"]
gauges = ["unit"]
probe_C = [{probe_C}]
kernels = {kernels}
n_dims = [4]
max_iter = 50
backend = "scipy"
[[blocks.reoptimisations]]
sigmas = {sigmas}
xtol = 1e-2
ftol = 1e-2
max_iter = 2
[[blocks.reoptimisations]]
optimiser = "manifold"
sigmas = [0.0]
gtol = 1e-4
{more}
"""
RBF_BLOCK = """
[[blocks]]
name = "rbf"
targets = ["features", "permuted"]
similarities = ["rbf"]
rbf_scales = ["median"]
kernels = ["log"]
n_dims = [4]
max_iter = 50
backend = "scipy"
[[blocks.reoptimisations]]
sigmas = [0.1]
xtol = 1e-2
ftol = 1e-2
max_iter = 2
"""


_made: dict[str, Path] = {}
"""Folders of this process: every conftest that loads this module has fixtures of its own."""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-NeoX folder with two layers of width 16 and the tokenizer of the bundled model."""
    if "model" not in _made:
        _made["model"] = _make_model(tmp_path_factory.mktemp("models") / "tiny")
    return _made["model"]


def _make_model(folder: Path) -> Path:
    import torch
    from transformers import AutoModelForCausalLM, GPTNeoXConfig

    config = GPTNeoXConfig(
        vocab_size=4096,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.4,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    shutil.copy(bundled_model("nano") / "tokenizer.json", folder)
    return folder


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few files of the standard library."""
    if "corpus" in _made:
        return _made["corpus"]
    folder = _made["corpus"] = tmp_path_factory.mktemp("corpus") / "text"
    folder.mkdir()
    for name in CORPUS_FILES:
        shutil.copy(Path(sysconfig.get_path("stdlib")) / name, folder)
    return folder


@dataclass
class Tiny:
    """Writes the study, plans it and runs it."""

    model: Path
    corpus: Path
    folder: Path
    count: int = 0

    def text(self, **changes: Any) -> str:
        values = {
            "name": "tiny",
            "model": self.model,
            "corpus": self.corpus,
            "kernels": '["exp", { energy = "riesz", s = 1, self_energy = "include", softening = 0.1 }]',
            "sigmas": "[0.1]",
            "probe_C": 1.0,
            "more": RBF_BLOCK,
        }
        return STUDY.format(**{**values, **changes})

    def file(self, **changes: Any) -> Path:
        self.count += 1
        path = self.folder / f"study-{self.count}.toml"
        path.write_text(self.text(**changes), encoding="utf-8")
        return path

    def plan(self, **changes: Any) -> StudyPlan:
        return plan_study(load_study(self.file(**changes)))


def run_tiny(
    database: Database,
    plan: StudyPlan,
    executor: Executor | None = None,
    reporter: Reporter | None = None,
    stages: Sequence[str] = tuple(STAGES),
    data_folder: Path | None = None,
) -> None:
    """Run a plan without Ray; files lie beside the SQLite file unless told otherwise."""
    run_study(
        database,
        plan,
        executor or SerialExecutor(TASKS),
        reporter or SilentReporter(),
        data_folder=data_folder or database.default_data_folder,
        stages=stages,
    )


class Notes(SilentReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.started: list[tuple[str, int]] = []

    def start(self, stage: str, total: int) -> None:
        self.started.append((stage, total))

    def note(self, text: str) -> None:
        self.said.append(text)


def read_views(database: Database, study: str = "tiny") -> dict[str, list[tuple[str, ...]]]:
    """Return the rows of every view that two databases must agree on, without seconds, in one order.

    Doubles are written as their shortest text, which differs whenever a bit does.
    """
    results = Results(database)
    found = {}
    for view in SAME_VIEWS:
        frame = results.frame(view, study=study)
        names = [name for name in sorted(frame.columns) if name != "seconds"]
        found[view] = sorted(tuple(map(repr, row)) for row in frame[names].itertuples(index=False, name=None))
    return found


def count(database: Database, table: str, condition: str = "1 = 1") -> int:
    """Return the number of rows of a table."""
    with database.read() as connection:
        return int(connection.scalar(sa.text(f"SELECT COUNT(*) FROM {table} WHERE {condition}")))  # noqa: S608 (tests' own names)


@pytest.fixture
def tiny(tiny_model: Path, tiny_corpus: Path, tmp_path: Path) -> Tiny:
    return Tiny(tiny_model, tiny_corpus, tmp_path)


@pytest.fixture(scope="session")
def finished(tiny_model: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the finished study: its SQLite file and its data folder."""
    if "finished" in _made:
        return _made["finished"]
    folder = _made["finished"] = tmp_path_factory.mktemp("finished")
    database = Database(f"sqlite:///{folder / 'superpos.db'}")
    ensure_current(database)
    run_tiny(database, Tiny(tiny_model, tiny_corpus, folder).plan())
    database.dispose()
    return folder


@pytest.fixture
def copy_of_finished(finished: Path, tmp_path: Path) -> Iterator[Database]:
    """The finished study in a database and a data folder of its own."""
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    database = Database(f"sqlite:///{folder / 'superpos.db'}")
    yield database
    database.dispose()


@pytest.fixture
def finished_views(finished: Path) -> dict[str, list[tuple[str, ...]]]:
    """The views of the finished study."""
    database = Database(f"sqlite:///{finished / 'superpos.db'}")
    found = read_views(database)
    database.dispose()
    return found


@pytest.fixture
def new_database(tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """Return a function that makes an empty SQLite database in a folder of its own."""
    opened: list[Database] = []

    def make(name: str) -> Database:
        (tmp_path / name).mkdir()
        database = Database(f"sqlite:///{tmp_path / name / 'superpos.db'}")
        ensure_current(database)
        opened.append(database)
        return database

    yield make
    for database in opened:
        database.dispose()
