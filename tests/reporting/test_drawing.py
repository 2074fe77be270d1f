"""Drawings: numbers where they belong, texts inside, colours and sizes as matplotlib's, safe markup."""

from __future__ import annotations

import base64
import io
import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as LibraryFigure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from superpos.reporting.foreign import of_matplotlib
from superpos.reporting.looks import KERNEL_MARKERS, similarity_scale
from superpos.reporting.style import from_zero, heat_map, leave_room, name_ticks, new_figure, sigma_axis
from superpos.reporting.svg import Colours, Panel, line_handle, patch_handle
from superpos.reporting.svg.scales import Ruler, power_label
from superpos.reporting.svg.text import text_size

SVG = "{http://www.w3.org/2000/svg}"
MOVE = re.compile(r"translate\(([-\d.]+) ([-\d.]+)\)")


def parsed(figure: Any) -> ET.Element:
    return ET.fromstring(figure.svg())  # noqa: S314 (our own file)


def draw(height=4.0):
    figure = new_figure(height)
    axes = figure.subplots(2, 2)
    scale = similarity_scale("cosine")
    for panel in axes[0]:
        heat_map(panel, np.eye(3), scale, ("a", "b & <c>", "d"))
    name_ticks(axes[0, 0], ("a name of many letters", "b", "c"), 3.0, rows=True)
    name_ticks(axes[0, 1], ("a name of many letters", "b", "c"), 3.0, columns=True)
    axes[1, 0].plot([0, 1, 2], [3.0, 1.0, 2.0], marker="o")
    axes[1, 0].set_ylabel("two\nlines")
    axes[1, 0].set_xlabel("layer")
    axes[1, 1].scatter([0, 1], [1, 2], edgecolors="red", linewidths=0.7)
    axes[1, 1].hlines([1], 0, 1)
    axes[1, 1].axhline(1.5, linestyle=(0, (3, 2)), linewidth=0.8)
    axes[0, 1].set_title("title")
    leave_room(axes[1, 1], right=20.0, top=14.0)
    figure.colour_bar(scale.on(), "similarity", 0.8)
    figure.legend([line_handle(label=f"line {n}", color="#123456", marker="s") for n in range(14)])
    return figure, axes


def placed(element: ET.Element, x: float = 0.0, y: float = 0.0) -> Any:
    """Yield every element with the place of its origin."""
    found = MOVE.search(element.get("transform", ""))
    if found:
        x, y = x + float(found[1]), y + float(found[2])
    yield element, x, y
    for child in element:
        yield from placed(child, x, y)


def boxes(root: ET.Element) -> Any:
    """Yield a text, and left, right, top and bottom of each of its lines, measured by matplotlib."""
    canvas = FigureCanvasAgg(LibraryFigure(figsize=(5, 5), dpi=72))
    from matplotlib.font_manager import FontProperties

    for element, x, y in placed(root):
        if element.tag != f"{SVG}text":
            continue
        size = float(element.get("font-size", ""))
        font = FontProperties(family="DejaVu Sans", size=size, weight=element.get("font-weight") or "normal")
        for line in list(element) or [element]:
            width = canvas.get_renderer().get_text_width_height_descent(line.text, font, ismath=False)[0]
            ahead = {"middle": width / 2, "end": width}.get(element.get("text-anchor", ""), 0.0)
            across, up = float(line.get("x", "0")) - ahead, float(line.get("y", "0"))
            if "rotate(-90)" in element.get("transform", ""):
                yield line.text, x + up - 0.8 * size, x + up + 0.2 * size, y - across - width, y - across
            else:
                yield line.text, x + across, x + across + width, y + up - 0.8 * size, y + up + 0.2 * size


def test_texts_lie_inside_the_figure_and_do_not_overlap():
    figure, _ = draw()
    found = list(boxes(parsed(figure)))
    assert {"title", "two", "lines", "layer", "a name of many letters", "similarity", "line 13"} <= {
        text for text, *_ in found
    }
    for text, left, right, top, bottom in found:
        assert left >= -0.5, text
        assert right <= figure.width + 0.5, text
        assert top >= -0.5, text
        assert bottom <= figure.height + 0.5, text
    for index, (text, left, right, top, bottom) in enumerate(found):
        for other, *sides in found[index + 1 :]:
            width = min(right, sides[1]) - max(left, sides[0])
            height = min(bottom, sides[3]) - max(top, sides[2])
            assert width <= 1.0 or height <= 1.0, (text, other)


