"""What is drawn within a panel: each mark says what it spans, and writes itself.

A mark is written in points from the upper left corner of its panel. `across` and `up` turn its numbers into
such points. Marks of lower `z` lie below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from superpos.arrays import Float
from superpos.reporting.svg.colours import Colours, image_of, names_of
from superpos.reporting.svg.text import attributes, escaped, number, text, titled

Place = Callable[[Sequence[float] | Float], list[float]]
"""Turns numbers into points along one direction."""
Dashes = Any
"""`-`, or (offset, lengths) in widths of the line, as matplotlib has it; empty for no line."""


class Mark(Protocol):
    """Something in a panel."""

    z: float

    def draw(self, across: Place, up: Place, size: tuple[float, float]) -> str:
        """Return the elements, given the panel's width and height."""
        ...


def numbers(values: Iterable[float] | float) -> Float:
    """Return numbers as an array, (n,)."""
    if isinstance(values, int | float):
        return np.array([float(values)])
    return np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64).reshape(
        -1
    )


def stroke(colour: str, width: float, dashes: Dashes = "-", alpha: float | None = None) -> str:
    """Return what a line looks like."""
    lengths = ""
    if isinstance(dashes, tuple):
        lengths = " ".join(number(length * width) for length in dashes[1])
    return attributes(
        stroke=colour,
        stroke_width=f"{width:g}",
        stroke_dasharray=lengths,
        opacity=None if alpha is None else f"{alpha:g}",
    )


@dataclass(slots=True)
class Line:
    """A line through points, with markers on them or without; either may be missing."""

    x: Float
    y: Float
    colour: str
    dashes: Dashes = "-"
    width: float = 1.5
    marker: str = ""
    size: float = 6.0
    face: str = ""
    alpha: float | None = None
    z: float = 2.0
    tips: Sequence[str] = ()

    def draw(self, across: Place, up: Place, size: tuple[float, float]) -> str:  # noqa: ARG002 (one shape of call)
        """Return a path, and a shape a marker."""
        points = list(zip(across(self.x), up(self.y), strict=True))
        found = ""
        if self.dashes not in ("", "None") and len(points) > 1:
            path, pen = [], "M"
            for x, y in points:
                if math.isfinite(x) and math.isfinite(y):
                    path.append(f"{pen}{number(x)} {number(y)}")
                    pen = "L"
                else:
                    pen = "M"
            look = stroke(self.colour, self.width, self.dashes, self.alpha)
            tip = self.tips[0] if len(self.tips) == 1 and not self.marker else ""
            found = titled(f'<path d="{"".join(path)}" fill="none"{look}', tip)
        if self.marker:
            face = self.face or self.colour
            found += shapes(
                points, self.marker, self.size / 2.0, face, self.colour, 1.0, self.alpha, self.tips
            )
        return found


@dataclass(slots=True)
class Points:
    """A cloud of markers, `area` in square points."""

    x: Float
    y: Float
    area: float
    face: str
    edge: str
    edge_width: float
    marker: str = "o"
    alpha: float | None = None
    z: float = 1.0
    tips: Sequence[str] = ()

    def draw(self, across: Place, up: Place, size: tuple[float, float]) -> str:  # noqa: ARG002
        """Return a shape a point."""
        points = list(zip(across(self.x), up(self.y), strict=True))
        edge = self.edge if self.edge_width > 0.0 else ""
        return shapes(
            points,
            self.marker,
            math.sqrt(self.area) / 2.0,
            self.face,
            edge,
            self.edge_width,
            self.alpha,
            self.tips,
        )


@dataclass(slots=True)
class Segments:
    """Lines from (x, y) to (x_end, y_end)."""

    x: Float
    y: Float
    x_end: Float
    y_end: Float
    colour: str
    width: float = 1.5
    dashes: Dashes = "-"
    alpha: float | None = None
    z: float = 1.0

    def draw(self, across: Place, up: Place, size: tuple[float, float]) -> str:  # noqa: ARG002
        """Return one path."""
        ends = zip(across(self.x), up(self.y), across(self.x_end), up(self.y_end), strict=True)
        path = "".join(
            f"M{number(a)} {number(b)}L{number(c)} {number(d)}"
            for a, b, c, d in ends
            if all(map(math.isfinite, (a, b, c, d)))
        )
        return f'<path d="{path}"{stroke(self.colour, self.width, self.dashes, self.alpha)}/>' if path else ""


