"""Rows from the device to the host while the next batch is being computed.

On a GPU a stream of its own copies into pinned memory: the copy of one batch overlaps the forward pass of the
next, and two sets of buffers are alive (`depth` is 1 batch behind). On the CPU rows are on the host already,
and the same calls do nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from superpos.activations.structure import Site


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """Rows on their way to the host."""

    device_rows: Mapping[Site, Tensor]
    """Held until they have been copied."""
    host_rows: Mapping[Site, Tensor]
    sums: Tensor
    """Sum of every site's rows, (n_sites,) float32 on the host: finite only if all rows are."""
    copied: torch.cuda.Event | None

    def wait(self) -> dict[Site, NDArray[np.float32]]:
        """Return the rows, (m, d) float32; a site that holds NaN or an infinity is left out."""
        if self.copied is not None:
            self.copied.synchronize()
        found = {}
        for (site, rows), total in zip(self.host_rows.items(), self.sums.isfinite().tolist(), strict=True):
            # A sum may overflow where no term does; only then every number is looked at.
            if total or bool(torch.isfinite(rows).all()):
                found[site] = rows.float().numpy()
        return found


class Transfer:
    """Copies from one device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = _stream(device) if device.type == "cuda" else None
        self.depth = 0 if self.stream is None else 1
        """Batches that may be on their way while the next one is computed."""

    def start(self, taken: Mapping[Site, Tensor]) -> Pending:
        """Begin to copy the rows of a batch, (m, d) at each site."""
        sums = torch.stack([rows.sum(dtype=torch.float32) for rows in taken.values()])
        if self.stream is None:
            return Pending(taken, taken, sums, None)
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            held = {**taken}
            host = {site: _to_pinned(rows) for site, rows in taken.items()}
            host_sums = _to_pinned(sums)
            sums.record_stream(self.stream)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch annotates it nowhere
            copied.record(self.stream)
        return Pending(held, host, host_sums, copied)


def to_device(values: NDArray[np.int64], device: torch.device) -> Tensor:
    """Return an array as a tensor on a device; a GPU takes it while it still computes."""
    tensor = torch.from_numpy(values)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch annotates it nowhere


def _to_pinned(rows: Tensor) -> Tensor:
    return torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True).copy_(rows, non_blocking=True)
