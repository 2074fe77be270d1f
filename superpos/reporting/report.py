"""Write the report: the page, the summary, the figures and the tables of one or several studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from superpos.errors import InputError, allowed, shown

if TYPE_CHECKING:
    from superpos.db.results import Results
    from superpos.reporting.page import Arranger, StudyPage
    from superpos.reporting.sections import Chapter
    from superpos.reporting.study_data import StudyData


@dataclass(frozen=True, slots=True)
class ReportPaths:
    """What was written."""

    index: Path
    """The page, one self-contained HTML file."""
    summary: Path
    """The answers in Markdown."""
    figures: tuple[Path, ...]
    """SVG files."""
    tables: tuple[Path, ...]
    """CSV files."""
    left_out: tuple[str, ...] = ()
    """What was asked for and is not shown, a line each: study, section, what."""


def write_report(
    results: Results, studies: Sequence[str], out: Path, only: Sequence[str] = ()
) -> ReportPaths:
    """Write `index.html`, `summary.md`, `figures/` and `tables/` below a folder, which is made if need be.

    The same database gives the same bytes. Files of an earlier report are written over; files that this one
    does not write are left.

    Parameters
    ----------
    results
        The database.
    studies
        Names of the studies, in the order of the page; empty = all of them.
    out
        Folder of the report.
    only
        Names of chapters, or of `superpos.reporting.questions`, whose figures are drawn; empty = all of them.

    Raises
    ------
    InputError
        If a study is not in the database, a name of `only` is unknown, or the folder cannot be written to.
    """
    from superpos.reporting.page import Arranger, render_page
    from superpos.reporting.questions import chosen_chapters
    from superpos.reporting.study_data import StudyData
    from superpos.reporting.summary import render_summary
    from superpos.version import __version__

    known = results.studies()
    for name in studies:
        if name not in known:
            raise InputError(
                f"study {shown(name)} is not in {results.label}; {allowed(name, known or ('none',))}"
            )
    names = tuple(dict.fromkeys(studies)) or known
    chapters = chosen_chapters(only)
    try:
        folders = [out / "figures", out / "tables"]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        writer = _Writer(*folders)
        arranger = Arranger()
        prefixes = _prefixes(names)
        pages = tuple(
            _study(StudyData(results, name), f"s{index}", prefixes[name], writer, arranger, chapters)
            for index, name in enumerate(names, start=1)
        )
        index, summary = out / "index.html", out / "summary.md"
        index.write_text(render_page(pages, results.label, __version__), encoding="utf-8", newline="\n")
        summary.write_text(render_summary(pages, results.label), encoding="utf-8", newline="\n")
    except OSError as error:
        inside = Path(error.filename).relative_to(out) if _lies_in(error.filename, out) else Path()
        where = "" if inside == Path() else f"{inside}: "
        raise InputError(f"report folder {out}: {where}{error.strerror or error}") from error
    left_out = tuple(
        f"{page.name}: {title}: {line}"
        for page in pages
        for title, lines in (
            *((one.title, (*filter(None, [one.note]), *one.left_out)) for one in page.sections),
            ("tables", page.tables_left_out),
        )
        for line in lines
    )
    return ReportPaths(index, summary, tuple(writer.figures), tuple(writer.tables), left_out)


def _lies_in(name: object, folder: Path) -> bool:
    """Whether an error names a file within a folder."""
    return isinstance(name, str) and Path(name).is_relative_to(folder)


class _Writer:
    """Writes figures and tables under names that are used once."""

    def __init__(self, figures: Path, tables: Path) -> None:
        self.figure_folder, self.table_folder = figures, tables
        self.figures: list[Path] = []
        self.tables: list[Path] = []

    def figure(self, name: str, svg: bytes) -> None:
        """Write the file of a figure."""
        path = self.figure_folder / f"{name}.svg"
        path.write_bytes(svg)
        self.figures.append(path)

    def table(self, name: str, content: bytes) -> None:
        """Write a table."""
        path = self.table_folder / f"{name}.csv"
        path.write_bytes(content)
        self.tables.append(path)


def _study(
    data: StudyData,
    anchor: str,
    prefix: str,
    writer: _Writer,
    arranger: Arranger,
    chapters: tuple[Chapter, ...],
) -> StudyPage:
    from superpos.reporting.about import about
    from superpos.reporting.answers import answers
    from superpos.reporting.charts.feature_counts import feature_counts
    from superpos.reporting.check import check
    from superpos.reporting.claims import verdicts
    from superpos.reporting.csv_text import csv_text
    from superpos.reporting.page import MAX_RUNS, StudyPage
    from superpos.reporting.sections import MAX_SUBJECTS, build_sections
    from superpos.reporting.study_data import lead_subject
    from superpos.reporting.tables import progress, runs, tables
    from superpos.version import __version__

    found = []
    used: set[str] = set()
    for chapter, section in zip(chapters, build_sections(data, chapters), strict=True):
        cards = []
        for card in section.cards:
            name = _unused(card.name, used)
            writer.figure(f"{prefix}{name}", card.svg)
            if card.table is not None:
                writer.table(f"{prefix}{name}", card.table)
            cards.append(card._replace(name=name))
        found.append((section._replace(cards=tuple(cards)), chapter.in_view))
    lead = lead_subject(data, MAX_SUBJECTS)
    sections, blocks = arranger.arrange(found, anchor, prefix, lead.label if lead else "")
    shortened = []
    for table in tables(data):
        writer.table(f"{prefix}{_unused(table.name, used)}", csv_text(table.frame).encode("utf-8"))
        shortened += [table.left_out] if table.left_out else []
    recorded = runs(data)
    return StudyPage(
        anchor,
        data.study,
        about(data),
        verdicts(data),
        answers(data),
        sections,
        blocks,
        feature_counts(data),
        progress(data),
        recorded[:MAX_RUNS],
        len(recorded),
        tuple(subject.label for subject in data.subjects[MAX_SUBJECTS:]),
        tuple(shortened),
        check(data, __version__),
    )


def _prefixes(names: tuple[str, ...]) -> dict[str, str]:
    """Return what the file names of each study begin with; nothing where there is one study."""
    from superpos.reporting.sections import slug

    if len(names) == 1:
        return {names[0]: ""}
    used: set[str] = set()
    return {name: f"{_unused(slug(name), used)}--" for name in names}


def _unused(name: str, used: set[str]) -> str:
    """Return a name that no other file has, on file systems that ignore case too."""
    candidate, number = name, 1
    while candidate.lower() in used:
        number += 1
        candidate = f"{name}-{number}"
    used.add(candidate.lower())
    return candidate
