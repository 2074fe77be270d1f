"""The page: one HTML file that needs nothing else, every text escaped by the template engine."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from superpos.reporting.answers import Answer
from superpos.reporting.charts.feature_counts import FeatureCounts
from superpos.reporting.glossary import controls_in_words, kernels_in_words, similarities_in_words
from superpos.reporting.sections import Card, Section
from superpos.reporting.tables import Progress, Run

MAX_RUNS = 20
MAX_SVG = 260_000
"""Bytes up to which a figure is shown as SVG rather than as PNG."""
BUDGET = 5_500_000
"""Bytes of figures after which the smaller of the two files is shown."""


class Shown(NamedTuple):
    """A figure on the page."""

    anchor: str
    title: str
    caption: str
    source: str
    """Data URL."""
    file: str
    """Name of its files below `figures`, without suffix."""


class ShownSection(NamedTuple):
    """A section on the page."""

    anchor: str
    title: str
    intro: str
    figures: tuple[Shown, ...]
    note: str


class StudyPage(NamedTuple):
    """All that the page shows of one study."""

    anchor: str
    name: str
    about: str
    answers: tuple[Answer, ...]
    sections: tuple[ShownSection, ...]
    features: tuple[FeatureCounts, ...]
    progress: tuple[Progress, ...]
    runs: tuple[Run, ...]
    n_runs: int
    subjects_left_out: tuple[str, ...]


class Embedder:
    """Turns figures into data URLs, within a budget for the whole page."""

    def __init__(self) -> None:
        self.used = 0

    def source(self, card: Card) -> str:
        """Return the SVG as a data URL where it is of moderate size, else the smaller file."""
        as_svg = len(card.svg) <= MAX_SVG and self.used < BUDGET
        if as_svg or len(card.svg) <= len(card.png):
            data, kind = card.svg, "svg+xml"
        else:
            data, kind = card.png, "png"
        self.used += len(data)
        return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"

    def section(self, section: Section, anchor: str, prefix: str) -> ShownSection:
        """Return a section with its figures embedded."""
        figures = tuple(
            Shown(
                f"{anchor}-{section.anchor}-{index}",
                card.title,
                card.caption,
                self.source(card),
                f"{prefix}{card.name}",
            )
            for index, card in enumerate(section.cards, start=1)
        )
        return ShownSection(f"{anchor}-{section.anchor}", section.title, section.intro, figures, section.note)


def render_page(studies: tuple[StudyPage, ...], database: str, version: str) -> str:
    """Return the HTML of the whole report."""
    environment = _environment()
    html: str = environment.get_template("page.html.jinja").render(
        studies=studies, database=database, version=version, max_runs=MAX_RUNS,
        kernels=kernels_in_words(), controls=controls_in_words(), similarities=similarities_in_words(),
    )  # fmt: skip
    return html + "\n"


def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("superpos.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
