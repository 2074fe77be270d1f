"""Smallest eigenvalue."""

from superpos.kinds.measures import Measure

KIND = Measure(
    name="min_eigenvalue",
    version=1,
    rank=10,
    meaning="Smallest eigenvalue; below 0 no vectors have these similarities.",
    formula="min lambda",
    reads="eigenvalues",
    function=lambda eigenvalues: eigenvalues[:, 0],
)
