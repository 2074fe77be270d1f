"""One study of planted activations in this process: from a draw of samples to the p-values of its answers.

What a run does between the database and the files is left out; everything that makes a number is the function
that the stages call: labels and activations (`planted`), split (`split_by_group`), probes and permuted labels
(`train_probes`), directions of controls (their kinds), `cosine`, measures with their bounds (`answer`),
joint fits, re-optimisation and certificates (`fit_joint`, `reoptimise`, `certify`), the comparison with a
control (`compare`).

Study number i has the seed i and replicates R i to R (i + 1) - 1 of each control: with the same draws of a
control in every study, studies would say something of these draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from superpos.analysis.against_control import compare
from superpos.analysis.answering import MOST
from superpos.analysis.ends import MINIMA
from superpos.analysis.ranks import spearman
from superpos.arrays import Float
from superpos.datasets.builders.planted import PlantedOptions
from superpos.datasets.labels import phi_matrix
from superpos.datasets.splits import split_by_group
from superpos.fits import certify, fit_joint, reoptimise
from superpos.kinds.controls import CONTROLS
from superpos.kinds.measures import MEASURES
from superpos.kinds.potentials import Potential
from superpos.probes.train import train_probes
from superpos.psms import cosine
from superpos.psms.distances import rms_offdiagonal
from superpos.psms.measuring import Asked, answer
from superpos.records.data import ProbeSet
from superpos.specs.probes import ProbeSettings
from superpos.threads import one_thread

KERNEL = Potential("exp")
FITTED = ("even_importance", "keeps_low", "taken_away", "moved")
"""Questions on fits, of ends that are certified minima."""
LABELS = "shuffled_labels"
N_DIMS = 3
"""f of the balance of forces and of fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What is planted, and how a study looks for it."""

    planted: PlantedOptions
    n_samples: int = 300
    method: str = "logistic"
    controls: tuple[str, ...] = ("gaussian", "permuted", LABELS)
    n_draws: int = 19
    """R of each control."""
    deep: bool = False
    """Whether the balance of forces and the questions on fits are asked too; they take the longest."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One study."""

    matrix: Float
    """Recovered similarities, (n, n)."""
    auc: float
    """Mean area under the ROC curve on held-out samples."""
    p_values: dict[tuple[str, str], float] = field(default_factory=dict)
    """By question and control; NaN where it cannot be tested."""
    estimates: dict[tuple[str, str], float] = field(default_factory=dict)


def study(design: Design, number: int) -> Found:
    """Return what one study finds, seeds and draws being those of its number."""
    with one_thread():
        return _study(design, number)


def _study(design: Design, number: int) -> Found:
    options = design.planted
    labels, groups = options.drawn_labels(design.n_samples, number)
    activations = options.drawn_activations(labels, groups, 0, number)
    train = split_by_group(labels, groups, 0.3, 0)
    draws = range(number * design.n_draws, (number + 1) * design.n_draws)
    wanted = [-1, *(draws if LABELS in design.controls else ())]
    probes = [
        train_probes(
            activations,
            labels,
            options.known(number).names,
            groups,
            train,
            ProbeSettings(method=design.method),  # type: ignore[arg-type]
            label_replicate=replicate,
        )
        for replicate in wanted
    ]
    found = Found(cosine(probes[0].coef_raw), _area(probes[0]))
    matrices, R = [found.matrix], design.n_draws
    for control in design.controls:
        matrices += _drawn(control, probes, draws)
    values = dict(_measured(matrices, options.width, phi_matrix(labels), deep=design.deep))
    if design.deep:
        values |= _fitted(matrices)
    for place, control in enumerate(design.controls):
        rows = [0, *range(1 + place * R, 1 + (place + 1) * R)]
        for question, numbers in values.items():
            _compare(found, question, control, numbers[rows])
        if control == LABELS:
            _compare(found, "read_by_probes", control, np.array([_area(one) for one in probes]))
    return found


def _drawn(control: str, probes: list[ProbeSet], draws: range) -> list[Float]:
    """Return the matrices of the draws of a control."""
    if control == LABELS:
        return [cosine(one.coef_raw) for one in probes[1:]]
    kind, rows = CONTROLS.get(control), probes[0].coef_raw
    if kind.of_shape is not None:
        n, width = rows.shape
        return [cosine(kind.of_shape(n, width, draw)) for draw in draws]
    assert kind.directions is not None  # noqa: S101 (the controls of a design draw directions or labels)
    return [cosine(kind.directions(rows, draw)) for draw in draws]


