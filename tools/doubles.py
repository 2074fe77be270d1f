"""Notice cells that are computed though their result is stored, while drivers are killed around them.

A line of a file for each: `double` where the run has the lease of the cell, which must not happen, `late`
where it has lost it, so that what it finds is not stored.

`python -m tools.doubles FILE run STUDY ...` is `superpos run STUDY ...` that looks at what it hands to its
workers.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from superpos.cli import parser
from superpos.cli.ending import left
from superpos.cluster import pool
from superpos.db.engine import Database
from superpos.db.leases import this_process
from superpos.errors import DatabaseError
from superpos.records.work import JointWork
from superpos.stages import fits
from superpos.stages.executor import Answer, Careful

CHUNK_SECONDS = 0.1
"""Seconds of work of a chunk here, so that many are in flight."""
DOUBLES = "doubles"
"""Name of the file that each round has."""
STORED = """SELECT COUNT(*) AS stored, (SELECT COUNT(*) FROM leases l JOIN runs r ON r.run_id = l.run_id
  WHERE l.stage = 'fits' AND l.key = :lease AND r.owner = :owner AND r.outcome = 'running') AS leased
FROM fits f JOIN joint_fits j ON j.joint_id = f.joint_id
WHERE j.psm_id = :psm AND j.joint_axes_id = :joint AND f.fit_axes_id = :fit"""
"""Whether a cell has its result, and whether the run of a process has its lease: then it must have none."""


def note_doubles(database: Database, works: Sequence[JointWork], file: Path) -> None:
    """Write down which cells of some work have their result already; nothing while the database is away."""
    for work in works:
        lease = f"{work.psm_id}.{work.joint_axes_id}"
        for fit in work.fits:
            cell = {"psm": work.psm_id, "joint": work.joint_axes_id, "fit": fit[0]}
            asked = {**cell, "lease": lease, "owner": this_process()}
            with suppress(DatabaseError), database.read() as connection:
                found = connection.execute(sa.text(STORED), asked).one()
                if found.stored:
                    with file.open("a", encoding="ascii") as stream:
                        stream.write(f"{'double' if found.leased else 'late'} {cell}\n")


def noted(file: Path) -> Counter[str]:
    """Return how many cells were noted, by word."""
    if not file.exists():
        return Counter()
    return Counter(line.split()[0] for line in file.read_text(encoding="ascii").splitlines())


class Watching(pool.RayExecutor):
    """Runs tasks on Ray and looks at every cell that it hands out."""

    url = ""
    file = Path()

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        """Yield the answers as the executor does."""
        return super().run(task, self._watched(payloads) if task == "fits" else payloads)

    def _watched(self, payloads: Iterable[Any]) -> Iterator[Any]:
        with Database(self.url) as database:
            for given in payloads:
                note_doubles(database, given.payload if isinstance(given, Careful) else given, self.file)
                yield given


def main(file: str, *arguments: str) -> int:
    """Run a study by the command's own way."""
    Watching.file = Path(file)
    Watching.url = arguments[arguments.index("--db") + 1]
    pool.RayExecutor = Watching  # type: ignore[misc] # for this process
    fits.CHUNK_SECONDS = CHUNK_SECONDS
    return left(parser.main(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
