"""How fast the pair energies run on their own: the floor under every evaluation."""

from __future__ import annotations

import time

import numpy as np

from superpos.arrays import Float
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.pointers import part
from superpos.fits.compiled.pairs import energies, kernel_code
from superpos.specs.axes import Kernel


@entry
def repeat_energies(code: int, s: float, arguments: Float, buffer: Float, turns: int) -> None:
    """Evaluate K at the arguments so many times."""
    source, values = part(arguments, 0), part(buffer, 0)
    for _ in range(turns):
        for j in range(arguments.size):
            values[j] = source[j]
        energies(code, s, 0.0, values, arguments.size)


def nanoseconds_per_pair(kernel: Kernel, pairs: int) -> float:
    """Return the CPU time of one pair energy within a loop over so many pairs (a multiple of 8), in ns."""
    arguments = np.linspace(0.1, 1.0, pairs)
    buffer, turns = np.empty(pairs), 2**22 // pairs
    code = kernel_code(kernel)
    repeat_energies(code, kernel.s, arguments, buffer, 1)
    start = time.process_time()
    repeat_energies(code, kernel.s, arguments, buffer, turns)
    return (time.process_time() - start) / (turns * pairs) * 1e9
