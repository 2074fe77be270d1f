"""Layouts hold for any number of panels, any numbers in their notes, and any width of a screen."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from importlib.resources import files

import numpy as np
import pytest

from superpos.reporting.charts.by_layer import Choice, Choices, draw_best_kernels
from superpos.reporting.charts.optimal_psms import OptimalPanel, OptimalPsms, draw_optimal_psms
from superpos.reporting.charts.target_psms import TargetPsms, draw_target_psms
from superpos.reporting.style import WIDTH, evenly, layer_ticks
from superpos.reporting.svg.panel import NOTE
from superpos.reporting.svg.text import text_size

SVG = "{http://www.w3.org/2000/svg}"
MOVE = re.compile(r"translate\(([-\d.]+) ([-\d.]+)\)")


@pytest.mark.parametrize(
    ("n", "most", "columns"),
    [(0, 4, 1), (1, 4, 1), (3, 4, 3), (4, 4, 4), (5, 4, 3), (6, 4, 3), (7, 6, 4), (13, 6, 5), (30, 6, 6)],
)
def test_panels_stand_in_few_rows_that_are_filled_alike(n, most, columns):
    assert evenly(n, most) == columns
    n_rows = -(-n // columns)
    assert n_rows == max(1, -(-n // most)) or n == 0
    assert n_rows * columns - n < max(n_rows, 2)


@pytest.mark.parametrize(
    "names", [("a", "b"), tuple(f"a_feature_with_a_long_name_{i:02d}" for i in range(10))]
)
@pytest.mark.parametrize("n_kernels", [1, 2, 4, 6])
@pytest.mark.parametrize("distance", [3.0, 0.00034])
def test_notes_of_optimal_matrices_leave_their_neighbours_alone(names, n_kernels, distance):
    n = len(names)
    kernels = tuple(f"kernel {index}" for index in range(n_kernels))
    rows = ("joint optimum", "re-optimised\nσ = 0.1")
    panels = tuple(
        OptimalPanel(row, kernel, np.eye(n), distance, 20, distance / 9.5)
        for row in rows
        for kernel in kernels
    )
    figure = draw_optimal_psms(OptimalPsms("cosine", 0, "layer 0", names, np.eye(n), rows, kernels, panels))
    drawing = ET.fromstring(figure.svg())  # noqa: S314 (our own file)
    width = float(drawing.get("viewBox", "").split()[2])
    spans = []
    for group in drawing.iter(f"{SVG}g"):
        where = MOVE.match(group.get("transform", ""))
        for element in group.findall(f"{SVG}text"):
            lines = list(element.itertext())
            if where and lines[0].startswith("d = "):
                middle = float(where[1]) + float(element.get("x") or element[0].get("x", "nan"))
                half = max(text_size(line, NOTE)[0] for line in lines) / 2.0
                spans.append((float(where[2]), middle - half, middle + half))
    assert len(spans) == 2 * n_kernels
    for top, left, right in spans:
        assert 0.0 <= left < right <= width
        assert all(other[1] >= right for other in spans if other[0] == top and other[1] > left)


def test_nothing_in_a_grid_is_wider_than_its_column():
    # A column of `auto` or `1fr` is as wide as the widest table in it: a phone then scrolls sideways.
    css = (files("superpos.reporting") / "templates" / "page.css").read_text(encoding="utf-8")
    rules = [rule for rule in re.findall(r"\{([^{}]*)\}", css) if "grid" in rule]
    assert len(rules) >= 5
    for rule in rules:
        columns = re.search(r"grid-template-columns: ([^;]*);", rule)
        assert columns is not None
        assert re.search(r"minmax\(0, [\d.a-z]+\)$", columns[1]), rule


@pytest.mark.parametrize(("n_layers", "lines"), [(4, 2), (26, 1), (60, 0)])
def test_cells_of_many_layers_have_as_much_written_as_fits(n_layers, lines):
    layers = tuple(range(n_layers))
    sets = ("a set", "another set with a longer name")
    choices = tuple(Choice(one, one, "cosine", layer, "riesz:-1", 0.123) for one in sets for layer in layers)
    figure = draw_best_kernels(Choices(sets, ("cosine",), layers, ("riesz:-1",), choices))
    drawing = ET.fromstring(figure.svg())  # noqa: S314 (our own file)
    written = [list(one.itertext()) for one in drawing.iter(f"{SVG}text") if "0.12" in one.itertext()]
    assert len(written) == (len(choices) if lines else 0)
    assert {len(one) for one in written} == ({lines} if lines else set())
    tips = ["".join(one.itertext()) for one in drawing.iter(f"{SVG}title")]
    assert "a set, layer 3: riesz:-1, distance 0.123" in tips


@pytest.mark.parametrize(("n", "n_layers"), [(4, 1), (8, 30), (21, 4), (21, 30), (28, 6), (150, 30)])
def test_names_of_rows_stand_apart(n, n_layers):
    names = tuple(f"compound word {index}" for index in range(n))
    layers = tuple(range(n_layers))
    matrices = {("features", layer): np.eye(n) for layer in layers}
    places = {layer: f"layer {layer}" for layer in layers}
    drawn = draw_target_psms(TargetPsms("cosine", names, layers, ("features",), matrices, {}, "", places))
    found = 0
    for group in ET.fromstring(drawn.svg()).iter(f"{SVG}g"):  # noqa: S314 (our own file)
        rows = [
            float(one.get("y", "nan"))
            for one in group.findall(f"{SVG}text")
            if one.get("text-anchor") == "end" and one.get("transform") is None
        ]
        found += len(rows)
        assert all(after - before >= 7.0 for before, after in itertools.pairwise(rows))
    assert found >= 2


@pytest.mark.parametrize(("n_layers", "n_columns"), [(1, 1), (4, 4), (30, 1), (30, 4), (30, 12), (96, 3)])
def test_numbers_of_layers_stand_apart(n_layers, n_columns):
    ticks = layer_ticks(range(n_layers), n_columns)
    assert ticks[0] == 0
    assert len(ticks) == n_layers or len(ticks) < n_layers / 1.4
    frame = 72.0 * (WIDTH / n_columns - 0.5)
    widest = text_size(str(n_layers - 1), 8.5)[0]
    assert len(ticks) < 2 or (ticks[1] - ticks[0]) * frame / n_layers > widest + 3.0
