"""The page: one HTML file that needs nothing else, every text escaped by the template engine.

A few figures are in view. The others lie packed (gzip, base64) in blocks that are folded, a block a set of
features, and are unpacked when a block is opened: a page of a hundred figures opens as fast as one of ten.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from superpos.reporting.answers import Answer
from superpos.reporting.charts.feature_counts import FeatureCounts
from superpos.reporting.check import Check
from superpos.reporting.claims import Verdict
from superpos.reporting.glossary import controls_in_words, kernels_in_words, similarities_in_words
from superpos.reporting.sections import Card, Section
from superpos.reporting.tables import Progress, Run

MAX_RUNS = 20
ACROSS = "Over several sets"
"""Title of the block of figures that are of no single set."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What the page may load: nothing. Its one script is named by its digest."""


class Shown(NamedTuple):
    """A figure on the page."""

    number: int
    """As the page counts."""
    anchor: str
    """Stays when other figures come or go: made of what the figure is of."""
    title: str
    caption: str
    section: str
    """Title of its section."""
    width: int
    """Points that it is wide at most."""
    svg: str
    """The drawing; empty where it is folded."""
    packed: str
    """The drawing, gzip and base64; empty where it is in view."""
    file: str
    """Name of its files below `figures`, without suffix."""
    has_table: bool
    sql: str


class ShownSection(NamedTuple):
    """A section on the page."""

    anchor: str
    title: str
    intro: str
    figures: tuple[Shown, ...]
    """Those in view."""
    note: str
    left_out: tuple[str, ...]


class Block(NamedTuple):
    """Figures of one set of features, folded."""

    anchor: str
    title: str
    figures: tuple[Shown, ...]


class StudyPage(NamedTuple):
    """All that the page shows of one study."""

    anchor: str
    name: str
    about: str
    verdicts: tuple[Verdict, ...]
    answers: tuple[Answer, ...]
    sections: tuple[ShownSection, ...]
    blocks: tuple[Block, ...]
    features: tuple[FeatureCounts, ...]
    progress: tuple[Progress, ...]
    runs: tuple[Run, ...]
    n_runs: int
    subjects_left_out: tuple[str, ...]
    tables_left_out: tuple[str, ...]
    """What tables lack, a line each."""
    check: Check

    @property
    def unfinished(self) -> str:
        """What of the plan has no result, in words; empty when all has."""
        left = [
            (row.stage, row.planned - row.done - row.not_applicable, row.planned) for row in self.progress
        ]
        said = ", ".join(f"{n:,} of {planned:,} in {stage}" for stage, n, planned in left if n > 0)
        return f"Not finished: without a result are {said}. What follows is of what is there." if said else ""

    @property
    def figures(self) -> tuple[Shown, ...]:
        """All figures, in the order of the page."""
        in_view = (figure for section in self.sections for figure in section.figures)
        return (*in_view, *(figure for block in self.blocks for figure in block.figures))


class Arranger:
    """Puts the figures of studies where the page shows them, and counts them."""

    def __init__(self) -> None:
        self._count = 0

    def arrange(
        self, sections: Sequence[tuple[Section, int]], anchor: str, prefix: str, lead: str
    ) -> tuple[tuple[ShownSection, ...], tuple[Block, ...]]:
        """Return the sections with the figures in view, and the blocks of all others.

        Parameters
        ----------
        sections
            Each with the number of its figures that are in view.
        anchor, prefix
            What the study's anchors and files begin with.
        lead
            Label of the subject whose figures are in view.
        """
        shown, folded = [], []
        for section, in_view in sections:
            first = [card for card in section.cards if card.subject in ("", lead)][:in_view]
            folded += [(card, section) for card in section.cards if card not in first]
            figures = tuple(self._figure(card, section, anchor, prefix, folded=False) for card in first)
            shown.append(
                ShownSection(
                    f"{anchor}-{section.anchor}",
                    section.title,
                    section.intro,
                    figures,
                    section.note,
                    section.left_out,
                )
            )
        titles = dict.fromkeys(card.subject for card, _ in folded)
        blocks = tuple(
            Block(
                f"{anchor}-set-{number}",
                title or ACROSS,
                tuple(
                    self._figure(card, section, anchor, prefix, folded=True)
                    for card, section in folded
                    if card.subject == title
                ),
            )
            for number, title in enumerate(titles, start=1)
        )
        return tuple(shown), blocks

    def _figure(self, card: Card, section: Section, anchor: str, prefix: str, *, folded: bool) -> Shown:
        self._count += 1
        return Shown(
            self._count,
            f"{anchor}-figure-{card.name}",  # names of files, which a study has once
            card.title,
            card.caption,
            section.title,
            round(natural_width(card.svg)),
            "" if folded else card.drawing,
            packed(card.drawing) if folded else "",
            f"{prefix}{card.name}",
            card.table is not None,
            card.sql,
        )


def natural_width(svg: bytes) -> float:
    """Return the width of a figure in points, as its SVG states it; 0 where it states none."""
    found = re.search(rb'<svg [^>]*\bwidth="([0-9.]+)pt"', svg[:1000])
    return float(found[1]) if found else 0.0


def packed(text: str) -> str:
    """Return a text, compressed without a date, in letters that HTML leaves as they are."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode("ascii")


def render_page(studies: tuple[StudyPage, ...], database: str, version: str) -> str:
    """Return the HTML of the whole report."""
    environment = _environment()
    script = _script()
    html: str = environment.get_template("page.html.jinja").render(
        studies=studies, database=database, version=version, max_runs=MAX_RUNS,
        kernels=kernels_in_words(), controls=controls_in_words(), similarities=similarities_in_words(),
        script=script, policy=f"{POLICY}; script-src '{_digest(script)}'",
    )  # fmt: skip
    return html + "\n"


@cache
def _script() -> str:
    return resources.files("superpos.reporting").joinpath("templates/page.js").read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode('utf-8')).digest()).decode('ascii')}"


def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("superpos.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
