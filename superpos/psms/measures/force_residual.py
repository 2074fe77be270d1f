"""Net forces over the sum of their parts, at equal importance."""

from superpos.kinds.measures import Measure
from superpos.psms.forces import residual_equal

KIND = Measure(
    name="force_residual",
    version=1,
    rank=170,
    meaning="Net force over the sum of its parts at the nearest configuration in f dimensions, all "
    "features of equal importance: 0 in equilibrium, 1 where no force meets another.",
    formula="sqrt(sum_i |sum_j b_ij|^2 / sum_i (sum_j |b_ij|)^2), b_ij = phi'_ij P_i x_j",
    reads="configuration",
    given=("kernel",),
    function=residual_equal,
    low=0.0,
    high=1.0,
)
