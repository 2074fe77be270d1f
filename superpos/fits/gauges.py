"""Gauges of the joint step: which vectors X the variables Y stand for, and the chain rule back.

    none       X = L Y                                  L = unit of length, R = start radius
    unit       x_i = R y_i / ||y_i||
    mean_norm  X = (R / m) Y',  m = mean_j ||y'_j||     Y' = Y, or Y minus its mean row where the problem is
                                                        translation-invariant (rbf, energy of distances)
Gradients, with G = dJ/dX:
    none       dJ/dY = L G
    unit       dJ/dy_i = (R / ||y_i||) (g_i - <g_i, u_i> u_i),  u_i = y_i / ||y_i||
    mean_norm  dJ/dy'_j = (R / m) g_j - (R <G, Y'> / (n m^2)) y'_j / ||y'_j||, minus its mean row if centred

Y is X in units of L, R or sqrt(C) if that is longer, so that a step of a given length, a gradient and a
tolerance mean the same whatever the units of the target. Y = X / L maps to X under every gauge, and that is
where the gradient of the gauged problem is reported. A translation-invariant problem gives no force on the
mean row, so `mean_norm` measures norms from the mean: otherwise the vectors would crowd together far from an
origin that means nothing. `unit` holds the rows on the sphere about the origin and is never centred.
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError
from superpos.kinds.similarities import SIMILARITIES
from superpos.specs.axes import Kernel


def check_gauge(kernel: Kernel, similarity: str, gauge: str) -> None:
    """Refuse `mean_norm` under cosine with an energy that falls as distances grow.

    Raises
    ------
    ArgumentError
        Since the energy then grows one norm at the cost of another, which goes to 0 (`docs/science.md`,
        "Gauges").
    """
    if gauge == "mean_norm" and SIMILARITIES.get(similarity).angular and kernel.kind.grows_norms:
        raise ArgumentError(
            "gauge",
            f"'mean_norm' with {similarity} and {kernel.label} drives a norm to 0; allowed: none, unit",
        )


class Gauge:
    """The map from variables Y to vectors X, both (n, f), and its adjoint."""

    def __init__(self, name: str, radius: float, length: float, *, centred: bool) -> None:
        self.name = name
        self.radius = radius
        self.length = length
        self.centred = centred

    def variables(self, vectors: Float) -> Float:
        """Return Y = X / L, which X is the image of if it has the norms of the gauge, (n, f)."""
        return vectors / self.length

    def vectors(self, variables: Float) -> Float:
        """Return X for variables Y, (n, f)."""
        if self.name == "none":
            return self.length * variables
        if self.centred:
            variables = variables - variables.mean(axis=0)
        norms = np.sqrt(np.einsum("ij,ij->i", variables, variables))
        if self.name == "unit":
            return np.asarray(variables * (self.radius / norms)[:, None])
        return np.asarray(variables * (self.radius / norms.mean()))

    def gradient(self, variables: Float, vectors: Float, slope: Float) -> Float:
        """Return dJ/dY from the slope dJ/dX at `vectors` = X(Y), all (n, f)."""
        if self.name == "none":
            return self.length * slope
        if self.name == "unit":
            norms = np.sqrt(np.einsum("ij,ij->i", variables, variables))
            radial = np.einsum("ij,ij->i", slope, vectors) / self.radius**2
            return np.asarray((slope - radial[:, None] * vectors) * (self.radius / norms)[:, None])
        if self.centred:
            variables = variables - variables.mean(axis=0)
        norms = np.sqrt(np.einsum("ij,ij->i", variables, variables))
        scale = self.radius / norms.mean()
        common = scale * float(np.vdot(slope, vectors)) / (self.radius * norms.size)
        # <G, X> / (R n) times R / m: vectors = (R / m) Y' turns <G, Y'> R / (n m^2) into this.
        back = scale * slope - common * (variables / norms[:, None])
        return np.asarray(back - back.mean(axis=0) if self.centred else back)
