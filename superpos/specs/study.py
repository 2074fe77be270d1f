"""A study: named models and feature sets, and blocks that are products targets x joint axes x fit axes.

The records here hold what the user asked for, defaults filled in. `superpos.specs.studyfile` reads them from
TOML; `superpos.specs.blocks` turns a block's fit settings into axes.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, get_args

from superpos.errors import ArgumentError, shown
from superpos.kinds.controls import CONTROLS, FEATURES
from superpos.kinds.optimisers import OPTIMISERS
from superpos.kinds.similarities import SIMILARITIES
from superpos.kinds.weights import WEIGHTS
from superpos.specs.axes import (
    JOINT_GRIDS,
    FitAxes,
    JointGrid,
    Kernel,
    check_choice,
    check_count,
    check_rbf_scale,
)
from superpos.specs.datasets import DatasetSpec
from superpos.specs.families import Family, check_apart
from superpos.specs.hook_names import MEANINGS, Hookpoint, read_sites
from superpos.specs.limits import MOST_MODELS, MOST_SETTINGS, MOST_TARGETS, check_size, distinct
from superpos.specs.models import DTYPES, Dtype, ModelSpec
from superpos.specs.names import check_name
from superpos.specs.probes import ProbeSettings

Space = Literal["raw", "scaled", "whitened", "pattern"]
Pooling = Literal["max", "mean", "last"]
StoreVectors = Literal["all", "best"]

SPACES: tuple[str, ...] = get_args(Space)
POOLINGS: tuple[str, ...] = get_args(Pooling)
STORE_VECTORS: tuple[str, ...] = get_args(StoreVectors)
MIN_RESAMPLES = 20
"""Fewest bootstraps of a noise ceiling."""
MEDIAN_RULE = -1.0
"""`rbf_scale` that stands for the rule `median`."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model of the study with every seed that its weights are drawn with."""

    label: str
    """Name within the study."""
    name: str
    """Bundled name, folder, GGUF file, `package:NAME` of an installed distribution, or hub repository."""
    revisions: tuple[str, ...] = ("",)
    """Branches, tags, commits or training steps (`step1000`); each is a model of its own."""
    weights: Annotated[str, WEIGHTS] = "pretrained"
    """Where its weights are from: as published, or drawn anew."""
    seeds: tuple[int, ...] = ()
    """Of weights that are drawn, each a model of its own; empty = 0 alone."""
    dtype: Dtype = "float32"
    """Type the activations are computed and stored in."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_name("label", self.label)
        scheme = WEIGHTS.get(self.weights, "weights")
        check_choice("dtype", self.dtype, DTYPES)
        seeds = tuple(check_count("seeds", seed, 0) for seed in self.seeds)
        if not self.revisions or len(set(self.revisions)) < len(self.revisions):
            raise ArgumentError("revisions", f"{shown(list(self.revisions))} is empty or names one twice")
        if seeds and not scheme.seeded:
            drawn = ", ".join(one.name for one in WEIGHTS.usable() if one.seeded)
            said = f"{shown(list(seeds))} applies to drawn weights only ({drawn}); leave it out"
            raise ArgumentError("seeds", said)
        seeds = tuple(dict.fromkeys(seeds))
        check_size("models", MOST_MODELS, revisions=len(self.revisions), seeds=max(1, len(seeds)))
        object.__setattr__(self, "seeds", seeds or ((0,) if scheme.seeded else ()))

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """One model specification a revision and seed (one seed for pretrained weights)."""
        return tuple(
            ModelSpec(name=self.name, revision=revision, weights=self.weights, seed=seed)
            for revision in self.revisions
            for seed in (self.seeds or (-1,))
        )


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """Kinds of target by replicates: `features` has one, each control has `replicates`."""

    kind: Annotated[str, CONTROLS]
    """Matrices that are fitted: the features' own, and the controls that it is read against."""
    replicates: tuple[int, ...] = (0,)
    """Draws of each control, counted from 1; the features' own matrix is one."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        control = CONTROLS.get(self.kind, "targets")
        replicates = tuple(check_count("replicates", r, 0) for r in self.replicates)
        object.__setattr__(self, "replicates", replicates if control.is_control else (0,))


@dataclass(frozen=True, slots=True)
class Reoptimisation:
    """A product of perturbations for one optimiser; sigma 0 (trial 0) is always part of it.

    See `docs/science.md`, "What moved".
    """

    optimiser: Annotated[str, OPTIMISERS] = "powell"
    """How the energy is minimised again from the perturbed vectors."""
    lambda_x: tuple[float, ...] = (1.0,)
    """Weights of Powell's penalty on the norms, from 0."""
    sigmas: tuple[float, ...] = (0.0, 0.01, 0.1)
    """Standard deviations of the perturbation, in units of a row's norm; 0 always runs beside them. `sphere`
    stands for 1e6, which leaves nothing of the joint optimum: a uniform start on the spheres of the norms."""
    sigma_rule: Literal["sigma", "sigma / sqrt(f)"] = "sigma"
    """The standard deviation of each coordinate, f = n_dims."""
    trials: int = 1
    """Draws of each perturbation, from 1."""
    backend: Literal["scipy", "compiled"] = "compiled"
    """`scipy` is the reference, `compiled` the fast engine."""
    xtol: float = 1e-4
    """Relative tolerance of Powell's method in the vectors, above 0 up to 1."""
    ftol: float = 1e-4
    """Relative tolerance of Powell's method in the objective, above 0 up to 1."""
    max_iter: int = 0
    """Most iterations; 0 = the optimiser's own limit."""
    gtol: float = 1e-8
    """Relative gradient at which the manifold optimiser stops, above 0."""

    def __post_init__(self) -> None:
        """Check the size of the product, then every value by making axes of it; raises `ArgumentError`."""
        object.__setattr__(self, "trials", check_count("trials", self.trials, 1))
        if not self.lambda_x:
            raise ArgumentError("lambda_x", "is empty; give at least one number")
        check_size(
            "re-optimisations",
            MOST_SETTINGS,
            lambda_x=distinct(self.lambda_x),
            sigmas=max(1, distinct(self.sigmas)),
            trials=self.trials,
        )
        for lambda_x in self.lambda_x:
            self._axes(lambda_x, 0.0, 0)
        for sigma in self.sigmas:
            self._axes(self.lambda_x[0], sigma, 0)

    @property
    def size(self) -> int:
        """Number of fit axes, repetitions of equal ones included."""
        perturbed = sum(1 for sigma in set(self.sigmas) if sigma > 0.0)
        return distinct(self.lambda_x) * (1 + perturbed * self.trials)

    def _axes(self, lambda_x: float, sigma: float, trial: int) -> FitAxes:
        return FitAxes(
            optimiser=self.optimiser,
            lambda_x=lambda_x,
            sigma=sigma,
            sigma_rule=self.sigma_rule,
            trial=trial,
            backend=self.backend,
            xtol=self.xtol,
            ftol=self.ftol,
            max_iter=self.max_iter,
            gtol=self.gtol,
        )

    def axes(self) -> tuple[FitAxes, ...]:
        """Return the fit axes of the product, sigma 0 first, without repetition."""
        axes: dict[FitAxes, None] = {}
        for lambda_x in self.lambda_x:
            for sigma in (0.0, *self.sigmas):
                for trial in range(self.trials if sigma > 0.0 else 1):
                    axes[self._axes(lambda_x, sigma, trial)] = None
        return tuple(axes)


