"""Texts: their sizes in points, without a font at hand, and their elements.

    width of a line = size / 100 * sum of the advances of its letters in DejaVu Sans

DejaVu Sans is wider than the fonts that stand in for it where it is not installed, so there is room for
these too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape

LINE = 1.2
"""Height of a line over its size."""
FAMILY = "DejaVu Sans, Verdana, sans-serif"
ANCHORS = {"left": "", "center": "middle", "right": "end"}
_FIRST, _OTHER = 32, 84
_PLAIN = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79,
    69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28,
    58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
_BOLD = (
    35, 46, 52, 84, 70, 100, 87, 31, 46, 46, 52, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70,
    70, 40, 40, 84, 84, 84, 58, 100, 77, 76, 73, 83, 68, 68, 82, 84, 37, 37, 77, 64, 100, 84, 85, 73, 85,
    77, 72, 68, 81, 77, 110, 77, 72, 73, 46, 37, 46, 84, 50, 50, 67, 72, 59, 72, 68, 44, 72, 71, 34, 34,
    67, 34, 104, 71, 69, 72, 72, 49, 60, 48, 71, 65, 92, 65, 65, 58, 71, 37, 71, 84,
)  # fmt: skip
"""Advances of the letters from space to tilde in hundredths of an em."""


_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@cache
def text_size(text: str, size: float, bold: bool = False) -> tuple[float, float]:
    """Return width and height of a text of one or several lines, in points; generous with other scripts."""
    advances = _BOLD if bold else _PLAIN
    last = _FIRST + len(advances)
    lines = text.split("\n")
    widths = [
        sum(advances[ord(c) - _FIRST] if _FIRST <= ord(c) < last else _OTHER for c in line) for line in lines
    ]
    return size / 100.0 * max(widths), LINE * size * len(lines)


def number(value: float) -> str:
    """Return a coordinate with a tenth of a point."""
    return f"{round(value, 1):g}" if abs(value) < 1e5 else f"{value:.0f}"


def escaped(text: str) -> str:
    """Return a text as it may stand in an element or an attribute; what XML cannot hold becomes a sign."""
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))


def attributes(**values: object) -> str:
    """Return attributes of an element, those that are None or empty left out; `_` stands for a hyphen."""
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for name, value in values.items()
        if value is not None and value != ""
    )


def titled(start: str, tip: str) -> str:
    """Return an element from its opening without the bracket, with a hover text where there is one."""
    if not tip:
        return f"{start}/>"
    return f"{start}><title>{escaped(tip)}</title></{start[1 : start.index(' ')]}>"


def text(
    x: float,
    y: float,
    content: str,
    size: float,
    *,
    ha: str = "left",
    va: str = "baseline",
    bold: bool = False,
    colour: str = "",
    upright: bool = False,
    spacing: float = LINE,
) -> str:
    """Return a text of one or several lines at a place; `upright` turns it by 90 degrees around the place."""
    lines: Sequence[str] = content.split("\n")
    leap = spacing * size
    above = {"top": 0.8 * size, "center": 0.36 * size - leap * (len(lines) - 1) / 2, "baseline": 0.0}.get(
        va, -0.22 * size - leap * (len(lines) - 1)
    )
    shared = attributes(
        text_anchor=ANCHORS[ha], font_size=f"{size:g}", font_weight="bold" if bold else "", fill=colour
    )
    if upright:
        place = f' transform="translate({number(x)} {number(y)}) rotate(-90)"'
        x, y = 0.0, 0.0
        shared += place
    if "  " in content:
        shared += ' xml:space="preserve"'
    spans = [escaped(line) for line in lines]
    if len(spans) == 1:
        return f'<text x="{number(x)}" y="{number(y + above)}"{shared}>{spans[0]}</text>'
    rows = "".join(
        f'<tspan x="{number(x)}" y="{number(y + above + index * leap)}">{span}</tspan>'
        for index, span in enumerate(spans)
    )
    return f"<text{shared}>{rows}</text>"
