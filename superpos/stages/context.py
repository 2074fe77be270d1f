"""What every stage is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from superpos.db.engine import Database
from superpos.db.failures import clear_failures, record_failures
from superpos.records.plan import PlannedDataset, PlannedModel, StudyPlan
from superpos.records.work import CellFailure
from superpos.stages.executor import Executor, Reporter, TaskError


@dataclass(frozen=True, slots=True)
class Context:
    """A registered study on its way through the stages."""

    database: Database
    plan: StudyPlan
    study_id: int
    run_id: int
    data_folder: Path
    executor: Executor
    reporter: Reporter

    def fail(self, stage: str, key: bytes, error: TaskError) -> None:
        """Record that the work named `key` ended without a result."""
        record_failures(
            self.database, [CellFailure(stage, key.hex(), error.reason, error.message)], self.run_id
        )
        self.reporter.note(f"{stage}: {error.message}")

    def succeed(self, stage: str, key: bytes) -> None:
        """Forget earlier failures of work that has a result now."""
        clear_failures(self.database, stage, [key.hex()])

    def dataset(self, key: bytes) -> PlannedDataset:
        """Return the planned data set with this key."""
        return next(dataset for dataset in self.plan.datasets if dataset.key == key)

    def model(self, key: bytes) -> PlannedModel:
        """Return the planned model with this key."""
        return next(model for model in self.plan.models if model.key == key)