@dataclass(frozen=True, slots=True)
class Block(JointGrid):
    """A product of inputs, targets, joint settings and re-optimisations; empty tuples mean an empty grid."""

    name: str
    """For messages, and for blocks of later files that override it."""
    models: tuple[str, ...]
    """Names of `[models]`; none where no set needs a model."""
    datasets: tuple[str, ...]
    """Names of `[datasets]`."""
    layers: tuple[int, ...] = ()
    """Layers to read, counted from 0, or `all` (empty in the record); `embed` has none."""
    hookpoints: tuple[Annotated[Hookpoint, MEANINGS], ...] = ("mlp.act",)
    """Where activations are read in a layer. Names of other libraries stand for ours (`docs/models.md`); a
    layer that such a name holds (`blocks.3.mlp.hook_post`) is one of `layers`."""
    poolings: tuple[Pooling, ...] = ("max",)
    """How activations of a span become one, for sets whose samples are spans."""
    probes: tuple[ProbeSettings, ...] = field(default_factory=lambda: (ProbeSettings(),))
    spaces: tuple[Space, ...] = ("raw",)
    """Of the directions of probes: weights for activations as they are, scaled, or whitened, or their
    `pattern`, how activations go with what the weights read; differences of means are patterns as they are.
    Imported directions and matrix rows are taken as they are."""
    fit_two_classes: bool = False
    """Whether two exclusive classes, whose directions are opposite by construction, are fitted."""
    targets: tuple[TargetChoice, ...] = field(default_factory=lambda: (TargetChoice(FEATURES),))
    similarities: Annotated[tuple[str, ...], SIMILARITIES] = ("cosine",)
    """Of directions, and of optimal vectors."""
    rbf_scales: tuple[float, ...] = (200.0,)
    """C of the RBF exp(-d^2 / C), above 0, or `median`, the median squared distance (-1 in the record)."""
    kernels: tuple[Kernel, ...] = (Kernel("exp"),)
    """Pair energies: `exp`, `exp:4`, `riesz:1`, `gauss:0.5`, tables with the keys of a kernel, names of lists
    of `[kernels]`, or one of your own, `package.module:attribute`."""
    reoptimisations: tuple[Reoptimisation, ...] = (Reoptimisation(),)
    """Tables with the keys of a re-optimisation, names of lists of `[reoptimisations]`. An empty list fits
    nothing: matrices are built, and measured under the study's kernels and in the block's dimensions, which
    many replicates of a control can afford."""

    def __post_init__(self) -> None:
        """Check that no axis is empty or too long and that values are allowed; raises `ArgumentError`."""
        check_name("name", self.name)
        for axis in (
            "datasets",
            "hookpoints",
            "poolings",
            "probes",
            "spaces",
            "targets",
            "similarities",
            "kernels",
            *JOINT_GRIDS,
        ):
            if not getattr(self, axis):
                raise ArgumentError(axis, "is empty, so the grid is empty; give at least one value")
        hookpoints, layers = read_sites(self.hookpoints, self.layers)
        object.__setattr__(self, "hookpoints", hookpoints)
        object.__setattr__(self, "layers", layers)
        for pooling in self.poolings:
            check_choice("poolings", pooling, POOLINGS)
        for space in self.spaces:
            check_choice("spaces", space, SPACES)
        for similarity in self.similarities:
            check_choice("similarities", similarity, SIMILARITIES)
        scaled = [name for name in self.similarities if SIMILARITIES.get(name).has_scale]
        if scaled and not self.rbf_scales:
            raise ArgumentError(
                "rbf_scales", f"is empty while similarity {scaled[0]} is asked for; give a number or 'median'"
            )
        for scale in self.rbf_scales:
            if scale != MEDIAN_RULE:
                check_rbf_scale("rbf_scales", scale)
        object.__setattr__(self, "restarts", check_count("restarts", self.restarts, 1))
        self._check_sizes()

    def _check_sizes(self) -> None:
        """Count what the block would span, by multiplication alone; raises `ArgumentError`."""
        check_size(
            "joint settings",
            MOST_SETTINGS,
            kernels=distinct(self.kernels),
            **{name: distinct(getattr(self, name)) for name in JOINT_GRIDS},
            restarts=self.restarts,
        )
        check_size("probe settings", MOST_SETTINGS, probes=len(self.probes))
        check_size(
            "targets of one set of activations",
            MOST_TARGETS,
            probes=len(self.probes),
            spaces=distinct(self.spaces),
            rbf_scales=max(1, distinct(self.rbf_scales)),
            replicates=sum(len(choice.replicates) for choice in self.targets),
        )
        check_size("re-optimisations", MOST_SETTINGS, reoptimisations=self.n_fit_axes)

    @property
    def n_joint_axes(self) -> int:
        """Number of joint settings under one similarity."""
        grids = (self.kernels, *(getattr(self, name) for name in JOINT_GRIDS))
        return math.prod(map(distinct, grids), start=self.restarts)

    @property
    def n_fit_axes(self) -> int:
        """Number of re-optimisations, those that two tables share counted twice."""
        return sum(one.size for one in self.reoptimisations)


