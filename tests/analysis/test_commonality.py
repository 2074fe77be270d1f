"""Shares of a variance against regressions by NumPy, and planted ones."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.analysis.commonality import MOST, basis, commonality, r_squared
from superpos.errors import ArgumentError, NonFiniteError, ShapeError


def regression(y: np.ndarray, columns: list[np.ndarray]) -> float:
    """R^2 by normal equations, another way than ours."""
    design = np.column_stack([np.ones(len(y)), *columns])
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(1.0 - np.sum((y - fitted) ** 2) / np.sum((y - y.mean()) ** 2))


def drawn(seed: int, m: int = 40, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((m, k)) @ rng.standard_normal((k, k))
    return mixed @ rng.standard_normal(k) + rng.standard_normal(m), mixed


@given(seed=st.integers(0, 10_000), k=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_shares_are_those_of_regressions(seed: int, k: int) -> None:
    y, x = drawn(seed, k=k)
    found = commonality(y, {str(i): x[:, i] for i in range(k)})
    everything = regression(y, list(x.T))
    assert found.total == pytest.approx(everything, abs=1e-9)
    for i in range(k):
        others = [x[:, j] for j in range(k) if j != i]
        assert found.alone[str(i)] == pytest.approx(regression(y, [x[:, i]]), abs=1e-9)
        assert found.unique[str(i)] == pytest.approx(everything - regression(y, others), abs=1e-9)
        assert found.components[frozenset({str(i)})] == pytest.approx(found.unique[str(i)], abs=1e-9)
    # Every share is counted once, and those of a predictor add up to what it explains.
    assert sum(found.components.values()) == pytest.approx(everything, abs=1e-9)
    for i in range(k):
        own = sum(share for names, share in found.components.items() if str(i) in names)
        assert own == pytest.approx(found.alone[str(i)], abs=1e-9)


def test_two_predictors_by_hand() -> None:
    # y = a + b + c with a, b, c orthogonal and of one variance; the predictors are a + b and b + c.
    a, b, c, d = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1], [0, 0, 0, 0]], dtype=float)
    y = a + b + c + d
    found = commonality(y, {"first": a + b, "second": b + c})
    # R^2 of either is (1 + 1)^2 / (2 * 3); off the span of both is a - b + c, 1/9 of y.
    assert found.alone["first"] == pytest.approx(2 / 3)
    assert found.total == pytest.approx(1.0 - 1.0 / 9.0)
    assert found.unique["first"] == pytest.approx(8 / 9 - 2 / 3)
    assert found.common["first"] == pytest.approx(2 / 3 - 2 / 9)


def test_three_components_are_those_of_the_textbook() -> None:
    y, x = drawn(5)
    found = commonality(y, dict(zip("abc", x.T, strict=True)))
    subsets = [part for k in (1, 2, 3) for part in combinations("abc", k)]
    subsets = [part for k in (1, 2, 3) for part in combinations("abc", k)]
    r2 = {"".join(part): regression(y, [x[:, "abc".index(name)] for name in part]) for part in subsets}
    # Newton & Spurrell: C_ab = R^2(ac) + R^2(bc) - R^2(c) - R^2(abc)
    common_ab = r2["ac"] + r2["bc"] - r2["c"] - r2["abc"]
    assert found.components[frozenset("ab")] == pytest.approx(common_ab, abs=1e-9)
    common_abc = r2["a"] + r2["b"] + r2["c"] - r2["ab"] - r2["ac"] - r2["bc"] + r2["abc"]
    assert found.components[frozenset("abc")] == pytest.approx(common_abc, abs=1e-9)


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3))
@settings(max_examples=20, deadline=None)
def test_units_and_order_do_not_matter(seed: int, scale: float, shift: float) -> None:
    y, x = drawn(seed)
    order = np.random.default_rng(seed).permutation(len(y))
    before = commonality(y, dict(zip("abc", x.T, strict=True)))
    after = commonality(
        scale * y[order] + shift, dict(zip("abc", (-scale * x[order] + shift).T, strict=True))
    )
    assert after.components == pytest.approx(before.components, abs=1e-6)


def test_a_copy_leaves_nothing_unique_and_a_constant_explains_nothing() -> None:
    y, x = drawn(1)
    found = commonality(y, {"one": x[:, 0], "copy": 3.0 * x[:, 0] - 1.0, "constant": np.full(len(y), 0.1)})
    assert found.unique == pytest.approx({"one": 0.0, "copy": 0.0, "constant": 0.0}, abs=1e-12)
    assert found.common["one"] == pytest.approx(found.total)
    assert found.alone["constant"] == 0.0
    assert r_squared(np.full(5, 0.3), np.arange(5.0)[:, None]) == 0.0


def test_suppression_is_a_negative_common_share() -> None:
    rng = np.random.default_rng(0)
    noise, signal = rng.standard_normal((2, 200))
    found = commonality(signal, {"noisy": signal + noise, "noise": noise})
    assert found.total == pytest.approx(1.0)
    assert found.common["noisy"] < -0.3


def test_a_basis_is_orthonormal_and_off_what_it_is_within() -> None:
    _, x = drawn(3)
    inner = basis(x[:, :1])
    outer = basis(x, inner)
    assert outer.shape == (len(x), 2)
    np.testing.assert_allclose(outer.T @ outer, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(inner.T @ outer, 0.0, atol=1e-12)
    np.testing.assert_allclose(outer.sum(axis=0), 0.0, atol=1e-12)


def test_bad_input_is_named() -> None:
    with pytest.raises(ArgumentError, match="0 predictors"):
        commonality([1.0, 2.0], {})
    with pytest.raises(ArgumentError, match=f"1 to {MOST}"):
        commonality([1.0, 2.0], {str(i): [1.0, 2.0] for i in range(MOST + 1)})
    with pytest.raises(ShapeError, match="other"):
        commonality([1.0, 2.0], {"other": [1.0, 2.0, 3.0]})
    with pytest.raises(NonFiniteError, match="other"):
        commonality([1.0, 2.0], {"other": [1.0, np.nan]})
