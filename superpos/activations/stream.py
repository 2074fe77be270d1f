"""All batches through the model, rows into the writers; a GPU computes one while the last is on its way.

A batch that does not fit into the memory of a GPU is halved until it does, and later batches are cut to what
fitted; a single sequence that does not fit ends the pass with a message. Bits depend on how batches were
formed, so that a pass that was halved may differ in rounding from one that was not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from superpos.activations.batches import ProbedSequence, padded, token_batches
from superpos.activations.hooks import captured, run_until
from superpos.activations.model import LoadedModel
from superpos.activations.pooling import spans
from superpos.activations.shard_writer import ShardWriter
from superpos.activations.structure import Site
from superpos.activations.transfer import Pending, Transfer, to_device
from superpos.errors import StageError

Batch = tuple[ProbedSequence, ...]


def stream_rows(
    model: LoadedModel,
    sequences: tuple[ProbedSequence, ...],
    writers: Mapping[Site, ShardWriter],
    pooling: str,
    token_budget: int,
    progress: Callable[[int, int], None] | None,
) -> set[Site]:
    """Run every batch with rows that are missing; return the sites that are not finite somewhere.

    Raises
    ------
    StageError
        If one sequence alone does not fit into the device's memory.
    """
    missing = np.logical_or.reduce([writer.missing_rows() for writer in writers.values()])
    sites = tuple(site for site, writer in writers.items() if writer.n_bytes_missing)
    bad: set[Site] = set()
    if not sites:
        return bad
    transfer, runner = Transfer(model.device), _Runner(model, sites, pooling)
    behind: deque[tuple[Batch, Pending]] = deque()
    done = 0

    def consume(batch: Batch, pending: Pending) -> None:
        found = pending.wait()
        bad.update(set(sites) - set(found))
        for site in set(found) - bad:
            _write(writers[site], batch, found[site])

    for batch in token_batches(sequences, token_budget):
        if any(missing[s.first_row : s.first_row + s.positions.size].any() for s in batch):
            for part, taken in runner.run(batch):
                behind.append((part, transfer.start(taken)))
                if len(behind) > transfer.depth:
                    consume(*behind.popleft())
        done += len(batch)
        if progress is not None:
            progress(done, len(sequences))
    while behind:
        consume(*behind.popleft())
    return bad


def _write(writer: ShardWriter, batch: Batch, rows: NDArray[Any]) -> None:
    start = 0
    for sequence in batch:
        stop = start + sequence.positions.size
        writer.write(sequence.first_row, rows[start:stop])
        start = stop


class _Runner:
    """Runs batches, in halves where the device's memory is too small for them."""

    def __init__(self, model: LoadedModel, sites: tuple[Site, ...], pooling: str) -> None:
        self.model, self.sites, self.pooling = model, sites, pooling
        self.fits: int | None = None
        """Padded tokens that a batch may have, once a larger one did not fit."""

    def run(self, batch: Batch) -> Iterator[tuple[Batch, dict[Site, Tensor]]]:
        """Yield the batch, or its parts in order, with the rows of every site on the device."""
        longest = max(sequence.token_ids.size for sequence in batch)
        size = len(batch) if self.fits is None else max(1, self.fits // longest)
        if size < len(batch):
            for start in range(0, len(batch), size):
                yield from self.run(batch[start : start + size])
            return
        taken = self._attempt(batch)
        if taken is not None:
            yield batch, taken
            return
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(batch) == 1:
            raise StageError(
                f"{self.model.device}: model {self.model.info.name} in {self.model.dtype} has no memory left "
                f"for one sequence of {longest} tokens; use shorter sequences, a smaller dtype or a larger "
                "device"
            )
        half = len(batch) // 2
        self.fits = half * longest if self.fits is None else min(self.fits, half * longest)
        yield from self.run(batch[:half])
        yield from self.run(batch[half:])

    def _attempt(self, batch: Batch) -> dict[Site, Tensor] | None:
        """Return the rows of every site, or None if memory ran out; nothing of the attempt stays alive."""
        ids, mask, ends, lengths = padded(batch)
        device = self.model.device
        try:
            where = spans(ends, lengths, device)
            with captured(self.model.structure, self.sites, where, self.pooling) as taken:
                run_until(
                    self.model.structure,
                    self.sites,
                    to_device(ids, device),
                    to_device(mask, device),
                )
        except torch.OutOfMemoryError:
            return None
        return {site: taken[site] for site in self.sites}
