"""How directions are found from activations and labels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from superpos.arrays import as_number
from superpos.errors import ArgumentError, shown
from superpos.specs.axes import check_choice, check_count

ProbeMethod = Literal["logistic", "mean_difference", "lda"]
ClassWeight = Literal["balanced", "none"]
Scaler = Literal["paper", "none"]
ProbeBackend = Literal["newton", "sklearn"]

PROBE_METHODS: tuple[str, ...] = get_args(ProbeMethod)
CLASS_WEIGHTS: tuple[str, ...] = get_args(ClassWeight)
SCALERS: tuple[str, ...] = get_args(Scaler)
PROBE_BACKENDS: tuple[str, ...] = get_args(ProbeBackend)
VECTOR_METHODS = ("mean_difference",)
"""Methods whose directions live among the activations (vectors); those of the others read activations, with
which they are paired (covectors)."""
C_GRID = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
"""What `C_grid` is where a study says only that cross-validation chooses."""
CEILING_METHOD = "bias_t"
"""How intervals of noise ceilings are made (`superpos.probes.ceiling`); others are made anew."""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """One way to train the probes of an activation set; settings a method does not read become neutral."""

    method: ProbeMethod = "logistic"
    """How the direction of a feature is found from activations and labels."""
    C: float = 1.0
    """Inverse strength of the L2 penalty, above 0, scikit-learn's meaning, or `cv`, the best of the grid by
    cross-validation (0 in the record, as for methods without a penalty)."""
    class_weight: ClassWeight = "balanced"
    """`balanced` weighs both classes alike, `none` every sample alike."""
    scaler: Scaler = "paper"
    """`paper` divides by 10 max(training std, 1e-3) without centring; mean differences take `none`."""
    test_fraction: float = 0.3
    split_seed: int = 0
    """Of the split into training and test samples."""
    tol: float = 1e-8
    """Infinity norm of the gradient of the mean loss at which a logistic probe has converged."""
    max_iter: int = 200
    """Newton iterations of a logistic probe."""
    backend: ProbeBackend = "newton"
    """`sklearn` is the reference."""
    C_grid: tuple[float, ...] = ()
    """Ascending values of C of which cross-validation takes one; empty where `C` is given."""

    def __post_init__(self) -> None:
        """Coerce and check.

        Raises
        ------
        ArgumentError
            For unknown names and numbers outside their range.
        """
        check_choice("method", self.method, PROBE_METHODS)
        check_choice("class_weight", self.class_weight, CLASS_WEIGHTS)
        check_choice("scaler", self.scaler, SCALERS)
        check_choice("backend", self.backend, PROBE_BACKENDS)
        fraction = as_number("test_fraction", self.test_fraction, minimum=0.0, exclusive=True)
        if fraction >= 1.0:
            raise ArgumentError("test_fraction", f"{fraction:g} must be below 1")
        object.__setattr__(self, "test_fraction", fraction)
        object.__setattr__(self, "split_seed", check_count("split_seed", self.split_seed, 0))
        if self.method == "logistic":
            grid = tuple(as_number("C_grid", C, minimum=0.0, exclusive=True) for C in self.C_grid)
            if len(grid) == 1 or any(low >= high for low, high in pairwise(grid)):
                raise ArgumentError(
                    "C_grid", f"{shown(list(grid))} must be at least two ascending numbers, or none"
                )
            object.__setattr__(self, "C_grid", grid)
            C = 0.0 if grid else as_number("C", self.C, minimum=0.0, exclusive=True)
            object.__setattr__(self, "C", C)
            object.__setattr__(self, "tol", as_number("tol", self.tol, minimum=0.0, exclusive=True))
            object.__setattr__(self, "max_iter", check_count("max_iter", self.max_iter, 1))
            return
        neutral_values = (("C", 0.0), ("C_grid", ()), ("tol", 0.0), ("max_iter", 0), ("backend", "newton"))
        for field, neutral in neutral_values:
            object.__setattr__(self, field, neutral)
        if self.method == "mean_difference":
            object.__setattr__(self, "scaler", "none")
            object.__setattr__(self, "class_weight", "none")