@pytest.mark.parametrize("bold", [False, True])
def test_sizes_of_texts_are_those_of_the_library(bold):
    figure = LibraryFigure(figsize=(9, 5), dpi=720)
    renderer = FigureCanvasAgg(figure).get_renderer()
    letters = "".join(chr(code) for code in range(33, 127))
    for text in ("layer", "is_not_alphanumeric", "two\nlines", letters.replace("$", "")):
        weight = "bold" if bold else "normal"
        box = figure.text(0, 0.5, text, fontsize=8, fontweight=weight).get_window_extent(renderer)
        width, height = text_size(text, 8.0, bold)
        assert width == pytest.approx(box.width / 10, rel=0.05)
        assert height >= 0.95 * box.height / 10


@pytest.mark.parametrize("name", ["RdBu_r", "viridis"])
def test_colours_are_those_of_the_library(name):
    values = np.linspace(0.0, 1.0, 256)
    found = Colours(name, -1.0, 3.0).rgb(4.0 * values - 1.0).astype(float)
    np.testing.assert_allclose(found, 255.0 * colormaps[name](values)[:, :3], atol=2.6)
    beyond = Colours(name, 0.0, 1.0).rgb(np.array([-5.0, 0.0, 1.0, 5.0, np.nan])).tolist()
    assert beyond[0] == beyond[1]
    assert beyond[2] == beyond[3]
    assert beyond[4] not in beyond[:4]


@pytest.mark.parametrize("scale", ["linear", "log", "sqrt"])
def test_places_are_shares_between_the_ends(scale):
    ruler = Ruler(scale)
    ruler.include([2.0, 50.0, math.nan])
    low, high = ruler.limits()
    assert low < 2.0
    assert low > 0.0 or scale == "linear"
    assert high > 50.0
    turn = {"linear": lambda v: v, "log": math.log, "sqrt": math.sqrt}[scale]
    for value in (2.0, 7.0, 50.0):
        expected = (turn(value) - turn(low)) / (turn(high) - turn(low))
        assert ruler.places([value])[0] == pytest.approx(expected)
    ruler.first, ruler.last = 50.0, 2.0
    assert ruler.places([50.0, 2.0]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-0.031, 0.0049), (12.0, 40000.0), (3.0, 3.0), (1e-9, 3e-9)]
)
@pytest.mark.parametrize("length", [20.0, 90.0, 400.0])
def test_ticks_are_round_numbers_as_the_library_chooses_them(low, high, length):
    ruler = Ruler(first=low, last=high)
    ticks, labels = ruler.named(length, upright=True)
    assert len(labels) == len(ticks)
    assert len(set(labels)) == len(labels)
    count = max(1, min(9, int(length / 16.0)))
    theirs = MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    own = [tick for tick in theirs if low - 1e-12 <= tick <= high + 1e-12]
    if high > low and len(own) == len(ticks):  # the library takes a wider step where it has one tick less
        np.testing.assert_allclose(ticks, own, rtol=1e-9, atol=1e-15)
    assert 1 <= len(ticks) <= max(count + 1, 5)


def test_powers_and_large_numbers_are_labelled():
    assert [power_label(v) for v in (0.01, 1.0, 100.0, 1e-3, 1e4, 20.0)] == [
        "0.01", "1", "100", "10⁻³", "10⁴", "20",
    ]  # fmt: skip
    ruler = Ruler("log", first=1e-11, last=0.5)
    ticks, labels = ruler.named(300.0, upright=False)
    assert all(math.log10(tick) == pytest.approx(round(math.log10(tick))) for tick in ticks)
    assert len(labels) == len(ticks) > 3


