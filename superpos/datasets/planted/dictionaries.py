"""Dictionaries whose geometry is known: unit directions of n features in r dimensions.

| shape       | directions                                         | cosines                   | r           |
|-------------|----------------------------------------------------|---------------------------|-------------|
| `simplex`   | regular simplex about the origin                   | -1 / (n - 1)              | n - 1       |
| `orthoplex` | e_1, -e_1, e_2, -e_2 and so on, n even             | -1 within a pair, 0       | n / 2       |
| `circle`    | points of a circle in the order of the features    | cos(2 pi (i - j) / n)     | 2           |
| `hierarchy` | families: a parent p, children (p + q_k) / sqrt(2) | see below                 | families c  |
| `pairs`     | pairs of a stated cosine, orthogonal to others     | `cosine` within a pair, 0 | n           |
| `random`    | independent and uniform on the sphere              | random, mean square 1 / r | as stated   |

A hierarchy with c children a parent is that of Park et al. (2024): what tells children of a parent apart is
orthogonal to the parent, <q_k, p> = 0. Here the parents are orthonormal and the q_k of a family are a regular
simplex in a space of its own, so that a child has the cosine 1 / sqrt(2) with its parent,
(1 - 1 / (c - 1)) / 2 with its siblings and 0 with other families. An activation gets p from the parent's
label and q_k from the child's, never p twice: the vectors that are added are not the directions there.

Source: K. Park, Y. J. Choe, Y. Jiang, V. Veitch, The geometry of categorical and hierarchical concepts in
large language models (2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError

Shape = Literal["simplex", "orthoplex", "circle", "hierarchy", "pairs", "random"]
SHAPES: tuple[str, ...] = get_args(Shape)


@dataclass(frozen=True, slots=True, eq=False)
class Dictionary:
    """Known directions."""

    directions: Float
    """Unit vectors that the features lie along, (n, r)."""
    added: Float
    """What a present feature adds to an activation, (n, r); the directions but for a hierarchy."""
    names: tuple[str, ...]

    @property
    def cosines(self) -> Float:
        """Planted similarity matrix, (n, n)."""
        return np.asarray(self.directions @ self.directions.T)


def dictionary(
    shape: str,
    n: int,
    *,
    children: int = 2,
    cosine: float = 0.5,
    rank: int = 0,
    draw: np.random.Generator | None = None,
) -> Dictionary:
    """Return the dictionary of a shape.

    Parameters
    ----------
    shape
        One of `SHAPES`.
    n
        Features.
    children
        Of a parent in a hierarchy, from 2.
    cosine
        Within a pair.
    rank, draw
        Dimensions r and generator of random directions.

    Raises
    ------
    ArgumentError
        If there is no such dictionary of n features.
    """
    if n < 2:
        raise ArgumentError("n_features", f"{n} has no geometry; at least 2 are needed")
    names = tuple(f"{shape}_{number}" for number in range(n))
    if shape == "simplex":
        found = simplex(n)
    elif shape == "orthoplex":
        _check_multiple(n, 2, "an orthoplex has antipodal pairs")
        axes = np.repeat(np.eye(n // 2), 2, axis=0)
        found = axes * np.tile([1.0, -1.0], n // 2)[:, None]
    elif shape == "circle":
        angles = 2.0 * math.pi * np.arange(n) / n
        found = np.column_stack([np.cos(angles), np.sin(angles)])
    elif shape == "hierarchy":
        return _hierarchy(n, children)
    elif shape == "pairs":
        _check_multiple(n, 2, "pairs need an even number")
        found = np.eye(n)
        found[1::2] *= math.sqrt(1.0 - cosine**2)
        found[np.arange(1, n, 2), np.arange(0, n, 2)] = cosine
    elif draw is None:
        raise ArgumentError("draw", "random directions need a generator")
    else:
        found = draw.standard_normal((n, rank))
        found /= np.linalg.norm(found, axis=1, keepdims=True)
    return Dictionary(found, found, names)


def simplex(n: int) -> Float:
    """Return the vertices of a regular simplex on the unit sphere, (n, n - 1).

    They are the columns of the lower triangular root of (n I - 11') / (n - 1), without its last, empty one.
    """
    found = np.zeros((n, n - 1))
    for k in range(n - 1):
        found[k, k] = math.sqrt(1.0 - float(found[k, :k] @ found[k, :k]))
        rest = found[k + 1 :, :k] @ found[k, :k]
        found[k + 1 :, k] = (-1.0 / (n - 1) - rest) / found[k, k]
    return found


def _hierarchy(n: int, children: int) -> Dictionary:
    if children < 2:
        raise ArgumentError("children", f"{children} tells no two apart; at least 2 are needed")
    size = 1 + children
    _check_multiple(n, size, f"a family has {size}")
    families = n // size
    apart = simplex(children)
    directions = np.zeros((n, families * children))
    added = np.zeros_like(directions)
    names = []
    for family in range(families):
        rows = slice(family * size + 1, (family + 1) * size)
        first = family * children
        own = slice(first + 1, first + children)
        directions[family * size, first] = added[family * size, first] = 1.0
        added[rows, own] = apart
        directions[rows, own] = apart * math.sqrt(0.5)
        directions[rows, first] = math.sqrt(0.5)
        names += [f"parent_{family}", *(f"child_{family}_{child}" for child in range(children))]
    return Dictionary(directions, added, tuple(names))


def _check_multiple(n: int, factor: int, why: str) -> None:
    if n % factor:
        raise ArgumentError("n_features", f"{n} is no multiple of {factor}: {why}")
