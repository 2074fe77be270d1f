"""The sections of a study's page: which figures, with captions that say how to read them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from superpos.errors import ArgumentError
from superpos.kinds import Kind, Register
from superpos.reporting.csv_text import csv_text
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import TRAINED, Subject
from superpos.reporting.svg import Figure


class Drawn(NamedTuple):
    """A figure before it is a file."""

    name: str
    """Part of the file name."""
    title: str
    caption: str
    figure: Any
    """A `superpos.reporting.svg.Figure`, or one of matplotlib."""
    table: pd.DataFrame | None = None
    """The numbers of the figure, for the tables."""
    views: tuple[str, ...] = ()
    """Views whose rows it shows, where they are not those of its chapter."""
    left_out: tuple[str, ...] = ()
    """Lines on rows that it does not show, and why."""


class Card(NamedTuple):
    """A figure with its files' bytes."""

    name: str
    title: str
    caption: str
    svg: bytes
    """As a file."""
    drawing: str
    """As a part of the page."""
    table: bytes | None
    """CSV."""
    subject: str = ""
    """Label of the subject whose figure it is; empty for figures over several."""
    sql: str = ""
    """Query for the rows that the figure shows."""
    left_out: tuple[str, ...] = ()


class Section(NamedTuple):
    """A part of a study's page; `note` says what was not run where there is nothing to show."""

    anchor: str
    title: str
    intro: str
    cards: tuple[Card, ...]
    note: str
    left_out: tuple[str, ...] = ()
    """Sets without a figure here, and rows that figures do not show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter(Kind):
    """What makes a section; `meaning` opens it, `name` is its anchor."""

    title: str
    missing: str
    """What was not run where there is nothing to show."""
    draw: Callable[[StudyData, Sequence[Subject]], Iterator[Drawn]]
    """Yields the figures of some subjects."""
    by_subject: bool = True
    """Whether each subject has figures of its own."""
    views: tuple[str, ...] = ()
    """Views whose rows the figures show."""
    in_view: int = 0
    """Figures that the page shows at once: of the subject with the most rows, or over several. The others are
    folded, a block a subject."""

    def check(self) -> None:
        """Refuse a function that cannot be called with a study and its subjects."""
        try:
            inspect.signature(self.draw).bind(None, ())
        except TypeError as error:
            raise ArgumentError("draw", "takes the study and its subjects: draw(data, subjects)") from error


CHAPTERS = Register("chapter", Chapter, package="superpos.reporting.chapters", group="superpos.chapters")
MAX_SUBJECTS = 12
"""Subjects that get figures; a larger study names the others and has them in the tables."""


def draw_cards(data: StudyData, chapter: Chapter, subjects: Sequence[Subject]) -> tuple[Card, ...]:
    """Return the figures of a chapter, each turned into bytes at once and then dropped."""
    cards = []
    subject = subjects[0] if chapter.by_subject else None
    label = "" if subject is None else subject.label
    for drawn in chapter.draw(data, subjects):
        svg, drawing = _written(drawn.figure, drawn.title)
        table = None if drawn.table is None else csv_text(drawn.table).encode("utf-8")
        sql = query(data.study, drawn.views or chapter.views, subject)
        cards.append(
            Card(
                slug(drawn.name), drawn.title, drawn.caption, svg, drawing, table, label, sql, drawn.left_out
            )
        )
    return tuple(cards)


def _written(figure: Any, title: str) -> tuple[bytes, str]:
    """Return a figure as a file, and as a part of the page."""
    if isinstance(figure, Figure):
        return figure.svg().encode("utf-8"), figure.element(title)
    from superpos.reporting.foreign import of_matplotlib

    return of_matplotlib(figure, title)


def query(study: str, views: Sequence[str], subject: Subject | None) -> str:
    """Return SQL for the rows of some views that a figure of a subject, or over several, shows."""
    wanted = {"study": study, **(subject.axes if subject else {})}
    quoted = {column: value.replace("'", "''") for column, value in wanted.items()}
    where = "\n  AND ".join(f"{column} = '{value}'" for column, value in quoted.items())
    return "\n".join(f"SELECT *\nFROM {view}\nWHERE {where};" for view in views)


def build_sections(data: StudyData, chapters: Sequence[Chapter]) -> Iterator[Section]:
    """Yield the sections of a study one by one."""
    for chapter in chapters:
        cards: list[Card] = []
        without: list[str] = []
        if chapter.by_subject:
            for subject in data.subjects[:MAX_SUBJECTS]:
                own = draw_cards(data, chapter, (subject,))
                without += [] if own else [subject.label]
                cards += own
        else:
            cards += draw_cards(data, chapter, data.subjects)
        left_out = [f"no figure of {', '.join(without)}"] if without and cards else []
        left_out += dict.fromkeys(line for card in cards for line in card.left_out)
        note = "" if cards else chapter.missing
        yield Section(chapter.name, chapter.title, chapter.meaning, tuple(cards), note, tuple(left_out))


def subject_name(subject: Subject, data: StudyData) -> str:
    """Return what tells the subject's files from those of the study's other subjects."""
    parts = [subject.dataset]
    for index, part in ((0, subject.model), (1, subject.revision), (4, subject.hookpoint)):
        if len({one[index] for one in data.subjects}) > 1:
            parts.append(part)
    if subject.weights not in TRAINED and len({one.weights for one in data.subjects}) > 1:
        parts.append(subject.weights)
    return "-".join(part for part in parts if part)


def slug(text: str) -> str:
    """Return a text as part of a file name: letters, digits, dots, hyphens, underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:100] or "unnamed"
