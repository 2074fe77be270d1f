"""The manifold that a gauge leaves to the joint step: projection, way back, and what it does not see.

    none       all X (n, f)
    unit       rows on the spheres through them; so is an energy of cosines with cosine under every gauge,
               whose J is constant along the norms
    mean_norm  h(X) = mean_i ||x'_i|| = R,  X' = X minus its mean row where a shift changes nothing

J restricted to {h = const} has the gradient P G and the Hessian P (H - mu h'') P, P = I - nu nu^T with the
unit normal nu, and mu the multiplier of the way back (rows, or all of X', are scaled):

    spheres    mu_i = <g_i, x_i> / ||x_i||,   h_i'' = P_i / ||x_i||
    mean_norm  mu   = <G, X> / R,             h''   = C diag(P_i / (n ||x'_i||)) C,   C = centring or I

Source: Absil, Mahony & Sepulchre, Optimization Algorithms on Matrix Manifolds (2008), sections 3.6 and 5.5.
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float, row_lengths
from superpos.fits.problem import JointProblem

INDEPENDENT = 1e-9
"""Singular value below which a normalised flat direction adds nothing to the others."""


class JointManifold:
    """Where the vectors of a joint problem may go."""

    def __init__(self, problem: JointProblem) -> None:
        self.problem = problem
        flat_norms = problem.free_of_norms
        self.on_spheres = problem.gauge == "unit" or flat_norms
        self.on_mean_norm = problem.gauge == "mean_norm" and not self.on_spheres

    def moved(self, vectors: Float, step: Float) -> Float:
        """Return `vectors` (n, f) after a tangent step (n, f), scaled back to the manifold."""
        ahead = vectors + step
        if self.on_spheres:
            return np.asarray(ahead * (row_lengths(vectors) / row_lengths(ahead))[:, None])
        if self.on_mean_norm:
            ahead = self._from_mean(ahead)
            return np.asarray(ahead * (self.problem.radius / np.linalg.norm(ahead, axis=1).mean()))
        return ahead

    def project(self, vectors: Float, columns: Float) -> Float:
        """Return flat columns (n f, k) without their parts along the normals at `vectors`."""
        if self.on_spheres:
            n, f = vectors.shape
            units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
            blocks = columns.reshape(n, f, -1)
            radial = np.einsum("ia,iak->ik", units, blocks)
            return np.asarray((blocks - units[:, :, None] * radial[:, None, :]).reshape(columns.shape))
        if self.on_mean_norm:
            normal = self._normal(vectors).ravel()
            return np.asarray(columns - np.outer(normal, normal @ columns))
        return columns

    def curved(self, vectors: Float, gradient: Float, hessian: Float) -> Float:
        """Return the Hessian on the manifold, (n f, n f), from G (n, f) and H (n f, n f) off it."""
        n, f = vectors.shape
        if self.on_spheres or self.on_mean_norm:
            lengths = np.linalg.norm(self._from_mean(vectors) if self.on_mean_norm else vectors, axis=1)
            units = (self._from_mean(vectors) if self.on_mean_norm else vectors) / lengths[:, None]
            tangent = np.eye(f) - units[:, :, None] * units[:, None, :]
            hessian = hessian.copy()
            blocks = hessian.reshape(n, f, n, f)
            rows = np.arange(n)
            if self.on_spheres:
                pulls = np.einsum("ia,ia->i", gradient, vectors) / lengths**2
                blocks[rows, :, rows, :] -= pulls[:, None, None] * tangent
            else:
                pull = float(np.vdot(gradient, vectors)) / self.problem.radius
                bend = np.zeros((n, f, n, f))
                bend[rows, :, rows, :] = tangent / (n * lengths)[:, None, None]
                if self.problem.translation_invariant:
                    bend = bend - bend.mean(axis=0, keepdims=True)
                    bend = bend - bend.mean(axis=2, keepdims=True)
                blocks -= pull * bend
            hessian = self.project(vectors, self.project(vectors, hessian).T)
        return hessian

    def flat_directions(self, vectors: Float) -> Float:
        """Return columns (n f, k) along which J does not change or is not asked for, of length 1 or 0.

        Rotations of all rows, a common shift where the problem does not see it, the normals.
        """
        n, f = vectors.shape
        turns = np.zeros((f * (f - 1) // 2, n, f))
        for k, (a, b) in enumerate(zip(*np.triu_indices(f, 1), strict=True)):
            turns[k, :, a], turns[k, :, b] = vectors[:, b], -vectors[:, a]
        parts = [turns]
        if self.on_spheres:
            parts.append(np.eye(n)[:, :, None] * vectors)
        if self.on_mean_norm:
            parts.append(self._normal(vectors)[None])
        if self.problem.translation_invariant:
            parts.append(np.broadcast_to(np.eye(f)[:, None, :], (f, n, f)))
        columns = np.concatenate(parts).reshape(-1, n * f).T
        lengths = np.linalg.norm(columns, axis=0)
        return np.asarray(columns / np.where(lengths > 0.0, lengths, 1.0))

    def flat_of_problem(self, vectors: Float, amplitudes: Float) -> Float:
        """Return the same over vectors and amplitudes, (size, k), with v where the importance is learned."""
        columns = self.flat_directions(vectors)
        if not self.problem.learned:
            return columns
        size, k = columns.shape
        flat = np.zeros((size + amplitudes.size, k + 1))
        flat[:size, :k], flat[size:, k] = columns, amplitudes
        return flat

    def _from_mean(self, vectors: Float) -> Float:
        return vectors - vectors.mean(axis=0) if self.problem.translation_invariant else vectors

    def _normal(self, vectors: Float) -> Float:
        """Return the unit normal of the mean norm, (n, f)."""
        relative = self._from_mean(vectors)
        normal = self._from_mean(relative / np.linalg.norm(relative, axis=1)[:, None])
        return np.asarray(normal / np.linalg.norm(normal))
