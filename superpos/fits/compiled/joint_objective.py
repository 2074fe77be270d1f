"""Objective and gradient of the joint step, fused: one pass over the pairs serves both.

    J(Y, w) = sum_ij K(x_i, x_j) w~_i w~_j + lambda_d sum_ij (S_ij - T_ij)^2,   X = gauge(Y),  w~ = softmax(w)

With A = dJ/d cos_ij and B = dJ/d r^2_ij (symmetric, diagonal 0), as in `superpos.fits.joint`:

    dJ/dX = C X,   C_ij = 2 A_ij / (||x_i|| ||x_j||) - 4 B_ij,   C_ii = 4 sum_j B_ij - 2 sum_j A_ij c_ij /
    ||x_i||^2 dJ/dw_i = 2 w~_i (f_i - E)

Products and squared differences are small dense products over blocks of eight columns, the kernels loops over
whole matrices. Squared distances are sums of squared differences, so close pairs lose no digits.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.joint_gauges import place_vectors, pull_back
from superpos.fits.compiled.joint_workspace import (
    ALIKE,
    ANGLES,
    ANGULAR,
    BY_ANGLE,
    CODE,
    COUPLING,
    DISTANCES,
    ENERGY,
    ENERGY_SLOPE,
    EPS2,
    FIELDS,
    INVERSE,
    LAMBDA_D,
    LEARNED,
    MISMATCH,
    MISMATCH_SLOPE,
    RBF_SCALE,
    SELF,
    SIMILARITIES,
    SIMILARITY,
    SLOPE_X,
    TARGET,
    VALUES,
    VECTORS,
    WEIGHTS,
    F,
    M,
    N,
    S,
)
from superpos.fits.compiled.likenesses import mismatch_pulls, similarities_at
from superpos.fits.compiled.machine.dense import dot, product, squared_differences, squared_lengths, total
from superpos.fits.compiled.machine.elementary import exp
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.machine.vectors import apart
from superpos.fits.compiled.pairs import energies_and_slopes


@compiled(PASTE)
def place_weights(memory: FloatPointer, at: IntPointer, flat: FloatPointer) -> None:
    """Write w~ of the logits at the end of `flat`."""
    n, m = at[N], at[M]
    weights = part(memory, at[WEIGHTS])
    if at[LEARNED] == 0:
        for j in range(n):
            weights[j] = 1.0 / n
        return
    logits = part(flat, at[F] * m)
    largest = logits[0]
    for j in range(1, n):
        largest = max(largest, logits[j])
    for j in range(m):
        weights[j] = exp(logits[j] - largest)
    for j in range(n, m):
        weights[j] = 0.0
    inverse = 1.0 / total(weights, 0, m)
    for j in range(m):
        weights[j] = weights[j] * inverse


@compiled(PASTE)
def place_arguments(memory: FloatPointer, at: IntPointer) -> None:
    """Write cosines and squared distances, as far as the kernel and the similarity need them."""
    n, f, m = at[N], at[F], at[M]
    x = part(memory, at[VECTORS])
    angles, distances = part(memory, at[ANGLES]), part(memory, at[DISTANCES])
    by_angle, by_distance = at[ANGULAR] == 1 or at[BY_ANGLE] == 1, at[ANGULAR] == 0 or at[BY_ANGLE] == 0
    if by_angle:
        inverse = part(memory, at[INVERSE])
        squared_lengths(x, inverse, f, m)
        for j in range(m):
            inverse[j] = 1.0 / math.sqrt(inverse[j])
        for j in range(n, m):
            inverse[j] = 0.0
        product(x, m, 1, x, m, f, angles, n)
        for i in range(n):
            row, own = part(angles, i * m), inverse[i]
            for j in range(m):
                row[j] = row[j] * (own * inverse[j])
    if by_distance:
        squared_differences(x, distances, n, f, m)
    # Diagonal and padding: harmless arguments, whose values are overwritten or have weight 0.
    for i in range(n):
        angles[i * m + i] = 1.0
        distances[i * m + i] = 1.0
        for j in range(n, m):
            distances[i * m + j] = 1.0


@compiled(PASTE)
def add_energy(memory: FloatPointer, at: IntPointer) -> None:
    """Write K, its weighted slopes, the fields and the energy."""
    code, n, m = at[CODE], at[N], at[M]
    argument = part(memory, at[ANGLES] if at[ANGULAR] == 1 else at[DISTANCES])
    values, slopes = part(memory, at[VALUES]), part(memory, at[ENERGY_SLOPE])
    for j in range(n * m):
        values[j] = argument[j]
    energies_and_slopes(code, memory[S], memory[EPS2], values, slopes, n * m)
    weights, fields = part(memory, at[WEIGHTS]), part(memory, at[FIELDS])
    for i in range(n):
        row, own = part(slopes, i * m), weights[i]
        for j in range(m):
            row[j] = row[j] * (own * weights[j])
        row[i] = 0.0
        values[i * m + i] = memory[SELF]
        fields[i] = dot(values, i * m, weights, 0, m)
    memory[ENERGY] = dot(weights, 0, fields, 0, m)


@compiled(PASTE)
def add_mismatch(memory: FloatPointer, at: IntPointer) -> None:
    """Write S, the slopes of the mismatch and the mismatch."""
    n, m = at[N], at[M]
    target = part(memory, at[TARGET])
    similarities, slopes = part(memory, at[SIMILARITIES]), part(memory, at[MISMATCH_SLOPE])
    arguments = part(memory, at[ANGLES] if at[BY_ANGLE] == 1 else at[DISTANCES])
    rate = 1.0 if at[BY_ANGLE] == 1 else 1.0 / memory[RBF_SCALE]
    similarities_at(at[SIMILARITY], rate, arguments, similarities, n * m)
    for i in range(n):
        similarities[i * m + i] = memory[ALIKE]
        for j in range(n, m):
            similarities[i * m + j] = 0.0
    for j in range(n * m):
        slopes[j] = similarities[j] - target[j]
    memory[MISMATCH] = dot(slopes, 0, slopes, 0, n * m)
    factor = 2.0 * memory[LAMBDA_D]
    if at[BY_ANGLE] == 0:
        factor = factor / memory[RBF_SCALE]
    mismatch_pulls(at[SIMILARITY], factor, rate, arguments, similarities, slopes, n * m)
    for i in range(n):
        slopes[i * m + i] = 0.0


@compiled(PASTE)
def place_slope(memory: FloatPointer, at: IntPointer) -> None:
    """Write dJ/dX."""
    n, f, m = at[N], at[F], at[M]
    angular, cosine = at[ANGULAR] == 1, at[BY_ANGLE] == 1
    energy, mismatch = part(memory, at[ENERGY_SLOPE]), part(memory, at[MISMATCH_SLOPE])
    coupling, angles = part(memory, at[COUPLING]), part(memory, at[ANGLES])
    inverse = part(memory, at[INVERSE])
    by_angle, by_distance = (energy, mismatch) if angular else (mismatch, energy)
    if angular == cosine:
        # Energy and mismatch are functions of the same argument.
        for j in range(n * m):
            coupling[j] = energy[j] + mismatch[j]
        by_angle = by_distance = coupling
    for i in range(n):
        out, a, b = part(coupling, i * m), part(by_angle, i * m), part(by_distance, i * m)
        if angular or cosine:
            own, row = inverse[i], part(angles, i * m)
            diagonal = -2.0 * own * own * dot(a, 0, row, 0, m)
            if angular and cosine:
                for j in range(m):
                    out[j] = 2.0 * a[j] * (own * inverse[j])
            else:
                diagonal += 4.0 * total(b, 0, m)
                for j in range(m):
                    out[j] = 2.0 * a[j] * (own * inverse[j]) - 4.0 * b[j]
        else:
            diagonal = 4.0 * total(b, 0, m)
            for j in range(m):
                out[j] = -4.0 * b[j]
        out[i] = diagonal
    slope = part(memory, at[SLOPE_X])
    x = part(memory, at[VECTORS])
    product(x, 1, m, coupling, m, n, slope, f)


@compiled(OPTIONS)
def loss_gradient(memory: FloatPointer, at: IntPointer, flat: FloatPointer, gradient: FloatPointer) -> float:
    """Return J at the flat variable and write its gradient."""
    apart()
    f, m = at[F], at[M]
    place_vectors(memory, at, flat)
    place_weights(memory, at, flat)
    place_arguments(memory, at)
    add_energy(memory, at)
    add_mismatch(memory, at)
    place_slope(memory, at)
    pull_back(memory, at, gradient)
    if at[LEARNED] == 1:
        weights, fields = part(memory, at[WEIGHTS]), part(memory, at[FIELDS])
        out = part(gradient, f * m)
        for j in range(m):
            out[j] = 2.0 * weights[j] * (fields[j] - memory[ENERGY])
    return memory[ENERGY] + memory[LAMBDA_D] * memory[MISMATCH]
