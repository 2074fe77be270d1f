"""The minimum without a limit on the dimension: a simplex, descents elsewhere, both back ends alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from superpos.fits import energy_value
from superpos.fits.relaxed import minimum_in_more_dimensions
from superpos.specs.axes import Kernel

KERNELS = (Kernel("exp"), Kernel("log"), Kernel("riesz", 1.0, "include", 0.1), Kernel("riesz", -1.0))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.label)
def test_even_features_are_a_simplex(kernel: Kernel) -> None:
    for n in (2, 3, 6):
        units = minimum_in_more_dimensions(np.full(n, 1.0 / n), np.ones(n), kernel, "scipy")
        assert units is not None
        np.testing.assert_allclose((units @ units.T)[~np.eye(n, dtype=bool)], -1.0 / (n - 1), atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.label)
def test_no_descent_from_elsewhere_is_lower(kernel: Kernel) -> None:
    rng = np.random.default_rng(2)
    n = 5
    weights, norms = rng.dirichlet(np.full(n, 5.0)), rng.uniform(0.6, 1.5, n)

    def energy(flat: np.ndarray) -> float:
        rows = flat.reshape(n, n)
        return energy_value(rows * (norms / np.linalg.norm(rows, axis=1))[:, None], weights, kernel)

    lowest = min(minimize(energy, rng.standard_normal(n * n), method="L-BFGS-B").fun for _ in range(3))
    found = []
    for backend in ("scipy", "compiled"):
        units = minimum_in_more_dimensions(weights, norms, kernel, backend)
        assert units is not None
        found.append(energy_value(units * norms[:, None], weights, kernel))
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    assert found[0] == pytest.approx(lowest, rel=1e-6)
    assert found[0] <= lowest + 1e-12


def test_an_energy_out_of_range_has_none() -> None:
    steep = Kernel("riesz", 1000.0)
    assert minimum_in_more_dimensions(np.full(3, 1.0 / 3.0), np.full(3, 1e-3), steep, "scipy") is None
