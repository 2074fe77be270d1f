"""The axes of a fit: kernel, joint step, re-optimisation; each frozen, coerced and checked when it is made.

Energies, similarities and optimisers are kinds (`superpos.kinds`); what they say of themselves is asked here.

Neutral values stand where an axis does not apply (s = 0 for `exp` and `log`, lambda_x = 0 for `manifold`), so
that no axis is ever NULL and equal computations have equal keys.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args

import numpy as np

from superpos.arrays import as_number
from superpos.catalogue import axis, identity
from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.energies import ENERGIES, Energy
from superpos.kinds.optimisers import OPTIMISERS, SETTINGS
from superpos.kinds.register import Register

SelfEnergy = Literal["exclude", "include"]
Gauge = Literal["none", "unit", "mean_norm"]
ImportanceMode = Literal["learned", "uniform"]
JointPolish = Literal["on", "off"]
Backend = Literal["scipy", "compiled"]
SigmaRule = Literal["sigma", "sigma / sqrt(f)"]

SELF_ENERGIES: tuple[str, ...] = get_args(SelfEnergy)
GAUGES: tuple[str, ...] = get_args(Gauge)
IMPORTANCE_MODES: tuple[str, ...] = get_args(ImportanceMode)
JOINT_POLISHES: tuple[str, ...] = get_args(JointPolish)
BACKENDS: tuple[str, ...] = get_args(Backend)
SIGMA_RULES: tuple[str, ...] = get_args(SigmaRule)


def check_choice(argument: str, value: object, choices: Iterable[str] | Register[Any]) -> str:
    """Return `value` if it is one of `choices`, or the name of a kind or a reference to one.

    Raises
    ------
    ArgumentError
        Naming the argument, the value and what is allowed.
    InputError
        For a kind that cannot be imported.
    """
    if isinstance(choices, Register):
        choices.get(value, argument)  # type: ignore[arg-type]  # it refuses what is no text itself
    elif value not in choices:
        raise ArgumentError(argument, f"{shown(value)} is unknown; {allowed(value, choices)}")
    return str(value)


LARGEST_COUNT = 2**31 - 1
"""What an integer column holds in both database systems."""
SOFTENINGS = (1e-150, 1e150)
"""Range of a softening other than 0: its square is a normal double."""
LARGEST_DECADE = 300.0
"""Of |log10 K(x, x)|, which stays a normal double."""
RBF_SCALES = (1e-290, 1e290)
"""Range of C: the squared distances at which the joint step starts are up to 28 C."""
LARGEST_SIGMA = 1e100
"""Largest perturbation, in units of a row's norm."""
SPHERE_SIGMA = 1e6
"""Perturbation that leaves nothing of the joint optimum: a uniform start on the spheres of the norms."""
LARGEST_TOLERANCE = 1.0
"""Largest relative tolerance of Powell's method."""


def check_rbf_scale(argument: str, value: Any) -> float:
    """Return `value` as C of the RBF, a number in the range `RBF_SCALES`."""
    number = as_number(argument, value, minimum=0.0, exclusive=True)
    low, high = RBF_SCALES
    if not low <= number <= high:
        raise ArgumentError(argument, f"{number:g} must be from {low:g} to {high:g}")
    return number


def check_count(argument: str, value: Any, minimum: int) -> int:
    """Return `value` as an integer from `minimum` to `LARGEST_COUNT`."""
    number = as_number(argument, value, minimum=minimum)
    if number != int(number) or isinstance(value, bool):
        raise ArgumentError(argument, f"{shown(value)} is not a whole number")
    if number > LARGEST_COUNT:
        raise ArgumentError(argument, f"{shown(value)} must be at most {LARGEST_COUNT}")
    return int(number)


def _is_normal(kind: Energy, s: float, eps: float) -> bool:
    """Return whether K(x, x) at this softening is in range, or 0 as that of `log` at 1."""
    with np.errstate(all="ignore"):
        near = np.abs(np.asarray(kind.value(np.array([1.0, 2.0]) * eps**2, s)))
    value = near[0] if near[0] != 0.0 else near[1]  # not an underflow, for twice the square has a value
    return bool(value > 0.0 and abs(math.log10(value)) <= LARGEST_DECADE * (1.0 + 1e-12))


