"""One study of planted activations in this process: from a draw of samples to the p-values of its answers.

What a run does between the database and the files is left out; everything that makes a number is the function
that the stages call: labels and activations (`planted`), split (`split_by_group`), probes and permuted labels
(`train_permutations`), directions of controls (their kinds), `cosine`, what questions compare
(`tools.validation_numbers`), the comparison with a control (`compare`).

Study number i has the seed i and replicates R i to R (i + 1) - 1 of each control: with the same draws of a
control in every study, studies would say something of these draws.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from superpos.analysis.against_control import LEVEL, compare
from superpos.analysis.answering import MOST
from superpos.arrays import Float
from superpos.datasets.builders.planted import PlantedOptions
from superpos.datasets.splits import split_by_group
from superpos.errors import NotPermutableError
from superpos.kinds.controls import CONTROLS
from superpos.probes.train import train_permutations
from superpos.psms import cosine
from superpos.records.data import ProbeSet
from superpos.specs.probes import ProbeSettings
from superpos.threads import one_thread
from tools.validation_numbers import HELD_OUT, RELABELLED, balance, explained, fitted, follows, measured

LABELS = "shuffled_labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What is planted, and how a study looks for it."""

    planted: PlantedOptions
    n_samples: int = 300
    method: str = "logistic"
    controls: tuple[str, ...] = ("gaussian", "permuted", LABELS)
    n_draws: int = 19
    """R of each control."""
    balanced: bool = False
    """Whether the balance of forces is asked too."""
    deep: bool = False
    """Whether it, the questions on fits and those on what explains a matrix are; they take the longest."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One study."""

    matrix: Float
    """Recovered similarities, (n, n)."""
    auc: float
    """Mean area under the ROC curve on held-out samples."""
    p_values: dict[tuple[str, str], float] = field(default_factory=dict)
    """By question and control; NaN where it cannot be tested: too few draws are left with a number."""
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
    trained = train_permutations(
        activations,
        labels,
        options.known(number).names,
        groups,
        train,
        ProbeSettings(method=design.method),  # type: ignore[arg-type]
        label_replicates=[-1, *(draws if LABELS in design.controls else ())],
    )
    probes = [_whole(one) for one in trained]
    found = Found(cosine(probes[0].coef_raw), _area(probes[0]))
    matrices, R = [found.matrix], design.n_draws
    for control in design.controls:
        matrices += _drawn(control, probes, draws)
    values = dict(measured(matrices, options.width))
    for mark, some in (("", labels), (HELD_OUT, labels[~train])):
        values["follows_labels" + mark] = follows(matrices, some)
    if design.balanced or design.deep:
        values["balance"] = balance(matrices, options.width)
    if design.deep:
        values |= fitted(matrices)
        for mark, some in (("", labels), (HELD_OUT, labels[~train])):
            shares, p_values = explained(matrices, some)
            values |= {question + mark: numbers for question, numbers in shares.items()}
            found.p_values.update({(q + mark, RELABELLED): p for q, p in p_values.items()})
    for place, control in enumerate(design.controls):
        rows = [0, *range(1 + place * R, 1 + (place + 1) * R)]
        for question, numbers in values.items():
            _compare(found, question, control, numbers[rows])
        if control == LABELS:
            _compare(found, "read_by_probes", control, np.array([_area(one) for one in probes]))
    return found


def _whole(probes: ProbeSet | NotPermutableError) -> ProbeSet:
    if isinstance(probes, NotPermutableError):
        raise probes
    return probes


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


def _compare(found: Found, question: str, control: str, numbers: Float) -> None:
    """Compare the first number, of the features, with the others."""
    drawn = numbers[1:]
    whole = np.isfinite(drawn)
    if whole.mean() >= MOST:  # as the answers of a study
        drawn = drawn[whole]
    result = compare(numbers[:1], drawn[:, None], [0])
    if result is None or result.p_smallest > LEVEL:
        found.p_values[question, control] = found.estimates[question, control] = np.nan
        return
    found.p_values[question, control], found.estimates[question, control] = result.p_value, result.estimate


def _area(probes: ProbeSet) -> float:
    areas = [one.roc_auc for one in probes.metrics if one.roc_auc is not None]
    return float(np.mean(areas))


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
    auc = round(float(np.mean([one.auc for one in found])), 4)
    return {"auc": auc, **beside_planted(values, options.known(0).cosines[pairs])}


def beside_planted(values: Float, planted: Float) -> dict[str, float | None]:
    """Return all but `auc` of `recovered`, of cosines (number of seeds, number of pairs) and planted ones."""
    mean = values.mean(axis=0)
    alike = float(np.ptp(planted)) < 1e-9
    return {
        "planted": round(_rms(planted), 4),
        "bias": round(_rms(mean - planted), 4),
        "noise": round(float(np.sqrt(np.mean(values.var(axis=0, ddof=1)))), 4),
        "correlation": None if alike else round(float(np.corrcoef(mean, planted)[0, 1]), 4),
    }


def _rms(values: Float) -> float:
    return float(np.sqrt(np.mean(values**2)))