def test_marks_lie_where_their_numbers_are():
    figure = new_figure(2.0)
    panel = figure.subplot()
    panel.plot([0.0, 1.0, math.nan, 4.0], [0.0, 10.0, 3.0, 5.0], marker="o", linestyle="-")
    panel.set_xlim(0.0, 4.0)
    panel.set_ylim(0.0, 10.0)
    root = parsed(figure)
    (inner,) = (
        root.iter(f"{SVG}svg")
        if root.tag != f"{SVG}svg"
        else [e for e in root.iter(f"{SVG}svg") if e is not root]
    )
    width, height = float(inner.get("width")), float(inner.get("height"))
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in inner.iter(f"{SVG}circle")]
    expected = [(0.0, height), (width / 4.0, 0.0), (width, height / 2.0)]
    np.testing.assert_allclose(circles, expected, atol=0.11)
    (line,) = [p for p in inner.iter(f"{SVG}path") if p.get("stroke-width") == "1.5"]
    assert line.get("d").count("M") == 2  # the line breaks where a number is missing


def test_cells_lie_where_the_matrix_is_drawn_and_say_what_they_are():
    figure = new_figure(2.0)
    matrix = np.array([[1.0, -0.25], [-0.25, 1.0]])
    heat_map(figure.subplot(), matrix, similarity_scale("cosine"), ("a", "b & <c>"))
    root = parsed(figure)
    cells = [p for p in root.iter(f"{SVG}path") if len(p) == 1]
    assert [cell[0].text for cell in cells] == [
        "a – a: 1.000", "a – b & <c>: -0.250", "b & <c> – a: -0.250", "b & <c> – b & <c>: 1.000",
    ]  # fmt: skip
    assert [cell.get("d")[:4] for cell in cells] == ["M0 0", "M1 0", "M0 1", "M1 1"]
    assert cells[0].get("fill") == cells[3].get("fill") != cells[1].get("fill")
    scale = re.search(
        r"scale\(([\d.]+) ([\d.]+)\)", next(g for g in root.iter(f"{SVG}g") if cells[0] in g).get("transform")
    )
    assert float(scale[1]) == pytest.approx(float(scale[2]), rel=0.01)  # squares


def test_a_large_matrix_is_one_image_of_its_colours():
    figure = new_figure(3.0)
    matrix = np.random.default_rng(0).uniform(-1.0, 1.0, (70, 70))
    scale = similarity_scale("cosine")
    heat_map(figure.subplot(), matrix, scale, [f"f{i}" for i in range(70)])
    (image,) = parsed(figure).iter(f"{SVG}image")
    data = base64.b64decode(image.get("href").removeprefix("data:image/png;base64,"))
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(pixels, scale.on().rgb(matrix))


def test_points_without_a_text_say_where_they_are():
    figure = new_figure(2.0)
    panel = figure.subplot()
    panel.plot([0, 1], [2.0, 3.14159], marker="o")
    panel.plot([0, 1], [2.0, 3.0])  # no marks
    panel.plot(range(300), range(300), marker="o")  # more than anybody points at
    panel.plot([0, 1], [1, 1], marker="s", tips=["x & y", "<b>"])
    panel.plot([0, 1], [1, 1], marker="^", tips=["both"])
    panel.set_title("A panel")
    panel.set_xlabel("layer")
    panel.set_ylabel("rms")
    assert [title.text for title in parsed(figure).iter(f"{SVG}title")] == [
        "A panel: layer 0, rms 2", "A panel: layer 1, rms 3.142", "x & y", "<b>", "both",
    ]  # fmt: skip


def test_every_marker_of_a_kernel_is_drawn_and_an_unknown_one_is_a_circle():
    for marker in (*KERNEL_MARKERS, "x", "+", "|", "unheard of"):
        figure = new_figure(1.0)
        figure.subplot().plot([1.0], [1.0], marker=marker, linestyle="")
        inner = [e for e in parsed(figure).iter() if e.get("fill") and e.tag == f"{SVG}g"]
        assert len(inner) == 1
        assert len([shape for shape in inner[0] if shape.tag != f"{SVG}title"]) == 1