@dataclass(frozen=True, slots=True)
class Kernel:
    """A pairwise energy K(x, y) with its treatment of the diagonal.

    See `docs/science.md`, "Diagonal of the energy", "Gauges".
    """

    energy: Annotated[str, ENERGIES]
    """What a pair of vectors costs."""
    s: float = 0.0
    """The energy's parameter (exponent of `riesz`, beta of `exp`, width of `gauss`); 0 for energies without
    one, and for beta = 1."""
    self_energy: SelfEnergy | None = None
    """Whether the sum runs over i = j too; None stands for the energy's default (`exp`: include)."""
    softening: float = 0.0
    """eps >= 0: r becomes sqrt(r^2 + eps^2) everywhere; not for energies of cosines."""

    def __post_init__(self) -> None:
        """Coerce and check.

        Raises
        ------
        ArgumentError
            For an unknown energy, a parameter that it does not allow, any softening under an energy of
            cosines, softening 0 where an infinite diagonal is included, or one whose square or K(x, x) leaves
            the range of a double.
        """
        kind = ENERGIES.get(self.energy, "energy")
        s = kind.checked_parameter("s", as_number("s", self.s))
        object.__setattr__(self, "s", s)
        chosen = kind.default_self_energy if self.self_energy is None else self.self_energy
        check_choice("self_energy", chosen, SELF_ENERGIES)
        object.__setattr__(self, "self_energy", chosen)
        eps = as_number("softening", self.softening, minimum=0.0)
        object.__setattr__(self, "softening", eps)
        if kind.angular and eps != 0.0:
            raise ArgumentError("softening", f"{eps:g} does not apply to the {kind.name} energy; use 0")
        if self.is_singular and self.includes_diagonal and eps == 0.0:
            raise ArgumentError(
                "softening", f"0 makes the included diagonal of {self.label} infinite; use a value above 0"
            )
        low, high = SOFTENINGS
        if eps != 0.0 and not low <= eps <= high:
            raise ArgumentError("softening", f"{eps:g} must be 0 or from {low:g} to {high:g}")
        if eps != 0.0 and not _is_normal(kind, s, eps):
            raise ArgumentError(
                "softening",
                f"{eps:g} carries K(x, x) of {self.label} out of the range of a double; "
                "use a value nearer to 1",
            )

    @property
    def kind(self) -> Energy:
        """The kind of the energy."""
        return ENERGIES.get(self.energy)

    @property
    def includes_diagonal(self) -> bool:
        """Whether the energy sums over i = j."""
        return self.self_energy == "include"

    @property
    def is_singular(self) -> bool:
        """Whether K(x, x) without softening is infinite."""
        return bool(self.kind.singular(self.s))

    @property
    def label(self) -> str:
        """The `kernel` column of the views: exp, log, riesz:1."""
        return self.kind.label(self.s)


@lru_cache(maxsize=1024)
def _kernel(energy: str, s: float, self_energy: SelfEnergy | None, softening: float) -> Kernel:
    """Return the kernel of joint axes, which are checked: every joint fit asks for one of a few."""
    return Kernel(energy, s, self_energy, softening)


@dataclass(frozen=True, slots=True)
class JointAxes:
    """One setting of the joint step; lengths are in units of the start radius.

    See `docs/science.md`, "Start of the joint step".
    """

    energy: str
    s: float = 0.0
    self_energy: SelfEnergy | None = None
    softening: float = 0.0
    gauge: Gauge = "none"
    importance_mode: ImportanceMode = "learned"
    n_dims: int = 10
    lambda_d: float = 100.0
    restart: int = 0
    backend: Backend = "compiled"
    max_iter: int = 2000
    gtol: float = 1e-5
    joint_polish: JointPolish = "on"
    """Whether the conjugate gradients are finished by Newton's method; `off` is the thesis' own step."""

    def __post_init__(self) -> None:
        """Coerce and check; raises `ArgumentError` as `Kernel` does."""
        check_choice("joint_polish", self.joint_polish, JOINT_POLISHES)
        kernel = Kernel(self.energy, self.s, self.self_energy, self.softening)
        for field in ("s", "self_energy", "softening"):
            object.__setattr__(self, field, getattr(kernel, field))
        check_choice("gauge", self.gauge, GAUGES)
        check_choice("importance_mode", self.importance_mode, IMPORTANCE_MODES)
        check_choice("backend", self.backend, BACKENDS)
        object.__setattr__(self, "n_dims", check_count("n_dims", self.n_dims, 2))
        object.__setattr__(self, "restart", check_count("restart", self.restart, 0))
        object.__setattr__(self, "max_iter", check_count("max_iter", self.max_iter, 1))
        object.__setattr__(self, "lambda_d", as_number("lambda_d", self.lambda_d, minimum=0.0))
        object.__setattr__(self, "gtol", as_number("gtol", self.gtol, minimum=0.0, exclusive=True))

    @property
    def kernel(self) -> Kernel:
        """The kernel of vectors in units of the start radius."""
        return _kernel(self.energy, self.s, self.self_energy, self.softening)

    @property
    def label(self) -> str:
        """The `kernel` column of the views."""
        return ENERGIES.get(self.energy).label(self.s)

    def identity(self) -> dict[str, Any]:
        """Return what the key of the axes is made from: all of them, and where an outside energy is from."""
        return {**identity(_values(self), "kernel", "joint"), **ENERGIES.identity(self.energy)}


