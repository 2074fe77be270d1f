"""From directions (or an imported matrix) to a target PSM with what must be known of it before a fit.

Eigenvalues and quartiles are measures, which say their formulas (`superpos.psms.measures`). The record has
besides, under a similarity with a scale, the quartiles of r_ij^2 / C over i < j: far from 1 the similarity is
flat and tells nothing.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix, as_psm
from superpos.errors import ArgumentError, shown
from superpos.kinds.controls import CONTROLS, Control
from superpos.kinds.measures import MEASURES
from superpos.kinds.similarities import SIMILARITIES, Similarity
from superpos.psms.arguments import argument_of_matrix, argument_of_rows, check_range, of_argument, opposite
from superpos.psms.measuring import measure_matrices
from superpos.psms.similarity import ScaleRule, is_median, resolve_rbf_scale
from superpos.records.psms import PsmRecord
from superpos.specs.axes import check_count

QUARTILES = ("value_q25", "value_median", "value_q75")
COLUMNS = ("min_eigenvalue", "rank", "effective_dimension", *QUARTILES)
"""Measures that the record of a matrix holds itself."""
RATIO_RANGE = (0.1, 5.0)
"""Median of r^2 / C outside of which the RBF is called flat: similarities above 0.90 or below 0.007."""
NEGATIVE_EIGENVALUE = -1e-9
"""Below this a smallest eigenvalue is called negative and not rounding."""


def build_psm(
    *,
    kind: str,
    similarity: str,
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
        `features` or a control (`superpos.kinds.controls`).
    similarity : str
        Similarity of the matrix.
    directions : array_like, (n, d), optional
        Directions of the features; for a control of labels, of the probes on permuted labels, for one of
        tokens or samples those that were drawn.
    target : array_like, (n, n), optional
        An imported PSM instead of directions; for `features` and controls that draw from the matrix.
    rbf_scale_rule : float or "median"
        C of the RBF. With `target` a number: it is recorded, and cancels in every control.
    replicate : int
        Replicate of the control; 0 for `features`.
    reference : array_like, (m, d), optional
        Directions that "median" is resolved on; the directions themselves by default. Needed for
        controls of labels, tokens and samples, since controls use the C of their features.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If a matrix has the wrong shape or entries.
    ArgumentError
        If a kind or similarity is unknown, not exactly one of `directions` and `target` is given, a row is
        zero under cosine, the scale cannot be resolved, an imported matrix lacks what the kind needs, the
        control is not known under this similarity, or `features` have a replicate.
    """
    control = CONTROLS.get(kind, "kind")
    known = SIMILARITIES.get(similarity, "similarity")
    check_count("replicate", replicate, 0)
    if not control.is_control and replicate != 0:
        raise ArgumentError("replicate", f"{replicate} does not apply to {kind}; use 0")
    if directions is not None and target is None:
        rows = as_matrix("directions", directions, min_rows=2)
        matrix, scale = _from_directions(control, known, rows, rbf_scale_rule, replicate, reference)
    elif target is not None and directions is None:
        matrix, scale = _from_matrix(control, known, as_psm("target", target), rbf_scale_rule, replicate)
    else:
        raise ArgumentError("directions", "give either directions or an imported target, and not both")
    return describe_psm(
        matrix, similarity=similarity, kind=kind, replicate=replicate, rbf_scale_resolved=scale
    )


def rests_on_shape(kind: str, similarity: str) -> bool:
    """Return whether targets of one (n, d, replicate) share one matrix, whatever their directions.

    Raises
    ------
    ArgumentError
        If there is no such kind or similarity.
    """
    return CONTROLS.get(kind, "kind").of_shape is not None and SIMILARITIES.get(similarity).angular


