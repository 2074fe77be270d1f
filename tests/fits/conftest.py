"""Plain-loop oracles of the formulas in the thesis, and planted targets."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from superpos.specs.axes import Kernel

Array = np.ndarray


class Loops:
    """The formulas, one pair at a time, from the definitions."""

    @staticmethod
    def pair(x: Array, y: Array, kernel: Kernel) -> float:
        if kernel.energy == "exp":
            cos = sum(a * b for a, b in zip(x, y, strict=True)) / (math.dist(x, 0 * x) * math.dist(y, 0 * y))
            return math.exp((kernel.s or 1.0) * cos)
        rho = math.hypot(math.dist(x, y), kernel.softening)
        if kernel.energy == "gauss":
            return math.exp(-(rho**2) / kernel.s)
        if kernel.energy == "log":
            return -math.log(rho)
        return math.copysign(1.0, kernel.s) * rho ** (-kernel.s)

    @staticmethod
    def energy(vectors: Array, weights: Array, kernel: Kernel) -> float:
        n = len(vectors)
        return math.fsum(
            weights[i] * weights[j] * Loops.pair(vectors[i], vectors[j], kernel)
            for i in range(n)
            for j in range(n)
            if i != j or kernel.self_energy == "include"
        )

    @staticmethod
    def similarity(x: Array, y: Array, name: str, scale: float) -> float:
        if name == "rbf":
            return math.exp(-(math.dist(x, y) ** 2) / scale)
        return float(x @ y) / (math.dist(x, 0 * x) * math.dist(y, 0 * y))

    @staticmethod
    def mismatch(vectors: Array, target: Array, name: str, scale: float) -> float:
        n = len(vectors)
        return math.fsum(
            (Loops.similarity(vectors[i], vectors[j], name, scale) - target[i, j]) ** 2
            for i in range(n)
            for j in range(n)
        )

    @staticmethod
    def softmax(logits: Array) -> Array:
        powers = [math.exp(value - max(logits)) for value in logits]
        return np.array([power / sum(powers) for power in powers])


@pytest.fixture(scope="session")
def loops() -> type[Loops]:
    return Loops


@pytest.fixture(scope="session")
def planted_target() -> Callable[[int], Array]:
    """Return a cosine target of 11 features with a few strong pairs, as probes of a real layer have them."""

    def make(seed: int = 1) -> Array:
        rng = np.random.default_rng(seed)
        rows = rng.standard_normal((11, 40))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        rows[1] = 0.6 * rows[0] + 0.5 * rows[1]
        rows[3] = 0.5 * rows[2] + 0.7 * rows[3]
        rows[6] = -0.5 * rows[5] + 0.4 * rows[6]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        gram = rows @ rows.T
        gram = 0.5 * (gram + gram.T)
        np.fill_diagonal(gram, 1.0)
        return gram

    return make
