"""Compile the engine, or read it from numba's cache, before the work starts."""

from __future__ import annotations

import time

import numpy as np

from superpos.fits.compiled.certificate import certify_compiled
from superpos.fits.compiled.distances import MatrixStack
from superpos.fits.compiled.joint import fit_joint_compiled
from superpos.fits.compiled.manifold import minimise_on_spheres_compiled
from superpos.fits.compiled.reoptimise import powell_compiled
from superpos.fits.compiled.verdict import quick_verdict
from superpos.fits.joint_curvature import JointCurvature
from superpos.fits.problem import JointProblem
from superpos.specs.axes import Kernel


def warm_up() -> float:
    """Call every entry point once on a problem of three features; return the seconds that took."""
    start = time.perf_counter()
    kernel = Kernel("riesz", 1.0)
    vectors = np.array([[1.0, 0.0], [-0.5, 0.8], [-0.5, -0.9]])
    weights, norms = np.full(3, 1.0 / 3.0), np.linalg.norm(vectors, axis=1)
    problem = JointProblem(np.eye(3), kernel, 2, 1.0, "cosine", 1.0, "unit", True, 1.0)
    fit_joint_compiled(problem, vectors, np.zeros(3), max_iter=2, gtol=1e-3)
    JointCurvature(problem, compiled=True).at(vectors / norms[:, None], np.sqrt(weights))
    powell_compiled(vectors, weights, norms, kernel, lambda_x=1.0, xtol=1e-2, ftol=1e-2, max_iter=1)
    minimise_on_spheres_compiled(vectors, weights, norms, kernel, gtol=1e-4, max_iter=1)
    certify_compiled(vectors, weights, kernel)
    angles = 2.0 * np.pi * np.arange(3) / 3.0
    triangle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    quick_verdict(triangle, weights, kernel)
    quick_verdict(triangle, np.array([0.5, 0.5, 0.0]), kernel)
    stack = MatrixStack(2, 3)
    stack.matrices[:] = np.eye(3)
    stack.off_diagonal(0, 1), stack.distances([(0, 1)])
    return time.perf_counter() - start
