"""Intervals of doubles: what a point function can be on a range of its argument, rounded outward.

    f([l, h]) encloses { f(x) : l <= x <= h }

Point functions of kinds are written in NumPy's elementary functions and arithmetic
(`superpos.kinds.points`), so an array of intervals goes through them as an array of numbers does. Each
operation takes the extremes of its exact counterpart and then moves the ends outward: by `EXACT` units in
the last place where IEEE 754 rounds correctly (+ - * / sqrt), by `CLOSE` where NumPy's libraries promise at
most 4 (exp, log, powers).

Source: Moore, Kearfott & Cloud, Introduction to Interval Analysis (2009), chapters 2 to 5. Written here since
what Python has is one interval at a time (mpmath, which is the oracle of the tests).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from superpos.arrays import Float

EXACT = 1.0
CLOSE = 8.0
_EPS = float(np.finfo(np.float64).eps)
_HUGE = float(np.finfo(np.float64).max)
_TINY = float(np.finfo(np.float64).smallest_subnormal)


class Interval(NDArrayOperatorsMixin):
    """An array of closed intervals, ends may be infinite.

    Operations with numbers, arrays and intervals give intervals; what cannot be enclosed (comparisons, other
    functions) is a `TypeError`.
    """

    def __init__(self, low: Float | float, high: Float | float) -> None:
        self.low = np.asarray(low, dtype=np.float64)
        self.high = np.asarray(high, dtype=np.float64)

    @classmethod
    def of(cls, found: Any) -> Interval:
        """Return what a point function gave as an interval; it may be a number."""
        return found if isinstance(found, Interval) else cls(found, found)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Interval:
        """Return the enclosure of a ufunc."""
        rule = _RULES.get(ufunc)
        if rule is None or method != "__call__" or options:
            raise TypeError(f"{ufunc.__name__} of an interval is not known")
        with np.errstate(all="ignore"):
            return rule(*(Interval.of(each) for each in inputs))

    def within(self, low: float, high: float) -> Interval:
        """Return what of the intervals lies between two numbers, between which the true values are known."""
        return Interval(np.clip(self.low, low, high), np.clip(self.high, low, high))


def _outward(low: Float, high: Float, ulps: float) -> Interval:
    """Return ends moved outward; an end that is not a number says nothing, so it becomes infinite.

    A lower end that is infinite stands for an overflow: it is known to be beyond the largest double; an upper
    one likewise. Ends of 0 are exact, for whoever could have rounded to 0 has seen to it.
    """
    low, high = np.where(low == np.inf, _HUGE, low), np.where(high == -np.inf, -_HUGE, high)
    low = np.where(low == 0.0, low, low - (ulps * _EPS) * np.abs(low) - _TINY)
    high = np.where(high == 0.0, high, high + (ulps * _EPS) * np.abs(high) + _TINY)
    return Interval(np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))


def _add(a: Interval, b: Interval) -> Interval:
    return _outward(a.low + b.low, a.high + b.high, EXACT)


def _subtract(a: Interval, b: Interval) -> Interval:
    return _outward(a.low - b.high, a.high - b.low, EXACT)


def _negative(a: Interval) -> Interval:
    return Interval(-a.high, -a.low)


def _multiply(a: Interval, b: Interval) -> Interval:
    lows, highs = [], []
    for x in (a.low, a.high):
        for y in (b.low, b.high):
            # 0 times an infinite end is 0: it stands for numbers of any size, each of which times 0 is 0.
            product = np.where((x == 0.0) | (y == 0.0), 0.0, x * y)
            tiny = (product == 0.0) & (x != 0.0) & (y != 0.0)  # not 0, but too small for a double
            lows.append(np.where(tiny & np.signbit(x * y), -_TINY, product))
            highs.append(np.where(tiny & ~np.signbit(x * y), _TINY, product))
    return _outward(np.minimum.reduce(lows), np.maximum.reduce(highs), EXACT)


def _divide(a: Interval, b: Interval) -> Interval:
    """Return a (1 / b); where b holds 0 within, everything, and where 0 is an end of b, one half."""
    within = (b.low < 0.0) & (b.high > 0.0)
    low = np.where(within | (b.high == 0.0), -np.inf, 1.0 / b.high)
    high = np.where(within | (b.low == 0.0), np.inf, 1.0 / b.low)
    return _multiply(a, _outward(low, high, EXACT))


def _rising(function: Callable[[Any], Any], ulps: float, low: float, high: float = np.inf) -> Any:
    """Return the rule of a function that rises, with values between two numbers."""

    def rule(a: Interval) -> Interval:
        first, last = np.asarray(function(a.low)), np.asarray(function(a.high))
        last = np.where((last == 0.0) & (function(0.0) > 0.0), _TINY, last)  # exp of what is far below 0
        return _outward(first, last, ulps).within(low, high)

    return rule


def _absolute(a: Interval) -> Interval:
    across = (a.low < 0.0) & (a.high > 0.0)
    one, other = np.abs(a.low), np.abs(a.high)
    return Interval(np.where(across, 0.0, np.minimum(one, other)), np.maximum(one, other))


def _power(a: Interval, exponent: Interval) -> Interval:
    """Return a to a power that is one number: a whole one of any a, another of a >= 0."""
    if exponent.low.size != 1 or float(exponent.low.max()) != float(exponent.high.max()):
        raise TypeError("a power of an interval has one number for exponent")
    p = float(exponent.low.max())
    if p < 0.0:
        return _divide(Interval(1.0, 1.0), _power(a, Interval(-p, -p)))
    if p == 0.0:
        return Interval(np.ones_like(a.low), np.ones_like(a.high))
    base = _absolute(a) if p % 2.0 == 0.0 else a
    low, high = base.low**p, base.high**p
    low = np.where((low == 0.0) & (base.low < 0.0), -_TINY, low)
    high = np.where((high == 0.0) & (base.high > 0.0), _TINY, high)
    found = _outward(low, high, CLOSE)
    return found if p % 2.0 == 1.0 else Interval(np.maximum(found.low, 0.0), found.high)


_RULES: dict[Any, Callable[..., Interval]] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.negative: _negative,
    np.positive: lambda a: a,
    np.absolute: _absolute,
    np.power: _power,
    np.square: lambda a: _power(a, Interval(2.0, 2.0)),
    np.exp: _rising(np.exp, CLOSE, 0.0),
    np.log: _rising(np.log, CLOSE, -np.inf),
    np.sqrt: _rising(np.sqrt, EXACT, 0.0),
}
