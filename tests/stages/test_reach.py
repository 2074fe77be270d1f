"""What p a declared family can reach: counted from the plan, and refused where it is out of reach."""

from __future__ import annotations

from types import SimpleNamespace as Some

import pytest

from superpos.errors import InputError
from superpos.specs.families import Family
from superpos.stages.reach import reaches

MODELS = [
    Some(key=b"t", name="net", spec=Some(weights="pretrained", revision="", seed=-1)),
    Some(key=b"r0", name="net", spec=Some(weights="random", revision="", seed=0)),
    Some(key=b"r1", name="net", spec=Some(weights="random", revision="", seed=1)),
]


def plan(
    *families, draws=99, sets=("a", "b"), similarities=("cosine",), optimisers=("manifold",), fewer=None
):  # fmt: skip
    """A plan of two layers: features and draws of one control, and the features of random weights."""
    datasets = [Some(key=name.encode(), name=name) for name in sets]
    activations, directions, targets = [], [], []
    for model in MODELS:
        for dataset in datasets:
            for layer in (0, 1):
                key = model.key + dataset.key + bytes([layer])
                activations.append(Some(key=key, model_key=model.key))
                directions.append(
                    Some(
                        key=key, dataset_key=dataset.key, model_key=None, activation_key=key, layer=layer,
                        hookpoint="mlp.act", pooling="token", method="logistic",
                    )
                )  # fmt: skip
                for similarity in similarities:
                    kinds = [("features", 0)]
                    if model.key == b"t":
                        n = fewer if fewer and layer == 1 else draws
                        kinds += [("permuted", r) for r in range(n)]
                    targets += [
                        Some(direction_key=key, kind=kind, replicate=r, similarity=similarity)
                        for kind, r in kinds
                    ]
    return Some(
        study=Some(name="mine", families=families),
        models=MODELS, datasets=datasets, activations=activations, directions=directions, targets=targets,
        fit_axes={name: (Some(optimiser=name), "") for name in optimisers},
    )  # fmt: skip


def family(name="own", **given):
    return Family(name, **{"questions": ("own_energy",), "controls": ("permuted",), **given})


def test_tests_are_sets_times_questions_times_controls_and_the_fewest_draws_count():
    (found,) = reaches(plan(family(questions=("own_energy", "simplex"))))
    assert (found.n_tests, found.n_draws, found.p_smallest) == (4, 99, 0.04)
    assert found.sentence == (
        "tests.own: 4 tests, 99 draws of each control at least: no p can be below 0.04 after the correction "
        "(level 0.05)"
    )
    (found,) = reaches(plan(family(), fewer=60))
    assert (found.n_tests, found.n_draws) == (2, 60)
    (found,) = reaches(plan(family(datasets=("b",)), similarities=("cosine", "rbf")))
    assert found.n_tests == 1


def test_ends_are_tested_by_optimiser_and_probes_whatever_the_similarity():
    both = {"similarities": ("cosine", "rbf"), "optimisers": ("manifold", "powell")}
    given = family(questions=("keeps_low",), similarities=("cosine", "rbf"))
    (found,) = reaches(plan(given, draws=199, **both))
    assert found.n_tests == 8
    (found,) = reaches(plan(family(questions=("keeps_low",), optimisers=("manifold",)), **both))
    assert found.n_tests == 2
    (found,) = reaches(plan(family(questions=("read_by_probes",)), **both))
    assert found.n_tests == 2


def test_a_level_out_of_reach_is_refused_with_the_draws_that_it_takes():
    with pytest.raises(InputError) as caught:
        reaches(plan(family(), draws=38))
    assert str(caught.value) == (
        "study mine: tests.own.level: 0.05 cannot be reached: 2 tests with 38 draws have no p below 0.051 "
        "after the correction; it takes 39 draws of each control (replicates of blocks), or fewer tests"
    )
    (found,) = reaches(plan(family(), draws=39))
    assert found.p_smallest == found.family.level
    with pytest.raises(InputError, match=r"level: 0\.05 .* 2 tests with 2 draws .* it takes 39 draws"):
        reaches(plan(family(controls=("random weights",))))  # two seeds


def test_a_control_that_is_not_drawn_and_a_family_of_no_tests_are_refused():
    with pytest.raises(InputError, match=r"tests\.own\.controls: gaussian has no draw for a$"):
        reaches(plan(family(controls=("gaussian",))))
    with pytest.raises(InputError, match=r"tests\.own: has no test"):
        reaches(plan(family(similarities=("rbf",))))


def test_a_study_without_families_promises_nothing():
    assert reaches(plan()) == ()
