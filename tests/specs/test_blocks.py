"""Blocks: products without their earlier parts, and the axes of joint step and re-optimisation."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.errors import ArgumentError
from superpos.specs.axes import FitAxes, JointAxes, Kernel
from superpos.specs.blocks import Product, disjoint, fit_axes, joint_axes
from superpos.specs.study import Block, Reoptimisation

PART = st.lists(st.integers(0, 3), max_size=4, unique=True).map(tuple)
PRODUCTS = st.lists(st.tuples(PART, PART, PART), max_size=6).map(
    lambda parts: [Product(f"block-{i}", three) for i, three in enumerate(parts)]
)


def cells(one: Product) -> list[tuple[Any, ...]]:
    return list(product(*one.parts))


@given(PRODUCTS)
@settings(max_examples=300, deadline=None)
def test_disjoint_products_hold_every_cell_once_under_its_first_block(products: list[Product]) -> None:
    first: dict[tuple[Any, ...], str] = {}
    for one in products:
        for cell in cells(one):
            first.setdefault(cell, one.name)
    found = [(cell, one.name) for one in disjoint(products) for cell in cells(one)]
    assert len(found) == len(first)
    assert dict(found) == first


@given(PRODUCTS)
@settings(max_examples=100, deadline=None)
def test_no_empty_product_is_kept_and_sizes_are_counts(products: list[Product]) -> None:
    for one in disjoint(products):
        assert one.size == len(cells(one)) > 0


def test_products_that_share_nothing_stay_as_they_are() -> None:
    one = Product("a", ((1,), (1, 2), (1,)))
    other = Product("b", ((2,), (1, 2), (1,)))
    assert disjoint([one, other]) == (one, other)


def test_one_more_sigma_is_one_more_slice() -> None:
    old = Product("a", ((1, 2, 3), (1, 2), (0, 1)))
    new = Product("b", ((1, 2, 3), (1, 2), (0, 1, 2)))
    assert disjoint([old, new]) == (old, Product("b", ((1, 2, 3), (1, 2), (2,))))


def make(**changes: Any) -> Block:
    values: dict[str, Any] = {"name": "b", "models": ("m",), "datasets": ("d",), **changes}
    return Block(**values)


def test_joint_axes_are_the_whole_product_each_once() -> None:
    block = make(
        kernels=(Kernel("exp"), Kernel("log"), Kernel("exp")),
        gauges=("none", "unit"),
        importance_modes=("learned", "uniform"),
        n_dims=(2, 3, 2),
        lambda_d=(1.0, 10.0),
        restarts=3,
        backend="scipy",
        max_iter=7,
        gtol=1e-3,
    )
    axes = joint_axes(block, "cosine")
    assert len(axes) == len(set(axes)) == 2 * 2 * 2 * 2 * 2 * 3
    assert {one.restart for one in axes} == {0, 1, 2}
    assert {(one.backend, one.max_iter, one.gtol) for one in axes} == {("scipy", 7, 1e-3)}
    wanted = JointAxes("log", 0.0, "exclude", 0.0, "unit", "uniform", 3, 10.0, 2, "scipy", 7, 1e-3)
    assert wanted in axes


def test_a_gauge_that_one_similarity_does_not_have_is_refused_for_that_one_alone() -> None:
    block = make(kernels=(Kernel("riesz", 1.0),), gauges=("mean_norm",))
    assert joint_axes(block, "rbf")[0].gauge == "mean_norm"
    with pytest.raises(
        ArgumentError, match=r"^blocks\.b\.gauges: mean_norm under cosine .* riesz:1; use unit$"
    ):
        joint_axes(block, "cosine")


@given(
    st.lists(st.sampled_from([0.0, 0.01, 0.1, 1.0]), max_size=4),
    st.integers(1, 3),
    st.lists(st.sampled_from([0.1, 1.0]), min_size=1, max_size=2),
    st.sampled_from(["powell", "manifold"]),
)
@settings(deadline=None)
def test_sigma_zero_is_always_there_and_first_and_trials_belong_to_perturbations(
    sigmas: list[float], trials: int, lambda_x: list[float], optimiser: Any
) -> None:
    axes = Reoptimisation(optimiser, tuple(lambda_x), tuple(sigmas), "sigma", trials).axes()
    assert len(axes) == len(set(axes))
    for penalty in {one.lambda_x for one in axes}:
        mine = [(one.sigma, one.trial) for one in axes if one.lambda_x == penalty]
        assert mine[0] == (0.0, 0)
        wanted = {(s, t) for s in sigmas if s > 0.0 for t in range(trials)}
        assert set(mine) == {(0.0, 0)} | wanted
    assert {one.lambda_x for one in axes} == ({0.0} if optimiser == "manifold" else set(lambda_x))


def test_the_fit_axes_of_a_block_are_each_once_in_the_order_of_the_file() -> None:
    one = Reoptimisation(sigmas=(0.1,))
    two = Reoptimisation(sigmas=(0.1, 0.2))
    axes = fit_axes(make(reoptimisations=(one, two)))
    assert [axis.sigma for axis in axes] == [0.0, 0.1, 0.2]


def test_what_an_optimiser_does_not_read_is_no_other_computation() -> None:
    default = FitAxes("manifold", sigma=0.1)
    assert FitAxes("manifold", lambda_x=5.0, sigma=0.1, xtol=1e-2, ftol=1e-2) == default
    assert FitAxes("manifold", sigma=0.1, gtol=1e-6) != default
    assert FitAxes("powell", sigma=0.1, xtol=1e-2) != FitAxes("powell", sigma=0.1)


def test_axes_are_made_again_from_their_columns() -> None:
    for one in (FitAxes("manifold", sigma=0.1, sigma_rule="sigma / sqrt(f)"), FitAxes("powell", 2.0)):
        assert FitAxes(**{name: getattr(one, name) for name in FitAxes.__dataclass_fields__}) == one


def test_the_nominal_sigma_is_scaled_by_its_rule() -> None:
    assert FitAxes(sigma=0.1).scale(16) == 0.1
    assert FitAxes(sigma=0.1, sigma_rule="sigma / sqrt(f)").scale(16) == pytest.approx(0.025)
    assert FitAxes(sigma=0.0, sigma_rule="sigma / sqrt(f)").sigma_rule == "sigma"
    with pytest.raises(ArgumentError, match=r"^trial: 1 with sigma 0 repeats trial 0"):
        FitAxes(sigma=0.0, trial=1)


def test_softening_of_a_study_is_in_units_of_the_start_radius() -> None:
    axes = JointAxes("riesz", 1.0, "include", 0.1)
    assert axes.kernel == Kernel("riesz", 1.0, "include", 0.1)
    assert (axes.label, JointAxes("log").label) == ("riesz:1", "log")
