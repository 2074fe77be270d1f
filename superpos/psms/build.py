"""From directions (or an imported matrix) to a target PSM with what must be known of it before a fit.

smallest eigenvalue     below 0: no set of vectors has these cosines
rank                    eigenvalues with |lambda| > RANK_TOLERANCE max |lambda|
effective dimension     participation ratio (sum lambda)^2 / sum lambda^2
ratio quartiles (rbf)   quartiles of r_ij^2 / C over i < j; far from 1 the RBF is flat and tells nothing
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix, as_psm
from superpos.errors import ArgumentError, shown
from superpos.psms.controls import (
    gaussian_directions,
    gaussian_directions_like,
    permuted_directions,
    shuffled_entries,
    spectrum_cosine,
    spectrum_rbf,
)
from superpos.psms.similarity import (
    ScaleRule,
    cosine,
    is_median,
    rbf_of_squares,
    resolve_rbf_scale,
    squared_distances,
)
from superpos.records.psms import PsmRecord
from superpos.specs.axes import SIMILARITIES, Similarity, check_choice, check_count
from superpos.specs.study import TARGET_KINDS

MATRIX_KINDS = ("features", "shuffled_entries", "spectrum")
"""Kinds of target that an imported matrix has, for want of directions."""
RANK_TOLERANCE = 1e-10
"""Eigenvalues below this fraction of the largest count as 0."""
RATIO_RANGE = (0.1, 5.0)
"""Median of r^2 / C outside of which the RBF is called flat: similarities above 0.90 or below 0.007."""
SMALLEST_SIMILARITY = 1e-300
"""Entries of an imported RBF matrix below this are read as this (r^2 / C = 691)."""
NEGATIVE_EIGENVALUE = -1e-9
"""Below this a smallest eigenvalue is called negative and not rounding."""


def build_psm(
    *,
    kind: str,
    similarity: Similarity,
    directions: ArrayLike | None = None,
    target: ArrayLike | None = None,
    rbf_scale_rule: ScaleRule = 200.0,
    replicate: int = 0,
    reference: ArrayLike | None = None,
) -> PsmRecord:
    """Return the target PSM of this kind.

    Parameters
    ----------
    kind : str
        `features`, a control made from the features (permuted, gaussian, shuffled_entries, spectrum), or
        `shuffled_labels`, whose directions come from probes trained on permuted labels.
    similarity : {"cosine", "rbf"}
        Similarity of the matrix.
    directions : array_like, (n, d), optional
        Directions of the features (for `shuffled_labels`, of the probes on permuted labels).
    target : array_like, (n, n), optional
        An imported PSM instead of directions; kinds `features`, `shuffled_entries` and `spectrum` only.
    rbf_scale_rule : float or "median"
        C of the RBF. With `target` a number: it is recorded, and cancels in every control.
    replicate : int
        Replicate of the control; 0 for `features`.
    reference : array_like, (m, d), optional
        Directions that "median" is resolved on; the directions themselves by default. Needed for
        `shuffled_labels`, since controls use the C of their features.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If a matrix has the wrong shape or entries.
    ArgumentError
        If a kind or similarity is unknown, not exactly one of `directions` and `target` is given, a row is
        zero under cosine, the scale cannot be resolved, an imported matrix lacks what the kind needs, or
        `features` have a replicate.
    """
    check_choice("kind", kind, TARGET_KINDS)
    check_choice("similarity", similarity, SIMILARITIES)
    check_count("replicate", replicate, 0)
    if kind == "features" and replicate != 0:
        raise ArgumentError("replicate", f"{replicate} does not apply to features; use 0")
    if directions is not None and target is None:
        rows = as_matrix("directions", directions, min_rows=2)
        return _from_directions(kind, similarity, rows, rbf_scale_rule, replicate, reference)
    if target is not None and directions is None:
        return _from_matrix(kind, similarity, as_psm("target", target), rbf_scale_rule, replicate)
    raise ArgumentError("directions", "give either directions or an imported target, and not both")


def _from_directions(
    kind: str,
    similarity: Similarity,
    rows: Float,
    rule: ScaleRule,
    replicate: int,
    reference: ArrayLike | None,
) -> PsmRecord:
    n, width = rows.shape
    if similarity == "cosine":
        if kind in ("features", "shuffled_labels"):
            matrix = cosine(rows)
        elif kind == "permuted":
            matrix = cosine(permuted_directions(rows, replicate))
        elif kind == "gaussian":
            # Without the norms of P, so that every target of one (n, d, replicate) shares this PSM.
            matrix = cosine(gaussian_directions(n, width, replicate))
        elif kind == "shuffled_entries":
            matrix = shuffled_entries(cosine(rows), replicate, width)
        else:
            matrix = spectrum_cosine(cosine(rows), replicate, width)
        return describe_psm(matrix, similarity=similarity, kind=kind, replicate=replicate)
    if kind == "shuffled_labels" and reference is None and is_median(rule):
        raise ArgumentError("reference", "is needed: C of shuffled_labels is resolved on the features")
    scale = resolve_rbf_scale(rows if reference is None else reference, rule)
    squares = squared_distances(rows)
    if kind == "permuted":
        squares = squared_distances(permuted_directions(rows, replicate))
    elif kind == "gaussian":
        squares = squared_distances(gaussian_directions_like(rows, replicate))
    matrix = rbf_of_squares(squares, scale)
    if kind == "shuffled_entries":
        matrix = shuffled_entries(matrix, replicate, width)
    elif kind == "spectrum":
        matrix = spectrum_rbf(squares, scale, replicate, width)
    return describe_psm(
        matrix, similarity=similarity, kind=kind, replicate=replicate, rbf_scale_resolved=scale
    )


def _from_matrix(
    kind: str, similarity: Similarity, matrix: Float, rule: ScaleRule, replicate: int
) -> PsmRecord:
    if kind not in MATRIX_KINDS:
        raise ArgumentError(
            "kind", f"{shown(kind)} needs directions; an imported matrix has {', '.join(MATRIX_KINDS)}"
        )
    matrix = (matrix + matrix.T) / 2.0
    if similarity == "cosine":
        scale = 0.0
        if kind == "spectrum":
            matrix = spectrum_cosine(matrix, replicate)
    else:
        if is_median(rule):
            raise ArgumentError("rbf_scale", "'median' needs directions; an imported matrix takes a number")
        scale = resolve_rbf_scale(np.eye(2), rule)
        if np.any(matrix < 0.0) or np.any(matrix > 1.0):
            raise ArgumentError("target", "has entries outside [0, 1], which no RBF similarity takes")
        if kind == "spectrum":
            # In units of C, which cancels: r^2 / C = -log T.
            matrix = spectrum_rbf(_ratios(matrix), 1.0, replicate)
    if kind == "shuffled_entries":
        matrix = shuffled_entries(matrix, replicate)
    return describe_psm(
        matrix, similarity=similarity, kind=kind, replicate=replicate, rbf_scale_resolved=scale
    )


def describe_psm(
    T: ArrayLike, *, similarity: Similarity, kind: str, replicate: int = 0, rbf_scale_resolved: float = 0.0
) -> PsmRecord:
    """Return the record of a PSM (n, n): eigenvalues, quartiles and warnings, without changing the matrix.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If T is no pairwise similarity matrix.
    """
    matrix = as_psm("T", T)
    n = matrix.shape[0]
    values = matrix[np.triu_indices(n, 1)]
    eigenvalues = np.linalg.eigvalsh(matrix)
    magnitudes = np.abs(eigenvalues)
    ratios = None if similarity == "cosine" else _quartiles(_ratios(matrix)[np.triu_indices(n, 1)])
    smallest = float(eigenvalues[0])
    return PsmRecord(
        matrix=matrix,
        similarity=similarity,
        kind=kind,
        replicate=replicate,
        rbf_scale_resolved=rbf_scale_resolved,
        quartiles=_quartiles(values),
        ratio_quartiles=ratios,
        min_eigenvalue=smallest,
        rank=int(np.sum(magnitudes > RANK_TOLERANCE * np.max(magnitudes))),
        effective_dimension=float(np.sum(eigenvalues) ** 2 / np.sum(eigenvalues**2)),
        message=" ".join(_warnings(similarity, values, ratios, smallest)),
    )


def _warnings(similarity: Similarity, values: Float, ratios: Float | None, smallest: float) -> list[str]:
    found = []
    if ratios is not None and not RATIO_RANGE[0] <= ratios[1] <= RATIO_RANGE[1]:
        low, middle, high = ratios
        found.append(
            f"squared distances are {low:.3g}, {middle:.3g}, {high:.3g} (quartiles) times C, so the RBF is "
            "nearly constant; use rbf_scale 'median'."
        )
    if smallest < NEGATIVE_EIGENVALUE:
        found.append(f"not positive semidefinite (smallest eigenvalue {smallest:.3g}): no vectors reach it.")
    if similarity == "cosine" and values.size == 1 and values[0] < -0.999:
        found.append("two opposite directions, as any two exclusive classes give: this is no geometry.")
    return found


def _quartiles(values: Float) -> Float:
    return cast("Float", np.quantile(values, (0.25, 0.5, 0.75)))


def _ratios(matrix: Float) -> Float:
    """Return r^2 / C of an RBF matrix, diagonal 0."""
    ratios = -np.log(np.clip(matrix, SMALLEST_SIMILARITY, 1.0))
    np.fill_diagonal(ratios, 0.0)
    return ratios
