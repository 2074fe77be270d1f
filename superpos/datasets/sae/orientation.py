"""Whether the vectors of an autoencoder are the rows or the columns of its matrix.

A matrix of shape (a, b) holds n vectors of width d: they are rows if (a, b) = (n, d), columns if (a, b) =
(d, n). Libraries differ, even under one name (`W_dec` is (n, d) in SAELens and (d, n) in Qwen Scope), so
neither name nor shape decides: n > d is usual, and no law. What decides is a length that is known from
elsewhere:

    d   d_in or d_out of the configuration, the length of the decoder's bias, `d_model` of the set,
        the width of the study's models
    n   the number of latents of the configuration, the lengths of the encoder's bias and of thresholds

All that are known have to agree. Where none is, or a = b, only the user knows: `orientation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from superpos.errors import InputError
from superpos.reading.array_parts import ArrayHead

Part = Literal["decoder", "encoder"]
Side = Literal["rows", "columns"]

MATRICES: Mapping[str, tuple[str, ...]] = {
    "decoder": ("W_dec", "w_dec", "W_D", "decoder.weight", "decoder_linear.weight"),
    "encoder": ("W_enc", "w_enc", "W_E", "encoder.weight", "encoder_linear.weight"),
}
"""Names of the matrices in the libraries of `superpos.datasets.sae.layouts`."""
DECODER_BIASES = ("b_dec", "b_D", "decoder.bias", "decoder_linear.bias", "bias", "decoder_bias")
"""Names of vectors as long as what the decoder writes is wide."""
LATENT_VECTORS = (
    "b_enc", "b_E", "encoder.bias", "encoder_linear.bias", "threshold", "log_threshold",
    "log_jumprelu_threshold", "b_gate", "b_mag", "r_mag", "gate_bias", "mag_bias",
)  # fmt: skip
"""Names of vectors with a number for each latent."""


@dataclass(frozen=True, slots=True)
class Length:
    """A length that is known from elsewhere."""

    value: int
    said_by: str
    """What says so, for messages: `cfg.json: d_in`."""
    is_width: bool
    """Whether it is d, the width; else n, the number of latents."""


def lengths_beside(heads: Mapping[str, ArrayHead], part: Part) -> tuple[Length, ...]:
    """Return the lengths that other arrays of a file tell of its encoder or decoder.

    The decoder's bias says nothing of the encoder: a transcoder reads another width than it writes.
    """
    of_decoder = [(name, True) for name in DECODER_BIASES] if part == "decoder" else []
    return tuple(
        Length(heads[name].shape[0], f"the length of {name}", is_width)
        for name, is_width in [*of_decoder, *((name, False) for name in LATENT_VECTORS)]
        if name in heads and len(heads[name].shape) == 1
    )


def proved_side(shape: tuple[int, int], lengths: Iterable[Length]) -> tuple[Side | None, str]:
    """Return whether the vectors are rows or columns, None where that is not known; and what contradicts it.

    Parameters
    ----------
    shape
        Of the matrix.
    lengths
        What is known of it.

    Returns
    -------
    side
        None if nothing decides.
    contradiction
        Two lengths that exclude each other, or one that is no side, as text; empty if all agree.
    """
    proofs: dict[Side, Length] = {}
    for length in lengths:
        if length.value not in shape:
            what = "wide" if length.is_width else "latents"
            return None, f"{length.said_by} says {length.value} {what}, and no side of {shape} is that long"
        if shape[0] != shape[1]:
            side: Side = "rows" if (length.value == shape[1]) == length.is_width else "columns"
            proofs.setdefault(side, length)
    if len(proofs) == 2:
        rows, columns = proofs["rows"], proofs["columns"]
        both = f"{rows.said_by} ({rows.value}) makes the rows of {shape} its vectors"
        return None, f"{both}, {columns.said_by} ({columns.value}) its columns"
    return next(iter(proofs), None), ""


def refuse_columns(path: Path, name: str, heads: Mapping[str, ArrayHead]) -> None:
    """Refuse a matrix whose rows are known to be no vectors, for readers that take rows.

    A matrix of another name is what its file's author says it is: one vector a row.

    Raises
    ------
    InputError
        If the matrix has a name of an autoencoder's and other arrays of the file prove its columns to be the
        vectors; or its name is that of a linear layer's weight whose columns they always are.
    """
    part: Part | None = next((part for part in ("decoder", "encoder") if name in MATRICES[part]), None)
    head = heads.get(name)
    if part is None or head is None or len(head.shape) != 2:
        return
    shape = (head.shape[0], head.shape[1])
    side, contradiction = proved_side(shape, lengths_beside(heads, part))
    by_name = part == "decoder" and name.endswith(".weight")  # torch.nn.Linear keeps (out, in) = (d, n)
    if contradiction:
        raise InputError(f"{path}: {name} of shape {shape}: {contradiction}; {USE_SAE}")
    if side == "columns" or (side is None and by_name):
        why = "its columns are the vectors" if side else "a decoder's weight has its vectors as columns"
        raise InputError(f"{path}: {name} of shape {shape}: {why}, and rows are read here; {USE_SAE}")


USE_SAE = 'builder = "sae" (import: --part) reads it, told `orientation` or `d_model` if nothing proves it'
