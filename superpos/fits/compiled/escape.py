"""Whether the vectors of a joint step escape: too long, or in groups out of reach of each other.

Groups are found from row 0 over pairs within reach, in waves. Bounds and reasons are those of
`superpos.fits.bounds`.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.joint_workspace import BUFFER, DISTANCES, F, M, N
from superpos.fits.compiled.machine.dense import squared_differences, squared_lengths
from superpos.fits.compiled.machine.options import OPTIONS, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.machine.vectors import cold
from superpos.fits.compiled.wolfe import largest

LIMIT, WATCH, FAR = range(3)
"""Places in the bounds, lengths in the problem's unit: norm that has escaped; norm at which pairs are looked
at; r^2 of a pair out of reach."""


@compiled(OPTIONS)
def is_escaping(memory: FloatPointer, at: IntPointer, x: FloatPointer, bounds: FloatPointer) -> bool:
    """Return whether the vectors at the head of `x` (gauge none) are too long or out of reach."""
    cold()
    n, f, m = at[N], at[F], at[M]
    lengths = part(memory, at[BUFFER])
    squared_lengths(x, lengths, f, m)
    longest = math.sqrt(largest(lengths, m))
    if longest > bounds[LIMIT]:
        return True
    if not longest > bounds[WATCH]:
        return False
    squares = part(memory, at[DISTANCES])
    squared_differences(x, squares, n, f, m)
    # Rows reached from row 0 over pairs within reach, in waves.
    reached = lengths
    for j in range(m):
        reached[j] = 0.0
    reached[0] = 1.0
    count, grown = 1, True
    while grown and count < n:
        grown = False
        for i in range(n):
            if reached[i] == 1.0:
                for j in range(n):
                    if reached[j] == 0.0 and squares[i * m + j] <= bounds[FAR]:
                        reached[j] = 1.0
                        count += 1
                        grown = True
    return count < n
