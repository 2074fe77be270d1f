"""Energy fits: joint step, re-optimisation, certificate, and what the stages read off them."""

from superpos.fits.api import certify, fit_joint, reoptimise
from superpos.fits.certificate import without_spectrum
from superpos.fits.kernels import energy_value, softmax
from superpos.fits.manifold import minimise_on_spheres, polish, project
from superpos.fits.spheres import effective_features, importance_entropy, relative_gradient
from superpos.fits.start import perturbation_angles, start_radius

__all__ = [
    "certify",
    "effective_features",
    "energy_value",
    "fit_joint",
    "importance_entropy",
    "minimise_on_spheres",
    "perturbation_angles",
    "polish",
    "project",
    "relative_gradient",
    "reoptimise",
    "softmax",
    "start_radius",
    "without_spectrum",
]
