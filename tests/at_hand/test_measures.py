"""Measures and tests of arrays at hand are the pipeline's, and say what they cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import superpos
from superpos.errors import InputError
from superpos.psms import cosine, simplex_psm
from superpos.psms.controls.gaussian import gaussian_directions
from superpos.psms.controls.permuted import permuted_directions


def rows(n: int = 6, d: int = 40, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((n, d))


def value(frame: Any, measure: str, column: str = "value", **where: Any) -> float:
    found = frame[frame.measure == measure]
    for name, wanted in where.items():
        found = found[found[name] == wanted]
    assert len(found) == 1
    return float(found[column].iloc[0])


def test_own_energy_by_its_formula_and_on_its_scale() -> None:
    P = rows()
    off = cosine(P)[np.triu_indices(6, 1)]
    frame = superpos.geometry(P, kernels=["exp", "riesz:1", {"energy": "exp", "s": 4.0}])
    assert value(frame, "own_energy", kernel="exp") == pytest.approx(np.exp(off).mean(), rel=1e-12)
    assert value(frame, "own_energy", kernel="exp:4") == pytest.approx(np.exp(4 * off).mean(), rel=1e-12)
    riesz = np.mean(1.0 / np.sqrt(2.0 - 2.0 * off))
    assert value(frame, "own_energy", kernel="riesz:1") == pytest.approx(riesz, rel=1e-12)
    least = np.exp(-1.0 / 5.0)  # the regular simplex
    assert value(frame, "own_energy", "bound", kernel="exp") == pytest.approx(least, rel=1e-6)
    for T, scaled in ((simplex_psm(6), 0.0), (np.eye(6), 1.0)):
        assert value(superpos.geometry(T), "own_energy", "value_scaled") == pytest.approx(scaled, abs=1e-6)
    assert frame.meaning.notna().all()


@pytest.mark.parametrize("change", ["rotated", "scaled", "reordered"])
def test_nothing_depends_on_units_rotations_or_order(change: str) -> None:
    P = rows()
    rotation = np.linalg.qr(rows(40, 40, 1))[0]
    other = {"rotated": P @ rotation, "scaled": P * rows(6, 1, 2) ** 2, "reordered": P[::-1]}[change]
    first, second = superpos.geometry(P), superpos.geometry(other)
    np.testing.assert_allclose(first.value, second.value, rtol=1e-7, atol=1e-9)


def test_directions_and_their_matrix_measure_alike() -> None:
    P = rows()
    of_rows, of_matrix = superpos.geometry(P, n_dims=[2]), superpos.geometry(cosine(P), n_dims=[2])
    joined = of_rows.merge(of_matrix, on=["measure", "kernel", "n_dims"])
    free = joined[~joined.measure.isin(("coherence", "squared_cosine_ratio"))]  # those need d
    np.testing.assert_array_equal(free.value_x, free.value_y)
    assert {0, 2} == set(of_rows.n_dims)
    named = superpos.Psm(cosine(P), tuple("abcdef"), "cosine")
    np.testing.assert_array_equal(superpos.geometry(named, n_dims=[2]).value, of_matrix.value)


def test_a_test_is_the_rank_among_the_draws() -> None:
    P = rows(5, 30)
    P[1] = P[0] + 0.1 * P[1]  # two features almost one: more energy than any draw has
    found = superpos.test(P, replicates=59, measures=["own_energy"])
    assert list(found.control) == ["permuted", "gaussian"]
    for row in found.itertuples():
        draw = {
            "permuted": lambda r: permuted_directions(P, r),
            "gaussian": lambda r: gaussian_directions(5, 30, r),
        }
        values = [
            value(
                superpos.geometry(draw[row.control](r), measures=["own_energy"]), "own_energy", "value_scaled"
            )
            for r in range(59)
        ]
        own = value(superpos.geometry(P, measures=["own_energy"]), "own_energy", "value_scaled")
        assert row.value == pytest.approx(own, rel=1e-12)
        assert row.control_median == pytest.approx(np.median(values), rel=1e-9)
        assert row.estimate == pytest.approx(own - np.median(values), rel=1e-9)
        low, high = own - np.quantile(values, [0.975, 0.025])
        assert (row.low, row.high) == pytest.approx((low, high), rel=1e-9)
        assert row.p_value == row.p_smallest == row.p_adjusted == 1 / 60
        assert row.n_draws == 59
        assert row.scaled


def test_directions_that_are_a_draw_are_seldom_found() -> None:
    p = [
        superpos.test(rows(4, 20, seed), "gaussian", replicates=19, measures=["own_energy"]).p_value[0]
        for seed in range(25)
    ]
    assert np.mean(np.array(p) <= 0.2) < 0.4
    assert np.mean(p) > 0.3


def test_draws_of_your_own_are_controls() -> None:
    P = rows(4, 20)
    found = superpos.test(P, {"other tokens": [rows(4, 20, seed) for seed in range(1, 8)]})
    assert set(found.control) == {"other tokens"}
    assert set(found.n_draws) == {7}
    assert found.low.isna().all()  # fewer than 39 draws have no interval
    assert set(found.p_smallest) == {1 / 8}
    assert (found.p_adjusted >= found.p_value).all()
    spectrum = superpos.test(
        cosine(P), ["spectrum"], replicates=9, measures=["frame_potential", "own_energy"]
    )
    assert set(spectrum.control) == {"spectrum"}
    same = spectrum[spectrum.measure == "frame_potential"]  # a function of the spectrum
    assert same.p_value.tolist() == [1.0]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: superpos.geometry(np.zeros((3, 4))), r"^P: row 0 is zero"),
        (lambda: superpos.geometry([[1.0, np.nan], [0.0, 1.0]]), r"^P: 1 of 4 entries are not finite"),
        (lambda: superpos.geometry([[1.0, 2.0]]), r"^P: shape \(1, 2\)"),
        (lambda: superpos.geometry(rows(), kernels=["expo"]), r"^kernels\[0\]: 'expo' is unknown; .*'exp'"),
        (lambda: superpos.geometry(rows(), n_dims=[6]), r"^n_dims: 6 must be below the 6 features"),
        (lambda: superpos.geometry(rows(), measures=["own"]), r"^measures: 'own' is not measured here"),
        (lambda: superpos.geometry(rows(), measures=["own_energy"], kernels=[]), "own_energy needs a kernel"),
        (lambda: superpos.geometry(rows(), measures=["force_residual"]), "force_residual needs a dimension"),
        (lambda: superpos.test(rows(), "permute"), r"^controls: 'permute' is unknown; .*'permuted'"),
        (lambda: superpos.test(rows(), "features"), r"^controls: 'features' is no control"),
        (lambda: superpos.test(rows(), "shuffled_labels"), r"^controls: shuffled_labels needs labels"),
        (lambda: superpos.test(rows(), "covariance"), r"^controls: covariance needs activations, which a st"),
        (lambda: superpos.test(cosine(rows()), "permuted"), r"^controls: permuted needs directions; a sim"),
        (lambda: superpos.test(rows(), replicates=0), r"^replicates: "),
        (lambda: superpos.test(rows(), {"a": []}), r"^controls: 'a' has no draw"),
        (lambda: superpos.test(rows(), {"a": [rows(5)]}), r"^controls: 'a' has a draw of 5 features, not 6"),
        (lambda: superpos.run({"models": {}}), r"^study: the dictionary has no name"),
        (lambda: superpos.run("no-such-study"), r"^study 'no-such-study': no such file"),
        (lambda: superpos.run("demo", workers=-1), r"^workers: "),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()
