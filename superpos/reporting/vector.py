"""SVG made fit for the page: hover texts, colours that follow the theme, no more bytes than are seen.

Matplotlib writes an id for every group, six decimals of a pixel and colours that are fixed. A page holds many
figures at once, is light or dark, and is sent by mail: there the ids go but those that are referred to, which
are made the figure's own; coordinates keep a tenth of a pixel; ink, paper and rules are the page's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
MARK = "\u241f"
"""Unit separator, as a symbol: begins the texts of an artist in its group's id."""
MAX_POINTS = 200
"""Points of a line up to which each says where it is."""
CELLS = "\u241e"
"""Record separator, as a symbol: begins the place of a matrix' cells."""
THEME = {
    "#1f2933": "--ink",
    "#111827": "--ink",
    "#000000": "--ink",
    "#7b8794": "--soft",
    "#9aa5b1": "--faint",
    "#e4e7eb": "--line",
    "#ffffff": "--paper",
}
"""Colours of the figures that are the page's, whatever its theme; white text on a coloured cell stays."""
_LONG = re.compile(r"-?\d+\.\d{2,}")
_COLOUR = re.compile(r"(?<=: )#[0-9a-f]{6}\b")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_PRECISE = frozenset({"transform", "style"})
"""Attributes whose numbers are not all coordinates: they keep a hundredth."""


def add_tips(artist: Artist, texts: Sequence[str]) -> None:
    """Give an artist texts that its SVG shows on hover: one for all of it, or one for each of its marks."""
    artist.set_gid(MARK + MARK.join(text.replace(MARK, " ") for text in texts))


def add_point_tips(figure: Figure) -> None:
    """Let the points of every line and cloud that was given no text say where they are.

    A line of more than `MAX_POINTS` points, and one that has no marks, says nothing.
    """
    for axes in figure.axes:
        names = [axes.get_title().replace("\n", ", "), axes.get_xlabel(), axes.get_ylabel()]
        for artist in (*axes.lines, *axes.collections):
            if artist.get_gid() is None and artist.get_transform().contains_branch(axes.transData):
                points = _points(artist)
                if 0 < len(points) <= MAX_POINTS:
                    add_tips(artist, [_where(names, x, y) for x, y in points])


def _points(artist: Any) -> Sequence[tuple[float, float]]:
    if hasattr(artist, "get_marker") and artist.get_marker() not in ("", "None", None):
        points: Sequence[tuple[float, float]] = artist.get_xydata().tolist()
        return points
    return ()


def _where(names: Sequence[str], x: float, y: float) -> str:
    title, across, up = (" ".join(name.split()) for name in names)
    place = f"{across or 'x'} {x:.4g}, {up or 'y'} {y:.4g}"
    return f"{title}: {place}" if title else place