@dataclass(frozen=True, kw_only=True)
class JointGrid:
    """Values of the axes of the joint step, of which a block makes the product; fields are its keys."""

    gauges: tuple[Gauge, ...] = ("none",)
    """What the joint step holds: nothing, every norm, or the mean norm."""
    importance_modes: tuple[ImportanceMode, ...] = ("learned",)
    """Whether the importance of features is fitted, or alike for all."""
    joint_polish: tuple[JointPolish, ...] = ("on",)
    """Whether joint fits are finished by Newton's method: `on`, `off` (the thesis' own step) or both."""
    n_dims: tuple[int, ...] = (10,)
    """Dimensions f of the optimal vectors, from 2."""
    lambda_d: tuple[float, ...] = (100.0,)
    """Weights of the distance to the target in the joint step, from 0."""
    restarts: int = 1
    """Joint fits from different starts, from 1."""
    backend: Literal["scipy", "compiled"] = "compiled"
    """Of the joint step; `scipy` is the reference, `compiled` the fast engine."""
    max_iter: int = 2000
    """Most iterations of the joint step."""
    gtol: float = 1e-5
    """Gradient at which the joint step stops, above 0."""


JOINT_GRIDS = tuple(field.name for field in fields(JointGrid) if isinstance(field.default, tuple))
"""Those that hold several values."""


@dataclass(frozen=True, slots=True)
class FitAxes:
    """One setting of the re-optimisation."""

    optimiser: str = "powell"
    """Name of a kind of `superpos.kinds.optimisers`."""
    lambda_x: float = 1.0
    sigma: float = 0.0
    sigma_rule: SigmaRule = "sigma"
    trial: int = 0
    backend: Backend = "compiled"
    xtol: float = 1e-4
    ftol: float = 1e-4
    max_iter: int = 0
    """0 = the optimiser's own limit."""
    gtol: float = 1e-8
    """Relative gradient at which an exact optimiser, or a polish, stops."""

    def __post_init__(self) -> None:
        """Coerce and check; settings the optimiser does not read become neutral, sigma 0 has trial 0 only.

        Raises
        ------
        ArgumentError
            For unknown names and numbers outside their range.
        """
        check_choice("optimiser", self.optimiser, OPTIMISERS)
        check_choice("sigma_rule", self.sigma_rule, SIGMA_RULES)
        check_choice("backend", self.backend, BACKENDS)
        reads = OPTIMISERS.get(self.optimiser).reads
        for setting in SETTINGS:
            if setting not in reads:
                one = axis(setting, "fit")
                object.__setattr__(self, setting, one.default if one.neutral is None else one.neutral)
        for field, exclusive, maximum in (
            ("lambda_x", False, None),
            ("sigma", False, LARGEST_SIGMA),
            ("xtol", True, LARGEST_TOLERANCE),
            ("ftol", True, LARGEST_TOLERANCE),
            ("gtol", True, None),
        ):
            number = as_number(field, getattr(self, field), minimum=0.0, exclusive=exclusive, maximum=maximum)
            object.__setattr__(self, field, number)
        object.__setattr__(self, "trial", check_count("trial", self.trial, 0))
        object.__setattr__(self, "max_iter", check_count("max_iter", self.max_iter, 0))
        if self.sigma == 0.0:
            object.__setattr__(self, "sigma_rule", "sigma")
            if self.trial != 0:
                raise ArgumentError("trial", f"{self.trial} with sigma 0 repeats trial 0; use trial 0")

    def identity(self) -> dict[str, Any]:
        """Return what the key of the axes is made from: all, and where an outside optimiser is from."""
        return {**identity(_values(self), "fit"), **OPTIMISERS.identity(self.optimiser)}

    def scale(self, n_dims: int) -> float:
        """Return the standard deviation of the perturbation in units of n_i."""
        return self.sigma / n_dims**0.5 if self.sigma_rule == "sigma / sqrt(f)" else self.sigma


def _values(axes: JointAxes | FitAxes) -> dict[str, Any]:
    """Return the values by name: all are numbers and words, of which nothing needs a copy."""
    return {name: getattr(axes, name) for name in axes.__dataclass_fields__}
