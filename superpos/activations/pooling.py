"""From the tokens of a span, which ends at its sample, to one row: the last token or a reduction.

A sample at position p with a span of length n covers positions p - n + 1 to p. With a_t the activation at t:

    token   a_p, spans of one token only        last   a_p, whatever the span
    max     max_t a_t, coordinate by coordinate  mean   (1/n) sum_t a_t

The reduction runs on the device one step back at a time, over the spans that are still long enough, so that
memory is that of the rows that come out and no padding is made; sums run in float32 and backwards from p.
Source: Gurnee et al. 2023 (Finding Neurons in a Haystack), section 4 and appendix, for `max` over a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from superpos.arrays import Int
from superpos.errors import ArgumentError, InputError
from superpos.records.data import LabelledTokens
from superpos.specs.axes import check_choice

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Pooling = Literal["token", "max", "mean", "last"]
POOLINGS: tuple[str, ...] = get_args(Pooling)


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Spans of a batch on the device, the longest first."""

    ends: Tensor
    """Index of the last token of each among all positions of the padded batch, (m,)."""
    lengths: Tensor
    """(m, 1), float32."""
    n_longer: tuple[int, ...]
    """Entry j is the number of spans with more than j tokens; they are the first ones."""
    back: Tensor | None
    """Which span each row of the result is, (m,); None where they are in order already."""


def check_pooling(pooling: str, tokens: LabelledTokens) -> str:
    """Return `pooling` if it fits the spans of a feature set.

    Raises
    ------
    ArgumentError
        For an unknown pooling (those known are listed) and spans that are empty or begin before their
        sequence.
    InputError
        For `token` and spans of several tokens; the message names the first such sample.
    """
    check_choice("pooling", pooling, POOLINGS)
    lengths, positions = tokens.sample_lengths, tokens.sample_positions
    if lengths.shape != positions.shape:
        raise ArgumentError("tokens", "sample_lengths and sample_positions differ in length")
    outside = np.flatnonzero((lengths < 1) | (lengths > positions + 1))
    if outside.size:
        sample = int(outside[0])
        raise ArgumentError(
            "tokens",
            f"sample {sample} (sequence {int(tokens.sample_sequences[sample])}, position "
            f"{int(positions[sample])}) has a span of {int(lengths[sample])} tokens; allowed: 1 to "
            f"{int(positions[sample]) + 1}",
        )
    several = np.flatnonzero(lengths > 1)
    if pooling == "token" and several.size:
        sample = int(several[0])
        raise InputError(
            f"pooling: 'token' takes single tokens, and sample {sample} (sequence "
            f"{int(tokens.sample_sequences[sample])}, position {int(positions[sample])}) is a span of "
            f"{int(lengths[sample])}; allowed here: max, mean, last"
        )
    return pooling


def spans(ends: Int, lengths: Int, device: torch.device) -> Spans:
    """Return the spans of `lengths` tokens that end at the flat positions `ends`, both (m,), on a device."""
    import torch

    order = np.argsort(-lengths, kind="stable")
    n_longer = tuple(int(np.count_nonzero(lengths > step)) for step in range(int(lengths.max())))
    in_order = bool(np.all(np.diff(order) == 1))
    return Spans(
        ends=torch.as_tensor(ends[order], device=device),
        lengths=torch.as_tensor(lengths[order, None], dtype=torch.float32, device=device),
        n_longer=n_longer,
        back=None if in_order else torch.as_tensor(np.argsort(order), device=device),
    )


def gather(values: Tensor, where: Spans, pooling: str) -> Tensor:
    """Return one row a span, (m, d), from the activations (..., d) of all positions of a batch.

    `mean` comes in float32, the others in the dtype of `values`.
    """
    flat = values.reshape(-1, values.shape[-1])
    found = flat.index_select(0, where.ends)
    if pooling in ("max", "mean"):
        found = found.float() if pooling == "mean" else found
        for step, count in enumerate(where.n_longer[1:], start=1):
            earlier = flat.index_select(0, where.ends[:count] - step)
            if pooling == "max":
                found[:count] = found[:count].maximum(earlier)  # NaN stays NaN
            else:
                found[:count] += earlier
        if pooling == "mean":
            found /= where.lengths
    return found if where.back is None else found.index_select(0, where.back)
