"""Measures of every matrix of a study, of the features and of each control (`superpos.kinds.measures`).

Part of the stage `psms`: whatever a matrix lacks is found. So matrices that an older version made get the
measures of this one, and a measure whose version was raised is found anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from superpos.db.engine import Database
from superpos.db.insert import parts
from superpos.db.measures import finish_measures, matrices, similarities, unmeasured
from superpos.kinds.measures import MEASURES, Measure
from superpos.psms.measuring import measure_matrices
from superpos.records.psms import PsmRecord
from superpos.stages.executor import Reporter
from superpos.threads import one_thread

STEP = "measures"
BATCH = 200
"""Matrices that are measured and written together."""


def measure(database: Database, study_id: int, reporter: Reporter) -> None:
    """Find every measure that a matrix of the study lacks; small enough to be made by the driver itself.

    A measure that fails is said and left out; the next run tries it again.

    Raises
    ------
    InputError
        If a measure of another package cannot be imported.
    """
    for similarity in similarities(database, study_id):
        wanted = _wanted(similarity)
        missing = unmeasured(database, study_id, similarity, _versions(wanted))
        if not missing:
            continue
        reporter.start(STEP, len(missing))
        for ids in parts(missing, BATCH):
            with one_thread():  # of BLAS, so that bits do not depend on the machine's cores
                values, failed = measure_matrices(matrices(database, ids), wanted)
            for said in failed.values():
                reporter.note(f"{STEP}: {said}")
            wanted = [kind for kind in wanted if kind.name not in failed]
            finish_measures(database, ids, values, _versions(wanted))
            reporter.advance(STEP, len(ids))
        reporter.finish(STEP)


def lacking(database: Database, study_id: int) -> bool:
    """Return whether some matrix of the study lacks a measure; raises as `measure`."""
    return any(
        unmeasured(database, study_id, similarity, _versions(_wanted(similarity)), limit=1)
        for similarity in similarities(database, study_id)
    )


def measured_again(record: PsmRecord, stored: Mapping[str, tuple[int, float | None]]) -> dict[str, float]:
    """Return what this program finds for the stored measures (version, value) that are of its version."""
    wanted = [kind for kind in _wanted(record.similarity) if stored.get(kind.name, (0,))[0] == kind.version]
    found, _ = measure_matrices([record.matrix], wanted)
    return {name: float(column[0]) for name, column in found.items()}


def _wanted(similarity: str) -> list[Measure]:
    return [kind for kind in MEASURES if kind.applies_to(similarity)]


def _versions(measures: list[Measure]) -> dict[str, int]:
    return {kind.name: kind.version for kind in measures}
