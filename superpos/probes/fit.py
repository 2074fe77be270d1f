"""Directions of several features from samples that they share, by any method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superpos.arrays import Bool, Float, Int
from superpos.probes.closed_form import class_shares, lda, scatter_matrix
from superpos.probes.design import Design, Designs, ScaledSamples
from superpos.probes.logistic import logistic_losses, minimise_sklearn
from superpos.probes.newton import SINGLE_SIZE, minimise
from superpos.probes.rows import minimise_rows, worth_rows
from superpos.specs.probes import ProbeSettings


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """Directions of k features."""

    theta: Float
    """Coefficients and intercepts on the scaled samples, (k, d + 1)."""
    coordinates: Float | None
    """The same in the coordinates of the design, (r + 1, k), to start others from; None without a design."""
    nit: Int
    """(k,)."""
    converged: Bool
    """(k,)."""


def mean_differences(samples: ScaledSamples, labels: Bool, counts: Int | None = None) -> Fits:
    """Return differences of class means; arguments as of `fit_design`."""
    positive, negative = class_shares(labels, counts)
    coef = samples.combine(positive - negative)
    middle = 0.5 * np.sum(coef * samples.combine(positive + negative), axis=0)
    return _exact(samples.uncentre(coef, -middle), None)


def fit_samples(designs: Designs, labels: Bool, settings: ProbeSettings) -> Fits:
    """Return directions by any method; arguments as of `fit_design`.

    Logistic probes of many samples of more dimensions still are tried on a number a sample, or, of too many
    samples for that, on the samples as they are. Coordinates in the span of the samples cost more than most
    probes: they are made only where that fails.
    """
    samples = designs.samples
    if settings.method == "mean_difference":
        return mean_differences(samples, labels)
    n, d = len(samples.rows), samples.X.shape[1]
    if settings.method == "lda" or settings.backend != "newton" or n >= d or n * d <= SINGLE_SIZE:
        return fit_design(designs.make(), labels, settings)
    design = designs.make(reduce=False)
    loss = logistic_losses(design.Z1, labels, settings.C, balanced=settings.class_weight == "balanced")
    found = None
    if worth_rows(n, d, labels.shape[1]):
        found = minimise_rows(loss, settings.tol, settings.max_iter, samples.mean)
    if found is None:
        found = minimise(loss, settings.tol, settings.max_iter, mean=design.mean, only_sketch=True)
    fits = Fits(design.lift(found.theta), None, found.nit, found.gradient_norm <= settings.tol)
    del design, loss
    left = np.flatnonzero(~fits.converged & (fits.nit < settings.max_iter))
    if left.size:
        rest = fit_design(designs.make(), labels[:, left], settings)
        fits.theta[left], fits.converged[left] = rest.theta, rest.converged
        fits.nit[left] = rest.nit
    return fits


def fit_design(
    design: Design,
    labels: Bool,
    settings: ProbeSettings,
    *,
    C: float | None = None,
    counts: Int | None = None,
    start: Float | None = None,
) -> Fits:
    """Return logistic probes or linear discriminants.

    Parameters
    ----------
    design
        The training samples.
    labels
        (n, k); both classes must be among the samples that count.
    settings
        As in `superpos.specs.probes`.
    C
        Inverse strength of the penalty; None for that of the settings.
    counts
        How often each sample counts, (n, k); None for once.
    start
        Coordinates to start from, (r + 1, k); None for zero. The end is the same within the tolerance.
    """
    balanced = settings.class_weight == "balanced"
    if settings.method == "lda":
        Z, d = design.Z, design.samples.X.shape[1]
        whole = scatter_matrix(Z) if counts is None else None
        found = [
            lda(
                Z,
                labels[:, column],
                d,
                balanced=balanced,
                counts=None if counts is None else counts[:, column],
                scatter=whole,
            )
            for column in range(labels.shape[1])
        ]
        coordinates = np.array(found).reshape(len(found), design.Z1.shape[1]).T
        return _exact(design.lift(coordinates), coordinates)
    loss = logistic_losses(design.Z1, labels, C or settings.C, balanced=balanced, counts=counts)
    if settings.backend == "newton":
        solution = minimise(
            loss, settings.tol, settings.max_iter, offset=design.offset, mean=design.mean, start=start
        )
        return Fits(
            design.lift(solution.theta), solution.theta, solution.nit, solution.gradient_norm <= settings.tol
        )
    theta, nit = minimise_sklearn(
        loss,
        # An infinity norm depends on the basis; divided by this it bounds that of the original one.
        tol=settings.tol / loss.Z1.shape[1] ** 0.5,
        max_iter=settings.max_iter,
    )
    gradient = loss.gradient(theta, loss.margins(theta))
    slopes = design.span(gradient[:-1]) + design.samples.mean[:, None] * gradient[-1]
    largest = np.max(np.abs(np.vstack([slopes, gradient[-1:]])), axis=0)
    return Fits(design.lift(theta), theta, nit, largest <= settings.tol)


def _exact(theta: Float, coordinates: Float | None) -> Fits:
    k = len(theta)
    return Fits(theta, coordinates, np.zeros(k, dtype=np.int64), np.ones(k, dtype=np.bool_))
