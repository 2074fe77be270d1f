"""One joint fit, from data to data: what a worker does first for the stage `fits`.

A study measures lengths in units of the start radius R: vectors Y = X / R, C / R^2, softening, penalty and
energies. Two matrices that differ in the unit of length alone then have the same fits, whatever the kernel,
and a setting means the same for short directions and for long ones. Tables hold X = R Y, whose similarities
with C are the optimal matrix; energies and objectives are those of Y. Under cosine R is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from superpos.arrays import Float
from superpos.errors import InputError
from superpos.fits import fit_joint, softmax, start_radius
from superpos.fits.held import Held, hold
from superpos.hashing import text_key
from superpos.psms import similarity_matrices, similarity_matrix
from superpos.records.fits import JointFit
from superpos.records.work import JointDone, JointWork
from superpos.specs.axes import FitAxes, Kernel
from superpos.specs.versions import ALGORITHM_VERSIONS


def joint_key(psm_key: bytes, axes_key: bytes) -> bytes:
    """Return the key of the joint fit of a matrix under joint axes.

    It is `content_key("joint", version, {}, [psm_key, axes_key])`, written out: each joint fit makes one.
    """
    return text_key(f'{{"inputs":["{psm_key.hex()}","{axes_key.hex()}"],{_JOINT}}}')


_JOINT = f'"kind":"joint","spec":{{}},"version":{ALGORITHM_VERSIONS["joint"]}'
"""The part of the canonical text that all joint fits share."""


@dataclass
class Joint:
    """What every re-optimisation of one joint fit shares; lengths in units of the start radius."""

    work: JointWork
    kernel: Kernel
    radius: float
    """Start radius R, in the units of the directions."""
    vectors: Float
    logits: Float
    importance: Float
    norms: Float
    similarities: Float
    unperturbed: dict[FitAxes, Float]
    _held: Held | None = None

    @cached_property
    def is_finite(self) -> bool:
        """Whether there is anything to be optimised again."""
        return bool(np.isfinite(self.vectors).all() and np.isfinite(self.logits).all())

    def held(self) -> Held:
        """Return what every re-optimisation holds, checked when it is first asked for."""
        if self._held is None:
            self._held = hold(self.vectors, self.importance, self.kernel)
        return self._held

    def similarity(self, vectors: Float) -> Float:
        """Return the similarities of vectors in start radii, (n, n); NaN if they ran away or have none."""
        return similarities(self.work, vectors, self.radius)

    def all_similarities(self, points: Sequence[Float]) -> list[Float]:
        """Return the same of many at once, which costs what one costs."""
        return list(similarities_of_many(self.work, np.stack(points), self.radius)) if points else []


def owned(work: JointWork) -> JointWork:
    """Return the work with writable arrays of its own; those that travelled may be read-only."""
    done = work.done
    if done is not None:
        done = JointDone(np.array(done.vectors), np.array(done.logits), done.start_radius)
    unperturbed = {axes: np.array(matrix) for axes, matrix in work.unperturbed.items()}
    return replace(work, target=np.array(work.target), done=done, unperturbed=unperturbed)


def run_joint(work: JointWork) -> JointFit:
    """Run the joint step of one piece of work on its frozen start; lengths come back in full units."""
    axes, kernel = work.axes, work.axes.kernel
    radius = start_radius(work.target, work.similarity, work.rbf_scale or 1.0)
    fit = fit_joint(
        work.target,
        similarity=work.similarity,
        energy=kernel.energy,
        s=kernel.s,
        n_dims=axes.n_dims,
        lambda_d=axes.lambda_d,
        seed=axes.restart,
        rbf_scale=_scale(work, radius),
        self_energy=kernel.self_energy,
        softening=kernel.softening,
        gauge=axes.gauge,
        importance=axes.importance_mode,
        max_iter=axes.max_iter,
        gtol=axes.gtol,
        backend=axes.backend,
        joint_polish=axes.joint_polish == "on",
    )
    vectors = radius * fit.vectors
    return replace(
        fit,
        vectors=vectors,
        norms=np.linalg.norm(vectors, axis=1),
        start_radius=radius,
        # By the formula that everything else uses: the objective's own differ in the last bits, and a
        # re-optimisation must not depend on whether its joint fit came from the database.
        similarities=similarities(work, vectors / radius, radius),
    )


def shared(work: JointWork, fit: JointFit | None) -> Joint:
    """Return what the re-optimisations read, from a fresh joint fit or from the one that the work carries."""
    if fit is not None:
        vectors, logits, radius = fit.vectors, fit.logits, fit.start_radius
    else:
        assert work.done is not None  # noqa: S101 (a joint fit was either made or fetched)
        vectors, logits, radius = work.done.vectors, work.done.logits, work.done.start_radius
    vectors = vectors / radius
    return Joint(
        work=work,
        kernel=work.axes.kernel,
        radius=radius,
        vectors=vectors,
        logits=logits,
        importance=softmax(logits),
        norms=np.linalg.norm(vectors, axis=1),
        similarities=fit.similarities if fit is not None else similarities(work, vectors, radius),
        unperturbed=dict(work.unperturbed),
    )


def similarities(work: JointWork, vectors: Float, radius: float) -> Float:
    """Return the similarities of vectors in start radii, (n, n); NaN if they ran away or have none."""
    try:
        return similarity_matrix(vectors, work.similarity, _scale(work, radius))
    except InputError:
        return np.full((len(vectors), len(vectors)), math.nan)


def similarities_of_many(work: JointWork, stack: Float, radius: float) -> Float:
    """Return the same of many sets of vectors, (b, n, f), as (b, n, n)."""
    return similarity_matrices(stack, work.similarity, _scale(work, radius))


def _scale(work: JointWork, radius: float) -> float:
    """Return C in squared start radii; any number under cosine, which does not read it."""
    return (work.rbf_scale or 1.0) / radius**2
