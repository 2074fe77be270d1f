"""Net forces over the sum of their parts, under the repulsion that leaves the least."""

from superpos.kinds.measures import Measure
from superpos.psms.free_forces import residual_free

KIND = Measure(
    name="force_residual_free",
    version=1,
    rank=174,
    meaning="The same at equal importance under any force that falls with the distance, whichever leaves the "
    "least: no kernel of that kind balances the nearest configuration better.",
    formula="min over g >= 0 that do not fall in c of "
    "sqrt(sum_i |sum_j g_ij P_i x_j|^2 / sum_i (sum_j g_ij |P_i x_j|)^2)",
    reads="configuration",
    function=residual_free,
    low=0.0,
    high=1.0,
)
