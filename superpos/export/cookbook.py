"""The questions of `docs/sql-cookbook.md`, their only place: title, group, SQL, how to read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from superpos.errors import InputError

NAME = "sql-cookbook.md"
EXAMPLE = "demo"
"""Study that the page asks about."""
QUESTION = re.compile(
    r"^\*\*(?P<title>.+?)\*\*(?P<more>[^\n]*(?:\n[^\n`]+)*)\n+```sql\n(?P<sql>.*?)^```\n+"
    r"How to read it: (?P<reading>.*?)(?:\n\n|\Z)",
    re.DOTALL | re.MULTILINE,
)


class CookbookQuestion(NamedTuple):
    """One question with its query."""

    group: str
    title: str
    sql: str
    reading: str
    """How to read the rows."""

    @property
    def slug(self) -> str:
        """Its title as a file's or a page's name."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def page() -> Path:
    """Return the page: inside an installed wheel, else in the checkout."""
    inside = Path(__file__).parent / NAME
    return inside if inside.is_file() else Path(__file__).resolve().parents[2] / "docs" / NAME


def questions(text: str | None = None) -> tuple[CookbookQuestion, ...]:
    """Return the questions of the page, or of another page's text.

    Raises
    ------
    InputError
        If the page is not there, or one of its queries is no part of a question.
    """
    if text is None:
        try:
            text = page().read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{page()}: the cookbook cannot be read ({error.strerror})") from error
    found = []
    for match in QUESTION.finditer(text):
        headings = re.findall(r"^#+ +(.+)$", text[: match.start()], re.MULTILINE)
        reading = " ".join(match["reading"].split())
        found.append(
            CookbookQuestion(headings[-1] if headings else "", match["title"], match["sql"], reading)
        )
    if len(found) != text.count("```sql\n"):
        raise InputError(f"{NAME}: a query has no question before it, or no `How to read it: ` behind it")
    return tuple(found)


def for_study(asked: Sequence[CookbookQuestion], study: str) -> tuple[CookbookQuestion, ...]:
    """Return the questions asked of this study instead of the page's."""
    said = "'" + study.replace("'", "''") + "'"
    return (
        tuple(one._replace(sql=one.sql.replace(f"'{EXAMPLE}'", said)) for one in asked)
        if study
        else tuple(asked)
    )
