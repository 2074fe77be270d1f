"""`fit_joint`, `reoptimise` and `certify`: checks, starts and the choice of the back end.

    joint step       min over X, w of  sum_ij K(x_i, x_j) w~_i w~_j + lambda_d sum_ij (S_ij - T_ij)^2
    re-optimisation  min over X of     sum_ij K(x_i, x_j) w~_i w~_j [+ lambda_x sum_i | ||x_i|| - n_i |]

The optimisers are imported when they are first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_number, as_psm, as_vector
from superpos.errors import ShapeError
from superpos.fits.certificate import SPECTRA, certify_point
from superpos.fits.checks import check_importance, check_vectors
from superpos.fits.gauges import check_gauge
from superpos.fits.held import given_start, hold, perturbed_start, reoptimise_held
from superpos.fits.kernels import softmax
from superpos.fits.problem import JointProblem
from superpos.fits.start import (
    perturbation_generator,
    sphere_start,
    start_radius,
)
from superpos.kinds.optimisers import OPTIMISERS
from superpos.kinds.similarities import SIMILARITIES
from superpos.records.fits import Certificate, JointFit, Reoptimisation
from superpos.specs.axes import (
    BACKENDS,
    GAUGES,
    IMPORTANCE_MODES,
    LARGEST_SIGMA,
    LARGEST_TOLERANCE,
    Kernel,
    check_choice,
    check_count,
    check_rbf_scale,
)


def fit_joint(
    target: ArrayLike,
    similarity: str = "cosine",
    energy: Any = "riesz",
    s: float = 1.0,
    n_dims: int = 10,
    lambda_d: float = 100.0,
    seed: int | np.random.Generator = 0,
    rbf_scale: float = 200.0,
    self_energy: Any = None,
    softening: float = 0.0,
    gauge: str = "none",
    importance: str = "learned",
    max_iter: int = 2000,
    gtol: float = 1e-5,
    backend: str = "compiled",
    start: Sequence[ArrayLike] | None = None,
    joint_polish: bool = True,
) -> JointFit:
    """Fit vectors and importance to a target pairwise similarity matrix by conjugate gradients, and polish.

    Parameters
    ----------
    target
        Target pairwise similarity matrix (PSM), (n, n), finite and symmetric.
    similarity
        `cosine`, `rbf` = exp(-r^2 / rbf_scale), or another kind of `superpos.kinds.similarities`.
    energy, s, self_energy, softening
        The kernel; see `superpos.specs.axes.Kernel`. `s` is the parameter of an energy that has one,
        `softening` is eps itself.
    n_dims
        Dimension f of the vectors, at least 2.
    lambda_d
        Weight of the mismatch, at least 0.
    seed
        Restart of the frozen draw of the start, or a generator to draw from.
    rbf_scale
        C of similarities of distances, in squared units of the vectors.
    gauge
        `none`, `unit` (norms at the start radius) or `mean_norm` (mean norm at the start radius).
    importance
        `learned`, or `uniform` (all equal and held).
    max_iter, gtol
        Most iterations of the conjugate gradients; infinity norm of the gradient at which they stop, vectors
        in units of the start radius, or of sqrt(rbf_scale) if that is longer.
    backend
        `compiled` (numba), or `scipy`, the reference.
    start
        (vectors (n, f), logits (n,)) to start from instead of the draw.
    joint_polish
        Whether the end is finished by Newton's method to a gradient of 1e-8; False is the thesis' own step.

    Returns
    -------
    JointFit
        With the verdict of its end. An end that is not finite or unbounded is a status, not an error.

    Raises
    ------
    ArgumentError
        Or one of its subclasses for shapes, symmetry and finiteness: names the argument, its value and what
        is allowed.
    """
    psm = as_psm("target", target)
    kernel = Kernel(energy, s, self_energy, softening)
    known = SIMILARITIES.get(similarity, "similarity")
    check_choice("gauge", gauge, GAUGES)
    check_choice("importance", importance, IMPORTANCE_MODES)
    check_gauge(kernel, similarity, gauge)
    n, n_dims = psm.shape[0], check_count("n_dims", n_dims, 2)
    lambda_d = as_number("lambda_d", lambda_d, minimum=0.0)
    rbf_scale = check_rbf_scale("rbf_scale", rbf_scale)
    max_iter = check_count("max_iter", max_iter, 1)
    gtol = as_number("gtol", gtol, minimum=0.0, exclusive=True)
    engine = _engine(backend)
    radius = start_radius(psm, similarity, rbf_scale)
    if start is None:
        vectors = sphere_start(seed, n, n_dims, radius)
        logits = np.zeros(n)
    else:
        directed = known.angular or gauge != "none"
        vectors, logits = _joint_start(start, n, n_dims, kernel, directed)
    problem = JointProblem(
        psm, kernel, n_dims, lambda_d, similarity, rbf_scale, gauge, importance == "learned", radius
    )
    run = (
        engine.fit_joint_compiled
        if engine is not None
        else importlib.import_module("superpos.fits.cg").run_cg
    )
    fit: JointFit = run(problem, vectors, logits, max_iter=max_iter, gtol=gtol)
    finish = importlib.import_module("superpos.fits.joint_polish").finish_joint
    finished: JointFit = finish(problem, fit, polish=joint_polish, compiled=engine is not None)
    return finished


def reoptimise(
    vectors: ArrayLike,
    logits: ArrayLike,
    energy: Any = "riesz",
    s: float = 1.0,
    lambda_x: float = 1.0,
    sigma: float = 0.1,
    seed: int | np.random.Generator = 0,
    optimiser: str = "powell",
    backend: str = "compiled",
    xtol: float = 1e-4,
    ftol: float = 1e-4,
    max_iter: int | None = None,
    gtol: float = 1e-8,
    self_energy: Any = None,
    softening: float = 0.0,
    start: ArrayLike | None = None,
) -> Reoptimisation:
    """Perturb vectors and minimise the energy again, importance and norms held.

    Parameters
    ----------
    vectors, logits
        Ends of the joint step, (n, f) and (n,); the norms held are those of `vectors`.
    energy, s, self_energy, softening
        The kernel, as in `fit_joint`.
    lambda_x
        Weight of the norm penalty, at least 0; read by optimisers that have one.
    sigma
        Standard deviation of the perturbation in units of each row's norm, at least 0.
    seed
        Trial of the frozen draw of restart 0, or a generator to draw from.
    optimiser
        A kind of `superpos.kinds.optimisers`. `powell`: energy plus norm penalty, as in the thesis.
        `manifold`: the energy on the product of spheres, from the start projected to it (the record's
        `start`); norms exact.
    backend
        `compiled` (numba), or `scipy`, the reference.
    xtol, ftol
        Powell's tolerances.
    max_iter
        Most sweeps (Powell) or trust-region steps (manifold); None or 0: the optimiser's own limit.
    gtol
        Relative gradient at which the manifold optimiser stops.
    start
        (n, f) to start from instead of the perturbed vectors.

    Raises
    ------
    ArgumentError
        Or one of its subclasses, as `fit_joint`.
    """
    kernel = Kernel(energy, s, self_energy, softening)
    kept = check_vectors("vectors", vectors, kernel, coincident_allowed=True)
    with np.errstate(over="ignore"):  # logits further apart than the largest double: a weight of 0
        weights = softmax(as_vector("logits", logits, kept.shape[0]))
    held = hold(kept, weights, kernel)
    OPTIMISERS.get(optimiser, "optimiser")
    lambda_x = as_number("lambda_x", lambda_x, minimum=0.0)
    sigma = as_number("sigma", sigma, minimum=0.0, maximum=LARGEST_SIGMA)
    xtol = as_number("xtol", xtol, minimum=0.0, exclusive=True, maximum=LARGEST_TOLERANCE)
    ftol = as_number("ftol", ftol, minimum=0.0, exclusive=True, maximum=LARGEST_TOLERANCE)
    gtol = as_number("gtol", gtol, minimum=0.0, exclusive=True)
    limit = None if max_iter is None else check_count("max_iter", max_iter, 0) or None
    check_choice("backend", backend, BACKENDS)
    if start is None:
        draw = perturbation_generator(seed, *kept.shape).standard_normal(kept.shape)
        point = perturbed_start(held, draw, sigma)
    else:
        point = given_start(held, start)
    return reoptimise_held(
        held,
        point,
        optimiser=optimiser,
        backend=backend,
        lambda_x=lambda_x,
        xtol=xtol,
        ftol=ftol,
        gtol=gtol,
        max_iter=limit,
    )


def certify(
    vectors: ArrayLike,
    importance: ArrayLike,
    energy: Any = "riesz",
    s: float = 1.0,
    self_energy: Any = None,
    softening: float = 0.0,
    backend: str = "compiled",
    spectrum: str = "full",
) -> Certificate:
    """Certify a point on the product of spheres through its own rows, importance held.

    Parameters
    ----------
    vectors, importance
        (n, f), and (n,) summing to 1.
    energy, s, self_energy, softening
        The kernel, as in `fit_joint`.
    backend
        `compiled` (numba), or `scipy` (NumPy), the reference.
    spectrum
        `full`: all eigenvalues. `critical`: at critical points alone, where their signs mean something.
        `verdict`: none beyond what the verdict takes, which is most often one Cholesky factorisation. The
        verdict is the same; what is left out is empty, NaN or None.

    Raises
    ------
    ArgumentError
        Or one of its subclasses, as `fit_joint`.
    """
    kernel = Kernel(energy, s, self_energy, softening)
    check_choice("spectrum", spectrum, SPECTRA)
    point = check_vectors("vectors", vectors, kernel)
    weights = check_importance("importance", importance, point.shape[0])
    engine = _engine(backend)
    if engine is not None:
        certificate: Certificate = engine.certify_compiled(point, weights, kernel, spectrum=spectrum)
        return certificate
    with np.errstate(all="ignore"):  # what is not finite shows in the verdict
        return certify_point(point, weights, kernel, spectrum=spectrum)


def _joint_start(
    start: Sequence[ArrayLike], n: int, n_dims: int, kernel: Kernel, directed: bool
) -> tuple[Float, Float]:
    if len(start) != 2:
        raise ShapeError("start", f"holds {len(start)} arrays; allowed: (vectors, logits)")
    vectors = check_vectors("start", start[0], kernel, zero_allowed=not directed)
    if vectors.shape != (n, n_dims):
        raise ShapeError("start", f"shape of the vectors {vectors.shape} is not {(n, n_dims)}")
    return vectors, as_vector("start", start[1], n)


def _engine(backend: str) -> Any:
    """Return the compiled engine's module, imported when it is first asked for, or None for scipy."""
    check_choice("backend", backend, BACKENDS)
    return None if backend == "scipy" else importlib.import_module("superpos.fits.compiled")
