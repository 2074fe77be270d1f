"""Pairwise similarity matrices (PSMs) and what is known of each before anything is fitted to it."""

from __future__ import annotations

from dataclasses import dataclass

from superpos.arrays import Float


@dataclass(frozen=True, slots=True, eq=False)
class PsmRecord:
    """A target pairwise similarity matrix with its diagnostics."""

    matrix: Float
    """Similarities, (n, n): exactly symmetric, unit diagonal unless it was imported otherwise."""
    similarity: str
    """`cosine` or `rbf`."""
    kind: str
    """`features`, or the control it is (`superpos.kinds.controls`)."""
    replicate: int
    """Replicate of the control, 0 for features."""
    rbf_scale_resolved: float
    """C of the RBF in squared units of the directions; 0 for cosine."""
    quartiles: Float
    """Quartiles of the off-diagonal entries, (3,)."""
    ratio_quartiles: Float | None
    """Quartiles of squared distance over C, (3,); None for cosine."""
    min_eigenvalue: float
    """Smallest eigenvalue of the matrix; below 0 no vectors have these similarities."""
    rank: int
    """Number of eigenvalues that are not 0 (`superpos.psms.measures.rank`)."""
    effective_dimension: float
    """Participation ratio of the eigenvalues, (sum)^2 / (sum of squares), between 0 and n."""
    message: str
    """Warnings for the reader, one sentence each; empty where there are none."""
