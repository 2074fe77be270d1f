"""What the joint step minimises, as data: the record that both back ends are given, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from superpos.arrays import Float
from superpos.kinds.similarities import SIMILARITIES, Similarity
from superpos.specs.axes import Kernel


@dataclass(frozen=True, slots=True, eq=False)
class JointProblem:
    """One joint problem; its fields are checked by whoever makes it (`superpos.fits.api`)."""

    target: Float
    """Target pairwise similarity matrix, (n, n), symmetric."""
    kernel: Kernel
    n_dims: int
    lambda_d: float
    similarity: str
    """Name of a kind of `superpos.kinds.similarities`."""
    rbf_scale: float
    """C; not read by similarities of cosines."""
    gauge: str
    """`none`, `unit` or `mean_norm`."""
    learned: bool
    """Whether the logits are variables; otherwise w = 0."""
    radius: float
    """Start radius R, which the gauges hold."""

    @property
    def n(self) -> int:
        """Number of features."""
        return int(self.target.shape[0])

    @property
    def similarity_kind(self) -> Similarity:
        """The kind of the similarity."""
        return SIMILARITIES.get(self.similarity)

    @property
    def length(self) -> float:
        """Unit of length of the variables: the start radius, or sqrt(C) where the similarity reaches farther.

        R alone would do but for targets most of which are 1: it is tiny then beside the distances that the
        other entries ask for, and a gradient over X / R is small everywhere.
        """
        angular = self.similarity_kind.angular
        return self.radius if angular else max(self.radius, math.sqrt(self.rbf_scale))

    @property
    def free_of_norms(self) -> bool:
        """Whether the objective is constant along the norms of all vectors."""
        return self.similarity_kind.angular and self.kernel.kind.angular

    @property
    def translation_invariant(self) -> bool:
        """Whether a common shift of all vectors leaves the problem as it is."""
        return not (self.similarity_kind.angular or self.kernel.kind.angular or self.gauge == "unit")

    @property
    def has_no_minimiser(self) -> bool:
        """Whether the objective falls along every ray X -> t X (`bounds.py`, case 1)."""
        return self.similarity_kind.angular and self.kernel.kind.grows_norms and self.gauge == "none"
