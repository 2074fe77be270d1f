"""Planted dictionaries, labels and activations: what they are, by formulas of their own."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from superpos.datasets.builders.planted import PlantedOptions
from superpos.datasets.planted import (
    SHAPES,
    dictionary,
    draw_activations,
    draw_labels,
    expand_groups,
    frame,
    noise_scales,
)
from superpos.datasets.recorded import read_recorded
from superpos.errors import ArgumentError, InputError
from superpos.specs.datasets import DatasetSpec


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def spec(**options: Any) -> DatasetSpec:
    more = {name: options.pop(name) for name in ("n_samples", "seed") if name in options}
    told = PlantedOptions(**{"shape": "simplex", **options})
    return DatasetSpec("planted", "planted", options=told, **{"n_samples": 400, **more})


@pytest.mark.parametrize("n", [2, 3, 6, 12])
def test_a_simplex_has_equal_cosines_in_the_fewest_dimensions(n: int) -> None:
    found = dictionary("simplex", n)
    assert found.directions.shape == (n, n - 1)
    wanted = np.full((n, n), -1.0 / (n - 1))
    np.fill_diagonal(wanted, 1.0)
    assert found.cosines == pytest.approx(wanted, abs=1e-14)


def test_the_other_shapes_have_the_cosines_that_they_state() -> None:
    orthoplex = dictionary("orthoplex", 6).cosines
    assert orthoplex == pytest.approx(np.kron(np.eye(3), [[1.0, -1.0], [-1.0, 1.0]]))
    turns = np.arange(7)
    wanted = np.cos(2.0 * np.pi * (turns[:, None] - turns) / 7.0)
    assert dictionary("circle", 7).cosines == pytest.approx(wanted)
    pairs = dictionary("pairs", 4, cosine=-0.3).cosines
    assert pairs == pytest.approx(np.kron(np.eye(2), [[1.0, -0.3], [-0.3, 1.0]]))
    random = dictionary("random", 400, rank=30, draw=rng())
    assert np.linalg.norm(random.directions, axis=1) == pytest.approx(np.ones(400))
    off = random.cosines[np.triu_indices(400, 1)]
    assert np.mean(off**2) == pytest.approx(1.0 / 30.0, rel=0.02)


@pytest.mark.parametrize("children", [2, 3, 4])
def test_what_tells_children_apart_is_orthogonal_to_their_parent(children: int) -> None:
    n = 3 * (1 + children)
    found = dictionary("hierarchy", n, children=children)
    cosines = found.cosines
    family = np.arange(n) // (1 + children)
    first = np.arange(n) % (1 + children) == 0
    assert np.diag(cosines) == pytest.approx(np.ones(n))
    assert cosines[family[:, None] != family] == pytest.approx(0.0)
    same = family[:, None] == family
    assert cosines[same & first[:, None] & ~first] == pytest.approx(math.sqrt(0.5))
    siblings = same & ~first[:, None] & ~first & ~np.eye(n, dtype=bool)
    assert cosines[siblings] == pytest.approx((1.0 - 1.0 / (children - 1)) / 2.0)
    parents = found.added[first]
    assert found.added[~first] @ parents.T == pytest.approx(np.zeros((n - 3, 3)))
    of_child = found.added[~first] + found.added[first][family[~first]]
    assert of_child == pytest.approx(found.directions[~first] * math.sqrt(2.0))


@pytest.mark.parametrize("kind", ["independent", "together", "in_pairs"])
def test_labels_have_their_frequency_and_correlation(kind: str) -> None:
    rho = 0.0 if kind == "independent" else 0.6
    labels = draw_labels(kind, 60_000, 4, rng(1), frequency=0.5, correlation=rho)
    phi = np.corrcoef(labels.T)
    sheppard = 2.0 / math.pi * math.asin(rho)
    assert labels.mean(axis=0) == pytest.approx(np.full(4, 0.5), abs=0.01)
    assert phi[0, 1] == pytest.approx(sheppard, abs=0.02)
    assert phi[0, 2] == pytest.approx(sheppard if kind == "together" else 0.0, abs=0.02)
    rare = draw_labels(kind, 60_000, 4, rng(1), frequency=0.1, correlation=rho)
    assert rare.mean(axis=0) == pytest.approx(np.full(4, 0.1), abs=0.01)


def test_classes_exclude_one_another_and_children_need_their_parent() -> None:
    classes = draw_labels("classes", 6_000, 5, rng())
    assert (classes.sum(axis=1) == 1).all()
    assert classes.mean(axis=0) == pytest.approx(np.full(5, 0.2), abs=0.02)
    families = draw_labels("families", 6_000, 8, rng(), frequency=0.4, children=3)
    for parent, child in ((0, slice(1, 4)), (4, slice(5, 8))):
        assert (families[:, child].sum(axis=1) == families[:, parent]).all()


def test_activations_are_their_formula() -> None:
    known = dictionary("pairs", 4)
    labels = draw_labels("independent", 200, 4, rng(2))
    groups = expand_groups(200, 8)
    quiet: dict[str, float] = {"strength": 3.0, "noise": 0.0, "group_noise": 0.0, "decay": 0.0}

    def draw(**changes: float) -> Any:
        told = {**quiet, **changes}
        return draw_activations(known, labels, groups, 40, rotation=rng(3), samples=rng(4), **told)

    signal = draw()
    Q = frame(40, 4, rng(3))
    assert pytest.approx(np.eye(4), abs=1e-12) == Q.T @ Q
    assert signal == pytest.approx(3.0 * (labels @ known.directions) @ Q.T, abs=1e-5)
    noise = draw(noise=0.5) - signal
    assert noise.std() == pytest.approx(0.5, rel=0.02)
    shared = draw(group_noise=2.0) - signal
    assert np.ptp(shared.reshape(25, 8, 40), axis=1).max() < 1e-5
    assert shared.std() == pytest.approx(2.0, rel=0.1)
    scales = noise_scales(40, 1.0)
    assert np.mean(scales**2) == pytest.approx(1.0)
    assert scales[0] / scales[9] == pytest.approx(math.sqrt(10.0))
    turned = draw(strength=0.0, noise=1.0, decay=1.5)
    spectrum = np.linalg.eigvalsh(np.cov(turned.T))[::-1]
    assert spectrum[0] == pytest.approx(noise_scales(40, 1.5)[0] ** 2, rel=0.3)
    assert np.trace(np.cov(turned.T)) == pytest.approx(40.0, rel=0.15)


def test_draws_are_of_the_seed_and_of_nothing_else() -> None:
    few, many = (read_recorded(spec(n_samples=n)) for n in (200, 400))
    place = ("resid", 0)
    assert np.array_equal(few.labelled().labels, many.labelled().labels[:200])
    assert np.array_equal(few.activations(place), many.activations(place)[:200])
    other = read_recorded(spec(shape="circle"))
    assert np.array_equal(other.labelled().labels, many.labelled().labels)
    another = read_recorded(spec(seed=1))
    assert not np.array_equal(another.labelled().labels, many.labelled().labels)
    layers = read_recorded(spec(layers=2))
    assert list(layers.places.items()) == [(("resid", 0), 64), (("resid", 1), 64)]
    assert not np.array_equal(layers.activations(("resid", 1)), layers.activations(place))


def test_groups_share_labels_and_stay_together() -> None:
    found = read_recorded(spec(group_size=10)).labelled()
    assert np.array_equal(found.sequence_groups, np.arange(400) // 10)
    assert np.ptp(found.labels.reshape(40, 10, 6).astype(int), axis=1).max() == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_names_and_is_too_wide_for_one_dimension(shape: str) -> None:
    options = PlantedOptions(shape=shape, n_features=6)  # type: ignore[arg-type]
    assert len(set(options.known(0).names)) == 6
    if shape != "random":
        with pytest.raises(ArgumentError, match="width: 1 is too narrow"):
            replace(options, width=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shape": "orthoplex", "n_features": 5}, "n_features: 5 is no multiple of 2"),
        ({"shape": "hierarchy", "n_features": 7}, "n_features: 7 is no multiple of 3: a family has 3"),
        ({"shape": "hierarchy", "labels": "classes"}, "labels: 'classes' does not apply to a hierarchy"),
        ({"shape": "cube"}, "shape: 'cube' is unknown; allowed: simplex, orthoplex"),
        ({"frequency": 1.0}, "frequency: 1 must be below 1"),
        ({"frequency": 0.0}, "frequency: 0"),
        ({"noise": -1.0}, "noise: -1"),
        ({"cosine": 1.5}, "cosine: 1.5 must be at most 1"),
        ({"n_features": 1}, "n_features: 1 must be at least 2"),
        ({"labels": "together", "correlation": -0.5}, "correlation: -0.5 is below 0"),
        ({"labels": "in_pairs", "n_features": 5}, "n_features: 5 features are no pairs"),
        ({"rank": 65, "shape": "random"}, "width: 64 is too narrow: the directions need 65"),
    ],
)
def test_what_cannot_be_planted_is_one_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        PlantedOptions(**{"shape": "simplex", **options})
    assert str(caught.value).startswith(said)


def test_more_than_is_drawn_at_a_time_is_one_line() -> None:
    with pytest.raises(InputError, match="n_samples: 4,000,000 samples of 64 numbers; at most"):
        read_recorded(spec(n_samples=4_000_000))