class CellTips(Artist):
    """Texts of the cells of a matrix; draws nothing, but tells the SVG where each cell is."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self._texts = texts

    def draw(self, renderer: Any) -> None:
        """Leave a group that says where the cells are, and what their texts are."""
        axes: Any = self.axes
        n_rows, n_columns = len(self._texts), len(self._texts[0])
        corners = axes.transData.transform([(-0.5, -0.5), (n_columns - 0.5, n_rows - 0.5)])
        (left, top), (right, bottom) = corners.tolist()
        height = renderer.height
        place = [left, height - top, (right - left) / n_columns, (top - bottom) / n_rows]
        texts = [text.replace(MARK, " ") for row in self._texts for text in row]
        where = " ".join(f"{value:.2f}" for value in place)
        renderer.open_group("cells", MARK.join([f"{CELLS}{where} {n_columns}", *texts]))
        renderer.close_group("cells")


def add_cell_tips(axes: Axes, texts: Sequence[Sequence[str]]) -> None:
    """Give the cells of a matrix that `imshow` draws on some axes a text each, (n_rows, n_columns)."""
    axes.add_artist(CellTips(texts))


def with_tips(svg: str) -> str:
    """Return the SVG of a figure with a `title` in every mark that was given a text."""
    if f'id="{MARK}' not in svg and f'id="{CELLS}' not in svg:
        return svg
    root = _parsed(svg)
    for group in root.iter(f"{{{SVG}}}g"):
        name = group.get("id", "")
        if name.startswith(MARK):
            del group.attrib["id"]
            _put_titles(group, name.split(MARK)[1:])
        elif name.startswith(CELLS):
            del group.attrib["id"]
            _put_cells(group, *name.removeprefix(CELLS).split(MARK))
    return _written(root, declared=True)


def for_page(svg: bytes, prefix: str, label: str) -> str:
    """Return the SVG of a figure as an element of a page.

    Parameters
    ----------
    svg
        What `superpos.reporting.style.save` returns.
    prefix
        Begins the ids that are left, so that no other figure of the page has them: letters, digits, hyphens.
    label
        What a screen reader says.
    """
    root = _parsed(svg.decode("utf-8"))
    names = {name: f"{prefix}-{number}" for number, name in enumerate(dict.fromkeys(_referred(root)))}
    for parent in root.iter():
        for child in list(parent):
            # The figure's own background, and rules of style that would hold for all of the page.
            if child.get("id") == "patch_1" or child.tag == f"{{{SVG}}}style":
                parent.remove(child)
    for element in root.iter():
        _renamed(element, names)
        _in_theme(element)
        for name, value in element.attrib.items():
            shorter = _hundredth if name in _PRECISE else _tenth
            element.set(name, _LONG.sub(shorter, value))
    _pruned(root)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib.update({"role": "img", "aria-label": label})
    return _written(root)


def natural_width(svg: bytes) -> float:
    """Return the width of a figure in points, as its SVG states it; 0 where it states none."""
    found = re.search(rb'<svg [^>]*\bwidth="([0-9.]+)pt"', svg[:1000])
    return float(found[1]) if found else 0.0


def _put_titles(group: ET.Element, texts: Sequence[str]) -> None:
    marks = list(group.iter(f"{{{SVG}}}use"))
    if len(texts) == 1 or len(texts) != len(
        marks
    ):  # of a line that leaves the panel some marks are not drawn
        marks, texts = [group], texts if len(texts) == 1 else ()
    for mark, text in zip(marks, texts, strict=False):
        if text:
            title = ET.Element(f"{{{SVG}}}title")
            title.text = text
            mark.insert(0, title)


def _put_cells(group: ET.Element, where: str, *texts: str) -> None:
    left, top, width, height, n_columns = (float(value) for value in where.split())
    for number, text in enumerate(texts):
        row, column = divmod(number, int(n_columns))
        place = (
            f"M{left + column * width:.1f} {top + row * height:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"
        )
        cell = ET.SubElement(group, f"{{{SVG}}}path", {"d": place, "fill-opacity": "0"})
        ET.SubElement(cell, f"{{{SVG}}}title").text = text


def _referred(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == f"{{{XLINK}}}href" and value.startswith("#"):
                yield value[1:]
            yield from _REFERENCE.findall(value)


def _renamed(element: ET.Element, names: dict[str, str]) -> None:
    own = element.attrib.pop("id", None)
    if own in names:
        element.set("id", names[own])
    for name, value in list(element.attrib.items()):
        if name == f"{{{XLINK}}}href":
            del element.attrib[name]
            element.set("href", f"#{names[value[1:]]}" if value.startswith("#") else value.replace("\n", ""))
        elif "url(#" in value:
            element.set(name, _REFERENCE.sub(lambda found: f"url(#{names[found[1]]})", value))


def _in_theme(element: ET.Element) -> None:
    style = element.get("style")
    if not style:
        return
    text = element.tag == f"{{{SVG}}}text"

    def own(found: re.Match[str]) -> str:
        name = THEME.get(found[0])
        # Text that is white, or black, lies on a coloured cell.
        kept = name is None or (text and found[0] in ("#ffffff", "#000000"))
        return found[0] if kept else f"var({name})"

    element.set("style", _COLOUR.sub(own, style))


def _pruned(parent: ET.Element) -> None:
    """Drop groups that hold nothing, and put what lies in groups that say nothing into their place."""
    children: list[ET.Element] = []
    for child in list(parent):
        _pruned(child)
        child.tail = None
        if child.text and not child.text.strip():
            child.text = None
        plain = child.tag == f"{{{SVG}}}g"
        if plain and not len(child):
            continue
        children += list(child) if plain and not child.attrib else [child]
    parent[:] = children


def _tenth(found: re.Match[str]) -> str:
    return _short(found[0], 1)


def _hundredth(found: re.Match[str]) -> str:
    return _short(found[0], 2)


def _short(number: str, digits: int) -> str:
    text = f"{float(number):.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _parsed(svg: str) -> ET.Element:
    # The text is what this process has just written: no entity, no document type of others.
    return ET.fromstring(svg)  # noqa: S314


def _written(root: ET.Element, *, declared: bool = False) -> str:
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    text: Any = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n' if declared else str(text)
