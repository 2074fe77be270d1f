"""What the joint step minimises, as data: the record that both back ends are given, checked."""

from __future__ import annotations

from dataclasses import dataclass

from superpos.arrays import Float
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
    """`cosine` or `rbf`."""
    rbf_scale: float
    """C of the RBF; not read by `cosine`."""
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
    def translation_invariant(self) -> bool:
        """Whether a common shift of all vectors leaves the problem as it is."""
        return self.similarity == "rbf" and self.kernel.energy != "exp" and self.gauge != "unit"

    @property
    def has_no_minimiser(self) -> bool:
        """Whether the objective falls along every ray X -> t X (`bounds.py`, case 1)."""
        return self.similarity == "cosine" and self.kernel.energy != "exp" and self.gauge == "none"
