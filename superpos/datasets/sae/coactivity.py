"""Which latents are active together most, from a file of how often (or how strongly) each pair is.

With C_ij for the latents i and j, symmetric or one half of it, and no matter what stands on the diagonal:

    c_ij = C_ij + C_ji   (i != j),      c_i = sum_j c_ij

Chosen are the latents with the largest c_i; or, near one latent k, k itself and those with the largest c_kj.
Among equals the smaller number comes first. A latent that is never active with another one is not chosen.

A file is a CSV of pairs, `i,j,C_ij` a line with any pair any number of times (they add up), or the matrix
(n, n) as the only array of a `.npz` or `.safetensors` file. It is read in blocks of rows.

Source: co-occurrence of latents as in Li et al., *The Geometry of Concepts: Sparse Autoencoder Feature
Structure* (2024), whose clusters begin from such counts.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from superpos.arrays import Float
from superpos.datasets.sae.labels import check_latent
from superpos.errors import InputError, shown
from superpos.reading.array_parts import array_heads, read_vectors
from superpos.reading.compressed import format_of
from superpos.reading.texts import csv_rows

BLOCK = 1 << 24
"""Numbers of a matrix that are in memory at a time."""
NOT_NEAR = -1


def most_coactive(path: Path, n_latents: int, most: int, near: int = NOT_NEAR) -> tuple[int, ...]:
    """Return the latents that are active together most.

    Parameters
    ----------
    path
        The pairs.
    n_latents
        Latents of the autoencoder.
    most
        How many are wanted.
    near
        The latent with which they are to be active, which comes first; -1 for any.

    Raises
    ------
    InputError
        If the file cannot be read, belongs to another number of latents, holds what is no count, or fewer
        latents than wanted are ever active together.
    """
    if near != NOT_NEAR:
        check_latent(near, n_latents, "near")
    is_csv = format_of(path)[0] == ".csv"
    counts = (_of_pairs if is_csv else _of_matrix)(path, n_latents, near)
    order = np.lexsort((np.arange(n_latents), -counts))
    found = [int(latent) for latent in order[:most] if counts[latent] > 0.0]
    if near != NOT_NEAR:
        found = [near, *found][:most]
    if len(found) < most:
        what = "together with another one" if near == NOT_NEAR else f"with latent {near}, itself included"
        raise InputError(f"{path}: {len(found)} latents are active {what}; {most} are asked for")
    return tuple(found)


def _of_pairs(path: Path, n_latents: int, near: int) -> Float:
    """Return c_i, or c_ki for `near` = k, (n,)."""
    counts = np.zeros(n_latents)
    for place, (number, row) in enumerate((number, row) for number, row in csv_rows(path) if row):
        where = f"{path}: line {number}"
        if place == 0 and not row[0].strip().isdecimal():
            continue  # a header
        if len(row) != 3:
            raise InputError(f"{where}: {len(row)} fields; two latents and a count are needed")
        first, second = (_number(field, where) for field in row[:2])
        count = _count(row[2], where)
        for latent in (first, second):
            check_latent(latent, n_latents, where)
        if first == second:
            continue
        for latent, other in ((first, second), (second, first)):
            if near in (NOT_NEAR, other):
                counts[latent] += count
    return counts


def _of_matrix(path: Path, n_latents: int, near: int) -> Float:
    heads = array_heads(path)
    if len(heads) != 1:
        raise InputError(f"{path}: holds {len(heads)} arrays; one matrix of pairs of latents is needed")
    name, head = next(iter(heads.items()))
    if head.shape != (n_latents, n_latents):
        raise InputError(
            f"{path}: {name} has the shape {head.shape}; pairs of {n_latents} latents are needed, "
            f"({n_latents}, {n_latents})"
        )
    if near != NOT_NEAR:
        counts = sum(read_vectors(path, name, [near], columns=side)[0] for side in (False, True))
        counts = _checked(path, np.asarray(counts), 0)
        counts[near] = 0.0
        return counts
    counts = np.zeros(n_latents)
    step = max(1, BLOCK // n_latents)
    for start in range(0, n_latents, step):
        rows = range(start, min(n_latents, start + step))
        block = _checked(path, read_vectors(path, name, rows, columns=False), start)
        block[np.arange(len(rows)), rows] = 0.0
        counts[start : start + len(rows)] += block.sum(axis=1)
        counts += block.sum(axis=0)
    return counts


def _checked(path: Path, values: Float, first_row: int) -> Float:
    """Return values that are all counts or strengths."""
    wrong = ~(np.isfinite(values) & (values >= 0.0))
    if wrong.any():
        place = np.argwhere(wrong)[0]
        value = values[tuple(place)]
        row = first_row + int(place[0])
        raise InputError(f"{path}: row {row}: {value:g} is no count; numbers of 0 or more are needed")
    return values


def _number(field: str, where: str) -> int:
    text = field.strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise InputError(f"{where}: {shown(field)} is no number of a latent, counted from 0")
    return int(text)


def _count(field: str, where: str) -> float:
    try:
        count = float(field) if "_" not in field else math.nan
    except ValueError:
        count = math.nan
    if not (math.isfinite(count) and count >= 0.0):
        raise InputError(f"{where}: {shown(field)} is no count; numbers of 0 or more are needed")
    return count
