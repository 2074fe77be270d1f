"""Lower bounds on the energy of every configuration on the sphere, by linear programming."""

from superpos.bounds.sphere import energy_bound

__all__ = ["energy_bound"]