def studies(design: Design, numbers: range) -> Iterator[Found]:
    """Yield one study after another."""
    for number in numbers:
        yield study(design, number)


def _compare(found: Found, question: str, control: str, numbers: Float) -> None:
    """Compare the first number, of the features, with the others."""
    drawn = numbers[1:]
    whole = np.isfinite(drawn)
    if whole.mean() >= MOST:  # as the answers of a study
        drawn = drawn[whole]
    result = compare(numbers[:1], drawn[:, None], [0])
    found.p_values[question, control] = np.nan if result is None else result.p_value
    found.estimates[question, control] = np.nan if result is None else result.estimate


def _area(probes: ProbeSet) -> float:
    areas = [one.roc_auc for one in probes.metrics if one.roc_auc is not None]
    return float(np.mean(areas))


def _measured(matrices: list[Float], width: int, phi: Float, *, deep: bool) -> Iterator[tuple[str, Float]]:
    """Yield the numbers that the questions on matrices compare, of every matrix."""
    own = Asked(MEASURES.get("own_energy"), KERNEL)
    score = Asked(MEASURES.get("simplex_score"))
    force = Asked(MEASURES.get("force_residual"), KERNEL)
    spaces = [float(width)] * len(matrices)
    flat, _ = answer(matrices, [own, score], widths=spaces)
    yield "own_energy", flat[own].scaled
    yield "simplex", flat[score].value
    if deep:
        forces, _ = answer(matrices, [force], n_dims=N_DIMS, widths=spaces)
        yield "balance", forces[force].value
    pairs = np.triu_indices(len(phi), 1)
    yield "follows_labels", np.array([spearman(one[pairs], phi[pairs]) for one in matrices])


def _fitted(matrices: list[Float]) -> dict[str, Float]:
    """Return the numbers that the questions on fits compare; NaN where an end is no certified minimum."""
    rows = []
    for matrix in matrices:
        joint = fit_joint(matrix, energy="exp", n_dims=N_DIMS, gauge="unit", backend="compiled")
        end = reoptimise(joint.vectors, joint.logits, energy="exp", optimiser="manifold", backend="compiled")
        verdict = certify(end.vectors, joint.importance, energy="exp").verdict
        here, there = cosine(joint.vectors), cosine(end.vectors)
        near, far = rms_offdiagonal(here, matrix), rms_offdiagonal(there, matrix)
        numbers = (far, far - near, rms_offdiagonal(there, here))
        sound = str(verdict) in MINIMA
        settled = str(joint.verdict) in MINIMA
        w = joint.importance[joint.importance > 0.0]
        entropy = -float(w @ np.log(w)) / np.log(len(matrix))
        rows.append((entropy if settled else np.nan, *(numbers if sound else (np.nan,) * 3)))
    return dict(zip(FITTED, np.array(rows).T, strict=True))


def recovered(options: PlantedOptions, n_samples: int, method: str, seeds: range) -> dict[str, float | None]:
    """Return how far recovered similarities lie from planted ones, root mean squares over the pairs i < j.

    Parameters
    ----------
    options
        A shape whose directions do not depend on the seed.
    n_samples, method
        Of the probes.
    seeds
        Draws of labels, rotation and noise.

    Returns
    -------
    dict
        `planted`, of the planted similarities themselves; `bias`, of the mean over the seeds minus the
        planted ones; `noise`, the standard deviation over the seeds; `correlation` of the mean with the
        planted ones, None where these are all alike; `auc`.
    """
    design = Design(planted=options, n_samples=n_samples, method=method, controls=())
    n = options.n_features
    pairs = np.triu_indices(n, 1)
    found = [study(design, seed) for seed in seeds]
    values = np.array([one.matrix[pairs] for one in found])
    planted = options.known(0).cosines[pairs]
    mean = values.mean(axis=0)
    alike = float(np.ptp(planted)) < 1e-9
    return {
        "auc": round(float(np.mean([one.auc for one in found])), 4),
        "planted": round(_rms(planted), 4),
        "bias": round(_rms(mean - planted), 4),
        "noise": round(float(np.sqrt(np.mean(values.var(axis=0, ddof=1)))), 4),
        "correlation": None if alike else round(float(np.corrcoef(mean, planted)[0, 1]), 4),
    }


def _rms(values: Float) -> float:
    return float(np.sqrt(np.mean(values**2)))
