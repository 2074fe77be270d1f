"""The compiled engine: numba, single-threaded, GIL released, compiled code cached on disk.

Importing this package imports numba; `superpos.fits` imports it when `backend="compiled"` is first used.
Entry points compile on their first call (`warm_up` calls each once) and are read from the cache later.
"""

from superpos.fits.compiled.certificate import certify_compiled
from superpos.fits.compiled.joint import fit_joint_compiled
from superpos.fits.compiled.manifold import minimise_on_spheres_compiled, polish_compiled
from superpos.fits.compiled.reoptimise import powell_compiled
from superpos.fits.compiled.warm import warm_up

__all__ = [
    "certify_compiled",
    "fit_joint_compiled",
    "minimise_on_spheres_compiled",
    "polish_compiled",
    "powell_compiled",
    "warm_up",
]
