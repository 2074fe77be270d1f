"""The sections of a study's page: which figures, with captions that say how to read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from superpos.reporting.study_data import StudyData, Subject
from superpos.reporting.style import drawing, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOT_RUN = "Not run in this study"


class Drawn(NamedTuple):
    """A figure before it is a file."""

    name: str
    """Part of the file name."""
    title: str
    caption: str
    figure: Figure
    table: pd.DataFrame | None = None
    """The numbers of the figure, for the tables."""


class Card(NamedTuple):
    """A figure with its files' bytes."""

    name: str
    title: str
    caption: str
    png: bytes
    svg: bytes
    table: pd.DataFrame | None


class Section(NamedTuple):
    """A part of a study's page; `note` stands where there is nothing to show."""

    anchor: str
    title: str
    intro: str
    cards: tuple[Card, ...]
    note: str


class Chapter(NamedTuple):
    """What makes a section."""

    anchor: str
    title: str
    intro: str
    missing: str
    draw: Callable[[StudyData], Iterator[Drawn]]


def build_sections(data: StudyData) -> Iterator[Section]:
    """Yield the sections of a study one by one, each figure turned into bytes at once and then dropped."""
    from superpos.reporting import sections_fits, sections_inputs

    with drawing():
        for chapter in (*sections_inputs.CHAPTERS, *sections_fits.CHAPTERS):
            cards = []
            for drawn in chapter.draw(data):
                png, svg = save(drawn.figure)
                cards.append(Card(slug(drawn.name), drawn.title, drawn.caption, png, svg, drawn.table))
            note = "" if cards else f"{NOT_RUN}: {chapter.missing}."
            yield Section(chapter.anchor, chapter.title, chapter.intro, tuple(cards), note)


def subject_name(subject: Subject, data: StudyData) -> str:
    """Return what tells the subject's files from those of the study's other subjects."""
    parts = [subject.dataset]
    for index, part in ((0, subject.model), (1, subject.revision), (4, subject.hookpoint)):
        if len({one[index] for one in data.subjects}) > 1:
            parts.append(part)
    return "-".join(part for part in parts if part)


def slug(text: str) -> str:
    """Return a text as part of a file name: letters, digits, dots, hyphens, underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:100] or "unnamed"
