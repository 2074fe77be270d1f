"""Mantel tests between the PSMs of one feature set at two layers: is geometry preserved through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from numpy.typing import ArrayLike

from superpos.analysis.mantel import mantel_tests


@dataclass(frozen=True, slots=True)
class LayerSimilarity:
    """Rank correlation of the off-diagonal similarities at two layers."""

    layer_a: int
    layer_b: int
    """Above `layer_a`."""
    spearman: float | None
    """None where a PSM has constant off-diagonal entries (a simplex, or two features)."""
    p_value: float | None
    """One-sided (greater), Mantel test; None with the correlation."""
    n_permutations: int


def layer_similarities(
    psms: Mapping[int, ArrayLike], *, n_permutations: int = 9999, name: str = "layer_similarity"
) -> list[LayerSimilarity]:
    """Return the test of every pair of layers a < b, ordered, all on the same relabellings of the features.

    Parameters
    ----------
    psms : mapping of layer to array_like, (n, n)
        PSMs of the same n features in the same order.
    n_permutations : int
        Random relabellings where not all n! are tried.
    name : str
        Name of the draw.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError, ArgumentError
        As `superpos.analysis.mantel.mantel_test`.
    """
    layers = sorted(psms)
    pairs = list(combinations(range(len(layers)), 2))
    matrices = [psms[layer] for layer in layers]
    results = mantel_tests(matrices, pairs, n_permutations=n_permutations, name=name)
    return [
        LayerSimilarity(layers[i], layers[j], result.spearman, result.p_value, result.n_permutations)
        for (i, j), result in zip(pairs, results, strict=True)
    ]
