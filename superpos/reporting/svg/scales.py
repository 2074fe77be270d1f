"""Axes: where numbers lie along an edge of a panel, and which of them are named.

    place of v = (t(v) - t(first)) / (t(last) - t(first)), t the identity, log10 or the square root

First may be above last. Ticks are multiples of 1, 2, 2.5 or 5 times a power of ten; on a log axis they are
whole powers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from superpos.arrays import Float

MARGIN = 0.05
"""Share of the range of the numbers that is left free on either side."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TRANSFORMS: dict[str, Callable[[Float], Float]] = {
    "linear": lambda values: values,
    "log": lambda values: np.log10(np.maximum(values, 1e-300)),
    "sqrt": lambda values: np.sqrt(np.maximum(values, 0.0)),
}


@dataclass(slots=True)
class Ruler:
    """Limits and ticks of an axis, which several panels may share."""

    scale: str = "linear"
    first: float | None = None
    """Number at the left or lower end, where it was set."""
    last: float | None = None
    ticks: tuple[float, ...] | None = None
    labels: tuple[str, ...] | None = None
    minor: tuple[float, ...] = ()
    size: float = 8.0
    """Of the labels, points."""
    upright: bool = False
    """Whether labels stand upright."""
    tight: set[float] = field(default_factory=set)
    """Numbers beyond which no margin is left."""
    seen: list[tuple[float, float]] = field(default_factory=list)
    """Ranges of the numbers that were drawn."""

    def include(self, values: Iterable[float] | Float) -> None:
        """Take numbers into account that are drawn."""
        given = np.asarray(list(values) if not isinstance(values, np.ndarray) else values, dtype=np.float64)
        known = given[np.isfinite(given) & ((given > 0.0) if self.scale == "log" else True)]
        if known.size:
            self.seen.append((float(known.min()), float(known.max())))

    def limits(self) -> tuple[float, float]:
        """Return the numbers at both ends: as they were set, else around what is drawn."""
        low = min((one for one, _ in self.seen), default=0.0 if self.scale != "log" else 0.1)
        high = max((one for _, one in self.seen), default=1.0)
        a, b = self._place(np.array([low, high])).tolist()
        pad = MARGIN * (b - a) if b > a else (MARGIN * abs(a) or MARGIN)
        if low not in self.tight:
            a -= pad
        if high not in self.tight:
            b += pad
        if self.scale == "log":
            low, high = 10.0**a, 10.0**b
        else:
            low, high = (max(a, 0.0) ** 2, b * b) if self.scale == "sqrt" else (a, b)
        return (low if self.first is None else self.first), (high if self.last is None else self.last)

    def places(self, values: Sequence[float] | Float) -> Float:
        """Return where numbers lie: 0 at the first, 1 at the last."""
        start, end = self._place(np.array(self.limits())).tolist()
        own = self._place(np.asarray(values, dtype=np.float64))
        return np.asarray((own - start) / ((end - start) or 1.0), dtype=np.float64)

    def named(self, length: float, *, upright: bool) -> tuple[list[float], list[str]]:
        """Return the ticks that lie within the limits, and their labels, for an axis of some points."""
        low, high = sorted(self.limits())
        ticks = self.ticks
        if ticks is None:
            room = length / (self.size * (2.0 if upright else 4.0))
            count = max(1, min(9, int(room)))
            ticks = tuple(_powers(low, high, count) if self.scale == "log" else _multiples(low, high, count))
        labels = self.labels if self.labels is not None else _labels(ticks, self.scale)
        slack = 1e-9 * (high - low)
        inside = [index for index, tick in enumerate(ticks) if low - slack <= tick <= high + slack]
        return [ticks[index] for index in inside], [
            labels[index] if index < len(labels) else "" for index in inside
        ]

    def _place(self, values: Float) -> Float:
        return _TRANSFORMS[self.scale](values)


def _multiples(low: float, high: float, count: int) -> list[float]:
    span = high - low
    if not math.isfinite(span) or span <= 0.0:
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    wide = next(index for index, step in enumerate(_STEPS) if step * power >= raw * (1.0 - 1e-9))
    for step in (*(one * power for one in reversed(_STEPS[: wide + 1])), 0.5 * power):
        first = math.ceil(low / step - 1e-9)
        found = [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]
        if len(found) > 1:  # one number does not tell a scale
            return found
    return found


def _powers(low: float, high: float, count: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, -(-(last - first + 1) // count))
    return [10.0**k for k in range(first, last + 1, step)] or [low]


def _labels(ticks: Sequence[float], scale: str) -> tuple[str, ...]:
    if scale == "log":
        return tuple(power_label(tick) for tick in ticks)
    largest = max((abs(tick) for tick in ticks), default=0.0)
    if largest >= 1e6 or 0.0 < largest < 1e-3:
        return tuple(power_label(tick) if tick else "0" for tick in ticks)
    decimals = next((d for d in range(7) if all(abs(round(t, d) - t) < 1e-9 * largest for t in ticks)), 6)
    return tuple(f"{tick:.{decimals}f}".replace("-", "−") for tick in ticks)


def power_label(value: float) -> str:
    """Return a tick label of a log axis: 0.01 to 100 as they are, beyond as 10⁻³."""
    if value == 0.0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = math.log10(abs(value))
    if abs(exponent - round(exponent)) > 1e-6 or -2 <= exponent <= 2:
        return f"{value:g}"
    return ("-" if value < 0 else "") + "10" + str(round(exponent)).translate(_SUPERSCRIPT)