@dataclass(slots=True)
class Rule:
    """A line or a band over all of a panel, at some number across or up."""

    at: float
    upright: bool
    colour: str
    width: float = 1.5
    dashes: Dashes = "-"
    until: float | None = None
    """End of a band."""
    alpha: float | None = None
    z: float = 2.0

    def draw(self, across: Place, up: Place, size: tuple[float, float]) -> str:
        """Return a path, or a rectangle."""
        place = (across if self.upright else up)([self.at, self.at if self.until is None else self.until])
        if self.until is not None:
            a, b = sorted(place)
            box = (a, 0.0, b - a, size[1]) if self.upright else (0.0, a, size[0], b - a)
            return _box(*box, self.colour, self.alpha)
        if not math.isfinite(place[0]):
            return ""
        path = (
            f"M{number(place[0])} 0V{number(size[1])}"
            if self.upright
            else f"M0 {number(place[0])}H{number(size[0])}"
        )
        return f'<path d="{path}"{stroke(self.colour, self.width, self.dashes, self.alpha)}/>'


@dataclass(slots=True)
class Area:
    """The area between two lines over the same x."""

    x: Float
    low: Float
    high: Float
    colour: str
    alpha: float | None = None
    z: float = 1.0

    def draw(self, across: Place, up: Place, size: tuple[float, float]) -> str:  # noqa: ARG002
        """Return one path, closed."""
        known = np.isfinite(self.x) & np.isfinite(self.low) & np.isfinite(self.high)
        if known.sum() < 2:
            return ""
        x = across(self.x[known])
        there = [f"{number(a)} {number(b)}" for a, b in zip(x, up(self.low[known]), strict=True)]
        back = [f"{number(a)} {number(b)}" for a, b in zip(x, up(self.high[known]), strict=True)]
        look = attributes(fill=self.colour, opacity=None if self.alpha is None else f"{self.alpha:g}")
        return f'<path d="M{"L".join([*there, *reversed(back)])}z"{look}/>'


