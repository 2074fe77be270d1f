"""Random draws with keys of their own (`docs/science.md`, "Keys and draws").

A draw is named by what must be paired and by nothing else; its generator is PCG64 seeded with the SHA-256 of
that name. Energies, layers, sigmas, back ends and optimisers are therefore compared on the same draws, in
whatever order and on however many workers they run, and a bug fix elsewhere redraws nothing.

| draw                | parts                                |
|---------------------|--------------------------------------|
| joint_start         | n, n_dims, restart                   |
| perturbation        | n, n_dims, restart, trial            |
| control             | kind, replicate, n, width            |
| label_permutation   | replicate, unit, units               |
| split               | seed, groups                         |
| model_weights       | seed                                 |
| analysis            | name, replicate                      |
| sample              | name, seed                           |
| planted             | part, layer, seed                    |

NumPy promises equal streams for one version of a distribution only, so `numpy` is among the versions that a
run records.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np

from superpos.errors import ArgumentError, allowed, shown
from superpos.hashing import canonical_json

DRAWS: dict[str, tuple[int, tuple[str, ...]]] = {
    "joint_start": (1, ("n", "n_dims", "restart")),
    "perturbation": (1, ("n", "n_dims", "restart", "trial")),
    "control": (1, ("kind", "replicate", "n", "width")),
    "label_permutation": (2, ("replicate", "unit", "units")),
    "split": (1, ("seed", "groups")),
    "model_weights": (1, ("seed",)),
    "analysis": (1, ("name", "replicate")),
    "sample": (1, ("name", "seed")),
    "planted": (1, ("part", "layer", "seed")),
}
"""Frozen draw version and parts of every draw; a version only ever changes together with a decision."""


def draw_entropy(name: str, /, **parts: int | str) -> int:
    """Return the 128-bit integer that seeds the draw `name` with these parts.

    Raises
    ------
    ArgumentError
        If the draw is unknown, its parts are not exactly those of the table above, or one is neither a whole
        number nor text (1 and 1.0 would be two draws).
    """
    if name not in DRAWS:
        raise ArgumentError("name", f"unknown draw {shown(name)}; {allowed(name, DRAWS)}")
    version, wanted = DRAWS[name]
    if set(parts) != set(wanted):
        raise ArgumentError(
            "parts", f"draw {shown(name)} takes {', '.join(wanted)}; got {', '.join(sorted(parts))}"
        )
    given: dict[str, Any] = dict(parts)
    for part, value in given.items():
        if not isinstance(value, int | np.integer | str) or isinstance(value, bool):
            raise ArgumentError(part, f"{shown(value)} is neither a whole number nor text")
    # With their types: what is equal to another value (True and 1) may have another text.
    return _entropy(name, version, tuple((part, type(value), value) for part, value in given.items()))


@lru_cache(maxsize=4096)
def _entropy(name: str, version: int, parts: tuple[tuple[str, type, Any], ...]) -> int:
    """Return the integer of a draw whose parts are checked: fits meet a few of them again and again."""
    given = {part: value for part, _, value in parts}
    text = canonical_json({"draw": name, "draw_version": version, "parts": given})
    return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest()[:16], "big")


def generator(name: str, /, **parts: int | str) -> np.random.Generator:
    """Return a fresh generator for the draw `name`; equal parts give equal streams."""
    return np.random.Generator(np.random.PCG64(draw_entropy(name, **parts)))
