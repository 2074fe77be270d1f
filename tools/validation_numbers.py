"""What the questions compare, of matrices at hand: measures, fits, what labels and energy explain.

Each function returns numbers by question, one for every matrix, the first of which is that of the features.
`HELD_OUT` marks questions on labels that take the correlations of the held-out samples, in which probes have
no part, in the place of those of all samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from superpos.analysis.ends import MINIMA
from superpos.analysis.explaining import Explained, explain
from superpos.analysis.predictors import Predictor, of_labels
from superpos.analysis.ranks import spearman
from superpos.arrays import Bool, Float
from superpos.datasets.labels import phi_matrix
from superpos.fits import certify, fit_joint, reoptimise
from superpos.kinds.measures import MEASURES
from superpos.kinds.potentials import Potential
from superpos.psms import cosine
from superpos.psms.distances import rms_offdiagonal
from superpos.psms.measuring import Asked, answer
from superpos.stages.explained import Optima

KERNEL = Potential("exp")
N_DIMS = 3
"""f of the balance of forces and of fits."""
FITTED = ("even_importance", "keeps_low", "taken_away", "moved")
"""Questions on fits, of ends that are certified minima."""
HELD_OUT = ", held out"
RELABELLED = "relabelled features"
"""The control that a set is of itself."""
EXPLAINED = {"labels_explain": "label_phi", "energy_explains": "energy"}
"""Predictors by question."""


def measured(matrices: Sequence[Float], width: int) -> Iterator[tuple[str, Float]]:
    """Yield what the questions on measures compare of every matrix, (n, n) each, of directions in R^width."""
    own = Asked(MEASURES.get("own_energy"), KERNEL)
    score = Asked(MEASURES.get("simplex_score"))
    flat, _ = answer(matrices, [own, score], widths=[float(width)] * len(matrices))
    yield "own_energy", flat[own].scaled
    yield "simplex", flat[score].value


def balance(matrices: Sequence[Float], width: int) -> Float:
    """Return the net force over the sum of forces at the nearest configuration, of every matrix."""
    force = Asked(MEASURES.get("force_residual"), KERNEL)
    found, _ = answer(matrices, [force], n_dims=N_DIMS, widths=[float(width)] * len(matrices))
    return found[force].value


def follows(matrices: Sequence[Float], labels: Bool) -> Float:
    """Return the rank correlation of every matrix with the phi coefficients of labels (n_samples, n)."""
    phi = phi_matrix(labels)
    pairs = np.triu_indices(len(phi), 1)
    return np.array([spearman(one[pairs], phi[pairs]) for one in matrices], dtype=np.float64)


def explained(matrices: Sequence[Float], labels: Bool) -> tuple[dict[str, Float], dict[str, float]]:
    """Return the unique share of a predictor in every matrix, and its p in the first, by question.

    NaN where it is not defined.
    """
    shares = labels.mean(axis=0)
    predictors = (
        *of_labels(phi_matrix(labels), shares, len(labels)),
        Optima().of(shares, KERNEL),
    )
    rows = [_by_name(one, predictors, tested=place == 0) for place, one in enumerate(matrices)]
    values = {
        question: np.array([row[name].r2_unique for row in rows], dtype=np.float64)
        for question, name in EXPLAINED.items()
    }
    tested = {question: float(rows[0][name].p_unique or np.nan) for question, name in EXPLAINED.items()}
    return values, tested


def _by_name(matrix: Float, predictors: Sequence[Predictor], *, tested: bool) -> Mapping[str, Explained]:
    return {one.predictor: one for one in explain(matrix, predictors, tested=tested)}


def fitted(matrices: Sequence[Float]) -> dict[str, Float]:
    """Return what the questions on fits compare of every matrix; NaN where an end is no certified minimum."""
    rows = []
    for matrix in matrices:
        joint = fit_joint(matrix, energy="exp", n_dims=N_DIMS, gauge="unit", backend="compiled")
        end = reoptimise(joint.vectors, joint.logits, energy="exp", optimiser="manifold", backend="compiled")
        verdict = certify(end.vectors, joint.importance, energy="exp").verdict
        here, there = cosine(joint.vectors), cosine(end.vectors)
        near, far = rms_offdiagonal(here, matrix), rms_offdiagonal(there, matrix)
        numbers = (far, far - near, rms_offdiagonal(there, here))
        sound = str(verdict) in MINIMA
        settled = str(joint.verdict) in MINIMA
        w = joint.importance[joint.importance > 0.0]
        entropy = -float(w @ np.log(w)) / np.log(len(matrix))
        rows.append((entropy if settled else np.nan, *(numbers if sound else (np.nan,) * 3)))
    return dict(zip(FITTED, np.array(rows).T, strict=True))
