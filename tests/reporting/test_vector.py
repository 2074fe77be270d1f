"""Drawings as parts of a page: hover texts, colours of the theme, ids of their own, nothing unseen."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from superpos.reporting.looks import similarity_scale
from superpos.reporting.style import drawing, heat_map, new_figure, save
from superpos.reporting.vector import MARK, add_tips, for_page, natural_width

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def svg():
    with drawing():
        figure = new_figure(2.0)
        left, right = figure.subplots(1, 2)
        heat_map(left, np.array([[1.0, -0.25], [-0.25, 1.0]]), similarity_scale("cosine"), ("a", "b & <c>"))
        (line,) = right.plot([0, 1, 2], [1, 2, 3], marker="o", clip_on=True)
        add_tips(line, ["x & y", "<b>", "third"])
        points = right.scatter([0, 1], [2, 2], c=["red", "blue"])
        add_tips(points, ["first", f"a{MARK}b"])
        right.axhline(1.0, color="#e4e7eb")
        right.text(0, 1, "white", color="white")
        return save(figure)[1]


def titles(text):
    return [title.text for title in ET.fromstring(text).iter(f"{SVG}title")]  # noqa: S314 (our own)


def test_marks_and_cells_say_what_they_are(svg):
    found = titles(svg)
    assert {"first", "a b", "a – b & <c>: -0.250", "a – a: 1.000"} <= set(found)
    assert [one for one in found if one in ("x & y", "<b>", "third")] == ["x & y", "<b>", "third"]
    assert len([one for one in found if " – " in one]) == 4


def test_cells_lie_where_the_matrix_is_drawn(svg):
    root = ET.fromstring(svg)  # noqa: S314 (our own)
    (image,) = root.iter(f"{SVG}image")
    size = float(image.get("width"))
    cells = [one for one in root.iter(f"{SVG}path") if one.get("fill-opacity") == "0"]
    place = r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)"
    places = [re.match(place, one.get("d")).groups() for one in cells]
    numbers = np.array(places, dtype=float)
    np.testing.assert_allclose(numbers[:, 2:], size / 2, atol=1.0)
    np.testing.assert_allclose(numbers[1] - numbers[0], [size / 2, 0, 0, 0], atol=1.0)
    np.testing.assert_allclose(numbers[2] - numbers[0], [0, size / 2, 0, 0], atol=1.0)
    np.testing.assert_allclose(numbers[0, 0], float(image.get("x")), atol=1.5)


def test_points_without_a_text_say_where_they_are():
    with drawing():
        figure = new_figure(2.0)
        axes = figure.subplots()
        axes.plot([0, 1], [2.0, 3.14159], marker="o")
        axes.plot([0, 1], [2.0, 3.0])  # no marks
        axes.plot(range(300), range(300), marker="o")  # more than anybody points at
        axes.set(title="A panel", xlabel="layer", ylabel="rms")
        found = titles(save(figure)[1])
    assert found == ["A panel: layer 0, rms 2", "A panel: layer 1, rms 3.142"]


def test_colours_follow_the_theme_and_white_text_does_not(svg):
    text = for_page(svg, "f1", "A title")
    assert "var(--ink)" in text
    assert "var(--line)" in text
    assert "#1f2933" not in text
    (white,) = [one for one in ET.fromstring(text).iter(f"{SVG}text") if one.text == "white"]  # noqa: S314
    assert "#ffffff" in white.get("style")
    assert b"var(" not in svg  # the file is drawn by programs that know no variables


def test_ids_are_the_figures_own_and_all_that_are_left_are_referred_to(svg):
    one, two = (for_page(svg, prefix, "A title") for prefix in ("f1", "f2"))
    own = set(re.findall(r'\bid="([^"]+)"', one))
    assert own
    assert all(name.startswith("f1-") for name in own)
    referred = set(re.findall(r'(?:href="|url\()#([^")]+)', one))
    assert referred == own
    assert not own & set(re.findall(r'\bid="([^"]+)"', two))
    assert titles(one) == titles(svg.decode("utf-8"))


def test_a_drawing_scales_has_a_name_and_is_small(svg):
    text = for_page(svg, "f1", 'A "title"')
    root = ET.fromstring(text)  # noqa: S314 (our own)
    assert root.get("viewBox")
    assert root.get("width") is None
    assert (root.get("role"), root.get("aria-label")) == ("img", 'A "title"')
    assert not list(root.iter(f"{SVG}style"))
    assert len(text) < 0.75 * len(svg)
    assert natural_width(svg) == pytest.approx(10.6 * 72.0, abs=1.0)
    assert natural_width(b"<svg></svg>") == 0.0
