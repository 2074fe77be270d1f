"""Chapters: found by their register, in order; one of another package appears as ours do."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pandas as pd
import pytest

import superpos
from superpos.errors import InputError
from superpos.reporting.questions import chosen_chapters
from superpos.reporting.sections import CHAPTERS, Chapter, Drawn, build_sections
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import new_figure

ORDER = (
    "lead",
    "features",
    "probes",
    "targets",
    "ceiling",
    "geometry",
    "revisions",
    "optimal",
    "distances",
    "layers",
    "across",
    "labels",
    "optimisers",
    "outcomes",
    "importance",
    "sensitivity",
)
"""What a reader sees from top to bottom."""


def draw(_, subjects):
    for subject in subjects:
        figure = new_figure(1.0)
        figure.subplot().plot([0, 1], [0, 1])
        yield Drawn("line", subject.label, "A line.", figure, pd.DataFrame({"x": [1]}))


LINE = Chapter(
    name="line", version=1, title="A line", meaning="A line for each subject.", missing="no line", draw=draw
)


@pytest.fixture
def with_line(monkeypatch):
    """A chapter of a program's own."""
    monkeypatch.setattr(CHAPTERS, "_found", dict(CHAPTERS._found))
    return CHAPTERS.register(LINE)


def test_the_chapters_of_a_page_are_in_order():
    assert CHAPTERS.names() == ORDER


@pytest.mark.usefixtures("with_line")
def test_a_chapter_of_another_package_is_drawn_after_ours(small_study):
    assert CHAPTERS.names() == (*ORDER, "line")
    with superpos.connect(small_study) as results:
        *_, last = build_sections(StudyData(results, "synthetic"), chosen_chapters(()))
    assert (last.anchor, last.title, last.intro) == ("line", "A line", "A line for each subject.")
    (card,) = last.cards
    assert card.svg.endswith(b"</svg>\n")
    assert card.drawing.startswith("<svg ")
    assert card.table is not None


def test_a_chapter_that_cannot_be_drawn_is_refused(monkeypatch):
    monkeypatch.setattr(CHAPTERS, "_found", dict(CHAPTERS._found))
    with pytest.raises(InputError, match=r"chapter 'bad': draw: takes the study and its subjects"):
        CHAPTERS.register(dataclasses.replace(LINE, name="bad", draw=lambda: iter(())))


def test_the_report_needs_neither_torch_nor_numba_nor_matplotlib_nor_the_stages():
    code = (
        "import sys; from superpos.reporting.sections import CHAPTERS; list(CHAPTERS)\n"
        "import superpos.reporting.report, superpos.reporting.answers\n"
        "heavy = {'torch', 'transformers', 'ray', 'numba', 'matplotlib', 'superpos.stages'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=280)
    assert done.stdout.strip() == b"[]"
