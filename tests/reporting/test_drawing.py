"""Figures as files: one drawing for both formats, panels inside the page, the same from several processes."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import superpos
from superpos.reporting import parallel, write_report
from superpos.reporting.layout import text_size
from superpos.reporting.looks import similarity_scale
from superpos.reporting.sections import Card
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import (
    PNG_DPI,
    colour_bar,
    drawing,
    heat_map,
    leave_room,
    name_ticks,
    new_figure,
    save,
)
from superpos.reporting.subjects import Subject

SVG = "{http://www.w3.org/2000/svg}"


def draw(height=3.0):
    figure = new_figure(height)
    axes = figure.subplots(2, 2, squeeze=False)
    for panel in axes[0]:
        image = heat_map(panel, np.eye(3), similarity_scale("cosine"))
    name_ticks(axes[0, 0].yaxis, ("a name of many letters", "b", "c"))
    axes[1, 0].plot([0, 1, 2], [3.0, 1.0, 2.0], marker="o")
    axes[1, 0].set_ylabel("two\nlines")
    axes[1, 0].set_xlabel("layer")
    axes[1, 1].scatter([0, 1], [1, 2], edgecolors="red", linewidths=0.7)
    axes[1, 1].hlines([1], 0, 1, linestyles="dashed")
    axes[1, 1].axhline(1.5, linestyle=(0, (3, 2)), linewidth=0.8)
    axes[0, 1].set_title("title")
    leave_room(axes[1, 1], right=20.0, top=14.0)
    colour_bar(figure, image, "similarity", 0.8)
    figure.legend(handles=axes[1, 0].lines, labels=["line"], loc="upper center")
    return figure, axes


def test_both_files_have_the_size_of_the_figure():
    with drawing():
        png, svg = save(draw()[0])
    image = Image.open(io.BytesIO(png))
    assert image.size == (round(10.6 * PNG_DPI), round(3.0 * PNG_DPI))
    assert image.mode == "RGB"
    root = ET.fromstring(svg)  # noqa: S314 (our own file)
    width, height = (float(root.get(name).removesuffix("pt")) / 72 for name in ("width", "height"))
    assert width == pytest.approx(10.6, abs=0.01)
    assert height == pytest.approx(3.0, abs=0.01)
    assert [float(v) for v in root.get("viewBox").split()] == [0.0, 0.0, *image.size]


def test_both_files_show_the_same_things():
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with drawing():
        _, svg = save(draw()[0])
        figure, _ = draw()
        figure.set_dpi(PNG_DPI)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        stream = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    ours, own = (ET.fromstring(data) for data in (svg, stream.getvalue()))  # noqa: S314 (our own files)
    for tag in ("path", "use", "image"):
        # The library's own writer, which draws for itself, writes the same elements.
        assert len(list(ours.iter(SVG + tag))) == len(list(own.iter(SVG + tag)))
    for what in ("stroke-width", "stroke-dasharray"):
        ours_sizes, own_sizes = (sizes(root, what) for root in (ours, own))
        # The library leaves out a width of 1, whatever the unit.
        shown = [size for size in ours_sizes if size != pytest.approx(PNG_DPI / 72, rel=1e-4)]
        assert shown == pytest.approx([size * PNG_DPI / 72 for size in own_sizes], rel=1e-4)
        assert len(own_sizes) > 1


def sizes(root, name):
    """Return the numbers of a property of all elements' styles, in order."""
    styles = "; ".join(element.get("style", "") for element in root.iter())
    return [float(n) for found in re.findall(rf"{name}: ([^;]+)", styles) for n in found.split(",")]


def test_everything_lies_inside_the_figure_and_panels_do_not_overlap():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with drawing():
        figure, axes = draw()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        page = figure.bbox
        boxes = [panel.get_tightbbox(renderer) for panel in figure.axes]
        boxes.append(figure.legends[0].get_window_extent(renderer))
    for box in boxes:
        assert box.x0 >= page.x0
        assert box.y0 >= page.y0
        assert box.x1 <= page.x1
        assert box.y1 <= page.y1
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert width <= 1.0 or height <= 1.0
    frames = [panel.get_window_extent(renderer) for panel in axes[:, 0]]
    assert frames[0].y0 > frames[1].y1


