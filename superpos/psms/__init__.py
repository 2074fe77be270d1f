"""Pairwise similarity matrices of feature directions, their controls and the distances between them."""

from superpos.psms.build import build_psm, describe_psm, rests_on_shape
from superpos.psms.distances import (
    distance_to_identity,
    distance_to_simplex,
    minkowski_distance,
    nearest_simplex_psm,
    recovery,
    rms_offdiagonal,
    simplex_psm,
    simplex_score,
)
from superpos.psms.similarity import (
    cosine,
    rbf,
    resolve_rbf_scale,
    similarity_matrices,
    similarity_matrix,
    squared_distances,
)
from superpos.psms.spaces import whiten

__all__ = [
    "build_psm",
    "cosine",
    "describe_psm",
    "distance_to_identity",
    "distance_to_simplex",
    "minkowski_distance",
    "nearest_simplex_psm",
    "rbf",
    "recovery",
    "resolve_rbf_scale",
    "rests_on_shape",
    "rms_offdiagonal",
    "similarity_matrices",
    "similarity_matrix",
    "simplex_psm",
    "simplex_score",
    "squared_distances",
    "whiten",
]
