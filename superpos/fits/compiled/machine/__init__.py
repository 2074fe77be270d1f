"""The engine's machine layer: bare pointers, blocks of eight doubles, small dense products, entry points.

Nothing here knows of features or energies. `vectors`, `columns` and `pointers` speak LLVM; `elementary` and
`dense` are written in terms of them; `layout` says what lies where in the memory of a problem, `options` and
`entry` how the engine is compiled and cached, `versions` with which releases of numba it works.
"""

import numba

from superpos.fits.compiled.machine.versions import check_numba

check_numba(numba.__version__, disabled=bool(numba.config.DISABLE_JIT))
