"""Stage `fits`: every missing cell of the study's blocks, in chunks of a few seconds of work.

A chunk is a list of joint fits with all their missing re-optimisations, so a joint fit is made once and
serves all of them. The size of chunks follows the measured speed; results do not depend on it. A joint fit is
leased whatever the study, so studies that share cells share the work. A chunk that ends its worker, takes too
long or meets an error that nobody foresaw is cut until the cell at fault stands alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from superpos.db.failures import failed_keys
from superpos.db.fit_rows import JointRows, rows_of
from superpos.db.fits import WorkReader, insert_results, missing_cells
from superpos.db.missing import Cell, MissingCells
from superpos.records.work import CellFailure, JointWork
from superpos.stages.bounds import bound
from superpos.stages.context import Context
from superpos.stages.fit_cells import compute_work
from superpos.stages.loop import Done, Leasing, Stage, run_stage

STAGE = "fits"
CHUNK_SECONDS = 2.0
FIRST_CHUNK = 8
"""Cells of the first chunks, before the speed is known."""
LARGEST_CHUNK = 5000
PIECES = 16
"""Parts into which a chunk is cut that cannot be done as a whole: few rounds, and few workers that end."""
KEEP_ALL_LIMIT = 100_000
"""Cells up to which `store_vectors = all` keeps the final vectors of every fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """What a worker is handed at once."""

    cells: tuple[Cell, ...]
    """Ordered by joint fit."""
    works: tuple[JointWork, ...] = ()
    """The same as work, read once the chunk is leased."""


def compute_chunk(works: Sequence[JointWork]) -> list[JointRows]:
    """Return the results of a chunk, ready to be inserted (what a worker runs)."""
    return [rows_of(compute_work(work)) for work in works]


class _Chunks:
    """Cuts cells into chunks whose size follows the speed seen so far."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells = cells
        self._cells_per_chunk = FIRST_CHUNK

    def __iter__(self) -> Iterator[Chunk]:
        chunk: list[Cell] = []
        size = 0
        for _, group in groupby(self._cells, key=lambda cell: cell[:2]):
            of_joint = list(group)
            chunk += of_joint
            size += len(of_joint) + 1
            if size >= self._cells_per_chunk:
                yield Chunk(tuple(chunk))
                chunk, size = [], 0
        if chunk:
            yield Chunk(tuple(chunk))

    def learn(self, results: Sequence[JointRows]) -> None:
        """Set the size of later chunks from the seconds of an earlier one."""
        cells = sum(len(result.fits) + 1 for result in results)
        seconds = sum(result.seconds for result in results)
        wanted = cells * CHUNK_SECONDS / max(seconds, 1e-3)
        self._cells_per_chunk = int(min(max(wanted, 1), LARGEST_CHUNK, 4 * self._cells_per_chunk))


def run(context: Context) -> None:
    """Compute every cell of the study that has no fit, and the bounds that ends lack."""
    cells = missing_cells(context.database, context.study_id)
    keep = context.plan.study.store_vectors == "all" and context.plan.n_cells <= KEEP_ALL_LIMIT
    reader = WorkReader(context.database, keep, made="fits")
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
    quarantined = {key for key, stopped in failed.items() if stopped}
    chunks = _Chunks(cells)

    def missing(chunk: Chunk, failed_elsewhere: Collection[str]) -> Chunk | None:
        unwanted = quarantined.union(failed_elsewhere)
        works = tuple(_without(reader, reader.works(chunk.cells), unwanted))
        return _chunk_of(works) if works else None

    def insert(done: Done[Chunk]) -> list[CellFailure]:
        results: list[JointRows] = [result for _, value in done for result in value]
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
            payload=lambda chunk: list(chunk.works),
            insert=insert,
            keys=lambda chunk: [
                reader.key_text(work.psm_key, work.axes_key, key)
                for work in chunk.works
                for _, key, _ in work.fits
            ],
            leasing=Leasing(_lease_keys, _part, missing),
            split=pieces_of,
            limits=context.limits,
            steps=lambda chunk: len(chunk.cells),
            notes=_notes,
            failed_before=failed,
        ),
    )


def _notes(failures: Sequence[CellFailure]) -> list[str]:
    count = len(failures)
    return [f"fits: {count} cell{'s' * (count != 1)} failed: {failures[0].message}"]


def pieces_of(chunk: Chunk) -> list[Chunk]:
    """Return the parts of a chunk: some joint fits each, or of one joint fit a cell each; () of one cell."""
    works = chunk.works
    if len(works) == 1:
        works = tuple(replace(works[0], fits=(fit,)) for fit in works[0].fits)
    if len(works) == 1:
        return []
    count = min(PIECES, len(works))
    bounds = [len(works) * i // count for i in range(count + 1)]
    return [_chunk_of(works[a:b]) for a, b in pairwise(bounds)]


def _chunk_of(works: Sequence[JointWork]) -> Chunk:
    cells = tuple((work.psm_id, work.joint_axes_id, fit[0]) for work in works for fit in work.fits)
    return Chunk(cells, tuple(works))


def _lease_keys(chunk: Chunk) -> list[str]:
    """Return what names the joint fits of a chunk in this database, whatever study asks for them."""
    return [f"{psm_id}.{axes_id}" for psm_id, axes_id in dict.fromkeys(cell[:2] for cell in chunk.cells)]


def _part(chunk: Chunk, keys: Collection[str]) -> Chunk:
    return Chunk(tuple(cell for cell in chunk.cells if f"{cell[0]}.{cell[1]}" in set(keys)))


def _without(
    reader: WorkReader, works: Iterable[JointWork], unwanted: Collection[str]
) -> Iterator[JointWork]:
    """Yield work without the cells that have failed too often, or just now elsewhere."""
    for work in works:
        if not unwanted:
            yield work
            continue
        fits = tuple(
            fit for fit in work.fits if reader.key_text(work.psm_key, work.axes_key, fit[1]) not in unwanted
        )
        if fits:
            yield replace(work, fits=fits)
