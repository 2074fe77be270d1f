"""Net forces over the sum of their parts, at the importance where they are least."""

from superpos.kinds.measures import Measure
from superpos.psms.forces import residual_least

KIND = Measure(
    name="force_residual_least",
    version=1,
    rank=172,
    meaning="The same at the importance where it is least, the largest at most 100 times the smallest.",
    formula="min over w of sqrt(sum_i |sum_j w_j b_ij|^2 / sum_i (sum_j w_j |b_ij|)^2)",
    reads="configuration",
    given=("kernel",),
    function=residual_least,
    low=0.0,
    high=1.0,
)
