"""A study: named models and feature sets, and blocks that are products targets x joint axes x fit axes.

The records here hold what the user asked for, defaults filled in. `superpos.specs.studyfile` reads them from
TOML; `superpos.specs.blocks` turns a block's fit settings into axes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from superpos.arrays import as_number
from superpos.errors import ArgumentError
from superpos.specs.axes import SIMILARITIES, FitAxes, Kernel, check_choice, check_count
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import DTYPES, HOOKPOINTS, WEIGHTS_KINDS, Dtype, Hookpoint, ModelSpec, WeightsKind
from superpos.specs.probes import ProbeSettings

TargetKind = Literal["features", "permuted", "gaussian", "shuffled_entries", "spectrum", "shuffled_labels"]
Space = Literal["raw", "scaled", "whitened"]
Pooling = Literal["max", "mean", "last"]
StoreVectors = Literal["all", "best"]

TARGET_KINDS: tuple[str, ...] = get_args(TargetKind)
SPACES: tuple[str, ...] = get_args(Space)
POOLINGS: tuple[str, ...] = get_args(Pooling)
STORE_VECTORS: tuple[str, ...] = get_args(StoreVectors)
MIN_RESAMPLES = 20
"""Fewest bootstraps of a noise ceiling."""
MEDIAN_RULE = -1.0
"""`rbf_scale` that stands for the rule `median`."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model of the study with every seed that its random weights are drawn with."""

    label: str
    """Name within the study."""
    name: str
    """Bundled name, local folder or hub repository."""
    revisions: tuple[str, ...] = ("",)
    """Branches, tags, commits or training steps (`step1000`); each is a model of its own."""
    weights: WeightsKind = "pretrained"
    seeds: tuple[int, ...] = ()
    dtype: Dtype = "float32"
    """Type the activations are computed and stored in."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_choice("weights", self.weights, WEIGHTS_KINDS)
        check_choice("dtype", self.dtype, DTYPES)
        seeds = tuple(check_count("seeds", seed, 0) for seed in self.seeds)
        if not self.revisions or len(set(self.revisions)) < len(self.revisions):
            raise ArgumentError("revisions", f"{list(self.revisions)} is empty or names one twice")
        if self.weights == "pretrained" and seeds:
            raise ArgumentError("seeds", f"{list(seeds)} applies to random weights only; leave it out")
        object.__setattr__(self, "seeds", seeds or ((0,) if self.weights == "random" else ()))

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """One model specification a revision and seed (one seed for pretrained weights)."""
        return tuple(
            ModelSpec(self.name, revision, self.weights, seed)
            for revision in self.revisions
            for seed in (self.seeds if self.weights == "random" else (-1,))
        )


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """Kinds of target by replicates: `features` has one, each control has `replicates`."""

    kind: TargetKind
    replicates: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_choice("targets", self.kind, TARGET_KINDS)
        replicates = tuple(check_count("replicates", r, 0) for r in self.replicates)
        object.__setattr__(self, "replicates", (0,) if self.kind == "features" else replicates)


@dataclass(frozen=True, slots=True)
class Reoptimisation:
    """A product of perturbations for one optimiser; sigma 0 (trial 0) is always part of it.

    See `docs/science.md`, "What moved".
    """

    optimiser: Literal["powell", "manifold"] = "powell"
    lambda_x: tuple[float, ...] = (1.0,)
    sigmas: tuple[float, ...] = (0.0, 0.01, 0.1)
    sigma_rule: Literal["sigma", "sigma / sqrt(f)"] = "sigma"
    trials: int = 1
    backend: Literal["scipy", "compiled"] = "compiled"
    xtol: float = 1e-4
    ftol: float = 1e-4
    max_iter: int = 0
    gtol: float = 1e-8

    def __post_init__(self) -> None:
        """Check every combination by making it; raises `ArgumentError`."""
        object.__setattr__(self, "trials", check_count("trials", self.trials, 1))
        if not self.lambda_x:
            raise ArgumentError("lambda_x", "is empty; give at least one number")
        self.axes()

    def axes(self) -> tuple[FitAxes, ...]:
        """Return the fit axes of the product, sigma 0 first, without repetition."""
        axes: dict[FitAxes, None] = {}
        for lambda_x in self.lambda_x:
            for sigma in (0.0, *self.sigmas):
                for trial in range(self.trials if sigma > 0.0 else 1):
                    one = FitAxes(
                        self.optimiser,
                        lambda_x,
                        sigma,
                        self.sigma_rule,
                        trial,
                        self.backend,
                        self.xtol,
                        self.ftol,
                        self.max_iter,
                        self.gtol,
                    )
                    axes[one] = None
        return tuple(axes)


@dataclass(frozen=True, slots=True)
class Block:
    """A product of inputs, targets, joint settings and re-optimisations; empty tuples mean an empty grid."""

    name: str
    models: tuple[str, ...]
    datasets: tuple[str, ...]
    layers: tuple[int, ...] = ()
    """Layers to read; empty = every layer (`embed` has the one layer -1)."""
    hookpoints: tuple[Hookpoint, ...] = ("mlp.act",)
    poolings: tuple[Pooling, ...] = ("max",)
    """How activations of a span become one, for sets whose samples are spans."""
    probes: tuple[ProbeSettings, ...] = field(default_factory=lambda: (ProbeSettings(),))
    spaces: tuple[Space, ...] = ("raw",)
    """Of probes; imported directions and matrix rows are taken as they are."""
    fit_two_classes: bool = False
    """Whether two exclusive classes, whose directions are opposite by construction, are fitted."""
    targets: tuple[TargetChoice, ...] = (TargetChoice("features"),)
    similarities: tuple[str, ...] = ("cosine",)
    rbf_scales: tuple[float, ...] = (200.0,)
    """C of the RBF; -1 = `median`."""
    kernels: tuple[Kernel, ...] = (Kernel("exp"),)
    gauges: tuple[str, ...] = ("none",)
    importance_modes: tuple[str, ...] = ("learned",)
    joint_polish: tuple[str, ...] = ("on",)
    """Whether joint fits are finished by Newton's method: `on`, `off` (the thesis' own step) or both."""
    n_dims: tuple[int, ...] = (10,)
    lambda_d: tuple[float, ...] = (100.0,)
    restarts: int = 1
    backend: Literal["scipy", "compiled"] = "compiled"
    max_iter: int = 2000
    gtol: float = 1e-5
    reoptimisations: tuple[Reoptimisation, ...] = (Reoptimisation(),)

    def __post_init__(self) -> None:
        """Check that no axis is empty and that values are allowed; raises `ArgumentError`."""
        for axis in (
            "models",
            "datasets",
            "hookpoints",
            "poolings",
            "probes",
            "spaces",
            "targets",
            "similarities",
            "kernels",
            "gauges",
            "importance_modes",
            "joint_polish",
            "n_dims",
            "lambda_d",
            "reoptimisations",
        ):
            if not getattr(self, axis):
                raise ArgumentError(axis, "is empty, so the grid is empty; give at least one value")
        for hookpoint in self.hookpoints:
            check_choice("hookpoints", hookpoint, HOOKPOINTS)
        for pooling in self.poolings:
            check_choice("poolings", pooling, POOLINGS)
        for space in self.spaces:
            check_choice("spaces", space, SPACES)
        for similarity in self.similarities:
            check_choice("similarities", similarity, SIMILARITIES)
        if "rbf" in self.similarities and not self.rbf_scales:
            raise ArgumentError(
                "rbf_scales", "is empty while similarity rbf is asked for; give a number or 'median'"
            )
        for scale in self.rbf_scales:
            if scale != MEDIAN_RULE:
                as_number("rbf_scales", scale, minimum=0.0, exclusive=True)
        object.__setattr__(self, "restarts", check_count("restarts", self.restarts, 1))


@dataclass(frozen=True, slots=True)
class Study:
    """A whole study as the user asked for it, every default filled in."""

    name: str
    description: str
    models: tuple[ModelChoice, ...]
    datasets: tuple[DatasetSpec, ...]
    blocks: tuple[Block, ...]
    store_vectors: StoreVectors = "all"
    noise_ceiling: int = 0
    """Bootstraps that say how well each matrix of the features is known; 0 = not asked."""

    def __post_init__(self) -> None:
        """Check the references between parts; raises `ArgumentError`."""
        check_choice("store_vectors", self.store_vectors, STORE_VECTORS)
        n = check_count("noise_ceiling", self.noise_ceiling, 0)
        if 0 < n < MIN_RESAMPLES:
            raise ArgumentError(
                "noise_ceiling",
                f"{n} resamples give no interval; use at least {MIN_RESAMPLES}, or 0 for none",
            )
        if not self.blocks:
            raise ArgumentError("blocks", "is empty, so the grid is empty; add a [[blocks]] table")
        models = tuple(model.label for model in self.models)
        datasets = tuple(dataset.name for dataset in self.datasets)
        for block in self.blocks:
            for model in block.models:
                check_choice(f"blocks.{block.name}.models", model, models)
            for dataset in block.datasets:
                check_choice(f"blocks.{block.name}.datasets", dataset, datasets)

    def as_dict(self) -> dict[str, Any]:
        """Return the whole specification as plain data, every default written out."""
        return asdict(self)
