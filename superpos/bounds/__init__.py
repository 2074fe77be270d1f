"""Lower bounds on the energy of every configuration on the sphere, by linear programming."""

from superpos.bounds.ends import BOUND_VERSION, Floor
from superpos.bounds.sphere import energy_bound

__all__ = ["BOUND_VERSION", "Floor", "energy_bound"]
