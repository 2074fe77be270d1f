"""Stage `fits`: every missing cell of the study's blocks, in chunks of a few seconds of work.

A chunk is a list of joint fits with all their missing re-optimisations, so a joint fit is made once and
serves all of them. The size of chunks follows the measured speed; results do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from superpos.db.failures import failed_keys
from superpos.db.fits import WorkReader, insert_results, missing_cells
from superpos.db.missing import Cell, MissingCells
from superpos.records.work import CellFailure, JointResult, JointWork
from superpos.stages.bounds import bound
from superpos.stages.context import Context
from superpos.stages.fit_cells import compute_work
from superpos.stages.loop import Done, Stage, run_stage

STAGE = "fits"
Chunk = list[JointWork]
"""What a worker is handed at once."""
CHUNK_SECONDS = 2.0
FIRST_CHUNK = 8
"""Cells of the first chunks, before the speed is known."""
LARGEST_CHUNK = 5000
KEEP_ALL_LIMIT = 100_000
"""Cells up to which `store_vectors = all` keeps the final vectors of every fit."""


def compute_chunk(works: Sequence[JointWork]) -> list[JointResult]:
    """Return the results of a chunk (what a worker runs)."""
    return [compute_work(work) for work in works]


class _Chunks:
    """Cuts work into chunks whose size follows the speed seen so far."""

    def __init__(self, works: Iterator[JointWork]) -> None:
        self._works = works
        self._cells_per_chunk = FIRST_CHUNK

    def __iter__(self) -> Iterator[Chunk]:
        chunk: Chunk = []
        size = 0
        for work in self._works:
            chunk.append(work)
            size += len(work.fits) + 1
            if size >= self._cells_per_chunk:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def learn(self, results: Sequence[JointResult]) -> None:
        """Set the size of later chunks from the seconds of an earlier one."""
        cells = sum(len(result.fits) + 1 for result in results)
        seconds = sum(r.seconds + sum(f.columns["seconds"] for f in r.fits) for r in results)
        wanted = cells * CHUNK_SECONDS / max(seconds, 1e-3)
        self._cells_per_chunk = int(min(max(wanted, 1), LARGEST_CHUNK, 4 * self._cells_per_chunk))


def run(context: Context) -> None:
    """Compute every cell of the study that has no fit, and the bounds that ends lack."""
    cells = missing_cells(context.database, context.study_id)
    keep = context.plan.study.store_vectors == "all" and context.plan.n_cells <= KEEP_ALL_LIMIT
    reader = WorkReader(context.database, keep)
    compute_cells(context, reader, cells, failed_keys(context.database, STAGE))
    bound(context)


def compute_cells(
    context: Context, reader: WorkReader, cells: Sequence[Cell] | MissingCells, failed: Mapping[str, bool]
) -> int:
    """Compute cells and insert their results chunk by chunk; return how many failed.

    Parameters
    ----------
    context
        The study.
    reader
        Turns cells into work.
    cells
        What to compute, ordered by joint fit.
    failed
        Keys of cells that failed in earlier runs, and whether they are quarantined: those are passed over.
    """
    chunks = _Chunks(_without_quarantined(reader, cells, {key for key, stopped in failed.items() if stopped}))

    def insert(done: Done[Chunk]) -> list[CellFailure]:
        results: list[JointResult] = [result for _, value in done for result in value]
        insert_results(context.database, results, context.run_id)
        chunks.learn(results)
        return [failure for result in results for failure in result.failures]

    return run_stage(
        context,
        Stage(
            name=STAGE,
            task="fits",
            works=chunks,
            total=len(cells),
            payload=lambda chunk: chunk,
            insert=insert,
            keys=lambda chunk: [
                reader.key_text(work.psm_key, work.axes_key, key) for work in chunk for _, key, _ in work.fits
            ],
            steps=lambda chunk: sum(len(work.fits) for work in chunk),
            notes=lambda failures: [f"fits: {len(failures)} cells failed: {failures[0].message}"],
            failed_before=failed,
        ),
    )


def _without_quarantined(
    reader: WorkReader, cells: Iterable[Cell], quarantined: set[str]
) -> Iterator[JointWork]:
    """Yield work without the cells that have failed too often."""
    for work in reader.works(cells):
        if not quarantined:
            yield work
            continue
        fits = tuple(
            fit
            for fit in work.fits
            if reader.key_text(work.psm_key, work.axes_key, fit[1]) not in quarantined
        )
        if fits:
            yield replace(work, fits=fits)
