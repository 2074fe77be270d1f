"""Sharp configurations, whose energies are the least of all for every energy that is absolutely monotone."""

from __future__ import annotations

from itertools import combinations, permutations, product

import numpy as np

GOLDEN = (1.0 + 5.0**0.5) / 2.0


def _unit(rows):
    rows = np.asarray(rows, dtype=np.float64)
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def simplex(n):
    left, _, _ = np.linalg.svd(np.eye(n) - 1.0 / n)
    return _unit(left[:, : n - 1])


def orthoplex(f):
    return np.vstack([np.eye(f), -np.eye(f)])


def polygon(n):
    angles = 2.0 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angles), np.sin(angles)])


def icosahedron():
    rows = [(0.0, a, b * GOLDEN) for a, b in product((1.0, -1.0), repeat=2)]
    return _unit(rows + [(z, x, y) for x, y, z in rows] + [(y, z, x) for x, y, z in rows])


def _parity(order):
    return sum(a > b for a, b in combinations(order, 2)) % 2


def cell_600():
    rows = [[0.5 * sign for sign in signs] for signs in product((1.0, -1.0), repeat=4)]
    rows += [list(row) for row in orthoplex(4)]
    for order, signs in product(permutations(range(4)), product((1.0, -1.0), repeat=3)):
        if _parity(order) == 0:
            row = [0.0] * 4
            for place, size in zip(order, (signs[0] * GOLDEN, signs[1], signs[2] / GOLDEN, 0.0), strict=True):
                row[place] = 0.5 * size
            rows.append(row)
    return _unit(rows)


def e8():
    rows = []
    for (i, j), (a, b) in product(combinations(range(8), 2), product((1.0, -1.0), repeat=2)):
        row = [0.0] * 8
        row[i], row[j] = a, b
        rows.append(row)
    rows += [[0.5 * s for s in signs] for signs in product((1.0, -1.0), repeat=8) if np.prod(signs) > 0]
    return _unit(rows)
