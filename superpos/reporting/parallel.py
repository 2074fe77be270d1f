"""Figures drawn by several processes: each opens the database itself and draws some of the subjects.

The processes are commands of their own (`python -m superpos.reporting.parallel FOLDER`), so a script that
writes a report needs no guard around its main part. What they draw is the same, byte for byte, as what this
process would; where one of them ends badly, this process draws its subjects.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from superpos.cpus import usable_cpus
from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.reporting.sections import CHAPTERS, Card, Chapter, draw_cards
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import drawing
from superpos.reporting.subjects import Subject

MIN_SUBJECTS = 3
"""With fewer, starting processes takes as long as they save."""
MAX_PROCESSES = 4

SubjectCards = Mapping[Subject, Mapping[str, tuple[Card, ...]]]
"""Cards of each subject, by chapter."""


class _Part(NamedTuple):
    process: subprocess.Popen[str]
    folder: Path


class Drawings:
    """What the other processes draw, waited for when it is first asked for."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts
        self._cards: SubjectCards | None = None

    def cards(self) -> SubjectCards:
        """Return the cards of all subjects that were drawn elsewhere."""
        if self._cards is None:
            found: dict[Subject, Mapping[str, tuple[Card, ...]]] = {}
            for part in self._parts:
                if part.process.wait() == 0:
                    found.update(read_cards(part.folder))
            self._cards = found
        return self._cards


def process_count(n_subjects: int) -> int:
    """Return how many processes draw, 0 where this one does it all."""
    wanted = min(usable_cpus(), MAX_PROCESSES, n_subjects)
    return wanted if n_subjects >= MIN_SUBJECTS and wanted > 1 else 0


@contextmanager
def drawn_elsewhere(
    data: StudyData, database: Database, subjects: Sequence[Subject], chapters: Sequence[Chapter]
) -> Iterator[Drawings]:
    """Let other processes draw the subjects while the block runs; with few subjects or one core, none."""
    names = [chapter.name for chapter in chapters if chapter.by_subject]
    count = process_count(len(subjects))
    with tempfile.TemporaryDirectory(prefix="superpos-report-") as folder:
        parts: list[_Part] = []
        try:
            for number, chosen in enumerate(shares(data, subjects, count)):
                parts.append(_start(data.study, database, chosen, names, Path(folder) / str(number)))
            yield Drawings(parts)
        finally:
            for part in parts:
                if part.process.poll() is None:
                    part.process.kill()
                    part.process.wait()


def shares(data: StudyData, subjects: Sequence[Subject], count: int) -> list[list[Subject]]:
    """Return `count` shares of the subjects with about as many fits each."""
    loads = [(len(data.of(subject, data.fits)), -index) for index, subject in enumerate(subjects)]
    found: list[list[Subject]] = [[] for _ in range(count)]
    totals = [0] * count
    for load, index in sorted(loads, reverse=True) if count else ():
        least = totals.index(min(totals))
        found[least].append(subjects[-index])
        totals[least] += load + 1
    return found


def _start(
    study: str, database: Database, subjects: Sequence[Subject], chapters: Sequence[str], folder: Path
) -> _Part:
    folder.mkdir()
    order = folder / "order.json"
    order.write_text(
        json.dumps({"study": study, "subjects": subjects, "chapters": chapters}), encoding="utf-8"
    )
    # The address goes by the environment, for it may hold a password that a list of processes would show.
    environment = {
        **os.environ,
        "SUPERPOS_DB_URL": database.url.render_as_string(hide_password=False),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = [sys.executable, "-m", "superpos.reporting.parallel", str(folder)]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, text=True)
    return _Part(process, folder)


def write_cards(folder: Path, subjects: Iterable[tuple[Subject, Mapping[str, tuple[Card, ...]]]]) -> None:
    """Write cards as files: texts as JSON, images and tables beside it."""
    described: list[Any] = []
    number = 0
    for subject, by_chapter in subjects:
        for chapter, cards in by_chapter.items():
            for card in cards:
                for suffix, content in (("png", card.png), ("svg", card.svg), ("csv", card.table)):
                    if content is not None:
                        (folder / f"{number}.{suffix}").write_bytes(content)
                texts = (card.name, card.title, card.caption, card.subject, card.sql)
                described.append((subject, chapter, number, *texts))
                number += 1
            if not cards:
                described.append((subject, chapter, -1))
    (folder / "cards.json").write_text(json.dumps(described), encoding="utf-8")


def read_cards(folder: Path) -> SubjectCards:
    """Return the cards that another process wrote."""
    found: dict[Subject, dict[str, tuple[Card, ...]]] = {}
    for subject, chapter, number, *texts in json.loads((folder / "cards.json").read_text(encoding="utf-8")):
        cards = found.setdefault(Subject(*subject), {})
        cards.setdefault(chapter, ())
        if number >= 0:
            png, svg = ((folder / f"{number}.{suffix}").read_bytes() for suffix in ("png", "svg"))
            table = folder / f"{number}.csv"
            content = table.read_bytes() if table.is_file() else None
            name, title, caption, label, sql = texts
            cards[chapter] += (Card(name, title, caption, png, svg, content, label, sql),)
    return found


def main(folder: Path) -> None:
    """Draw what `order.json` in a folder names, and leave the cards there."""
    order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
    with Results.open() as results, drawing():
        data = StudyData(results, order["study"])
        write_cards(
            folder,
            (
                (
                    subject,
                    {name: draw_cards(data, CHAPTERS.get(name), (subject,)) for name in order["chapters"]},
                )
                for subject in (Subject(*fields) for fields in order["subjects"])
            ),
        )


if __name__ == "__main__":
    # A figure is some ten thousand objects that die together: looking for dead ones less often saves a tenth.
    gc.set_threshold(100_000)
    main(Path(sys.argv[1]))
