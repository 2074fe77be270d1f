"""Figures that chapters of other packages draw with matplotlib: a file, and a picture of it in the page.

A picture keeps its ids and rules of style to itself, and its own white paper in a dark page.
"""

from __future__ import annotations

import base64
import io
from typing import Any

from superpos.reporting.svg.text import attributes

POINTS = 72.0


def of_matplotlib(figure: Any, label: str) -> tuple[bytes, str]:
    """Return a figure of matplotlib as the bytes of an SVG file, and as an element of a page.

    Parameters
    ----------
    figure
        A `matplotlib.figure.Figure`.
    label
        What a screen reader says.
    """
    import matplotlib as mpl

    stream = io.BytesIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "superpos"}
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with mpl.rc_context(settings):
        figure.savefig(stream, format="svg", metadata=nothing)
    svg = stream.getvalue()
    width, height = (f"{POINTS * float(size):g}" for size in figure.get_size_inches())
    root = attributes(viewBox=f"0 0 {width} {height}", role="img", aria_label=label)
    href = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode('ascii')}"
    picture = f"<image{attributes(width=width, height=height, href=href)}/>"
    return svg, f'<svg xmlns="http://www.w3.org/2000/svg"{root}>{picture}</svg>'