def _from_directions(
    control: Control,
    known: Similarity,
    rows: Float,
    rule: ScaleRule,
    replicate: int,
    reference: ArrayLike | None,
) -> tuple[Float, float]:
    """Return the matrix, and C or 0."""
    n, width = rows.shape
    scale = 0.0
    if known.has_scale:
        if control.handed_in and reference is None and is_median(rule):
            raise ArgumentError("reference", f"is needed: C of {control.name} is resolved on the features")
        scale = resolve_rbf_scale(rows if reference is None else reference, rule)
    if control.of_shape is not None and known.angular:
        rows = control.of_shape(n, width, replicate)
    elif control.directions is not None:
        rows = control.directions(rows, replicate)
    return _drawn(control, known, argument_of_rows(known, rows), scale, replicate, width), scale


def _from_matrix(
    control: Control, known: Similarity, matrix: Float, rule: ScaleRule, replicate: int
) -> tuple[Float, float]:
    """Return the matrix, and C or 0."""
    if not control.of_matrix:
        have = (other.name for other in CONTROLS.usable() if other.of_matrix)
        raise ArgumentError(
            "kind", f"{shown(control.name)} needs directions; an imported matrix has {', '.join(have)}"
        )
    matrix = (matrix + matrix.T) / 2.0
    scale = 0.0
    if known.has_scale:
        if is_median(rule):
            raise ArgumentError("rbf_scale", "'median' needs directions; an imported matrix takes a number")
        scale = resolve_rbf_scale(np.eye(2), rule)
    check_range(known, matrix)
    if not control.arguments:
        return (matrix if control.matrix is None else control.matrix(matrix, replicate, len(matrix))), scale
    # In units of C, which cancels: r^2 / C = -log T.
    return _drawn(control, known, argument_of_matrix(known, matrix), 1.0, replicate, len(matrix)), scale


def _drawn(
    control: Control, known: Similarity, argument: Float, scale: float, replicate: int, width: int
) -> Float:
    """Return the similarities of an argument (n, n), or those of a control that is drawn from it."""
    if control.arguments:
        if known.argument not in control.arguments:
            have = ", ".join(control.arguments)
            raise ArgumentError(
                "kind", f"{shown(control.name)} is a control of {have}; {known.name} reads {known.argument}"
            )
        argument = control.arguments[known.argument](argument, replicate, width)
    matrix = of_argument(known, argument, scale)
    return matrix if control.matrix is None else control.matrix(matrix, replicate, width)


def describe_psm(
    T: ArrayLike, *, similarity: str, kind: str, replicate: int = 0, rbf_scale_resolved: float = 0.0
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
    found, _ = measure_matrices([matrix], [MEASURES.get(name) for name in COLUMNS])
    measured = {name: float(column[0]) for name, column in found.items()}
    known = SIMILARITIES.get(similarity, "similarity")
    ratios = None
    if known.has_scale:
        ratios = _quartiles(argument_of_matrix(known, matrix)[np.triu_indices(n, 1)])
    smallest = measured["min_eigenvalue"]
    return PsmRecord(
        matrix=matrix,
        similarity=similarity,
        kind=kind,
        replicate=replicate,
        rbf_scale_resolved=rbf_scale_resolved,
        quartiles=np.array([measured[name] for name in QUARTILES]),
        ratio_quartiles=ratios,
        min_eigenvalue=smallest,
        rank=int(measured["rank"]),
        effective_dimension=measured["effective_dimension"],
        message=" ".join(_warnings(known, values, ratios, smallest)),
    )


def _warnings(known: Similarity, values: Float, ratios: Float | None, smallest: float) -> list[str]:
    found = []
    if ratios is not None and not RATIO_RANGE[0] <= ratios[1] <= RATIO_RANGE[1]:
        low, middle, high = ratios
        found.append(
            f"squared distances are {low:.3g}, {middle:.3g}, {high:.3g} (quartiles) times C, so the RBF is "
            "nearly constant; use rbf_scale 'median'."
        )
    if smallest < NEGATIVE_EIGENVALUE:
        found.append(f"not positive semidefinite (smallest eigenvalue {smallest:.3g}): no vectors reach it.")
    if values.size == 1 and values[0] < opposite(known):
        found.append("two opposite directions, as any two exclusive classes give: this is no geometry.")
    return found


def _quartiles(values: Float) -> Float:
    return cast("Float", np.quantile(values, (0.25, 0.5, 0.75)))
