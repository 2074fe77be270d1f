"""What every stage is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from superpos.db.engine import Database
from superpos.db.patience import patiently
from superpos.records.plan import PlannedDataset, PlannedModel, StudyPlan
from superpos.stages.executor import UNLIMITED, Executor, Limits, Reporter
from superpos.storage.files import Place

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Context:
    """A registered study on its way through the stages."""

    database: Database
    plan: StudyPlan
    study_id: int
    run_id: int
    data_folder: Place
    executor: Executor
    reporter: Reporter
    limits: Limits = UNLIMITED
    """What a cell may take."""

    def steadily(self, work: Callable[[], R]) -> R:
        """Return what `work` returns, done again while the database or the data folder is away."""
        return patiently(work, self.reporter.note, lambda: self.reporter.advance("", 0))

    def dataset(self, key: bytes) -> PlannedDataset:
        """Return the planned data set with this key."""
        return next(dataset for dataset in self.plan.datasets if dataset.key == key)

    def model(self, key: bytes) -> PlannedModel:
        """Return the planned model with this key."""
        return next(model for model in self.plan.models if model.key == key)