@dataclass(slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    alpha: float | None = None
    z: float = 1.0
    tip: str = ""

    def draw(self, across: Place, up: Place, size: tuple[float, float]) -> str:  # noqa: ARG002
        """Return a rectangle."""
        (a, b), (c, d) = across([self.x, self.x + self.width]), up([self.y, self.y + self.height])
        return _box(min(a, b), min(c, d), abs(b - a), abs(d - c), self.colour, self.alpha, self.tip)


@dataclass(slots=True)
class Cells:
    """A matrix of colours, a cell around every pair of whole numbers; each may say what it is."""

    matrix: Float
    colours: Colours
    tips: Sequence[Sequence[str]] = ()
    z: float = 0.0

    def draw(self, across: Place, up: Place, size: tuple[float, float]) -> str:  # noqa: ARG002
        """Return a square a cell that says something; without texts all are one image."""
        n_rows, n_columns = self.matrix.shape
        (left, right), (top, bottom) = across([-0.5, n_columns - 0.5]), up([-0.5, n_rows - 0.5])
        found = self.colours.rgb(self.matrix)
        if not self.tips:
            where = attributes(
                x=number(left), y=number(top), width=number(right - left), height=number(bottom - top),
                preserveAspectRatio="none", style="image-rendering:pixelated", href=image_of(found),
            )  # fmt: skip
            return f"<image{where}/>"
        scale = f"{(right - left) / n_columns:.3f} {(bottom - top) / n_rows:.3f}"
        names = names_of(found.reshape(-1, 3))
        cells = "".join(
            titled(f'<path d="M{j} {i}h1v1h-1z" fill="{names[i * n_columns + j]}"', self.tips[i][j])
            for i in range(n_rows)
            for j in range(n_columns)
        )
        move = f"translate({number(left)} {number(top)}) " if left or top else ""
        return f'<g transform="{move}scale({scale})" shape-rendering="crispEdges">{cells}</g>'


@dataclass(slots=True)
class Words:
    """A text at a place; `within` says which of its numbers are shares of the panel: `x`, `xy` or none."""

    x: float
    y: float
    content: str
    size: float
    ha: str = "left"
    va: str = "baseline"
    bold: bool = False
    colour: str = ""
    within: str = ""
    spacing: float = 1.2
    z: float = 3.0

    def draw(self, across: Place, up: Place, size: tuple[float, float]) -> str:
        """Return the text."""
        x = self.x * size[0] if "x" in self.within else across([self.x])[0]
        y = (1.0 - self.y) * size[1] if "y" in self.within else up([self.y])[0]
        return text(
            x, y, self.content, self.size, ha=self.ha, va=self.va, bold=self.bold, colour=self.colour,
            spacing=self.spacing,
        )  # fmt: skip


def shapes(
    points: Iterable[tuple[float, float]],
    marker: str,
    radius: float,
    face: str,
    edge: str,
    edge_width: float,
    alpha: float | None = None,
    tips: Sequence[str] = (),
) -> str:
    """Return markers: one text for all of them, or one for each, or none."""
    shape = _SHAPES.get(marker, _circle)  # a look of another package may name one that is not here
    each = len(tips) > 1
    there = [(index, x, y) for index, (x, y) in enumerate(points) if math.isfinite(x) and math.isfinite(y)]
    found = "".join(
        titled(shape(x, y, radius), tips[index] if each and index < len(tips) else "")
        for index, x, y in there
    )
    if not found:
        return ""
    look = attributes(
        fill="none" if marker in _OPEN else face, stroke=edge, stroke_width=f"{edge_width:g}" if edge else "",
        opacity=None if alpha is None else f"{alpha:g}",
    )  # fmt: skip
    if len(tips) == 1:
        return f"<g{look}><title>{escaped(tips[0])}</title>{found}</g>"
    return f"<g{look}>{found}</g>"


def _box(
    x: float, y: float, width: float, height: float, colour: str, alpha: float | None, tip: str = ""
) -> str:
    where = attributes(
        x=number(x), y=number(y), width=number(width), height=number(height), fill=colour,
        opacity=None if alpha is None else f"{alpha:g}",
    )  # fmt: skip
    return titled(f"<rect{where}", tip)


def _polygon(corners: Sequence[tuple[float, float]]) -> Callable[[float, float, float], str]:
    def shape(x: float, y: float, radius: float) -> str:
        path = "L".join(f"{number(x + radius * a)} {number(y + radius * b)}" for a, b in corners)
        return f'<path d="M{path}z"'

    return shape


def _circle(x: float, y: float, radius: float) -> str:
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{radius:.3g}"'


def _strokes(*lines: tuple[float, float, float, float]) -> Callable[[float, float, float], str]:
    def shape(x: float, y: float, radius: float) -> str:
        path = "".join(
            f"M{number(x + radius * a)} {number(y + radius * b)}l{number(radius * c)} {number(radius * d)}"
            for a, b, c, d in lines
        )
        return f'<path d="{path}"'

    return shape


def _star() -> list[tuple[float, float]]:
    turns = [math.pi * (k / 5.0 - 0.5) for k in range(10)]
    return [
        ((1.0 if k % 2 == 0 else 0.382) * math.cos(t), (1.0 if k % 2 == 0 else 0.382) * math.sin(t))
        for k, t in enumerate(turns)
    ]


_PLUS = [(-1, -1 / 3), (-1 / 3, -1 / 3), (-1 / 3, -1), (1 / 3, -1), (1 / 3, -1 / 3), (1, -1 / 3),
         (1, 1 / 3), (1 / 3, 1 / 3), (1 / 3, 1), (-1 / 3, 1), (-1 / 3, 1 / 3), (-1, 1 / 3)]  # fmt: skip
_SHAPES: dict[str, Callable[[float, float, float], str]] = {
    "o": _circle,
    ".": lambda x, y, radius: _circle(x, y, radius / 2.0),
    "s": _polygon([(-1, -1), (1, -1), (1, 1), (-1, 1)]),
    "^": _polygon([(0, -1), (1, 1), (-1, 1)]),
    "v": _polygon([(0, 1), (1, -1), (-1, -1)]),
    "<": _polygon([(-1, 0), (1, 1), (1, -1)]),
    ">": _polygon([(1, 0), (-1, 1), (-1, -1)]),
    "D": _polygon([(0, -1.41), (1.41, 0), (0, 1.41), (-1.41, 0)]),
    "d": _polygon([(0, -1.41), (0.85, 0), (0, 1.41), (-0.85, 0)]),
    "P": _polygon(_PLUS),
    "X": _polygon([((a - b) * 0.72, (a + b) * 0.72) for a, b in _PLUS]),
    "*": _polygon(_star()),
    "h": _polygon([(math.sin(k * math.pi / 3), math.cos(k * math.pi / 3)) for k in range(6)]),
    "|": _strokes((0, -1, 0, 2)),
    "x": _strokes((-1, -1, 2, 2), (-1, 1, 2, -2)),
    "+": _strokes((-1, 0, 2, 0), (0, -1, 0, 2)),
}  # fmt: skip
_OPEN = ("|", "x", "+")
"""Markers that are strokes."""
