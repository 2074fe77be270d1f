"""The best polynomial below a potential, by linear programming and exchange.

    maximise c_0 - q p(0)   over c_0 and c_1, ..., c_K >= 0   with p(t) <= h(t) on [0, pi],   q = 1/n

Heights are in units of the scale of h. The program is solved on a grid of angles. Its solution rises above h
a little between grid points; the worst points go into the grid, with the points of contact that the dual
measure tells, until the maximum falls no more (Remez). Many polynomials have the same maximum then. The
second program takes the one with the most room away from the contacts.
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.bounds.potential import Potential
from superpos.bounds.proof import Waves

GRID = 4
"""Angles of the first grid, times the degree."""
FINE = 24
"""Angles among which the worst ones are looked for, times the degree."""
ROUNDS = 12
"""Of exchange at most."""
CLEARINGS = 4
"""Of moving a polynomial away from h where it need not touch it."""
GOOD = 1e-11
"""Excess of p over h, over the scale of h, at which the exchange ends."""
LEVEL = 1e-11
"""Fall of the maximum, over the scale of h, at which the exchange ends."""
CLOSE = 1e-5
"""Angle to each side of a contact at which p must be below h as well."""
LARGEST = 1e9
"""h over its scale beyond which a grid point is left out: no polynomial of use comes near."""


class Program:
    """The linear program in units of the scale: p <= (h - offset) / scale on a grid that grows."""

    def __init__(self, potential: Potential, table: Float, q: float, offset: float, scale: float) -> None:
        self._potential, self._table = potential, table
        self._offset, self._scale = offset, scale
        self._degree = len(table) - 1
        self._cost = np.full(len(table), q)
        self._cost[0] -= 1.0
        self.fine = np.linspace(0.0, np.pi, FINE * self._degree + 1)[1:]
        self._heights = self.height(self.fine)[0]
        self.grid = self.contacts = np.empty(0)
        self._add(np.linspace(0.0, np.pi, GRID * self._degree + 1))

    def height(self, angles: Float) -> tuple[Float, Float, Float]:
        """Return h, h', h'' in units of the scale."""
        h, h1, h2 = self._potential(angles)
        with np.errstate(all="ignore"):  # steep energies leave the range of a double, and then the grid
            return (h - self._offset) / self._scale, h1 / self._scale, h2 / self._scale

    def rows(self, angles: Float) -> Float:
        """Return P_0 to P_K at angles, (k, K + 1)."""
        return np.asarray(np.cos(angles[:, None] * np.arange(self._degree + 1)) @ self._table.T)

    def exchange(self) -> Float | None:
        """Return c_0 to c_K once the maximum falls no more, or None; the grid gets the contacts."""
        found, before = None, np.inf
        for _ in range(ROUNDS):
            solution = self._best()
            if solution is None:
                return found
            found, contacts = solution
            value = -float(self._cost @ found)
            if not self.worst(found).size or before - value < LEVEL:
                break
            before = value
            self._add(self.worst(found), contacts)
        else:
            return found
        for apart in (CLOSE, -CLOSE):  # between these and the contact p can exceed h by 1e-11 at most
            self._add(contacts + apart)
        self.contacts = contacts
        solution = self._best()
        return found if solution is None else solution[0]

    def clear(self, c: Float) -> Float | None:
        """Return a polynomial as good that is as far below h away from the contacts as can be.

        A solution of the exchange lies in a corner, so it touches h at more angles of the grid than it must,
        and crosses h there. This one is the same maximum's with the most room, which excuses the grid.
        """
        self._add(self.fine[::2])
        for _ in range(CLEARINGS):
            room = np.minimum(np.abs(self.grid[:, None] - self.contacts).min(axis=1) ** 2, 1.0)
            rows = np.column_stack([self.rows(self.grid), room])
            rows = np.vstack([rows, np.append(self._cost, 0.0)])
            limits, value = self.height(self.grid)[0], float(self._cost @ c)
            for level in (LEVEL, 1e2 * LEVEL, 1e4 * LEVEL):  # the solver may not see as little room as that
                least = value + level * max(1.0, abs(value))
                solution = _solved(np.append(np.zeros(c.size), -1.0), rows, np.append(limits, least))
                if solution is not None:
                    break
            else:
                return None
            found = solution[0][:-1]
            worst = self.worst(found)
            if not worst.size:
                break
            self._add(worst)
        return found

    def _best(self) -> tuple[Float, Float] | None:
        """Return the c_k that are best on the grid, and where p touches h there."""
        solution = _solved(self._cost, self.rows(self.grid), self.height(self.grid)[0])
        if solution is None:
            return None
        return solution[0], _centres(self.grid, solution[1], self.fine[0])

    def _add(self, *angles: Float) -> None:
        """Put angles into the grid, but for those where h is out of reach."""
        new = np.concatenate(angles)
        new = new[(new > 0.0) & (new <= np.pi)]
        self.grid = np.union1d(self.grid, new[self.height(new)[0] < LARGEST])

    def worst(self, c: Float) -> Float:
        """Return the angles at which p exceeds h by the most: the fine grid's, by Newton's method."""
        p = Waves(c @ self._table)
        excess = np.concatenate([[-np.inf], p(self.fine)[0] - self._heights, [-np.inf]])
        peaks = (excess[1:-1] >= excess[:-2]) & (excess[1:-1] >= excess[2:]) & (excess[1:-1] > -1e-3)
        start = self.fine[peaks]
        angles, step = start, self.fine[0]
        for _ in range(4):
            _, p1, p2 = p(angles)
            _, h1, h2 = self.height(angles)
            with np.errstate(all="ignore"):
                move = np.where(p2 < h2, (p1 - h1) / (h2 - p2), 0.0)
            angles = np.clip(angles + move, np.maximum(start - step, 1e-9), np.minimum(start + step, np.pi))
        return np.asarray(angles[p(angles)[0] - self.height(angles)[0] > GOOD])


def _solved(cost: Float, rows: Float, limits: Float) -> tuple[Float, Float] | None:
    """Return the solution, all but its first number >= 0, and the dual measure; None if there is none."""
    from scipy.optimize import linprog

    bounds: list[tuple[float | None, float | None]] = [(None, None)] + [(0.0, None)] * (cost.size - 1)
    solution = linprog(
        cost,
        rows,
        limits,
        bounds=bounds,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if solution.status != 0 or solution.x is None:
        return None
    c = np.maximum(solution.x, 0.0)
    c[0] = solution.x[0]
    return np.asarray(c), -np.asarray(solution.ineqlin.marginals)


def _centres(grid: Float, masses: Float, near: float) -> Float:
    """Return where the dual measure on the grid has its masses, neighbours within `near` taken together.

    The measure of the true problem sits where p touches h. Between two grid points it is split over both, in
    inverse proportion to the distances, so their centre of mass is far nearer to the contact than either.
    """
    held = masses > 1e-9 * masses.max()
    angles, masses = grid[held], masses[held]
    if not angles.size:
        return np.asarray(angles)
    group = np.concatenate([[0], np.cumsum(np.diff(angles) > near)])
    return np.asarray(np.bincount(group, masses * angles) / np.bincount(group, masses))
