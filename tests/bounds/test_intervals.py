import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.bounds.intervals import Interval
from superpos.kinds.energies import ENERGIES

mpmath = pytest.importorskip("mpmath", reason="the oracle of interval arithmetic is mpmath")

ends = st.floats(-50.0, 50.0).map(lambda x: round(x, 3))
pairs = st.tuples(ends, ends).map(sorted)
TWO = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
ONE = {"exp": (np.exp, "exp"), "log": (np.log, "log"), "sqrt": (np.sqrt, "sqrt")}


def assert_encloses(found, low, high):
    """Hold an interval against the exact one: it holds it, and is hardly wider."""
    low, high = float(mpmath.mpf(low)), float(mpmath.mpf(high))
    assert found.low <= low
    assert found.high >= high
    room = 1e-13 * max(abs(low), abs(high)) + 1e-300
    assert found.low >= low - room
    assert found.high <= high + room


@given(pairs, pairs, st.sampled_from(sorted(TWO)))
def test_arithmetic_encloses_what_mpmath_finds(a, b, sign):
    if sign == "/" and b[0] <= 0.0 <= b[1]:
        return
    exact = TWO[sign](mpmath.iv.mpf(a), mpmath.iv.mpf(b))
    assert_encloses(TWO[sign](Interval(*a), Interval(*b)), exact.a, exact.b)


@given(pairs, st.sampled_from(sorted(ONE)))
def test_functions_enclose_what_mpmath_finds(a, name):
    function, exact = ONE[name][0], getattr(mpmath.iv, ONE[name][1])
    if name != "exp" and a[0] <= 0.0:
        a = [0.5, 0.5 + abs(a[1])]
    found = exact(mpmath.iv.mpf(a))
    assert_encloses(function(Interval(*a)), found.a, found.b)


@given(pairs, st.sampled_from([-3.0, -2.0, -0.5, 0.5, 1.0, 2.0, 3.0, 4.0, 2.5]), st.floats(0.0, 1.0))
def test_powers_enclose_their_values(a, exponent, share):
    if exponent != int(exponent):
        a = sorted(abs(x) for x in a)
    x = a[0] + share * (a[1] - a[0])
    if x == 0.0 and exponent < 0.0:
        return
    found = Interval(*a) ** exponent
    value = float(mpmath.mpf(x) ** mpmath.mpf(exponent))
    assert found.low <= value <= found.high


def test_an_infinite_or_undefined_end_says_nothing():
    with np.errstate(all="raise"):
        assert (1.0 / Interval(-1.0, 1.0)).low == -np.inf
        assert (1.0 / Interval(0.0, 2.0)).high == np.inf
        assert (1.0 / Interval(0.0, 2.0)).low <= 0.5
        assert np.log(Interval(0.0, 1.0)).low == -np.inf
        assert np.exp(Interval(700.0, 800.0)).high == np.inf
        assert np.isfinite(np.exp(Interval(800.0, 801.0)).low)
        assert (Interval(0.0, 0.0) * Interval(1.0, np.inf)).high == pytest.approx(0.0)
        assert abs(Interval(-3.0, 2.0)).low == 0.0
        assert (Interval(-2.0, 1.0) ** 2).low == 0.0


@pytest.mark.parametrize("a", [0.3, 1.9])
def test_what_an_interval_does_not_know_is_a_type_error(a):
    with pytest.raises(TypeError, match="interval"):
        np.sin(Interval(a, a))
    with pytest.raises(TypeError, match="interval"):
        _ = Interval(a, a) < 1.0
    with pytest.raises(TypeError, match="exponent"):
        _ = Interval(a, a) ** Interval(1.0, 2.0)


@pytest.mark.parametrize("kind", [kind for kind in ENERGIES if ENERGIES.origin(kind.name) is None])
def test_point_functions_are_enclosed_over_a_range(kind):
    low, high = (np.array([-0.9, 0.1]), np.array([-0.2, 0.8])) if kind.angular else ([0.01, 1.0], [0.5, 4.0])
    box = Interval(low, high)
    for s in kind.parameter.samples if kind.parameter else (0.0,):
        x = np.linspace(box.low, box.high, 50)
        values = kind.value(x, s)
        inside = {
            "value": (kind.value(box, s), values),
            "slope": (kind.slope(box, s, kind.value(box, s)), kind.slope(x, s, values)),
            "bend": (kind.bend(box, s, kind.value(box, s)), kind.bend(x, s, values)),
        }
        for found, wanted in inside.values():
            assert (found.low <= wanted).all()
            assert (found.high >= wanted).all()
