"""Colours of numbers, and matrices of colours as an image."""

from __future__ import annotations

import base64
import struct
import zlib
from functools import cache
from typing import NamedTuple

import numpy as np

from superpos.arrays import Float

_ANCHORS = {
    "RdBu_r": "053061 2065ab 4393c3 90c4dd d1e5f0 f7f6f6 fddbc7 f3a481 d6604d b1182b 67001f",
    "viridis": (
        "440154 470d60 48186a 482374 472d7b 453781 424086 3e4989 3b528b 375b8d 33638d 2f6b8e 2c728e 297a8e "
        "26828e 23898e 21918c 1f978b 1f9f88 21a685 27ad81 31b57b 3dbc74 4cc26c 5cc863 6ece58 81d34d 95d840 "
        "aadc32 c0df25 d5e21a eae51a fde725"
    ),
}
"""Evenly spaced points of matplotlib's maps of these names; ColorBrewer's and van der Walt and Smith's."""
MISSING = (200, 205, 210)
"""Colour of NaN."""


class Colours(NamedTuple):
    """A scale of colours over a range."""

    name: str
    low: float
    high: float

    def rgb(self, values: Float) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Return the colours of numbers, (..., 3); what is beyond the range has the colour of its end."""
        anchors = _anchors(self.name)
        place = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0) * (len(anchors) - 1)
        known = np.nan_to_num(place, nan=0.0)
        channels = [np.interp(known, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
        found = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
        found[np.isnan(place)] = MISSING
        return found


def names_of(colours: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[str]:
    """Return colours, (n, 3), as CSS writes them."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colours.tolist()]


def image_of(colours: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    """Return colours, (n_rows, n_columns, 3), as a PNG in a data URL, a pixel a colour."""
    height, width, _ = colours.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), colours.reshape(height, -1)], axis=1)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"


@cache
def _anchors(name: str) -> Float:
    values = [[int(code[at : at + 2], 16) for at in (0, 2, 4)] for code in _ANCHORS[name].split()]
    return np.array(values, dtype=np.float64)