def test_sizes_of_texts_are_those_of_the_library():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with drawing():
        figure = Figure(figsize=(5, 5), dpi=720)
        renderer = FigureCanvasAgg(figure).get_renderer()
        for text, bold in (("layer", False), ("is_not_alphanumeric", True), ("two\nlines", False)):
            box = figure.text(
                0, 0.5, text, fontsize=8, fontweight="bold" if bold else "normal"
            ).get_window_extent(renderer)
            width, height = text_size(text, 8.0, bold)
            assert width == pytest.approx(box.width / 10, rel=0.05)
            assert height >= 0.95 * box.height / 10


@pytest.fixture(scope="module")
def four_sets(make_study, study_plan):
    names = {f"set{i}": tuple("abcd"[: 3 + i % 2]) for i in range(4)}
    return make_study(
        study_plan(
            datasets=names, layers=(0, 1), weights=("pretrained",), similarities=("cosine",), controls=(),
            sweep=(), extra_setting=False, manifold=False, n_dims=(3,), sigmas=(0.0, 0.1),
            kernels=(("log", 0.0, "log", "exclude", 0.0),),
        )
    )  # fmt: skip


def written(url, folder):
    with superpos.connect(url) as results:
        write_report(results, [], folder)
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def serial(four_sets, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "MAX_PROCESSES", 1)
        return written(four_sets, tmp_path_factory.mktemp("serial"))


def test_several_processes_write_the_same_bytes(four_sets, serial, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "process_count", lambda _: 2)
    drawn = []
    original = parallel.read_cards
    monkeypatch.setattr(
        parallel, "read_cards", lambda folder: drawn.append(cards := original(folder)) or cards
    )
    assert written(four_sets, tmp_path) == serial
    assert sorted(subject.dataset for cards in drawn for subject in cards) == [f"set{i}" for i in range(4)]
    assert len(drawn) == 2


def test_a_process_that_fails_is_made_good(four_sets, serial, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "process_count", lambda _: 2)
    start = subprocess.Popen
    broken = [sys.executable, "-c", "raise SystemExit(1)"]
    monkeypatch.setattr(parallel.subprocess, "Popen", lambda _, **options: start(broken, **options))
    assert written(four_sets, tmp_path) == serial


def test_few_subjects_are_drawn_here(monkeypatch):
    monkeypatch.setattr(parallel, "usable_cpus", lambda: 16)
    assert [parallel.process_count(n) for n in (0, 1, 2, 3, 9)] == [0, 0, 0, 3, 4]
    monkeypatch.setattr(parallel, "usable_cpus", lambda: 1)
    assert parallel.process_count(9) == 0


def test_shares_hold_every_subject_once_and_are_even(four_sets):
    with superpos.connect(four_sets) as results:
        data = StudyData(results, "synthetic")
        found = parallel.shares(data, data.subjects, 2)
        loads = [sum(len(data.of(subject, data.fits)) for subject in share) for share in found]
    assert sorted(subject for share in found for subject in share) == sorted(data.subjects)
    assert max(loads) <= 1.5 * min(loads)


def test_cards_survive_the_way_through_files(tmp_path):
    one, two = (Subject("m", "", "pretrained", name, "mlp.act") for name in ("a", "b"))
    cards = {
        one: {
            "x": (Card("n", "t é", "c", b"\x89P", b"<svg/>", None), Card("n", "t", "c", b"1", b"2", b"a,b\n"))
        },
        two: {"x": (), "y": (Card("o", "", "", b"", b"", b""),)},
    }
    parallel.write_cards(tmp_path, cards.items())
    assert parallel.read_cards(tmp_path) == cards