@dataclass(frozen=True, slots=True)
class Study:
    """A whole study as the user asked for it, every default filled in."""

    name: str
    """As the database and the reports call it."""
    description: str
    """For people."""
    models: tuple[ModelChoice, ...]
    datasets: tuple[DatasetSpec, ...]
    blocks: tuple[Block, ...]
    store_vectors: StoreVectors = "all"
    """Which final vectors and matrices the database keeps: of every fit, or of the best ones, these of the
    features and of the first ten draws of each control. Above 100,000 fits it is always the latter."""
    noise_ceiling: int = 0
    """Bootstraps that say how well each matrix of the features is known, from 20; 0 = not asked."""
    families: tuple[Family, ...] = ()
    """Families of tests that are stated beforehand. What a study with such families does not state is
    `suggested` at most; without any, the sets of one question, similarity, optimiser and control are one."""

    def __post_init__(self) -> None:
        """Check the references between parts; raises `ArgumentError`."""
        check_name("name", self.name)
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
            needy = [one.name for one in self.datasets if one.name in block.datasets and one.needs_model]
            if needy and not block.models:
                raise ArgumentError(
                    f"blocks.{block.name}.models",
                    f"is empty, and data set {needy[0]} is read in a model; name one",
                )
        check_apart(self.families, datasets)
        check_size("models", MOST_MODELS, models=sum(len(model.specs) for model in self.models))
        check_size("joint settings", MOST_SETTINGS, blocks=sum(one.n_joint_axes for one in self.blocks))
        check_size("re-optimisations", MOST_SETTINGS, blocks=sum(one.n_fit_axes for one in self.blocks))
        check_size("probe settings", MOST_SETTINGS, blocks=sum(len(one.probes) for one in self.blocks))

    def as_dict(self) -> dict[str, Any]:
        """Return the whole specification as plain data, every default written out.

        A study without families, and a set without an order of its own, are what they were before there were
        any, so that the study's revision stays.
        """
        found = asdict(self)
        if not self.families:
            del found["families"]
        for values, dataset in zip(found["datasets"], self.datasets, strict=True):
            if not dataset.own_order:
                del values["order"]
        return found
