"""A figure as PNG and SVG from one drawing: what is drawn goes to both at once.

Placing ticks and texts takes most of the time of a drawing, and is the same for both files. Both use pixels
of the PNG; the SVG states its size in points. Widths of lines, dashes and sizes of texts come in points, and
only the raster turns them into pixels by itself.
"""

from __future__ import annotations

import io
from typing import Any

from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from PIL import Image

from superpos.reporting.vector import with_tips

POINTS = 72.0
COMPRESSION = 3
"""Of the PNG: more takes twice the time for a few per cent."""
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def encode(figure: Figure, dpi: int) -> tuple[bytes, bytes]:
    """Return a figure as PNG and as SVG."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    width, height = canvas.get_width_height(physical=True)
    renderer: Any = TwinRenderer(width, height, dpi)
    figure.draw(renderer)
    png = io.BytesIO()
    picture = Image.frombuffer("RGBA", (width, height), renderer.buffer_rgba(), "raw", "RGBA", 0, 1)
    picture.convert("RGB").save(png, format="png", compress_level=COMPRESSION, dpi=(dpi, dpi))
    svg: bytes = renderer.svg()
    return png.getvalue(), svg


class TwinRenderer(RendererAgg):
    """Draws on a raster and into an SVG of the same size in pixels."""

    def __init__(self, width: int, height: int, dpi: int) -> None:
        super().__init__(width, height, dpi)  # type: ignore[no-untyped-call]  # the base has no types
        self._base: Any = super()
        self._stream = io.StringIO()
        self._vector: Any = _PixelSVG(width, height, self._stream, dpi)
        raster: Any = self._renderer
        for name in ("draw_markers", "draw_path_collection", "draw_quad_mesh", "draw_image"):
            # The raster's own are attributes of the instance, put there by its constructor.
            setattr(self, name, _both(getattr(raster, name), getattr(self._vector, name)))

    def svg(self) -> bytes:
        """Return the SVG, finished."""
        self._vector.finalize()
        text = self._stream.getvalue()
        points = [f"{size * POINTS / self.dpi:g}pt" for size in (self.width, self.height)]
        sizes = f'width="{points[0]}" height="{points[1]}"'
        text = text.replace(f'width="{self.width}pt" height="{self.height}pt"', sizes, 1)
        return with_tips(text).encode("utf-8")

    def draw_path(self, gc: Any, path: Any, transform: Any, rgbFace: Any = None) -> None:
        """Draw a path on both."""
        self._base.draw_path(gc, path, transform, rgbFace)
        self._vector.draw_path(gc, path, transform, rgbFace)

    def draw_text(
        self, gc: Any, x: Any, y: Any, s: Any, prop: Any, angle: Any, ismath: Any = False, mtext: Any = None
    ) -> None:
        """Draw a line of text on both."""
        self._base.draw_text(gc, x, y, s, prop, angle, ismath, mtext)
        self._vector.draw_text(gc, x, y, s, prop, angle, ismath, mtext)

    def open_group(self, s: str, gid: str | None = None) -> None:
        """Open a group of the SVG."""
        self._vector.open_group(s, gid)

    def close_group(self, s: str) -> None:
        """Close a group of the SVG."""
        self._vector.close_group(s)


class _PixelSVG(RendererSVG):
    """An SVG in pixels of the raster: what comes in points is scaled."""

    def __init__(self, width: int, height: int, stream: io.StringIO, dpi: int) -> None:
        super().__init__(width, height, stream, metadata=NO_METADATA)  # type: ignore[no-untyped-call]  # no types
        self._base: Any = super()
        self._scale = dpi / POINTS

    def _get_style_dict(self, gc: Any, rgbFace: Any) -> Any:
        # Everything with a stroke passes here once, whatever it is part of.
        scaled: Any = GraphicsContextBase()
        scaled.copy_properties(gc)
        scaled.set_linewidth(self._scale * gc.get_linewidth())
        offset, dashes = gc.get_dashes()
        if dashes is not None:
            scaled.set_dashes(self._scale * offset, [self._scale * dash for dash in dashes])
        return self._base._get_style_dict(scaled, rgbFace)  # noqa: SLF001 (the base's own)

    def draw_text(
        self, gc: Any, x: Any, y: Any, s: Any, prop: Any, angle: Any, ismath: Any = False, mtext: Any = None
    ) -> None:
        scaled = prop.copy()
        scaled.set_size(prop.get_size_in_points() * self._scale)
        self._base.draw_text(gc, x, y, s, scaled, angle, ismath, mtext)


def _both(first: Any, second: Any) -> Any:
    def call(*arguments: Any, **named: Any) -> None:
        first(*arguments, **named)
        second(*arguments, **named)

    return call
