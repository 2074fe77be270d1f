"""Problems without a minimiser, and how they are recognised (the status `unbounded`).

1. Cosine with an energy that falls as distances grow, gauge none. S does not change along X -> t X while
   dE/dt = -sum_ij w~_i w~_j (log) or -|s| t^(-s-1) sum_ij w~_i w~_j r_ij^-s (riesz; softened: the same sign)
   is negative for every t: J falls along every ray, so there is no critical point at all and no end of the
   descent means anything but `unbounded`. `max_iter` or a small gradient only say how far out it was left.
   The descent stops when the largest norm has grown to 1,000 start radii.
2. A similarity of distances with such an energy. All pair forces of the energy repel, and only the mismatch
   pulls together, with a force that dies out (the RBF's like exp(-r^2 / C)). Let i and j be bonded if the
   slope of the mismatch over r^2_ij is at least 1e-6 of that of the energy. At a critical point the forces
   across any cut of the features balance, and a cut has at most n^2 / 4 pairs, so up to n = 2,000 the graph
   of bonds is connected; if it is not, its components drive each other apart for good. This is asked of the
   end of every descent. During the descent it is asked only once a pair could be beyond the reach of the
   similarity (RBF: r^2 = 100 C, largest norm above 5 sqrt(C), where S < 4e-44): nearer than that a step may
   still come back.
3. Any gauge none but an energy of cosines with cosine, in the last resort: largest norm above 1,000 R, or
   1,000 max(R, sqrt(C)) under a similarity of distances. sqrt(C) is the length that the target sets, R may
   be far below it if most features coincide.

An energy of cosines with cosine is flat in the norms, hence never `unbounded`, whatever its norms; `unit`
holds all norms and `mean_norm` bounds them by n R. The re-optimisation is unbounded if a norm passes 1,000
max n_i: far out the penalty lambda_x | ||x|| - n |, linear, loses to riesz with s < -1 always, with s = -1
when lambda_x is below about 2 w~_i (1 - w~_i), and to every repulsion when lambda_x = 0. A large lambda_x
may still hold Powell at a kink of the penalty, which is a local minimum like any other; only an actual
escape counts.
"""

from __future__ import annotations

import math

import numpy as np

from superpos.arrays import Bool, Float
from superpos.fits.joint import JointPoint
from superpos.fits.problem import JointProblem
from superpos.pairwise import squared_distances

GROWTH = 1e3
"""Norms this many times their scale are on their way to infinity."""
BOND = 1e-6
"""Smallest share of the repulsion that counts as a bond."""


class EscapeCheck:
    """Recognises a joint descent that runs to infinity."""

    def __init__(self, problem: JointProblem) -> None:
        similarity, repels = problem.similarity_kind, problem.kernel.kind.grows_norms
        free = problem.gauge == "none"
        self._hopeless = problem.has_no_minimiser
        self._limit = GROWTH * problem.length if free and not problem.free_of_norms else math.inf
        self._bonds = free and not similarity.angular and repels
        self._far = similarity.reach * problem.rbf_scale
        self._watch = 0.5 * math.sqrt(self._far) if self._bonds else math.inf

    @property
    def is_idle(self) -> bool:
        """Whether no iterate can be told unbounded."""
        return math.isinf(self._limit)

    def needs_point(self, vectors: Float) -> bool:
        """Return whether some pair may be too far apart for the mismatch to act."""
        return self._bonds and _largest_norm(vectors) > self._watch

    def too_long(self, vectors: Float) -> bool:
        """Return whether a norm has passed the limit of case 1 or 3."""
        return _largest_norm(vectors) > self._limit

    def falls_apart(self, point: JointPoint) -> bool:
        """Return whether the features fall into groups that no pair within reach connects (case 2)."""
        return self._bonds and not _connected(squared_distances(point.vectors) <= self._far)

    def has_escaped(self, point: JointPoint) -> str:
        """Return why the end of a descent is unbounded, or an empty text."""
        if self._hopeless:
            return "no minimiser: the energy falls as all norms grow together; choose the gauge 'unit'"
        if self.too_long(point.vectors):
            return f"a norm passed {self._limit:.3g}; choose the gauge 'unit'"
        if self._bonds and not _connected(np.abs(point.mismatch_slope) >= BOND * np.abs(point.energy_slope)):
            return "the mismatch is saturated and holds nothing together; choose the gauge 'unit'"
        return ""


def norm_limit(norms: Float) -> float:
    """Return the norm beyond which a re-optimisation is unbounded."""
    return GROWTH * float(norms.max())


def _largest_norm(vectors: Float) -> float:
    return math.sqrt(float(np.einsum("ij,ij->i", vectors, vectors).max()))


def _connected(edges: Bool) -> bool:
    """Return whether the undirected graph is connected, (n, n) symmetric."""
    reached = np.zeros(edges.shape[0], dtype=np.bool_)
    reached[0] = True
    while True:
        wider = reached | edges[reached].any(axis=0)
        if wider.all():
            return True
        if (wider == reached).all():
            return False
        reached = wider
