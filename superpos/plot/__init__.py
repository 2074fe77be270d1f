"""Drawings for notebooks: each takes axes or makes them, draws on them alone, and returns them.

They import matplotlib when they are called, and change none of its settings.
"""

from superpos.plot.answers import answers
from superpos.plot.matrix import psm
from superpos.plot.own_energy import own_energy

__all__ = ["answers", "own_energy", "psm"]
