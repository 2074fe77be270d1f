"""Objective of the re-optimisation by Powell's method: energy plus a penalty on the norms.

    F(X) = sum_ij K(x_i, x_j) w~_i w~_j + lambda_x sum_i | ||x_i|| - n_i |

w~ and n_i held, X flat in C order. Values only: Powell reads no gradient. The diagonal of the energy does not
depend on X and is added as the constant K(x, x) sum_i w~_i^2. Squared distances come from the Gram matrix as
in `joint.py`.

Source: the thesis' re-optimisation step.
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.fits.kernels import pair_energy, self_value
from superpos.specs.axes import Kernel

TINY = np.finfo(np.float64).tiny


class PenaltyObjective:
    """F as `loss` of the flat vectors; buffers are reused, so one object serves one thread."""

    def __init__(
        self, importance: Float, norms: Float, kernel: Kernel, *, n_dims: int, lambda_x: float
    ) -> None:
        n = importance.size
        self.shape = (n, n_dims)
        self.norms = norms
        self.lambda_x = lambda_x
        self.kernel = kernel
        weights = np.outer(importance, importance)
        np.fill_diagonal(weights, 0.0)
        self._constant = self_value(kernel) * float(importance @ importance)
        self._half_eps2 = 0.5 * kernel.softening**2
        self._angular = kernel.kind.angular
        self._pairs = weights.ravel()
        self._gram = np.empty((n, n))
        self._flat = self._gram.ravel()
        self._diagonal = self._flat[:: n + 1]
        self._lengths = np.empty(n)
        self._column = self._lengths[:, None]
        self._squares = np.empty(n)
        self._squares_column = self._squares[:, None]

    def loss(self, flat: Float) -> float:
        """Return F; not finite where vectors coincide under a singular kernel or vanish under a cosine."""
        vectors = flat.reshape(self.shape)
        gram, lengths = self._gram, self._lengths
        np.dot(vectors, vectors.T, out=gram)
        np.sqrt(self._diagonal, out=lengths)
        if self._angular:
            np.divide(gram, lengths, out=gram)
            np.divide(gram, self._column, out=gram)
        else:
            # Half of eps^2 with the row's square, half with the column's: rho^2 in two additions.
            np.add(self._diagonal, self._half_eps2, out=self._squares)
            np.multiply(gram, -2.0, out=gram)
            np.add(gram, self._squares, out=gram)
            np.add(gram, self._squares_column, out=gram)
            np.maximum(gram, TINY, out=gram)
        # Its weight is 0: any argument at which K is finite.
        self._diagonal.fill(0.0 if self._angular else 1.0)
        values = pair_energy(self.kernel, gram)
        energy = float(np.dot(self._pairs, values.ravel())) + self._constant
        if self.lambda_x == 0.0:
            return energy
        np.subtract(lengths, self.norms, out=lengths)
        np.absolute(lengths, out=lengths)
        return energy + self.lambda_x * float(np.add.reduce(lengths))
