"""What p the families of a study can reach with the draws that it plans; one that cannot is refused.

    tests        the sets of the family (a data set at a hookpoint of a model, by a method, under a
                 similarity, and by an optimiser where the question is of ends), times questions and controls
    draws, R     replicates of the control that every layer of the set has; seeds of a scheme of weights
    least p      tests / (R + 1): the least p of one test, after Holm's correction for all of them

Nothing that would be run is counted out beforehand: refused layers and ends that are no minima lower both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from superpos.errors import InputError
from superpos.kinds.controls import FEATURES
from superpos.kinds.questions import QUESTIONS
from superpos.records.plan import PlannedDirections, StudyPlan
from superpos.specs.families import DRAWN_WEIGHTS, TRAINED, Family

Subject = tuple[str, ...]
"""Model, data set, hookpoint, pooling, method and similarity."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a family can show at most."""

    family: Family
    n_tests: int
    n_draws: int
    """Of the control, set and layer that have the fewest."""

    @property
    def p_smallest(self) -> float:
        """The least p that any test can have, after the correction."""
        return min(1.0, self.n_tests / (self.n_draws + 1))

    @property
    def needed(self) -> int:
        """Draws with which that is the level."""
        return math.ceil(self.n_tests / self.family.level * (1.0 - 1e-12)) - 1

    @property
    def sentence(self) -> str:
        """A line for the planner."""
        tests = f"{self.n_tests} test{'s' * (self.n_tests != 1)}"
        draws = f"{self.n_draws} draw{'s' * (self.n_draws != 1)}"
        return (
            f"tests.{self.family.name}: {tests}, {draws} of each control at least: no p can be below "
            f"{self.p_smallest:.2g} after the correction (level {self.family.level:g})"
        )


def reaches(plan: StudyPlan) -> tuple[Reach, ...]:
    """Return what each declared family of a study can reach.

    Raises
    ------
    InputError
        Naming the family whose level no test of it can reach, and the draws that it takes; or the control of
        which a set that is asked about has no draw, or a family of no tests.
    """
    if not plan.study.families:
        return ()
    sets = _sets(plan)
    found = tuple(_reach(plan, family, sets) for family in plan.study.families)
    for reach in found:
        if reach.p_smallest > reach.family.level:
            where = f"study {plan.study.name}: tests.{reach.family.name}.level"
            raise InputError(
                f"{where}: {reach.family.level:g} cannot be reached: {reach.n_tests} tests with "
                f"{reach.n_draws} draws have no p below {reach.p_smallest:.2g} after the correction; it "
                f"takes {reach.needed} draws of each control (replicates of blocks), or fewer tests"
            )
    return found


def _reach(plan: StudyPlan, family: Family, sets: Mapping[Subject, Mapping[str, int]]) -> Reach:
    where = f"study {plan.study.name}: tests.{family.name}"
    used = {axes.optimiser for axes, _ in plan.fit_axes.values()}
    n_optimisers = sum(1 for name in used if not family.optimisers or name in family.optimisers)
    n_tests, fewest = 0, math.inf
    for question in family.questions:
        view = QUESTIONS.get(question).view
        if view == "probe_results":  # probes are asked about once, whatever the matrices
            asked = {(*subject[:-1], ""): draws for subject, draws in sets.items()}
        else:
            asked = dict(sets)
        for (_, dataset, *_rest, similarity), draws in asked.items():
            for control in family.controls:
                if not family.holds(
                    question=question, control=control, dataset=dataset, similarity=similarity
                ):
                    continue
                if control not in draws:
                    raise InputError(f"{where}.controls: {control} has no draw for {dataset}")
                n_tests += n_optimisers if view == "fit_results" else 1
                fewest = min(fewest, draws[control])
    if n_tests == 0:
        raise InputError(f"{where}: has no test: none of its sets has what it asks")
    return Reach(family, n_tests, int(fewest))


def _sets(plan: StudyPlan) -> dict[Subject, dict[str, int]]:
    """Return the draws of every control that every layer has, by set."""
    directions = {one.key: one for one in plan.directions}
    layers: dict[Subject, dict[int, dict[str, set[int]]]] = {}
    for subject, layer, control, draw in _draws(plan, directions):
        layers.setdefault(subject, {}).setdefault(layer, {}).setdefault(control, set()).add(draw)
    found: dict[Subject, dict[str, int]] = {}
    for subject, by_layer in layers.items():
        there = [controls for controls in by_layer.values() if FEATURES in controls]
        if not there:
            continue
        names = dict.fromkeys(name for controls in there for name in controls if name != FEATURES)
        # A layer without the control is no cell of the comparison.
        found[subject] = {
            name: min(len(controls[name]) for controls in there if name in controls) for name in names
        }
    return found


def _draws(
    plan: StudyPlan, directions: Mapping[bytes, PlannedDirections]
) -> Iterator[tuple[Subject, int, str, int]]:
    """Yield set, layer, control (or `features`) and draw of every target."""
    datasets = {one.key: one.name for one in plan.datasets}
    models = {one.key: one for one in plan.models}
    read = {one.key: one.model_key for one in plan.activations}
    named: dict[str, list[str]] = {}
    for model in plan.models:
        if model.spec.weights == TRAINED:
            named.setdefault(model.name, []).append(f"{model.name} {model.spec.revision}")
    only = next(iter(named.values())) if len(named) == 1 else []
    for target in plan.targets:
        found = directions[target.direction_key]
        key = found.model_key if found.activation_key is None else read[found.activation_key]
        rest = (
            datasets[found.dataset_key], found.hookpoint, found.pooling, found.method, target.similarity
        )  # fmt: skip
        spec = models[key].spec if key is not None else None
        if spec is None or spec.weights == TRAINED or not named:
            own = "" if spec is None or key is None else f"{models[key].name} {spec.revision}"
            yield (own, *rest), found.layer, target.kind, target.replicate
        elif key is not None and target.kind == FEATURES:
            # The counterpart of the trained model of its name, or of the only one there is.
            for own in named.get(models[key].name, only):
                yield (own, *rest), found.layer, f"{spec.weights}{DRAWN_WEIGHTS}", spec.seed
