"""Stage `fits`: every missing cell of the study's blocks, in chunks of a few seconds of work.

A chunk is a list of joint fits with all their missing re-optimisations, so a joint fit is made once and
serves all of them. The size of chunks follows the measured speed; results do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from superpos.db.failures import clear_failures, failed_keys, record_failures
from superpos.db.fits import Cell, WorkReader, insert_results, missing_cells
from superpos.records.work import CellFailure, JointResult, JointWork
from superpos.stages.context import Context
from superpos.stages.fit_cells import compute_work

STAGE = "fits"
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
        self.sent: dict[int, list[JointWork]] = {}

    def __iter__(self) -> Iterator[list[JointWork]]:
        chunk: list[JointWork] = []
        size = 0
        for work in self._works:
            chunk.append(work)
            size += len(work.fits) + 1
            if size >= self._cells_per_chunk:
                yield self._send(chunk)
                chunk, size = [], 0
        if chunk:
            yield self._send(chunk)

    def _send(self, chunk: list[JointWork]) -> list[JointWork]:
        self.sent[len(self.sent)] = chunk
        return chunk

    def learn(self, results: Sequence[JointResult]) -> None:
        """Set the size of later chunks from the seconds of an earlier one."""
        cells = sum(len(result.fits) + 1 for result in results)
        seconds = sum(r.seconds + sum(f.columns["seconds"] for f in r.fits) for r in results)
        wanted = cells * CHUNK_SECONDS / max(seconds, 1e-3)
        self._cells_per_chunk = int(min(max(wanted, 1), LARGEST_CHUNK, 4 * self._cells_per_chunk))


def run(context: Context) -> None:
    """Compute every cell of the study that has no fit."""
    cells = missing_cells(context.database, context.study_id)
    keep = context.plan.study.store_vectors == "all" and context.plan.n_cells <= KEEP_ALL_LIMIT
    reader = WorkReader(context.database, keep)
    compute_cells(context, reader, cells, failed_keys(context.database, STAGE))


def compute_cells(
    context: Context, reader: WorkReader, cells: Sequence[Cell], failed: Mapping[str, bool]
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
    n_failed = 0
    if not cells:
        return n_failed
    context.reporter.start(STAGE, len(cells))
    chunks = _Chunks(_without_quarantined(reader, cells, {key for key, stopped in failed.items() if stopped}))
    for answer in context.executor.run("fits", chunks):
        works = chunks.sent[answer.index]
        chunks.sent[answer.index] = []
        keys = [
            reader.key_text(work.psm_key, work.axes_key, key) for work in works for _, key, _ in work.fits
        ]
        if answer.error is not None:
            failures = [CellFailure(STAGE, key, answer.error.reason, answer.error.message) for key in keys]
        else:
            results: list[JointResult] = answer.value
            insert_results(context.database, results, context.run_id)
            chunks.learn(results)
            failures = [failure for result in results for failure in result.failures]
            mended = (failed.keys() & set(keys)) - {failure.key for failure in failures}
            clear_failures(context.database, STAGE, mended)
        n_failed += len(failures)
        if failures:
            record_failures(context.database, failures, context.run_id)
            context.reporter.note(f"fits: {len(failures)} cells failed: {failures[0].message}")
        context.reporter.advance(STAGE, sum(len(work.fits) for work in works))
    context.reporter.finish(STAGE)
    return n_failed


def _without_quarantined(
    reader: WorkReader, cells: Sequence[Cell], quarantined: set[str]
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
