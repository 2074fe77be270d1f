"""Start of the joint step and of the re-optimisation, and the draws behind them.

See `docs/science.md`, "Start of the joint step" and "Keys and draws".

    joint step       x_i = R g_i / ||g_i||, g_i standard normal in R^f, logits 0
                     of cosines    R = 1
                     of distances  R = sqrt(median(r^2) / 2),  r^2 = C x(max(T_ij, 1e-12)), i < j;
                                   x(S) = -log S for rbf
    re-optimisation  x_i + sigma n_i g_i

Points uniform on a sphere of radius R have a mean squared distance of 2 R^2, hence the factor. The sphere is
about the origin; its rows are not shifted to mean zero, for a shift changes nothing where the problem is
translation-invariant and would break the norms where it is not. Where the median is 0 (half of the targets
are 1 or more: the features nearly coincide) R = sqrt(C / 2), so that squared distances start near C, where
a similarity still has a slope.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Float, row_lengths
from superpos.errors import ArgumentError
from superpos.kinds.similarities import SIMILARITIES
from superpos.seeding import generator
from superpos.specs.axes import check_count

TARGET_FLOOR = 1e-12
"""Smallest target that a distance is read from."""


def start_radius(target: Float, similarity: str, rbf_scale: float) -> float:
    """Return the radius R of the sphere on which the joint step starts.

    Parameters
    ----------
    target
        Target pairwise similarity matrix, (n, n).
    similarity
        Name of a kind of `superpos.kinds.similarities`.
    rbf_scale
        C; not read by similarities of cosines.
    """
    kind = SIMILARITIES.get(similarity, "similarity")
    if kind.angular or kind.inverse is None:
        return 1.0
    entries = target[_above_diagonal(target.shape[0])]
    squares = np.maximum(rbf_scale * kind.inverse(np.maximum(entries, TARGET_FLOOR)), 0.0)
    median = float(np.median(squares))
    return math.sqrt(0.5 * (median if median > TARGET_FLOOR * rbf_scale else rbf_scale))


@lru_cache(maxsize=64)
def _above_diagonal(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices i < j."""
    rows, columns = np.triu_indices(n, k=1)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


def sphere_start(seed: int | np.random.Generator, n: int, n_dims: int, radius: float) -> Float:
    """Return n rows uniform on the sphere of this radius in R^f, (n, f).

    `seed` is the restart of the frozen draw, or a generator to draw from.
    """
    if isinstance(seed, np.random.Generator):
        draws = seed.standard_normal((n, n_dims))
    else:
        draws = _joint_draw(n, n_dims, _checked_seed(seed))
    return np.asarray(draws * (radius / np.linalg.norm(draws, axis=1, keepdims=True)))


@lru_cache(maxsize=256)
def _joint_draw(n: int, n_dims: int, restart: int) -> Float:
    """Return the frozen draw of a joint start, (n, f), read-only: most joint fits meet one of a few."""
    draws = generator("joint_start", n=n, n_dims=n_dims, restart=restart).standard_normal((n, n_dims))
    draws.flags.writeable = False
    return draws


def perturbation_generator(seed: int | np.random.Generator, n: int, n_dims: int) -> np.random.Generator:
    """Return the generator of a perturbation; an integer is the trial of the frozen draw of restart 0."""
    if isinstance(seed, np.random.Generator):
        return seed
    return generator("perturbation", n=n, n_dims=n_dims, restart=0, trial=_checked_seed(seed))


def _checked_seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ArgumentError("seed", f"{seed!r} is neither a whole number nor a numpy Generator")
    return check_count("seed", seed, 0)


def perturbation_angles(vectors: Float, start: Float) -> Float:
    """Return the angle between each row and its perturbed start, in degrees, (n,); 0 where a row is zero.

    From the half-angle form 2 atan2(||u - v||, ||u + v||) of unit rows u, v, exact for small angles too.
    """
    lengths = row_lengths(vectors), row_lengths(start)
    present = (lengths[0] > 0.0) & (lengths[1] > 0.0)
    safe = [np.where(present, length, 1.0)[:, None] for length in lengths]
    u, v = vectors / safe[0], start / safe[1]
    angles = 2.0 * np.arctan2(row_lengths(u - v), row_lengths(u + v))
    return np.asarray(np.where(present, np.degrees(angles), 0.0))
