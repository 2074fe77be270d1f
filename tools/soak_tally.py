"""What a soak counts, and how its rounds are judged."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.progress import study_progress
from tools.doubles import noted
from tools.small_studies import COMPARED, NAME, Views, views

KILLS = ("kill", "backend", "worker", "group", "node")
"""Deeds that end a process."""


@dataclass
class Tally:
    """What has happened."""

    rounds: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    late: int = 0
    """Cells begun by a run that had lost their lease; whoever had it stored them."""
    lost: int = 0
    double: int = 0
    different: int = 0
    bad_ends: list[int] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Processes that were killed, of the database's, of Ray's, or drivers."""
        return sum(self.deeds[deed] for deed in KILLS)

    @property
    def is_good(self) -> bool:
        """Whether nothing came of all this."""
        return not (self.lost or self.double or self.different or self.bad_ends)

    def judge(self, name: str, url: str, doubles: Path, wanted: Views) -> None:
        """Count what a finished round has lost, computed twice, or has otherwise than an undisturbed run."""
        self.rounds += 1
        with Database(url) as database:
            self.lost += sum(row.undone for row in study_progress(database, NAME))
            with database.read() as connection:
                self.lost += int(connection.scalar(sa.text("SELECT COUNT(*) FROM cell_failures")) or 0)
        words = noted(doubles)
        self.double += words["double"]
        self.late += words["late"]
        found = views(url)
        differ = [view for view in COMPARED if found[view] != wanted[view]]
        self.different += len(differ)
        sys.stdout.writelines(f"{name}: {view} differs\n" for view in differ)
        self.say()

    def say(self) -> None:
        """Print the table so far."""
        sys.stdout.write(f"{self}\n")
        sys.stdout.flush()

    def __str__(self) -> str:
        done = ", ".join(f"{count} x {deed}" for deed, count in sorted(self.deeds.items()))
        return (
            f"{self.rounds} rounds, {done}: lost {self.lost}, double {self.double}, "
            f"different {self.different}; late {self.late}, ended badly {self.bad_ends}"
        )