@pytest.mark.parametrize(
    "name", ['<script>alert("1")</script>', "a\u202eb", '" onload="x', "]]>", "ünï ☃ \x0b"]
)
def test_no_name_becomes_markup(name):
    figure = new_figure(2.0)
    panel = figure.subplot()
    heat_map(panel, np.eye(1), similarity_scale("rbf"), (name,))
    name_ticks(panel, (name,), 3.0, rows=True, columns=True)
    panel.set_title(name)
    panel.text(0.5, 0.5, name, within="xy", color=name)
    figure.legend([patch_handle(label=name, color=name)])
    for text in (figure.svg(), figure.element(name)):
        root = ET.fromstring(text)  # noqa: S314 (our own)
        assert not list(root.iter(f"{SVG}script"))
        assert not [e for e in root.iter() if any(key.startswith("on") for key in e.attrib)]


def test_a_panel_without_numbers_and_one_of_equal_numbers_are_drawn():
    figure = new_figure(2.0)
    empty, equal, nothing = figure.subplots(1, 3)[0]
    empty.grid()
    equal.plot([1.0, 1.0], [0.0, 0.0], marker="o")
    nothing.plot([math.nan], [math.nan], marker="o")
    nothing.scatter([], [])
    nothing.fill_between([], [], [], color="red")
    from_zero(equal)
    assert "nan" not in figure.svg()


def test_shared_axes_have_one_range_and_one_row_of_labels():
    figure = new_figure(3.0)
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    axes[0, 0].plot([0, 10], [0, 1], color="red")
    axes[1, 1].plot([20, 30], [5, 9], color="red")
    assert isinstance(axes[0, 0], Panel)
    assert axes[0, 0].x.ruler.limits() == axes[1, 1].x.ruler.limits()
    assert axes[0, 0].get_ylim() == axes[0, 1].get_ylim() != axes[1, 0].get_ylim()
    assert [[panel.x.named for panel in row] for row in axes] == [[False, False], [True, True]]
    assert [[panel.y.named for panel in row] for row in axes] == [[True, False], [True, False]]
    places = {0.0: -4.0, 0.01: -2.0, 0.1: -1.0}
    sigma_axis(axes, places)
    assert axes[0, 1].x.ruler.named(200.0, upright=False)[1] == ["0", "0.01", "0.1"]


def test_a_drawing_for_the_page_has_a_name_and_no_ids():
    figure, _ = draw()
    text = figure.element('A "title"')
    root = ET.fromstring(text)  # noqa: S314 (our own)
    assert (root.get("role"), root.get("aria-label")) == ("img", 'A "title"')
    assert root.get("width") is None
    assert root.get("viewBox") == f"0 0 {figure.width:g} {figure.height:g}"
    assert not [e for e in root.iter() if e.get("id")]
    file = parsed(figure)
    assert float(file.get("width").removesuffix("pt")) == pytest.approx(10.6 * 72.0, abs=0.1)
    assert next(iter(file)).get("fill") == "#ffffff"  # white paper
    assert len(list(file.iter())) == len(list(root.iter())) + 1


def test_a_figure_of_matplotlib_is_a_file_and_a_picture_without_its_date():
    def drawn():
        figure = LibraryFigure(figsize=(4, 2))
        figure.subplots().plot([0, 1], [1, 2])
        return of_matplotlib(figure, "A <name>")

    svg, element = drawn()
    assert (svg, element) == drawn()
    assert b"<dc:date>" not in svg
    root = ET.fromstring(element)  # noqa: S314 (our own)
    assert root.get("viewBox") == "0 0 288 144"
    (image,) = root
    assert base64.b64decode(image.get("href").partition(",")[2]) == svg


@pytest.mark.parametrize(("n", "most"), [(28, 28), (50, 5), (100, 10), (300, 10), (999, 10)])
def test_names_of_many_features_are_numbers_that_have_room(n, most):
    figure = new_figure(4.0)
    panel = figure.subplot()
    heat_map(panel, np.eye(n), similarity_scale("cosine"), tuple(f"f{i}" for i in range(n)))
    name_ticks(panel, [f"f{i}" for i in range(n)], 9.0, columns=True)
    said = [text.text for text in parsed(figure).iter(f"{SVG}text")]
    labels = [text for text in said if text and (text if n > 28 else text[1:]).isdigit()]
    assert len(labels) == most
